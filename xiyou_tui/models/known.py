"""The model and adapter directories elsewhere that the user added by their path; their files stay where they are."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from xiyou_tui.storage.state import read_state, write_state

KNOWN = "models.known"


def known_directories(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The directories that were added by path."""
    return tuple(str(path) for path in read_state(connection, KNOWN, []))


def remember_directory(connection: sqlite3.Connection, path: Path) -> None:
    """Keep a directory on the shelf."""
    write_state(connection, KNOWN, [*(known for known in known_directories(connection) if known != str(path)), str(path)])


def forget_directory(connection: sqlite3.Connection, path: Path) -> None:
    """Take a directory off the shelf; its files stay where they are."""
    write_state(connection, KNOWN, [known for known in known_directories(connection) if known != str(path)])
