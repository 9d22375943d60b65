"""Locks on files. The system drops them however their holder ends, so that nothing dead keeps anything locked."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from xiyou_tui.errors import XiyouError
from xiyou_tui.storage.files import explained


def is_held(path: Path, *, missing: bool = False) -> bool:
    """Whether a process holds the lock on a file; `missing` is the answer where the file can't be opened."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return missing
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(handle)


def take(path: Path) -> int | None:
    """Take the lock on a file, made where it is not there, and return its handle; None when another process has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


class LockedFolder:
    """A folder that one process fills at a time: `with` makes it and keeps others out, who get the error of `busy`."""

    LOCK = ".lock"
    # A folder below it that is made along.
    INSIDE = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def busy(self) -> XiyouError:
        """What to raise when another process fills the folder."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        with explained(self.path):
            (self.path / self.INSIDE).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._handle = take(self.path / self.LOCK)
        if self._handle is None:
            raise self.busy()
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
