"""The shelf: editions kept side by side as files, one of them current. The synopsis volume is always there."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xiyou_tui.corpus.model import Chapter, Edition, Paragraph
from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.errors import CorpusError
from xiyou_tui.storage.files import discard, write_bytes
from xiyou_tui.storage.places import Places
from xiyou_tui.storage.state import read_state, write_state

CURRENT = "corpus.edition"


@dataclass(frozen=True, slots=True)
class EditionCard:
    """What a list of editions shows, without opening the text."""

    id: str
    title: str
    kind: str
    script: str
    source: str
    chapters: int
    paragraphs: int
    characters: int

    def as_record(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("id", "title", "kind", "script", "source", "chapters", "paragraphs", "characters")}


def describe(edition: Edition) -> EditionCard:
    """The card of an open edition; appendices do not count as chapters."""
    numbered = sum(1 for chapter in edition.chapters if chapter.kind == "chapter")
    return EditionCard(
        edition.id, edition.title, edition.kind, edition.script, edition.source, numbered, edition.paragraph_count, edition.characters
    )


class Library:
    """The editions of one user. Cheap to make; texts are opened on demand and kept open."""

    def __init__(self, places: Places, connection: sqlite3.Connection) -> None:
        self._places = places
        self._connection = connection
        self._open: dict[str, Edition] = {}

    def add(self, edition: Edition, *, make_current: bool = True) -> EditionCard:
        """Keep an edition (again, if it is there already) and make it current."""
        card = describe(edition)
        content = json.dumps({"card": card.as_record(), "text": _to_record(edition)}, ensure_ascii=False)
        write_bytes(self._path(edition.id), content.encode("utf-8"))
        # The card lies beside the text, so that a list of editions opens no text.
        write_bytes(self._path(edition.id).with_suffix(".card"), json.dumps(card.as_record(), ensure_ascii=False).encode("utf-8"))
        self._open[edition.id] = edition
        if make_current:
            self.choose(edition.id)
        return card

    def cards(self) -> list[EditionCard]:
        """All editions, imported ones by title first, the synopsis volume last."""
        cards = []
        for path in sorted(self._places.editions.glob("*.card")):
            try:
                cards.append(EditionCard(**json.loads(path.read_text("utf-8"))))
            except (OSError, ValueError, TypeError):
                continue
        cards.sort(key=lambda card: (card.title, card.id))
        return [*cards, describe(self.synopsis())]

    def choose(self, edition: str) -> None:
        """Make an edition current, by its id or the beginning of it."""
        write_state(self._connection, CURRENT, self._full_id(edition))

    def current(self) -> Edition:
        """The current edition; the synopsis volume as long as nothing was imported or the chosen one is gone."""
        chosen = read_state(self._connection, CURRENT)
        if chosen is None:
            return self.synopsis()
        try:
            return self.open(chosen)
        except CorpusError:
            return self.synopsis()

    def synopsis(self) -> Edition:
        """The synopsis volume that ships with the program."""
        edition = load_synopsis()
        self._open[edition.id] = edition
        return edition

    def open(self, edition: str) -> Edition:
        """The edition with this id (or the beginning of one); raises CorpusError when it is missing or damaged."""
        if edition in self._open:
            return self._open[edition]
        found = self._full_id(edition)
        if found == load_synopsis().id:
            return self.synopsis()
        if found in self._open:
            return self._open[found]
        try:
            record = json.loads(self._path(found).read_bytes())["text"]
            opened = _from_record(record)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorpusError(
                f"底本 {found} 的文件打不开（{error}）。", kept="文件没有改动，样本和引文都还在。", next_step="重新导入这部书的文本。", code="damaged-edition"
            ) from error
        self._open[found] = opened
        return opened

    def remove(self, edition: str) -> Path:
        """Move an edition to the bin; its citations stay and can be re-anchored. Returns where the file lies."""
        found = self._full_id(edition)
        if found == self.synopsis().id:
            raise CorpusError("提要卷是程序自带的，不能删除。")
        self._open.pop(found, None)
        self._path(found).with_suffix(".card").unlink(missing_ok=True)
        return discard(self._path(found), self._places.bin)

    def _full_id(self, edition: str) -> str:
        known = [path.stem for path in self._places.editions.glob("*.json")] + [load_synopsis().id]
        matches = [name for name in known if name.startswith(edition)] if edition else []
        if len(matches) != 1:
            raise CorpusError(
                f"没有底本「{edition}」。" if not matches else f"「{edition}」对得上 {len(matches)} 个底本。",
                next_step="用 xiyou corpus list 看有哪些底本。",
                code="no-edition",
            )
        return matches[0]

    def _path(self, edition: str) -> Path:
        return self._places.editions / f"{edition}.json"


def _to_record(edition: Edition) -> dict[str, Any]:
    return {
        "id": edition.id,
        "title": edition.title,
        "kind": edition.kind,
        "script": edition.script,
        "source": edition.source,
        "chapters": [
            [c.number, c.kind, c.title, c.text, [[p.start, p.end, p.kind, int(p.made)] for p in c.paragraphs]] for c in edition.chapters
        ],
    }


def _from_record(record: dict[str, Any]) -> Edition:
    chapters = tuple(
        Chapter(number, title, text, tuple(Paragraph(n, s, e, k, bool(m)) for n, (s, e, k, m) in enumerate(paragraphs, 1)), kind)
        for number, kind, title, text, paragraphs in record["chapters"]
    )
    return Edition(record["id"], record["title"], record["kind"], record["script"], record["source"], chapters)
