"""Bookmarks: spans that a reader wants to find again."""

from __future__ import annotations

import sqlite3
import time
import uuid
from dataclasses import dataclass

from xiyou_tui.corpus.model import Citation, Edition


@dataclass(frozen=True, slots=True)
class Bookmark:
    """One bookmark: where it points, its first words, and when it was set (seconds since the epoch)."""

    id: str
    citation: Citation
    label: str
    created: float


def toggle_bookmark(connection: sqlite3.Connection, edition: Edition, citation: Citation) -> bool:
    """Set a bookmark, or take it away where one begins in the same paragraph; True when it was set."""
    chapter = edition.chapter(citation.chapter)
    paragraph = chapter.paragraph_at(citation.start)
    removed = connection.execute(
        "DELETE FROM bookmark WHERE edition = ? AND chapter = ? AND start >= ? AND start < ?",
        (citation.edition, citation.chapter, paragraph.start, max(paragraph.end, paragraph.start + 1)),
    ).rowcount
    if removed:
        return False
    label = chapter.text[citation.start : citation.end][:30].replace("\n", " ")
    connection.execute(
        'INSERT INTO bookmark (id, edition, chapter, start, "end", hash, label, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        (uuid.uuid4().hex, citation.edition, citation.chapter, citation.start, citation.end, citation.hash, label, time.time()),
    )
    return True


def list_bookmarks(connection: sqlite3.Connection, edition: str) -> list[Bookmark]:
    """The bookmarks of one edition in the order of the text."""
    rows = connection.execute("SELECT * FROM bookmark WHERE edition = ? ORDER BY chapter, start", (edition,))
    return [
        Bookmark(row["id"], Citation(row["edition"], row["chapter"], row["start"], row["end"], row["hash"]), row["label"], row["created"])
        for row in rows
    ]
