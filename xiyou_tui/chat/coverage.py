"""How much of what a question (or a claim) says is found in a piece of evidence: names apart from other words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from xiyou_tui.corpus.events import load_events
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.query import FUNCTION, Query

# A single character in common says little; a pair says the word is there.
SINGLE = 0.4


@dataclass(frozen=True, slots=True)
class Name:
    """A name that must be met, under any of `phrases` (folded)."""

    text: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A run of other words (folded), and for modern words in it, [start, end), what else may stand for them."""

    text: str
    alternatives: tuple[tuple[int, int, tuple[tuple[str, float], ...]], ...] = ()


def as_written(term: str, text: str) -> str:
    """A folded term as `text` itself writes it (folding keeps lengths), or the term where it does not stand there."""
    at = fold_loosely(text).find(term)
    return text[at : at + len(term)] if at >= 0 else term


@dataclass(frozen=True, slots=True)
class Needs:
    """What evidence has to hold."""

    names: tuple[Name, ...]
    runs: tuple[Run, ...]
    quoted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """Shares in 0..1 of the names and of the weight of other words that were met; what was missed, for showing."""

    names: float
    words: float
    missed_names: tuple[str, ...]
    missed_words: tuple[str, ...]
    # The weight of the words asked for: with none, `words` is 1 and says nothing.
    weight: float


def needs_of(query: Query) -> Needs:
    """What the evidence for an analysed question has to hold."""
    names = tuple(Name(term.text, tuple(phrase for phrase, _ in term.phrases)) for term in query.terms if term.kind == "name")
    modern = [term for term in query.terms if term.kind == "modern"]
    runs = []
    for term in query.terms:
        if term.kind != "words":
            continue
        alternatives = []
        for other in modern:
            at = term.text.find(other.text)
            if at >= 0:
                alternatives.append((at, at + len(other.text), other.phrases))
        runs.append(Run(term.text, tuple(alternatives)))
    held = "\n".join(run.text for run in runs)
    # A modern word of one character may stand alone, where no run holds it.
    runs += [Run(other.text, ((0, len(other.text), other.phrases),)) for other in modern if other.text not in held]
    return Needs(names, tuple(runs), query.quoted)


def cover(needs: Needs, evidence: Iterable[str]) -> Coverage:
    """How much of `needs` stands in the evidence (folded texts, taken together)."""
    text = "\n".join(evidence)
    missed_names = tuple(name.text for name in needs.names if not any(phrase in text for phrase in name.phrases))
    met = total = 0.0
    missed_words = []
    for run in needs.runs:
        got, weight = _cover_run(run, text)
        met, total = met + got, total + weight
        if weight and got < 0.5 * weight:
            missed_words.append(run.text)
    for quoted in needs.quoted:
        weight = 2.0 * len(quoted)
        total += weight
        if fold_loosely(quoted) in text:
            met += weight
        else:
            missed_words.append(quoted)
    names = 1.0 - len(missed_names) / len(needs.names) if needs.names else 1.0
    return Coverage(names, met / total if total else 1.0, missed_names, tuple(missed_words), total)


def _cover_run(run: Run, text: str) -> tuple[float, float]:
    characters, idf = run.text, _character_weights()
    shares = [0.0] * len(characters)
    for at in range(len(characters)):
        if characters[at] in text:
            shares[at] = SINGLE
    for at in range(len(characters) - 1):
        if characters[at : at + 2] in text:
            shares[at] = shares[at + 1] = 1.0
    for start, end, phrases in run.alternatives:
        best = max((min(1.0, share + 0.2) for phrase, share in phrases if phrase in text), default=0.0)
        for at in range(start, end):
            shares[at] = max(shares[at], best)
    met = total = 0.0
    for character, share in zip(characters, shares, strict=True):
        if character in FUNCTION:
            continue
        weight = idf.get(character, idf[""])
        met, total = met + weight * share, total + weight
    return met, total


@cache
def _character_weights() -> dict[str, float]:
    """How much a character tells, by how many event sentences hold it; under "" the weight of one that none holds."""
    events = load_events()
    counts = Counter(character for event in events for character in set(fold_loosely(event.text)))
    size = len(events)
    return {character: math.log(1 + size / count) for character, count in counts.items()} | {"": math.log(1 + size)}
