"""Locks: who holds what, and that nothing dead holds anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xiyou_tui.errors import StorageError, XiyouError
from xiyou_tui.storage.locks import LockedFolder, is_held, take


class Folder(LockedFolder):
    INSIDE = "files"

    def busy(self) -> XiyouError:
        return StorageError("别处在用。", next_step="等一等。", code="busy")


def test_a_lock_is_seen_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    assert is_held(path, missing=True)
    handle = take(path)
    assert handle is not None
    assert is_held(path) and take(path) is None
    os.close(handle)
    assert not is_held(path)


def test_one_process_fills_a_folder_at_a_time(tmp_path: Path) -> None:
    with Folder(tmp_path / "a") as folder:
        assert (folder.path / "files").is_dir()
        with pytest.raises(StorageError, match="别处在用"):
            Folder(tmp_path / "a").__enter__()
    with Folder(tmp_path / "a"):
        pass


def test_the_dead_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = f"import sys; from pathlib import Path; from xiyou_tui.storage.locks import take; take(Path({str(path)!r})); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"held\n"
        assert is_held(path)
        child.kill()
        child.wait()
    assert not is_held(path)
