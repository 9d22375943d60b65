"""The lexicon: people, places, things and offices of the novel with all their names, old and popular.

Serves the reader's side pane, retrieval (a modern name leads to the names the text uses) and the checks of samples.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from xiyou_tui.corpus.find import concordance
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.model import Edition
from xiyou_tui.storage.places import find_assets

KINDS = {
    "person": "人物",
    "creature": "妖怪神兽",
    "place": "地方",
    "weapon": "兵器",
    "treasure": "宝物",
    "office": "官职封号",
    "sutra": "经文咒语",
    "term": "词语",
}
# Who can do something: these entries count as the people of a scene.
BEINGS = frozenset({"person", "creature"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `aliases` stand in the novel; `popular` are names people use today and the novel does not;

    `forms` are forms of address that several people share (师父); `variants` are other spellings; `related` are ids.
    """

    id: str
    kind: str
    name: str
    aliases: tuple[str, ...] = ()
    popular: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    gloss: str = ""
    related: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The kind in Chinese."""
        return KINDS.get(self.kind, self.kind)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Every name that means this entry and no form of address: name, aliases, spellings, popular names."""
        return tuple(dict.fromkeys((self.name, *self.aliases, *self.variants, *self.popular)))


@dataclass(frozen=True, slots=True)
class Mention:
    """A name met in a text, [start, end), and the entry it most likely means."""

    entry: Entry
    start: int
    end: int


class Lexicon:
    """All entries, found by any of their names in any script. A name that several share means the one called so first of all."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        self._by_id = {entry.id: entry for entry in entries}
        self._owners: dict[str, tuple[Entry, ...]] = {}
        # By rank of the name: an entry called 齐天大圣 comes before one that has it among its aliases.
        for names in (_name, _aliases, _popular):
            for entry in entries:
                for name in names(entry):
                    folded = fold_loosely(name)
                    owners = self._owners.get(folded, ())
                    if entry not in owners:
                        self._owners[folded] = (*owners, entry)
        self._lengths: dict[str, list[int]] = {}
        for name in self._owners:
            if len(name) > 1:
                lengths = self._lengths.setdefault(name[:2], [])
                if len(name) not in lengths:
                    lengths.append(len(name))
        for lengths in self._lengths.values():
            lengths.sort(reverse=True)

    def get(self, identifier: str) -> Entry | None:
        """The entry with this id."""
        return self._by_id.get(identifier)

    def named(self, word: str) -> Entry | None:
        """The entry that `word` most likely names, in either script; None for a word that names none."""
        owners = self.owners(word) or self._called.get(fold_loosely(word.strip()), ())
        return owners[0] if owners else None

    def owners(self, word: str) -> tuple[Entry, ...]:
        """All entries that have `word` as a name, the likeliest first (forms of address do not count)."""
        return self._owners.get(fold_loosely(word.strip()), ())

    def mentions(self, text: str) -> list[Mention]:
        """The names in `text`, from left to right, the longest at each place, without overlaps; forms of address are left out."""
        return list(self._mentions(fold_loosely(text)))

    def search_names(self, entry: Entry) -> tuple[str, ...]:
        """The names to search the text for: what the novel itself may call the entry, the usual name first."""
        return tuple(name for name in dict.fromkeys((entry.name, *entry.aliases, *entry.variants)) if len(name) > 1)

    def related(self, entry: Entry) -> tuple[Entry, ...]:
        """The entries this one points to."""
        return tuple(found for found in map(self._by_id.get, entry.related) if found)

    def appearances(self, entry: Entry, edition: Edition) -> dict[int, int]:
        """{chapter: how often the entry is named there}, counted in the edition."""
        return concordance(edition, *self.search_names(entry))

    def search(self, text: str, *, kind: str = "", limit: int = 50) -> list[Entry]:
        """Entries whose name, or another of whose names, begins with `text`, then those that hold it; all for blank text."""
        wanted = fold_loosely(text.strip())
        ranked: list[tuple[int, int, Entry]] = []
        for order, entry in enumerate(self.entries):
            if kind and entry.kind != kind:
                continue
            names = [fold_loosely(name) for name in (*entry.own_names, *entry.forms)]
            if names[0].startswith(wanted):
                ranked.append((0, order, entry))
            elif any(name.startswith(wanted) for name in names):
                ranked.append((1, order, entry))
            elif any(wanted in name for name in names):
                ranked.append((2, order, entry))
            elif wanted in fold_loosely(entry.gloss):
                ranked.append((3, order, entry))
        return [entry for _, _, entry in sorted(ranked, key=lambda item: item[:2])[:limit]]

    @cached_property
    def _called(self) -> dict[str, tuple[Entry, ...]]:
        called: dict[str, tuple[Entry, ...]] = {}
        for entry in self.entries:
            for form in entry.forms:
                folded = fold_loosely(form)
                called[folded] = (*called.get(folded, ()), entry)
        return called

    def _mentions(self, folded: str) -> Iterator[Mention]:
        at, last = 0, len(folded) - 1
        lengths, owners = self._lengths, self._owners
        while at < last:
            for length in lengths.get(folded[at : at + 2], ()):
                found = owners.get(folded[at : at + length]) if at + length <= last + 1 else None
                if found:
                    yield Mention(found[0], at, at + length)
                    at += length
                    break
            else:
                at += 1


def _name(entry: Entry) -> tuple[str, ...]:
    return (entry.name,)


def _aliases(entry: Entry) -> tuple[str, ...]:
    return (*entry.aliases, *entry.variants)


def _popular(entry: Entry) -> tuple[str, ...]:
    return entry.popular


@cache
def load_lexicon() -> Lexicon:
    """The lexicon that ships with the program."""
    records = map(json.loads, (find_assets() / "lexicon.jsonl").read_text("utf-8").splitlines())
    return Lexicon(tuple(map(_entry, records)))


def _entry(record: dict[str, Any]) -> Entry:
    aliases, popular, forms, variants, related = (
        tuple(map(str, record.get(field, ()))) for field in ("aliases", "popular", "forms", "variants", "related")
    )
    return Entry(str(record["id"]), str(record["kind"]), str(record["name"]), aliases, popular, forms, variants, str(record.get("gloss", "")), related)
