"""Chapter titles of both numbering traditions, and which chapter a title names.

In the 世德堂 numbering the story of 陈光蕊 has no chapter of its own; in the 证道书 numbering (汪象旭) it is chapter 9, and what 世德堂
tells in chapters 9 to 11 is told in 10 to 12.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Literal

from xiyou_tui.corpus.model import FIRST_APPENDIX, Edition, chinese_number
from xiyou_tui.corpus.script import to_simplified
from xiyou_tui.corpus.synopsis import load_titles

Tradition = Literal["shidetang", "zhengdaoshu"]
NAMES: dict[Tradition, str] = {"shidetang": "世德堂本回目（无单独的陈光蕊回）", "zhengdaoshu": "证道书本回目（第九回为陈光蕊）"}
_ZHENGDAOSHU = {
    9: "陈光蕊赴任逢灾 江流僧复仇报本", 10: "老龙王拙计犯天条 魏丞相遗书托冥吏", 11: "游地府太宗还魂 进瓜果刘全续配", 12: "唐王秉诚修大会 观音显圣化金蝉",
}  # fmt: skip
_ALIKE = 0.5


@cache
def known_titles() -> tuple[tuple[int, Tradition | None, frozenset[str]], ...]:
    """(chapter, tradition or None where both agree, pairs of neighbouring characters of the title) of every known title."""
    known: list[tuple[int, Tradition | None, frozenset[str]]] = []
    for number, title in load_titles().items():
        if number <= 100:
            known.append((number, "shidetang" if number in _ZHENGDAOSHU else None, _pairs(title)))
    known += [(number, "zhengdaoshu", _pairs(title)) for number, title in _ZHENGDAOSHU.items()]
    return tuple(known)


def match_title(title: str) -> tuple[int, Tradition | None] | None:
    """The chapter that a title (in either script) names, and the tradition it belongs to; None when it is no title of this novel."""
    own = _pairs(to_simplified(title))
    if not own:
        return None
    best, number, tradition = max(
        ((2 * len(own & pairs) / (len(own) + len(pairs)), number, tradition) for number, tradition, pairs in known_titles()), key=lambda found: found[0]
    )
    return (number, tradition) if best >= _ALIKE else None


def known_title(number: int, tradition: Tradition | None) -> str:
    """The title (simplified) of a chapter that `match_title` found."""
    return _ZHENGDAOSHU[number] if tradition == "zhengdaoshu" else load_titles()[number]


def find_tradition(titles: dict[int, str]) -> Tradition | None:
    """The tradition that the titles of chapters 9 to 12 follow, by majority; None when none of them tells."""
    votes: Counter[Tradition] = Counter()
    for number in range(9, 13):
        found = match_title(titles[number]) if number in titles else None
        if found and found[1]:
            votes[found[1]] += 1
    return votes.most_common(1)[0][0] if votes else None


# 世德堂 chapter → the 证道书 chapters that tell the same; 101 is the appendix. All other chapters have one number.
_SAME_STORY = {9: (10,), 10: (10, 11), 11: (11, 12), 12: (12,), 101: (9,)}


def tradition_of(edition: Edition) -> Tradition | None:
    """The numbering tradition of an edition, by its titles; None when they don't tell (or it is another book)."""
    return find_tradition({chapter.number: chapter.title for chapter in edition.chapters if chapter.kind == "chapter"})


def numbers_in(tradition: Tradition, chapter: int, *, source: Tradition) -> tuple[int, ...]:
    """The chapters of `tradition` that tell what `chapter` of the tradition `source` tells (101 is the 陈光蕊 appendix)."""
    if tradition == source:
        return (chapter,)
    if source == "shidetang":
        return _SAME_STORY.get(chapter, (chapter,))
    found = tuple(number for number, others in _SAME_STORY.items() if chapter in others)
    return found or (chapter,)


def other_numbering(edition: Edition, chapters: Iterable[int]) -> str:
    """What the other tradition calls these chapters of an edition, as a remark in Chinese; empty where the numbers are the same."""
    own = tradition_of(edition)
    if own is None:
        return ""
    other: Tradition = "zhengdaoshu" if own == "shidetang" else "shidetang"
    differing = [chapter for chapter in chapters if numbers_in(other, chapter, source=own) != (chapter,)]
    if not differing:
        return ""
    numbers = sorted({number for chapter in differing for number in numbers_in(other, chapter, source=own)})
    named = "、".join("附录（陈光蕊）" if number >= FIRST_APPENDIX else f"第{chinese_number(number)}回" for number in numbers)
    return f"在{NAMES[other].partition('（')[0]}里是{named}"


def _pairs(title: str) -> frozenset[str]:
    halves = title.split()
    return frozenset(half[index : index + 2] for half in halves for index in range(len(half) - 1))
