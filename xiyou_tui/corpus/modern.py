"""From the words of a modern question to the words of the novel: 父亲 → 爹爹, 父王; 武器 → 兵器, 器械."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.storage.places import find_assets

LONGEST = 8


@dataclass(frozen=True, slots=True)
class ModernTerm:
    """Words of today that mean about the same, and what the novel says for them."""

    modern: tuple[str, ...]
    original: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModernMatch:
    """A modern word met at [start, end) of a text, with the terms it belongs to."""

    word: str
    start: int
    end: int
    terms: tuple[ModernTerm, ...]

    @property
    def originals(self) -> tuple[str, ...]:
        """What the novel may say for the word, without repetition."""
        return tuple(dict.fromkeys(original for term in self.terms for original in term.original if original != self.word))

    @property
    def synonyms(self) -> tuple[str, ...]:
        """Other modern words of the same terms."""
        return tuple(dict.fromkeys(word for term in self.terms for word in term.modern if word != self.word))


class ModernTerms:
    """All terms, found by any of their words: a question may use the novel's word and an event sentence today's."""

    def __init__(self, terms: tuple[ModernTerm, ...]) -> None:
        self.terms = terms
        self._by_word: dict[str, tuple[ModernTerm, ...]] = {}
        for term in terms:
            # A single character of the old language is too often a part of something else.
            for word in dict.fromkeys((*term.modern, *(word for word in term.original if len(word) > 1))):
                self._by_word[word] = (*self._by_word.get(word, ()), term)

    def matches(self, text: str) -> Iterator[ModernMatch]:
        """The modern words in a folded text, from left to right, the longest at each place, without overlaps."""
        at = 0
        while at < len(text):
            for length in range(min(LONGEST, len(text) - at), 0, -1):
                word = text[at : at + length]
                terms = self._by_word.get(word)
                if terms:
                    yield ModernMatch(word, at, at + length, terms)
                    at += length
                    break
            else:
                at += 1


@cache
def load_modern() -> ModernTerms:
    """The terms that ship with the program, folded."""
    terms = []
    for line in (find_assets() / "modern.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        modern, original = (tuple(dict.fromkeys(map(fold_loosely, record[field]))) for field in ("modern", "original"))
        terms.append(ModernTerm(modern, original))
    return ModernTerms(tuple(terms))
