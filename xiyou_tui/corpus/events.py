"""The index of events: one modern sentence for each thing that happens, resting on a short phrase of the novel.

The phrases are found in the open edition when it is first needed, whatever its script, characters and chapter numbering.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Literal

from xiyou_tui.corpus.cache import PerEdition
from xiyou_tui.corpus.find import JoinedText, joined_loosely
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.model import FIRST_APPENDIX, Edition
from xiyou_tui.storage.places import find_assets

# How the phrase was found: in its chapter, in another one, only its longest piece, or not looked for (a synopsis of the chapter).
How = Literal["exact", "moved", "approximate", "chapter"]

LEAST_PIECE = 4
_MARKS = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `chapter` is counted as the tradition without the 陈光蕊 chapter does (101: that chapter as an appendix).

    `also` are further words it is looked for by, `asks` questions that readers may put to which it is the answer.
    """

    id: str
    chapter: int
    text: str
    people: tuple[str, ...]
    place: str
    key: str
    also: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnchoredEvent:
    """An event and the span [start, end) of the phrase it rests on, in a chapter of one edition."""

    event: Event
    chapter: int
    start: int
    end: int
    how: How = "exact"


@dataclass(frozen=True, slots=True)
class Anchoring:
    """What came of anchoring the events in an edition: those found, in the order of its text, and those that were not."""

    found: tuple[AnchoredEvent, ...]
    lost: tuple[Event, ...]


@cache
def load_events() -> tuple[Event, ...]:
    """All events that ship with the program, by chapter and place in the text."""
    records = map(json.loads, (find_assets() / "events.jsonl").read_text("utf-8").splitlines())
    asked = map(json.loads, (find_assets() / "asks.jsonl").read_text("utf-8").splitlines())
    asks = {str(record["id"]): tuple(record["asks"]) for record in asked}
    return tuple(
        Event(
            str(record["id"]),
            int(record["chapter"]),
            str(record["text"]),
            tuple(record["people"]),
            str(record["place"]),
            str(record["key"]),
            tuple(record.get("also", ())),
            asks.get(str(record["id"]), ()),
        )
        for record in records
    )


def anchor_events(edition: Edition) -> tuple[AnchoredEvent, ...]:
    """The events whose phrase stands in `edition`, in the order of its text. Made once for each open edition."""
    return anchoring(edition).found


def anchor(edition: Edition, events: Iterable[Event]) -> Anchoring:
    """Find the phrase of each event: in its chapter, then in the next ones, then anywhere, then the longest piece of it."""
    return _Anchorer(joined_loosely(edition)).run(tuple(events))


def attach_to_chapters(edition: Edition, events: Iterable[Event]) -> tuple[AnchoredEvent, ...]:
    """The events attached to whole chapters: for the synopsis volume, which tells the same without the phrases."""
    return tuple(
        AnchoredEvent(event, event.chapter, 0, len(edition.chapter(event.chapter).text), "chapter")
        for event in events
        if edition.has_chapter(event.chapter)
    )


anchoring = PerEdition(lambda edition: anchor(edition, load_events()))
"""The Anchoring of all events that ship with the program in an edition."""


class _Anchorer:
    def __init__(self, joined: JoinedText) -> None:
        self._joined = joined
        self._text = joined.text
        self._bounds = {
            chapter.number: (joined.bases[index], joined.bases[index] + len(chapter.text))
            for index, chapter in enumerate(joined.edition.chapters)
        }
        self._bare: dict[int, tuple[str, list[int]]] = {}

    def run(self, events: tuple[Event, ...]) -> Anchoring:
        found: list[tuple[int, int, Event, How]] = []
        lost: list[Event] = []
        # Events come in the order of the text, so the one before is where to look on from when a phrase stands twice.
        chapter, behind = 0, 0
        for event in events:
            key = fold_loosely(event.key)
            if event.chapter != chapter:
                chapter, behind = event.chapter, self._bounds.get(event.chapter, (0, 0))[0]
            hit = self._locate(key, event.chapter, behind)
            if hit is None:
                lost.append(event)
                continue
            start, end, how = hit
            if how == "exact":
                behind = start
            found.append((start, end, event, how))
        found.sort(key=lambda item: (item[0], item[2].id))
        return Anchoring(tuple(self._anchored(*item) for item in found), tuple(lost))

    def _anchored(self, start: int, end: int, event: Event, how: How) -> AnchoredEvent:
        index = self._joined.index_at(start)
        base = self._joined.bases[index]
        return AnchoredEvent(event, self._joined.edition.chapters[index].number, start - base, end - base, how)

    def _locate(self, key: str, chapter: int, behind: int) -> tuple[int, int, How] | None:
        text, length = self._text, len(key)
        if chapter in self._bounds:
            first, last = self._bounds[chapter]
            at = text.find(key, max(first, behind), last)
            if at < 0 and behind > first:
                at = text.find(key, first, last)
            if at >= 0:
                return at, at + length, "exact"
        near = list(self._near(chapter))
        for number in near:
            at = text.find(key, *self._bounds[number])
            if at >= 0:
                return at, at + length, "moved"
        at = text.find(key)
        if at >= 0:
            return at, at + length, "moved"
        bare = _MARKS.sub("", key)
        around = [number for number in (chapter, *near) if number in self._bounds]
        for number in around:
            whole = self._without_marks(number, bare, behind)
            if whole:
                return *whole, "exact" if number == chapter else "moved"
        least = max(LEAST_PIECE, (len(bare) + 1) // 2)
        for size in range(len(bare) - 1, least - 1, -1):
            pieces = [bare[at : at + size] for at in range(len(bare) - size + 1)]
            for number in around:
                for piece in pieces:
                    span = self._without_marks(number, piece, behind)
                    if span:
                        return *span, "approximate"
        return None

    def _near(self, chapter: int) -> Iterator[int]:
        """The chapters to look into next. The traditions cut chapters 8 to 12 differently; elsewhere a neighbour is enough."""
        if 8 <= chapter <= 13 or chapter >= FIRST_APPENDIX:
            numbers = [number for number in self._bounds if 8 <= number <= 13 or number >= FIRST_APPENDIX]
        else:
            numbers = [chapter + 1, chapter - 1, chapter + 2, chapter - 2]
        return (number for number in numbers if number != chapter and number in self._bounds)

    def _without_marks(self, number: int, wanted: str, behind: int) -> tuple[int, int] | None:
        """The span of `wanted` in a chapter, the first one from `behind` if there is one, punctuation left out of account."""
        if number not in self._bare:
            start, end = self._bounds[number]
            kept = [at for at in range(start, end) if self._text[at].isalnum()]
            self._bare[number] = "".join(map(self._text.__getitem__, kept)), kept
        text, offsets = self._bare[number]
        at = text.find(wanted, bisect_left(offsets, behind))
        if at < 0:
            at = text.find(wanted)
        return None if at < 0 or not wanted else (offsets[at], offsets[at + len(wanted) - 1] + 1)


def events_between(found: tuple[AnchoredEvent, ...], chapter: int, start: int, end: int, *, limit: int | None = None) -> list[AnchoredEvent]:
    """The events whose phrase begins within [start, end) of a chapter: what the reader's side pane tells about a paragraph."""
    inside = (item for item in found if item.chapter == chapter and start <= item.start < end)
    return list(islice(inside, limit))
