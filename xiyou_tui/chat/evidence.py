"""The evidence for a question: passages found, the events that rest on them, and how much of the question each covers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from xiyou_tui.chat.coverage import Coverage, Needs, cover, needs_of
from xiyou_tui.corpus.cache import PerEdition
from xiyou_tui.corpus.events import AnchoredEvent, anchor_events
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.corpus.query import Query

if TYPE_CHECKING:
    from xiyou_tui.corpus.retrieval import Retriever

PASSAGES = 10


@dataclass(frozen=True, slots=True)
class Support:
    """One event beside the question: how much of it the event sentence alone covers."""

    event: AnchoredEvent
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Candidate:
    """One passage with the events that rest on it, and how much of the question they cover together."""

    place: Place
    supports: tuple[Support, ...]
    coverage: Coverage

    @property
    def best(self) -> Support | None:
        """The event that covers most."""
        return max(self.supports, key=lambda support: support.coverage.names + support.coverage.words, default=None)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What retrieval brought for a question, best first."""

    query: Query
    needs: Needs
    candidates: tuple[Candidate, ...]


def gather(query: Query, retriever: Retriever, *, top: int = PASSAGES, places: Sequence[Place] | None = None) -> Evidence:
    """Retrieve for an analysed question (or take `places`), and measure what each passage covers."""
    needs = needs_of(query)
    found = retriever.search(query.question, top=top) if places is None else list(places)
    return Evidence(query, needs, tuple(candidate(retriever.edition, place, needs) for place in found))


def candidate(edition: Edition, place: Place, needs: Needs) -> Candidate:
    """A passage measured against what is needed."""
    supports = tuple(Support(item, cover(needs, [event_text(item)])) for item in events_in(edition, place))
    texts = [fold_loosely(place.text), *(event_text(support.event) for support in supports)]
    return Candidate(place, supports, cover(needs, texts))


def event_text(item: AnchoredEvent) -> str:
    """All words of an event, folded: its sentence, other ways to put it, people and place."""
    event = item.event
    return _folded("\n".join((event.text, *event.also, *event.people, event.place)))


# The same few thousand sentences are weighed again and again.
_folded = lru_cache(maxsize=8192)(fold_loosely)


def events_in(edition: Edition, place: Place) -> tuple[AnchoredEvent, ...]:
    """The events whose phrase begins within a place."""
    found = _by_chapter(edition).get(place.chapter, ())
    starts = [item.start for item in found]
    return found[bisect_left(starts, place.start) : bisect_left(starts, place.end)]


def _index(edition: Edition) -> dict[int, tuple[AnchoredEvent, ...]]:
    chapters: dict[int, list[AnchoredEvent]] = {}
    for item in anchor_events(edition):
        chapters.setdefault(item.chapter, []).append(item)
    return {number: tuple(sorted(items, key=lambda item: item.start)) for number, items in chapters.items()}


_by_chapter = PerEdition(_index)
