"""Whether a text holds a gold answer or its evidence: compared after folding script, variants and punctuation away."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.model import Edition, Place

_SPECIAL = frozenset(".^$*+?{}[]\\|()-#&~")


def squeeze(text: str) -> str:
    """`text` folded, with letters, digits and characters only: what a gold answer is compared in."""
    return "".join(character for character in fold_loosely(text) if character.isalnum())


def fold_pattern(pattern: str) -> str:
    """A regular expression for folded text. Full-width marks become what text has in their place, never operators."""
    folded = []
    for character in pattern:
        # ASCII is syntax or a class such as \\D, whose meaning hangs on its case.
        plain = character if character.isascii() else fold_loosely(character)
        folded.append(f"\\{plain}" if plain != character and plain in _SPECIAL else plain)
    return "".join(folded)


def printed(edition: Edition, place: Place) -> str:
    """The text of a place as a book prints it: a passage with the chapter's title also has 第几回 before it."""
    chapter = edition.chapter(place.chapter)
    return f"{chapter.label}\u3000{place.text}" if place.start == 0 else place.text


@dataclass(frozen=True)
class Gold:
    """What a right answer holds: any of the `answers` (phrasings of one answer), or a match of any of the `evidence`."""

    answers: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    @cached_property
    def _phrases(self) -> tuple[str, ...]:
        return tuple(phrase for phrase in map(squeeze, self.answers) if phrase)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(fold_pattern(pattern), re.IGNORECASE) for pattern in self.evidence)

    def has_answer(self, text: str) -> bool:
        """Whether one phrasing of the answer stands in `text`."""
        if not self._phrases:
            return False
        squeezed = squeeze(text)
        return any(phrase in squeezed for phrase in self._phrases)

    def has_evidence(self, text: str) -> bool:
        """Whether the evidence stands in `text`."""
        if not self._patterns:
            return False
        folded = fold_loosely(text)
        return any(pattern.search(folded) for pattern in self._patterns)

    def holds(self, text: str) -> bool:
        """Whether `text` gives the answer, in words or as evidence."""
        return self.has_evidence(text) or self.has_answer(text)

    def locates(self, text: str) -> bool:
        """Whether a retrieved `text` is the wanted one: by its evidence, or, where none is named, by the answer."""
        return self.has_evidence(text) if self.evidence else self.has_answer(text)


def locate_evidence(edition: Edition, gold: Gold, chapters: Iterable[int] = ()) -> Place | None:
    """The paragraph of the edition that holds the evidence, looked for in `chapters` first; None when it stands nowhere."""
    wanted = list(dict.fromkeys(number for number in chapters if edition.has_chapter(number)))
    numbers = wanted + [chapter.number for chapter in edition.chapters if chapter.number not in wanted]
    for number in numbers:
        chapter = edition.chapter(number)
        if not gold.has_evidence(f"{chapter.label}\u3000{chapter.text}"):
            continue
        if gold.has_evidence(f"{chapter.label}\u3000{chapter.title}"):
            return Place(number, 1, 0, len(chapter.title), chapter.title)
        for paragraph in chapter.paragraphs:
            text = chapter.text[paragraph.start : paragraph.end]
            if gold.has_evidence(text):
                return Place(number, paragraph.number, paragraph.start, paragraph.end, text)
    return None
