"""Atomic files: whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from xiyou_tui.errors import StorageError
from xiyou_tui.storage.files import discard, write_json, write_text


def test_replaces_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "文件.txt"
    write_text(path, "旧")
    write_text(path, "新")
    assert path.read_text("utf-8") == "新"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["文件.txt"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"旧": 1})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError) as caught:
        write_json(path, {"新": 2})
    assert caught.value.code == "disk-full"
    assert "旧" in path.read_text("utf-8")
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


def test_discarding_keeps_the_file_in_the_bin(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("还在")
    assert discard(path, tmp_path / "bin").read_text() == "还在"
    assert not path.exists()
