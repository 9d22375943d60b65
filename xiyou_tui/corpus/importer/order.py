"""Sections in their places: wrong numbers mended by title, duplicates told apart, out-of-order chapters noticed."""

from __future__ import annotations

import re
from dataclasses import replace

from xiyou_tui.corpus.importer.records import Findings, Section
from xiyou_tui.corpus.importer.tradition import find_tradition, match_title

_LETTERS = re.compile(r"[^\u3400-\u9fff\U00020000-\U0003ffff]+")
_SHINGLE = 6
_COMPARED = 200_000


def settle(sections: list[Section], findings: Findings) -> list[Section]:
    """One section per number, in the order of the source; appendices keep theirs.

    A copy that adds nothing goes to `findings.left_out`, one that differs becomes an appendix; both are reported.
    """
    sections = _renumber(sections, findings)
    _report_order(sections, findings)
    groups: dict[int, list[int]] = {}
    for index, section in enumerate(sections):
        if section.kind == "chapter" and section.number is not None:
            groups.setdefault(section.number, []).append(index)
    dropped: set[int] = set()
    for number, members in groups.items():
        if len(members) < 2:
            continue
        texts = {index: letters(sections[index].lines) for index in members}
        kept = max(members, key=lambda index: len(texts[index]))
        for index in members:
            if index == kept:
                continue
            share = overlap(texts[index], texts[kept])
            if share >= 0.85 or len(texts[index]) < 30:
                dropped.add(index)
                findings.leave_out("重复的回", "\n".join(line.strip() for line in sections[index].lines if line.strip()))
                findings.warn("duplicate-chapter", f"这一回在原文里出现不止一次；留下较全的一份，另一份 {len(texts[index])} 字（重合 {share:.0%}）没有收入。", number)
            else:
                sections[index] = replace(sections[index], number=None, kind="appendix", title=f"第{number}回异文 {sections[index].title}".strip())
                findings.warn("duplicate-chapter", f"有两份不同的第 {number} 回；较短的一份（{len(texts[index])} 字）收作附录。", number)
    return [section for index, section in enumerate(sections) if index not in dropped]


def _renumber(sections: list[Section], findings: Findings) -> list[Section]:
    """A heading whose number is taken or skips, but whose title names another, free chapter, gets that chapter's number."""
    tradition = find_tradition({section.number: section.title for section in sections if section.number})
    taken = {section.number for section in sections if section.kind == "chapter"}
    settled, seen = [], set()
    for section in sections:
        found = match_title(section.title) if section.kind == "chapter" and section.number in seen and section.title else None
        if found and found[0] != section.number and found[0] not in taken and found[1] in (None, tradition):
            findings.warn("wrong-number", f"回目写作第 {section.number} 回，按标题「{section.title}」是第 {found[0]} 回，已改。", found[0])
            section = replace(section, number=found[0])
            taken.add(found[0])
        seen.add(section.number)
        settled.append(section)
    return settled


def _report_order(sections: list[Section], findings: Findings) -> None:
    highest = 0
    for section in sections:
        if section.kind != "chapter" or section.number is None:
            continue
        if section.number < highest:
            findings.warn("out-of-order", f"第 {section.number} 回在原文里排在第 {highest} 回之后，已放回原位。", section.number)
        highest = max(highest, section.number)


def letters(lines: list[str]) -> str:
    """The Chinese characters of some lines, without punctuation and space."""
    return _LETTERS.sub("", "".join(lines))


def overlap(part: str, whole: str) -> float:
    """The share of `part` (0 to 1) that stands in `whole` too, by sequences of six characters."""
    part, whole = part[:_COMPARED], whole[:_COMPARED]
    if len(part) < _SHINGLE:
        return 1.0 if part in whole else 0.0
    shingles = {whole[index : index + _SHINGLE] for index in range(len(whole) - _SHINGLE + 1)}
    places = range(0, len(part) - _SHINGLE + 1, 3)
    return sum(1 for index in places if part[index : index + _SHINGLE] in shingles) / len(places)
