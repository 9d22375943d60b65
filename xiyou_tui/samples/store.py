"""Samples in the database: saved with their history, so that every step can be undone; deleting moves to a bin."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from xiyou_tui.corpus.model import Citation, span_hash
from xiyou_tui.errors import SampleError
from xiyou_tui.samples.model import Sample, Turn

COLUMNS = "id, kind, turns, citations, refusal, reason, status, tags, split, source, note, created, changed, deleted"
ORDERS = {
    "changed": "changed DESC, id",
    "created": "created DESC, id",
    "oldest": "created, id",
    "status": "status, changed DESC, id",
    "kind": "kind, changed DESC, id",
}


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """Which samples to list. Empty fields admit everything; `text` is looked for in questions, answers, tags, reason and note."""

    status: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    text: str = ""
    refusal: bool | None = None
    chapter: int | None = None
    tag: str = ""
    split: str = ""
    source: str = ""
    deleted: bool = False
    order: str = "changed"
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SampleRow:
    """What a list shows of a sample, read without opening it. `changed` is seconds since the epoch."""

    id: str
    status: str
    kind: str
    refusal: bool
    question: str
    citations: int
    turns: int
    changed: float


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step of a sample's history; `before` is the sample as it was, None for the step that made it."""

    number: int
    sample: str
    time: float
    action: str
    before: Sample | None
    undone: bool


Samples = list[Sample]
Rows = list[SampleRow]
Entries = list[HistoryEntry]
Cited = list[tuple[Citation, SampleRow]]


class SampleStore:
    """All samples of one workplace. Cheap to make; belongs to the thread of its connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._batch: int | None = None

    # Writing.

    def save(self, sample: Sample, *, action: str = "", now: float | None = None) -> Sample:
        """Write a sample and remember what was there before; returns it as it is stored, with `changed` set anew.

        A sample equal to the stored one is left alone. `action` names the step in the history (by default 新建 or 编辑).
        """
        _require_writable(sample)
        with self._transaction():
            before = self._find(sample.id)
            if before is not None and replace(before, changed=0.0) == replace(sample, changed=0.0):
                return before
            moment = time.time() if now is None else now
            stored = replace(sample, changed=moment)
            self._record(stored.id, action or ("新建" if before is None else "编辑"), before, moment)
            self._write(stored)
        return stored

    def change(self, ids: Iterable[str], *, action: str, **fields: Any) -> int:
        """Set the same fields (status, split, tags …) of many samples as one step; returns how many changed."""
        changed = 0
        with self.batch():
            for id in ids:
                sample = self.get(id)
                changed += self.save(replace(sample, **fields), action=action) != sample
        return changed

    def delete(self, id: str, *, now: float | None = None) -> Sample:
        """Move a sample to the bin, from where `restore` or `undo` brings it back."""
        sample = self.get(id)
        return self.save(replace(sample, deleted=time.time() if now is None else now), action="删除", now=now)

    def restore(self, id: str) -> Sample:
        """Bring a sample back from the bin."""
        sample = self.get(id)
        return self.save(replace(sample, deleted=None), action="恢复")

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Everything saved inside is written together and undone together."""
        outer = self._batch
        with self._transaction():
            if outer is None:
                last = self._connection.execute("SELECT COALESCE(MAX(number), 0) FROM sample_history").fetchone()[0]
                self._batch = int(last) + 1
            try:
                yield
            finally:
                self._batch = outer

    def undo(self, id: str | None = None) -> Entries:
        """Take back the last step (of one sample, or of all) that was not taken back yet; returns its entries, newest first.

        Returns an empty list when there is nothing left to undo. Without `id` a batch is taken back as a whole. Undoing a
        creation moves the sample to the bin.
        """
        with self._transaction():
            where, values = ("AND sample = ?", (id,)) if id else ("", ())
            last = self._connection.execute(
                f"SELECT number, batch FROM sample_history WHERE undone IS NULL {where} ORDER BY number DESC LIMIT 1", values
            ).fetchone()
            if last is None:
                return []
            # With an id only its own step: other samples of the batch may have been edited since.
            rows = self._connection.execute(
                "SELECT * FROM sample_history WHERE undone IS NULL AND (number = ? OR batch = ?) ORDER BY number DESC",
                (last["number"], last["batch"] if last["batch"] and not id else -1),
            ).fetchall()
            moment = time.time()
            entries = [_entry(row) for row in rows]
            for entry in entries:
                current = self._find(entry.sample)
                if entry.before is not None:
                    self._write(entry.before)
                elif current is not None:
                    self._write(replace(current, deleted=moment))
                self._connection.execute("UPDATE sample_history SET undone = ? WHERE number = ?", (moment, entry.number))
        return entries

    # Reading.

    def get(self, id: str) -> Sample:
        """The sample with this id (or the beginning of one), the bin included; raises SampleError when there is none."""
        found = self._find(id)
        if found is None and len(id) >= 3:
            # An index range instead of LIKE, so that the id may hold any character.
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM sample WHERE id >= ? AND id < ? LIMIT 2", (id, id[:-1] + chr(ord(id[-1]) + 1))
            ).fetchall()
            found = _sample(rows[0]) if len(rows) == 1 else None
        if found is None:
            raise SampleError(f"没有样本「{id}」。", next_step="用 xiyou sample list 看有哪些样本。", code="no-sample")
        return found

    def exists(self, id: str) -> bool:
        return self._find(id) is not None

    def list(self, filter: SampleFilter | None = None) -> Samples:
        """The samples that pass the filter, whole, in its order."""
        where, values = _where(filter or SampleFilter())
        return [_sample(row) for row in self._connection.execute(f"SELECT {COLUMNS} FROM sample {where}", values)]

    def rows(self, filter: SampleFilter | None = None) -> Rows:
        """The same samples as list rows: fast enough to be read anew for every key typed (10,000 rows in some 50 ms)."""
        where, values = _where(filter or SampleFilter())
        query = (
            "SELECT id, status, kind, refusal, COALESCE(CASE json_extract(turns, '$[0].role') WHEN 'system' "
            "THEN json_extract(turns, '$[1].content') ELSE json_extract(turns, '$[0].content') END, ''), "
            "json_array_length(citations), json_array_length(turns), changed FROM sample "
        )
        found = self._connection.execute(query + where, values)
        return [SampleRow(row[0], row[1], row[2], bool(row[3]), row[4], row[5], row[6], row[7]) for row in found]

    def count(self, filter: SampleFilter | None = None) -> int:
        """How many samples pass the filter."""
        where, values = _where(replace(filter or SampleFilter(), limit=None))
        return int(self._connection.execute(f"SELECT COUNT(*) FROM sample {where.split(' ORDER BY ')[0]}", values).fetchone()[0])

    def history(self, id: str) -> Entries:
        """What happened to a sample, oldest first."""
        rows = self._connection.execute("SELECT * FROM sample_history WHERE sample = ? ORDER BY number", (id,)).fetchall()
        return [_entry(row) for row in rows]

    def citing(self, edition: str, chapter: int) -> Cited:
        """Every citation of one chapter with the row of its sample, in text order: what the reader shows at the side."""
        rows = {row.id: row for row in self.rows(SampleFilter(chapter=chapter))}
        found: Cited = []
        for id, row in rows.items():
            found.extend((c, row) for c in self.get(id).citations if c.chapter == chapter and c.edition == edition)
        return sorted(found, key=lambda pair: (pair[0].start, pair[0].end, pair[1].id))

    # The text of cited spans.

    def remember_texts(self, texts: Iterable[str]) -> None:
        """Keep the text of cited spans, so that they can be found again in another edition."""
        known = [(span_hash(text), text) for text in texts]
        self._connection.executemany("INSERT OR IGNORE INTO cited_text (hash, text) VALUES (?, ?)", known)

    def cited_text(self, hash: str) -> str:
        """The remembered text of a span, or an empty string."""
        row = self._connection.execute("SELECT text FROM cited_text WHERE hash = ?", (hash,)).fetchone()
        return str(row[0]) if row is not None else ""

    # The parts.

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._connection.in_transaction:
            yield
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise SampleError(
                f"样本没有存成（{error}）。",
                kept="正在编辑的文字在草稿里，先前存下的样本都在。",
                next_step="腾出磁盘空间，或关掉另一个 xiyou，再存一次。",
                code="not-saved",
            ) from error

    def _find(self, id: str) -> Sample | None:
        row = self._connection.execute(f"SELECT {COLUMNS} FROM sample WHERE id = ?", (id,)).fetchone()
        return None if row is None else _sample(row)

    def _write(self, sample: Sample) -> None:
        columns = COLUMNS.split(", ")
        updates = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
        marks = ", ".join("?" * len(columns))
        self._connection.execute(
            f"INSERT INTO sample ({COLUMNS}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}", _values(sample)
        )

    def _record(self, id: str, action: str, before: Sample | None, moment: float) -> None:
        content = "" if before is None else json.dumps(before.as_record(), ensure_ascii=False)
        if before is None:
            # The foreign key wants the sample first; the row is completed right after, in the same transaction.
            self._connection.execute(
                "INSERT INTO sample (id, kind, turns, created, changed) VALUES (?, 'fact', '[]', ?, ?)", (id, moment, moment)
            )
        self._connection.execute(
            "INSERT INTO sample_history (sample, time, action, before, batch) VALUES (?, ?, ?, ?, ?)",
            (id, moment, action, content, self._batch or 0),
        )


def _require_writable(sample: Sample) -> None:
    if not sample.id:
        raise SampleError("样本没有编号，没有存。")
    for turn in sample.turns:
        # A lone surrogate (half a character from a broken paste) can't be written as UTF-8.
        try:
            turn.text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise SampleError(
                "样本里有半个字符（坏的粘贴内容），没有存。", kept="原来的样本没有改动。", next_step="删掉那个乱码再存。"
            ) from error


def _where(filter: SampleFilter) -> tuple[str, list[Any]]:
    conditions = ["deleted IS NOT NULL" if filter.deleted else "deleted IS NULL"]
    values: list[Any] = []
    for name, chosen in (("status", filter.status), ("kind", filter.kind)):
        if chosen:
            conditions.append(f"{name} IN ({', '.join('?' * len(chosen))})")
            values += chosen
    for word in filter.text.split():
        # The turns are JSON: a quote or a backslash that is looked for stands escaped in there.
        conditions.append(
            "(instr(lower(turns), ?) OR instr(lower(tags), ?) OR instr(lower(reason), ?) "
            "OR instr(lower(note), ?) OR instr(id, ?) = 1)"
        )
        # SQLite's lower() knows ASCII only.
        plain = "".join(character.lower() if character.isascii() else character for character in word)
        escaped = json.dumps(plain, ensure_ascii=False)[1:-1]
        values += [escaped, escaped, plain, plain, plain]
    if filter.refusal is not None:
        conditions.append("refusal = ?")
        values.append(int(filter.refusal))
    if filter.chapter is not None:
        conditions.append("EXISTS (SELECT 1 FROM json_each(citations) WHERE json_extract(value, '$.chapter') = ?)")
        values.append(filter.chapter)
    if filter.tag:
        conditions.append("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)")
        values.append(filter.tag)
    for name, single in (("split", filter.split), ("source", filter.source)):
        if single:
            conditions.append(f"{name} = ?")
            values.append(single)
    if filter.order not in ORDERS:
        raise SampleError(f"没有「{filter.order}」这种排序。", next_step="排序写 " + "、".join(ORDERS) + "。")
    limit = "" if filter.limit is None else f" LIMIT {int(filter.limit)}"
    return f"WHERE {' AND '.join(conditions)} ORDER BY {ORDERS[filter.order]}{limit}", values


def _values(sample: Sample) -> tuple[Any, ...]:
    return (
        sample.id,
        sample.kind,
        json.dumps([turn.as_record() for turn in sample.turns], ensure_ascii=False),
        json.dumps([citation.as_record() for citation in sample.citations]),
        int(sample.refusal),
        sample.reason,
        sample.status,
        json.dumps(list(sample.tags), ensure_ascii=False),
        sample.split,
        sample.source,
        sample.note,
        sample.created,
        sample.changed,
        sample.deleted,
    )


def _sample(row: sqlite3.Row) -> Sample:
    return Sample(
        id=row["id"],
        kind=row["kind"],
        turns=tuple(Turn(turn["role"], turn["content"]) for turn in json.loads(row["turns"])),
        citations=tuple(Citation.from_record(record) for record in json.loads(row["citations"])),
        refusal=bool(row["refusal"]),
        reason=row["reason"],
        status=row["status"],
        tags=tuple(json.loads(row["tags"])),
        split=row["split"],
        source=row["source"],
        note=row["note"],
        created=row["created"],
        changed=row["changed"],
        deleted=row["deleted"],
    )


def _entry(row: sqlite3.Row) -> HistoryEntry:
    before = Sample.from_record(json.loads(row["before"])) if row["before"] else None
    return HistoryEntry(row["number"], row["sample"], row["time"], row["action"], before, row["undone"] is not None)
