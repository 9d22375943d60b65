"""Directories: everything moves with XIYOU_HOME, is private, and says so when it can't be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xiyou_tui.errors import StorageError
from xiyou_tui.storage.places import find_assets, find_places


def test_home_moves_everything(home: Path) -> None:
    assert all(path.startswith(str(home)) for path in find_places().as_record().values())


def test_without_home_the_platform_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XIYOU_HOME")
    assert "xiyou" in str(find_places().data)


def test_directories_are_private(home: Path) -> None:
    places = find_places().prepare()
    assert places.data.stat().st_mode & 0o077 == 0


def test_a_file_in_the_way_is_explained(home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    home.write_text("not a directory")
    with pytest.raises(StorageError) as caught:
        find_places().prepare()
    assert "XIYOU_HOME" in caught.value.next_step
    assert home.read_text() == "not a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_explained(home: Path) -> None:
    home.mkdir(mode=0o500)
    with pytest.raises(StorageError):
        find_places().prepare()


def test_assets_are_found() -> None:
    assert (find_assets() / "synopsis.jsonl").exists()
