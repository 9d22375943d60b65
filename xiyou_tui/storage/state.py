"""Small facts that survive a restart (current edition, reading place): JSON values by key in the database."""

from __future__ import annotations

import json
import sqlite3
from typing import Any


def read_state(connection: sqlite3.Connection, key: str, default: Any = None) -> Any:
    """The value last written under `key`, or `default`."""
    row = connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
    return default if row is None else json.loads(row[0])


def write_state(connection: sqlite3.Connection, key: str, value: Any) -> None:
    """Remember a JSON-ready value under `key`."""
    connection.execute(
        "INSERT INTO state (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, json.dumps(value, ensure_ascii=False)),
    )
