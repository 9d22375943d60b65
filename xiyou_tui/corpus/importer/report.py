"""What to know before accepting a text: chapters missing or short, sentences broken off, marks left behind, the numbering tradition."""

from __future__ import annotations

import re
from itertools import pairwise

from xiyou_tui.corpus.importer.expected import count_letters, usual_lengths
from xiyou_tui.corpus.importer.records import Findings, ImportWarning
from xiyou_tui.corpus.importer.tradition import NAMES, Tradition, find_tradition
from xiyou_tui.corpus.model import Chapter, Paragraph

ALL = 100
# Complete texts differ from the usual lengths by two per cent at most.
_SHORT, _LONG, _LOST = 0.96, 1.08, 0.98
_ENDS = re.compile(r"[。！？：；…”’」』）—─﹔﹗﹖\]】]$")
_MARKUP = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,6});|\{\{|\}\}|\[\[|\]\]|</?[a-z]+|https?://|www\.")
_ODD = re.compile(r"[{}￥＋＃＄％＆＊＠\\^_`|~#$%&*+=@]")
_LOST_CHARACTER = re.compile(r"(?<=[\u4e00-\u9fff])\?(?=[\u4e00-\u9fff])")
_PAIRS = (("“", "”"), ("「", "」"))


def inspect(chapters: tuple[Chapter, ...], findings: Findings) -> None:
    """Add the warnings that concern the finished chapters of this novel."""
    numbered = {chapter.number: chapter for chapter in chapters if chapter.kind == "chapter"}
    tradition = find_tradition({number: chapter.title for number, chapter in numbered.items()})
    if tradition:
        findings.warn("numbering-tradition", f"回目是{NAMES[tradition]}。")
    _report_missing(numbered, findings)
    _report_lengths(chapters, tradition or "shidetang", findings)
    inspect_marks(chapters, findings)


def inspect_marks(chapters: tuple[Chapter, ...], findings: Findings) -> None:
    """Add the warnings that concern any book: broken sentences, leftovers of markup, lost characters, quotes without partner."""
    for chapter in chapters:
        text = chapter.text
        broken = [p for p, after in zip(chapter.paragraphs, (*chapter.paragraphs[1:], None), strict=True) if _breaks_off(text, p, after)]
        if len(broken) >= 2:
            findings.warn("suspicious-gap", f"{len(broken)} 段没有收住句子，可能缺了字（先看第 {broken[0].number} 段）。", chapter.number)
        markup = _MARKUP.findall(text)
        if markup:
            findings.warn("leftover-markup", f"残留标记 {len(markup)} 处，如「{markup[0]}」。", chapter.number)
        odd = sorted(set(_ODD.findall(text)))
        if odd:
            findings.warn("odd-character", f"夹着不像正文的符号：{' '.join(odd[:8])}", chapter.number)
        lost = len(_LOST_CHARACTER.findall(text))
        if lost:
            findings.warn("missing-character", f"有 {lost} 处半角问号夹在字间，多半是丢掉的字，保留原样。", chapter.number)
        for opening, closing in _PAIRS:
            difference = text.count(opening) - text.count(closing)
            if abs(difference) >= 6:
                findings.warn("unbalanced-quotes", f"引号不成对：{opening} 比 {closing} {'多' if difference > 0 else '少'} {abs(difference)} 个，可能缺了字。", chapter.number)


def _breaks_off(text: str, paragraph: Paragraph, after: Paragraph | None) -> bool:
    """Whether a prose paragraph stops in the middle of a sentence that no verse after it goes on with."""
    if paragraph.kind != "prose" or paragraph.end - paragraph.start <= 24 or (after and after.kind == "verse"):
        return False
    return not _ENDS.search(text[paragraph.end - 2 : paragraph.end])


def _report_missing(numbered: dict[int, Chapter], findings: Findings) -> None:
    missing = [number for number in range(1, ALL + 1) if number not in numbered]
    if len(missing) <= 12:
        for number in missing:
            findings.warn("missing-chapter", f"没有第 {number} 回。", number)
    else:
        findings.warn("incomplete-book", f"只有 {ALL - len(missing)} 回，缺 {len(missing)} 回：{ranges(missing)}。有的照样收入。")
    beyond = [number for number in numbered if number > ALL]
    if beyond:
        findings.warn("unknown-chapter", f"有《西游记》没有的回数：{ranges(beyond)}。")


def _report_lengths(chapters: tuple[Chapter, ...], tradition: Tradition, findings: Findings) -> None:
    usual = usual_lengths(tradition)
    have = expected = 0
    for chapter in chapters:
        if chapter.number not in usual:
            continue
        letters = count_letters(chapter.text[chapter.body :])
        have += letters
        expected += usual[chapter.number]
        ratio = letters / usual[chapter.number]
        if ratio < _SHORT:
            findings.warn("chapter-short", f"{letters:,} 字，通常约 {usual[chapter.number]:,} 字，少 {1 - ratio:.0%}，可能缺了{'一大段' if ratio < 0.75 else '字句'}。", chapter.number)
        elif ratio > _LONG:
            findings.warn("chapter-long", f"{letters:,} 字，通常约 {usual[chapter.number]:,} 字，多出 {ratio - 1:.0%}，可能混进了别的文字。", chapter.number)
    if expected and have < _LOST * expected:
        findings.warn("text-missing", f"全文比通常少 {1 - have / expected:.1%}（约 {expected - have:,} 字）。")


def ranges(numbers: list[int]) -> str:
    """1, 2, 3, 7 → 1–3、7."""
    ordered = sorted(numbers)
    starts = [ordered[0], *(b for a, b in pairwise(ordered) if b != a + 1)]
    ends = [*(a for a, b in pairwise(ordered) if b != a + 1), ordered[-1]]
    return "、".join(str(a) if a == b else f"{a}–{b}" for a, b in zip(starts, ends, strict=True))


def in_order(warnings: list[ImportWarning]) -> tuple[ImportWarning, ...]:
    """What concerns the whole first, then by chapter; each only once."""
    return tuple(dict.fromkeys(sorted(warnings, key=lambda warning: (warning.chapter is not None, warning.chapter or 0))))
