"""What is known of the hundred chapters beforehand: their usual lengths and the words that mark them (assets/chapter-*.json)."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from xiyou_tui.corpus.importer.tradition import Tradition
from xiyou_tui.corpus.script import to_simplified
from xiyou_tui.storage.places import find_assets

_OTHERS = re.compile(r"[^\u3400-\u9fff\U00020000-\U0003ffff]+")
# Of some ten marks, a chapter holds nearly all of its own and rarely more than one of another's.
_LEAST_MARKS = 4
# The longest chapter has some 9,000 characters; what is longer is no chapter, and its beginning tells as much.
READ = 60_000
# The appendix of the one tradition is chapter 9 of the other.
STORY_OF_CHEN = 101


def count_letters(text: str) -> int:
    """How many Chinese characters a text has, without punctuation, space and Latin: the unit of the usual lengths."""
    return len(_OTHERS.sub("", text))


@cache
def usual_lengths(tradition: Tradition) -> dict[int, int]:
    """Chapter → Chinese characters it usually has in a complete text; 101 is the appendix of the 世德堂 tradition."""
    return {number: int(count) for number, count in _by_chapter("chapter-lengths.json", tradition).items()}


@cache
def chapter_marks(tradition: Tradition) -> dict[int, tuple[str, ...]]:
    """Chapter → a few words (simplified) that recur there and stand in hardly any other chapter."""
    return {number: tuple(words) for number, words in _by_chapter("chapter-marks.json", tradition).items()}


def recognise(text: str, tradition: Tradition) -> int | None:
    """The chapter that a text is, by its marks; None when they don't tell clearly. Takes either script."""
    return recognise_simplified(to_simplified(text[:READ]), tradition)


def recognise_simplified(simplified: str, tradition: Tradition) -> int | None:
    """As `recognise`, for a text that is in simplified characters already."""
    counts = sorted(((sum(mark in simplified for mark in marks), number) for number, marks in chapter_marks(tradition).items()), reverse=True)
    (best, number), (second, _) = counts[:2]
    return number if best >= _LEAST_MARKS and best >= 2 * second else None


def _by_chapter(name: str, tradition: Tradition) -> dict[int, Any]:
    record = json.loads((find_assets() / name).read_text("utf-8"))
    values = {int(number): value for number, value in record["shidetang"].items()}
    if tradition == "zhengdaoshu":
        values.update({int(number): value for number, value in record["zhengdaoshu"].items()})
        values.pop(STORY_OF_CHEN, None)
    return values
