"""The text around the places where somebody or something is named, whatever the name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xiyou_tui.corpus.find import joined_loosely
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Entry, Lexicon
from xiyou_tui.corpus.model import Edition


def mentions_in(edition: Edition, lexicon: Lexicon, entry: Entry, reach: int) -> Iterator[str]:
    """The folded text up to `reach` characters around every place of the edition that names the entry."""
    return around(joined_loosely(edition).text, names_of(lexicon, entry), reach)


def names_of(lexicon: Lexicon, entry: Entry) -> tuple[str, ...]:
    """The folded names under which the text may speak of an entry; single characters, which stand for anyone, are left out."""
    names = dict.fromkeys(map(fold_loosely, (entry.name, *entry.aliases, *lexicon.search_names(entry))))
    return tuple(name for name in names if len(name) > 1)


def around(text: str, names: Iterable[str], reach: int) -> Iterator[str]:
    """The stretches of a folded text around every place of the names."""
    for name in names:
        at = text.find(name)
        while at >= 0:
            yield text[max(0, at - reach) : at + len(name) + reach]
            at = text.find(name, at + len(name))
