"""Tell whether another xiyou has the same home open. Both may write (SQLite and atomic files see to that); people are told."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class InstanceLock:
    """An advisory lock on `instance.lock`; the system releases it when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "instance.lock"
        self._handle: int | None = None

    def acquire(self) -> bool:
        """True when this process is the first; False when another one holds the lock."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        self._handle = handle
        return True

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
