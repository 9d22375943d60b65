"""How well a passage answers a question: what of the question it covers, and what is missing. The base of every refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xiyou_tui.corpus.bm25 import GramIndex
from xiyou_tui.corpus.events import AnchoredEvent
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Entry
from xiyou_tui.corpus.model import Place
from xiyou_tui.corpus.query import FUNCTION, Query, Term

# A term counts as covered when at least this share of its weight is met.
COVERED = 0.5


@dataclass(frozen=True, slots=True)
class EventMatch:
    """An event of a passage; `overlap` is the share (0..1) of the question's weight that its sentence covers."""

    anchored: AnchoredEvent
    overlap: float

    @property
    def text(self) -> str:
        return self.anchored.event.text


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage and what it holds of the question, counted over its own text and the events that rest on it.

    `coverage` (0..1) weighs each term by how much it tells; `text_coverage` is the same over the passage's own words only.
    `covered` and `missing` are the question's terms, `named` and `unnamed` its people, places and things.
    """

    place: Place
    score: float
    coverage: float
    text_coverage: float
    events: tuple[EventMatch, ...]
    covered: tuple[str, ...]
    missing: tuple[str, ...]
    named: tuple[Entry, ...]
    unnamed: tuple[Entry, ...]

    @property
    def best_event(self) -> EventMatch | None:
        """The event that covers most of the question."""
        return self.events[0] if self.events else None

    @property
    def strength(self) -> float:
        """One number in 0..1 to decide by: the better of the best event's overlap and the coverage of the text itself."""
        return max(self.text_coverage, self.events[0].overlap if self.events else 0.0)

    def as_record(self) -> dict[str, Any]:
        return {
            **self.place.as_record(),
            "score": round(self.score, 4),
            "coverage": round(self.coverage, 4),
            "text_coverage": round(self.text_coverage, 4),
            "events": [{"id": match.anchored.event.id, "text": match.text, "overlap": round(match.overlap, 4)} for match in self.events],
            "covered": list(self.covered),
            "missing": list(self.missing),
            "named": [entry.name for entry in self.named],
            "unnamed": [entry.name for entry in self.unnamed],
        }


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a term that is met or not: any of `phrases` will do."""

    phrases: tuple[str, ...]
    weight: float
    known: bool


class Weigher:
    """The terms of one question, each in weighted pieces, to lay against many texts."""

    def __init__(self, query: Query, texts: GramIndex, sentences: GramIndex) -> None:
        self._texts, self._sentences = texts, sentences
        helpers = {term.text: tuple(phrase for phrase, _ in term.phrases) for term in query.terms if term.kind == "modern"}
        self._terms = [(term, self._pieces(term, helpers)) for term in query.terms if term.kind != "modern"]
        self._total = sum(piece.weight for _, pieces in self._terms for piece in pieces) or 1.0

    @property
    def unknown(self) -> tuple[str, ...]:
        """Terms of which neither the text nor the events know the greater part."""
        found = []
        for term, pieces in self._terms:
            total = sum(piece.weight for piece in pieces)
            if total and sum(piece.weight for piece in pieces if not piece.known) > total / 2:
                found.append(term.shown)
        return tuple(dict.fromkeys(found))

    def weigh(self, place: Place, events: Sequence[AnchoredEvent]) -> Evidence:
        """The evidence that a passage and its events give."""
        text = fold_loosely(place.text)
        sentences = [(item, _everything(item)) for item in events]
        matches = sorted(
            (EventMatch(item, self._coverage(sentence)) for item, sentence in sentences),
            key=lambda match: (-match.overlap, match.anchored.event.id),
        )
        whole = "\n".join((text, *(sentence for item, sentence in sentences if item.how != "chapter")))
        covered: list[str] = []
        missing: list[str] = []
        named: list[Entry] = []
        unnamed: list[Entry] = []
        for term, pieces in self._terms:
            weight = sum(piece.weight for piece in pieces)
            met = sum(piece.weight for piece in pieces if _meets(piece, whole))
            inside = bool(weight) and met >= COVERED * weight
            if term.kind != "hint":
                (covered if inside else missing).append(term.shown)
            (named if inside else unnamed).extend(term.entries[:1])
        return Evidence(
            place,
            place.score,
            self._coverage(whole),
            self._coverage(text),
            tuple(match for match in matches if match.overlap > 0),
            tuple(dict.fromkeys(covered)),
            tuple(dict.fromkeys(missing)),
            tuple(dict.fromkeys(named)),
            tuple(dict.fromkeys(unnamed)),
        )

    def _coverage(self, text: str) -> float:
        return sum(piece.weight for _, pieces in self._terms for piece in pieces if _meets(piece, text)) / self._total

    def _pieces(self, term: Term, helpers: dict[str, tuple[str, ...]]) -> list[_Piece]:
        if term.kind != "words":
            phrases = tuple(phrase for phrase, _ in term.phrases)
            return [self._piece(phrases, term.weight)]
        run, pieces = term.text, []
        pairs = [run[at : at + 2] for at in range(len(run) - 1)] or [run]
        for pair in pairs:
            others = tuple(phrase for word, phrases in helpers.items() if pair in word for phrase in phrases)
            pieces.append(self._piece((pair, *others), 0.25 if FUNCTION.intersection(pair) else 1.0))
        return pieces

    def _piece(self, phrases: tuple[str, ...], weight: float) -> _Piece:
        # How much it tells is counted for the asked word itself; a word that nobody uses tells most.
        in_texts = sum(len(self._texts.containing(phrase)) for phrase in phrases)
        in_sentences = sum(len(self._sentences.containing(phrase)) for phrase in phrases)
        telling = max(self._texts.idf(max(1, min(in_texts, self._texts.size))), self._sentences.idf(max(1, min(in_sentences, self._sentences.size))))
        return _Piece(phrases, weight * telling, bool(in_texts or in_sentences))


def _meets(piece: _Piece, text: str) -> bool:
    return any(phrase in text for phrase in piece.phrases)


def _everything(item: AnchoredEvent) -> str:
    event = item.event
    return fold_loosely("\n".join((event.text, *event.also, " ".join(event.people), event.place)))
