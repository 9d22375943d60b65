"""Sections to chapters: paragraphs set one after another, with the offsets that citations rest on."""

from __future__ import annotations

import re
from collections import Counter

from xiyou_tui.corpus.importer.clean import curl_quotes, without_angles
from xiyou_tui.corpus.importer.glyphs import resolve_glyphs
from xiyou_tui.corpus.importer.layout import to_blocks
from xiyou_tui.corpus.importer.notices import strip_end_mark
from xiyou_tui.corpus.importer.records import Block, Findings, Section
from xiyou_tui.corpus.model import FIRST_APPENDIX, Chapter, chinese_number

_GAP = re.compile(r"[ \t\u00a0　]+")


def build_chapter(section: Section, number: int, width: int, findings: Findings, tally: Counter[str]) -> Chapter:
    """One chapter with its paragraphs. `tally` counts what was changed over the whole text."""
    source = "\n".join(section.lines)
    source, resolved, blanks = resolve_glyphs(source.replace("\ufffd", "□"))
    tally["glyphs"] += resolved
    if blanks:
        findings.warn("missing-character", f"有 {blanks} 处缺字（□），保留原样。", number)
    blocks = []
    for block in to_blocks(source.split("\n"), width):
        finished = _finish(block, number, findings, tally)
        if finished:
            blocks.append(finished)
    made = sum(1 for block in blocks if block.made)
    if made:
        findings.warn("paragraphs-made", f"原文几乎不分段，{made} 个段落由导入程序断开。", number)
    title = without_angles(section.title)[0]
    if not title:
        title = f"第{chinese_number(number)}回" if section.kind == "chapter" else "附录"
        findings.warn("title-missing", "原文没有这一回的标题。", number)
    return Chapter.compose(number, title, ((block.text, block.kind, block.made) for block in blocks), section.kind)


def _finish(block: Block, number: int, findings: Findings, tally: Counter[str]) -> Block | None:
    text, mark = strip_end_mark(block.text)
    if mark:
        findings.leave_out("页面说明", mark)
    text = _GAP.sub(_narrow, text).strip()
    tally["straight-quotes"] += text.count('"') + text.count("'")
    text = curl_quotes(text)
    text, angles = without_angles(text)
    if angles:
        findings.warn("leftover-markup", f"残留 {angles} 个尖括号，改作〈〉：{text[:20]}……", number)
    return Block(text, block.kind, block.made) if text else None


def _narrow(match: re.Match[str]) -> str:
    """Space inside a paragraph: a full-width one (it parts verse) stays as one, others only between Latin letters or digits."""
    if "　" in match[0]:
        return "　"
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
    return " " if before and after and before.isascii() and after.isascii() else ""


def number_sections(sections: list[Section]) -> list[int]:
    """The number of each section: its own for a chapter; for the appendices, in order, from FIRST_APPENDIX or after the last chapter."""
    highest = max((section.number or 0 for section in sections if section.kind == "chapter"), default=0)
    following = max(FIRST_APPENDIX, highest + 1)
    numbers = []
    for section in sections:
        if section.kind == "appendix" or section.number is None:
            numbers.append(following)
            following += 1
        else:
            numbers.append(section.number)
    return numbers
