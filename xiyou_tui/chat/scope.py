"""What lies outside the novel: other books, films and games, author and scholarship, history, the world of today."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from xiyou_tui.corpus.find import count
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Lexicon
from xiyou_tui.corpus.model import Edition
from xiyou_tui.storage.places import find_assets


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain: its label in Chinese, words that speak for it by themselves, and words that do so only with weak evidence."""

    name: str
    label: str
    words: tuple[str, ...]
    weak: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """A word of the question that belongs to another domain."""

    word: str
    label: str
    certain: bool


def find_foreign(question: str, edition: Edition, lexicon: Lexicon) -> OutOfScope | None:
    """The word that takes `question` out of the novel, certain ones first; None when there is none.

    Names of the lexicon are left out of account (灭法国 holds no 法国), and so are words that the text itself uses often:
    an edition with a preface about its author may be asked about him.
    """
    folded = fold_loosely(question)
    for mention in reversed(lexicon.mentions(question)):
        folded = folded[: mention.start] + "\n" * (mention.end - mention.start) + folded[mention.end :]
    for certain in (True, False):
        for domain in load_domains():
            for word in domain.words if certain else domain.weak:
                if word in folded and (not certain or count(edition, word) <= 1):
                    return OutOfScope(word, domain.label, certain)
    return None


@cache
def load_domains() -> tuple[Domain, ...]:
    """The domains that ship with the program, their words folded."""
    domains = []
    for line in (find_assets() / "scope.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        words, weak = (tuple(map(fold_loosely, record.get(field, ()))) for field in ("words", "weak"))
        domains.append(Domain(str(record["domain"]), str(record["label"]), words, weak))
    return tuple(domains)
