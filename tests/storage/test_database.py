"""The database: migrations run once, in order, even with two instances; a newer or damaged file is explained."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from xiyou_tui.errors import StorageError
from xiyou_tui.storage.database import explained_database, migrations, open_database
from xiyou_tui.storage.instance import InstanceLock
from xiyou_tui.storage.state import read_state, write_state


def test_a_new_database_is_at_the_newest_version(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "x.db")
    assert connection.execute("PRAGMA user_version").fetchone()[0] == migrations()[-1][0]
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert (tmp_path / "x.db").stat().st_mode & 0o077 == 0


def test_migration_numbers_are_a_row_without_gaps() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_state_survives_reopening(tmp_path: Path) -> None:
    write_state(open_database(tmp_path / "x.db"), "读到", {"回": 27})
    assert read_state(open_database(tmp_path / "x.db"), "读到") == {"回": 27}
    assert read_state(open_database(tmp_path / "x.db"), "没有", 5) == 5


def test_two_instances_upgrade_at_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            open_database(tmp_path / "x.db").close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9999")
    connection.commit()
    with pytest.raises(StorageError) as caught:
        open_database(path)
    assert "更新的 xiyou" in caught.value.what


def test_a_damaged_database_is_explained_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageError):
        open_database(path)
    assert path.read_bytes().startswith(b"not a database")


def test_only_the_first_instance_gets_the_lock(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path), InstanceLock(tmp_path)
    assert first.acquire() and not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_a_full_disk_is_explained_and_what_was_written_stays(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "x.db")
    write_state(connection, "旧", 1)
    connection.execute("PRAGMA max_page_count = 1")  # SQLite's own way to meet a full disk.
    with pytest.raises(StorageError) as caught, explained_database():
        write_state(connection, "新", "字" * 4_000_000)
    assert caught.value.code == "disk-full"
    assert read_state(connection, "旧") == 1 and read_state(connection, "新") is None
