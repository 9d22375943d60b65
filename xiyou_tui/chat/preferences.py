"""Preference pairs from use: for one question, an answer that is better and one that is worse. DPO trains on the approved ones."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass

from xiyou_tui.corpus.model import Citation
from xiyou_tui.errors import ChatError


@dataclass(frozen=True, slots=True)
class Preference:
    """One pair; `status` is review or approved, `message` the rated answer's number where it is still there."""

    id: str
    prompt: str
    chosen: str
    rejected: str
    citations: tuple[Citation, ...] = ()
    status: str = "review"
    message: int | None = None
    created: float = 0.0


class PreferenceStore:
    """Reads and writes preference pairs. Belongs to the thread of its connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(
        self, prompt: str, chosen: str, rejected: str, *, citations: Iterable[Citation] = (), message: int | None = None
    ) -> Preference:
        """Keep a pair for review. A pair with the same three texts is merged: the one that is there is returned.

        Raises ChatError when the two answers are the same or one of the texts is empty.
        """
        prompt, chosen, rejected = prompt.strip(), chosen.strip(), rejected.strip()
        if not prompt or not chosen or not rejected:
            raise ChatError(
                "偏好对要有问题、好的回答和差的回答。", kept="写的文字都还在。", next_step="把空着的补上再存。", code="empty-pair"
            )
        if chosen == rejected:
            raise ChatError(
                "改过的和原来的一样，不成偏好对。", kept="写的文字都还在。", next_step="先把回答改好，再存。", code="same-pair"
            )
        row = self._connection.execute(
            "SELECT * FROM preference WHERE prompt = ? AND chosen = ? AND rejected = ? AND deleted IS NULL",
            (prompt, chosen, rejected),
        ).fetchone()
        if row is not None:
            return _preference(row)
        made = Preference(secrets.token_hex(6), prompt, chosen, rejected, tuple(citations), "review", message, time.time())
        self._connection.execute(
            "INSERT INTO preference (id, prompt, chosen, rejected, citations, status, message, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                made.id, made.prompt, made.chosen, made.rejected,
                json.dumps([citation.as_record() for citation in made.citations]), made.status, made.message, made.created,
            ),
        )  # fmt: skip
        return made

    def list(self, *, status: str = "") -> tuple[Preference, ...]:
        """Pairs, newest first; with `status`, only those."""
        rows = self._connection.execute(
            "SELECT * FROM preference WHERE deleted IS NULL AND (? = '' OR status = ?) ORDER BY created DESC, id",
            (status, status),
        ).fetchall()
        return tuple(_preference(row) for row in rows)

    def set_status(self, id: str, status: str) -> None:
        """Approve a pair for training, or send it back to review."""
        if status not in ("review", "approved"):
            raise ChatError(f"偏好对的状态只有 review 和 approved，没有「{status}」。")
        self._connection.execute("UPDATE preference SET status = ? WHERE id = ?", (status, id))

    def delete(self, id: str) -> None:
        """Move a pair to the bin."""
        self._connection.execute("UPDATE preference SET deleted = ? WHERE id = ?", (time.time(), id))

    def restore(self, id: str) -> None:
        """Bring a pair back from the bin."""
        self._connection.execute("UPDATE preference SET deleted = NULL WHERE id = ?", (id,))


def _preference(row: sqlite3.Row) -> Preference:
    citations = tuple(Citation.from_record(record) for record in json.loads(row["citations"]))
    return Preference(
        row["id"], row["prompt"], row["chosen"], row["rejected"], citations, row["status"], row["message"], row["created"]
    )
