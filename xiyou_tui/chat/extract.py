"""Choosing what to quote: passages by merit, and an event sentence that says in modern words what the text says in old ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xiyou_tui.chat.evidence import Candidate, Support
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.corpus.passages import sentences

QUOTES = 4
ALSO = 4
LONGEST = 300
# An event sentence is shown when it covers at least this much of the question by itself.
TELLING = 0.55


@dataclass(frozen=True, slots=True)
class Extract:
    """What an extractive answer shows: `quotes` first, `also` after them; events as (sentence, place it rests on)."""

    quotes: tuple[Place, ...]
    also: tuple[Place, ...]
    events: tuple[tuple[str, Place], ...]


def choose(edition: Edition, ranked: Sequence[Candidate], *, quotes: int = QUOTES, also: int = ALSO) -> Extract:
    """The quotes for ranked candidates. The first ones are whole passages, so that the answer stands in its context."""
    places = [quotable(edition, item.place) for item in ranked[: quotes + also]]
    events: list[tuple[str, Place]] = []
    for item, place in zip(ranked[:quotes], places, strict=False):
        best = item.best
        if best is not None and telling(best) and best.event.event.text not in [text for text, _ in events]:
            events.append((best.event.event.text, place))
    return Extract(tuple(places[:quotes]), tuple(places[quotes:]), tuple(events[:2]))


def telling(support: Support) -> bool:
    """Whether an event sentence covers enough of the question to be shown for it."""
    return support.coverage.names * (0.25 + 0.75 * support.coverage.words) >= TELLING


def quotable(edition: Edition, place: Place) -> Place:
    """`place` as it may be quoted: within one chapter, at most LONGEST characters, cut between sentences, text as stored."""
    chapter = edition.chapter(place.chapter)
    start, end = place.start, place.end
    if end - start > LONGEST:
        inside = [last for first, last in sentences(chapter.text[start:end]) if last <= LONGEST]
        end = start + (max(inside) if inside else LONGEST)
    return Place(place.chapter, chapter.paragraph_at(start).number, start, end, chapter.text[start:end], place.score)
