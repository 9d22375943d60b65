"""The SQLite database for what people write. Opened once per thread; upgraded by numbered migrations, never by hand."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from xiyou_tui.errors import StorageError


def migrations() -> list[tuple[int, str]]:
    """All migrations as (number, SQL), in order: the files `migrations/NNNN_name.sql`."""
    folder = Path(__file__).parent / "migrations"
    return sorted((int(path.name[:4]), path.read_text("utf-8")) for path in folder.glob("*.sql"))


def open_database(path: Path) -> sqlite3.Connection:
    """A connection in WAL mode, brought up to the newest schema. Raises StorageError for a damaged or newer file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        path.chmod(0o600)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _upgrade(connection)
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"数据库打不开：{path}（{error}）。",
            kept="文件没有改动。",
            next_step="若磁盘已满，先腾出空间；若文件损坏，把它移到别处留底，再启动会建立新的数据库。",
            code="database",
        ) from error
    return connection


def _upgrade(connection: sqlite3.Connection) -> None:
    steps = migrations()
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > steps[-1][0]:
        raise sqlite3.DatabaseError(f"它由更新的 xiyou 建立（第 {version} 版，本程序只到第 {steps[-1][0]} 版）")
    for number, script in steps:
        if number <= version:
            continue
        # One transaction a step: a crash in between leaves the older, whole schema. The version is read again inside it,
        # since a second instance may have done this step while we waited for the lock.
        connection.execute("BEGIN IMMEDIATE")
        try:
            if int(connection.execute("PRAGMA user_version").fetchone()[0]) < number:
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _statements(script: str) -> list[str]:
    found, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found


@contextlib.contextmanager
def explained_database() -> Iterator[None]:
    """Turn an error of SQLite met while writing into a StorageError that says what to do. Nothing was changed: each write is whole."""
    try:
        yield
    except sqlite3.Error as error:
        full = "full" in str(error).lower()
        raise StorageError(
            "磁盘满了，这一下没有记住。" if full else f"数据库没有写成（{error}）。",
            kept="以前写下的都完好。",
            next_step="腾出一些空间，再做一次。" if full else "稍等再试；若另一个 xiyou 正忙，等它写完。",
            code="disk-full" if full else "database",
        ) from error
