"""Notes (注解): what somebody says about a passage, with a named source, always told apart from the text."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xiyou_tui.corpus.align import align_text
from xiyou_tui.corpus.model import Citation, Edition
from xiyou_tui.errors import CorpusError
from xiyou_tui.storage.files import write_text


@dataclass(frozen=True, slots=True)
class Note:
    """One note on one span. `quote` is the text it stands on, so that it can be found again in another edition."""

    id: str
    citation: Citation
    quote: str
    text: str
    source: str
    created: float
    changed: float

    def as_record(self) -> dict[str, Any]:
        return {"id": self.id, **self.citation.as_record(), "quote": self.quote, "text": self.text, "source": self.source}


@dataclass(frozen=True, slots=True)
class NoteImport:
    """What came of importing notes: saved, and the broken or unplaced lines as (line number, reason)."""

    saved: int
    broken: tuple[tuple[int, str], ...]


def new_note(edition: Edition, citation: Citation, text: str, source: str) -> Note:
    """A note on a passage; raises CorpusError when text or source is empty or the citation does not hold."""
    if not text.strip():
        raise CorpusError("注解是空的。", next_step="写上要说的话。", code="empty-note")
    if not source.strip():
        raise CorpusError("注解没有写来源。", kept="已写的内容还在。", next_step="写明出自谁或哪本书；自己写的就写「自注」。", code="no-source")
    now = time.time()
    return Note(uuid.uuid4().hex, citation, edition.resolve(citation), text.strip(), source.strip(), now, now)


class NoteStore:
    """The notes of one user, over the given connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def save(self, note: Note) -> None:
        """Keep a note; one with the same id is replaced."""
        place = note.citation
        self._connection.execute(
            'INSERT INTO note (id, edition, chapter, start, "end", hash, quote, text, source, created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
            ' ON CONFLICT (id) DO UPDATE SET edition = excluded.edition, chapter = excluded.chapter, start = excluded.start, "end" = excluded."end",'
            " hash = excluded.hash, quote = excluded.quote, text = excluded.text, source = excluded.source, changed = excluded.changed, deleted = NULL",
            (
                note.id, place.edition, place.chapter, place.start, place.end, place.hash, note.quote, note.text, note.source, note.created, note.changed,
            ),
        )  # fmt: skip

    def delete(self, identifier: str) -> None:
        """Put a note away; `restore` brings it back."""
        self._connection.execute("UPDATE note SET deleted = ? WHERE id = ?", (time.time(), identifier))

    def restore(self, identifier: str) -> None:
        self._connection.execute("UPDATE note SET deleted = NULL WHERE id = ?", (identifier,))

    def list(self, edition: str = "", *, chapter: int = 0, text: str = "") -> list[Note]:
        """Notes in the order of the text: of one edition, in one chapter, holding `text` in note, quote or source."""
        rows = self._connection.execute(
            "SELECT * FROM note WHERE deleted IS NULL AND (? = '' OR edition = ?) AND (? = 0 OR chapter = ?)"
            " AND (? = '' OR instr(text, ?) OR instr(quote, ?) OR instr(source, ?)) ORDER BY edition, chapter, start",
            (edition, edition, chapter, chapter, text, text, text, text),
        )
        return [_from_row(row) for row in rows]


@dataclass(frozen=True, slots=True)
class PlacedNote:
    """A note where it belongs in an edition; `moved` when it was made on another one. The note itself stays as it is."""

    note: Note
    citation: Citation
    moved: bool


def place_notes(notes: Iterable[Note], edition: Edition) -> tuple[list[PlacedNote], list[Note]]:
    """Where notes of any edition belong in this one, in the order of its text, and those that have no place in it.

    Nothing is stored: a note keeps the span it was made on, so changing editions to and fro never wears it down.
    """
    placed, lost = [], []
    for note in notes:
        if note.citation.edition == edition.id:
            placed.append(PlacedNote(note, note.citation, False))
            continue
        found = align_text(note.quote, edition, chapter=note.citation.chapter, near=note.citation.start)
        if found is None:
            lost.append(note)
        else:
            placed.append(PlacedNote(note, found.citation, True))
    placed.sort(key=lambda item: (item.citation.chapter, item.citation.start))
    return placed, lost


def export_notes(notes: Iterable[Note], path: Path) -> int:
    """Write notes as JSONL, one a line; returns how many. Raises StorageError when the file can't be written."""
    lines = [json.dumps(note.as_record(), ensure_ascii=False) for note in notes]
    write_text(path, "".join(line + "\n" for line in lines))
    return len(lines)


def import_notes(path: Path, store: NoteStore, edition: Edition) -> NoteImport:
    """Read notes from JSONL: `{chapter, quote, text, source}`, and more as exported. Good lines are kept, broken ones listed.

    A note is placed by its quote, near its chapter. Raises CorpusError when the file can't be read at all.
    """
    try:
        content = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"注解文件读不了：{path}（{error}）。", next_step="文件要是 UTF-8 的 JSONL，一行一条。", code="notes-file") from error
    saved, broken = 0, []
    for number, outcome in _read_lines(content, edition):
        if isinstance(outcome, str):
            broken.append((number, outcome))
        else:
            store.save(outcome)
            saved += 1
    return NoteImport(saved, tuple(broken))


def _read_lines(content: str, edition: Edition) -> Iterator[tuple[int, Note | str]]:
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            quote, text, source = (str(record[name]).strip() for name in ("quote", "text", "source"))
            chapter, near = int(record.get("chapter", 0)), int(record.get("start", 0))
        except (ValueError, KeyError, TypeError, AttributeError):
            yield number, "不是 {chapter, quote, text, source} 这样的 JSON 对象"
            continue
        if not (quote and text and source):
            yield number, "引文、注解、来源都不能空"
            continue
        found = align_text(quote, edition, chapter=chapter, near=near)
        if found is None:
            yield number, f"当前底本里找不到「{quote[:20]}」"
            continue
        now = time.time()
        identifier = str(record.get("id") or uuid.uuid4().hex)
        yield number, Note(identifier, found.citation, edition.resolve(found.citation), text, source, now, now)


def _from_row(row: sqlite3.Row) -> Note:
    citation = Citation(row["edition"], row["chapter"], row["start"], row["end"], row["hash"])
    return Note(row["id"], citation, row["quote"], row["text"], row["source"], row["created"], row["changed"])
