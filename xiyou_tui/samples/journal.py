"""Drafts as they are typed: every change is in a file before the next key, so kill -9 and a power cut lose next to nothing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xiyou_tui.storage.files import discard, explained, write_bytes
from xiyou_tui.storage.locks import is_held

# A write reaches the system at once and so survives the death of the process; the disk gets it within this many seconds.
SYNC_EVERY = 0.3
COMPACT_AT = 256 * 1024


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft found in the journal: the newest record under its id, and when it was written (seconds since the epoch)."""

    id: str
    record: dict[str, Any]
    time: float


class DraftJournal:
    """One file a draft, one JSON line a change. A lock on the file tells other instances that its draft is being typed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[str, int] = {}
        self._latest: dict[str, Draft] = {}
        self._unsynced: set[int] = set()
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._syncer: threading.Thread | None = None

    def write(self, id: str, record: dict[str, Any]) -> None:
        """Journal the newest state of a draft. Raises StorageError when the disk is full or the place can't be written."""
        moment = time.time()
        line = json.dumps({"time": moment, "record": record}, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        path = self._path(id)
        with explained(path), self._guard:
            handle = self._handle(id, path)
            if os.fstat(handle).st_size + len(line) > COMPACT_AT:
                handle = self._compact(id, path, line)
            else:
                _write_whole(handle, line)
            self._latest[id] = Draft(id, record, moment)
            self._unsynced.add(handle)
        self._sync_soon()

    def read_all(self) -> list[Draft]:
        """All drafts, newest first: this instance's own and those left behind; not those that another instance is typing."""
        found = dict(self._latest)
        for path in sorted(self._directory.glob("*.draft")) if self._directory.is_dir() else ():
            id = path.stem
            if id in found or _is_being_typed(path):
                continue
            draft = _last_draft(path)
            if draft is not None:
                found[id] = draft
        return sorted(found.values(), key=lambda draft: -draft.time)

    def clear(self, id: str, *, bin_directory: Path | None = None) -> None:
        """Forget a draft, because it was saved or given up; with `bin_directory` its file is moved there instead of removed."""
        path = self._path(id)
        with explained(path), self._guard:
            handle = self._open.pop(id, None)
            self._latest.pop(id, None)
            if handle is not None:
                self._unsynced.discard(handle)
                os.close(handle)
            if path.exists():
                if bin_directory is None:
                    path.unlink(missing_ok=True)
                else:
                    discard(path, bin_directory)

    def sync(self) -> None:
        """Wait until everything written so far is on the disk."""
        with self._guard:
            for handle in self._unsynced:
                with contextlib.suppress(OSError):
                    os.fsync(handle)
            self._unsynced.clear()

    def close(self) -> None:
        """Sync and let go of the files; the drafts stay."""
        self.sync()
        self._closed = True
        self._wake.set()
        with self._guard:
            for handle in self._open.values():
                os.close(handle)
            self._open.clear()
            self._latest.clear()

    def _path(self, id: str) -> Path:
        if not re.fullmatch(r"[\w-]{1,64}", id):
            raise ValueError(f"not a draft id: {id!r}")
        return self._directory / f"{id}.draft"

    def _handle(self, id: str, path: Path) -> int:
        if id not in self._open:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A torn last line of an earlier life must not swallow the first new one.
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                _write_whole(handle, b"\n")
            self._open[id] = handle
        return self._open[id]

    def _compact(self, id: str, path: Path, line: bytes) -> int:
        """Start the file anew with its newest line; the old one is whole until the new one has taken its place."""
        old = self._open.pop(id)
        write_bytes(path, line)
        self._unsynced.discard(old)
        os.close(old)
        return self._handle(id, path)

    def _sync_soon(self) -> None:
        if self._syncer is None:
            self._syncer = threading.Thread(target=self._keep_syncing, name="draft-journal", daemon=True)
            self._syncer.start()
        self._wake.set()

    def _keep_syncing(self) -> None:
        # fsync takes milliseconds that a key must not wait for.
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            self.sync()
            time.sleep(SYNC_EVERY)


def _write_whole(handle: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _is_being_typed(path: Path) -> bool:
    return is_held(path, missing=True)


def _last_draft(path: Path) -> Draft | None:
    """The newest whole line of a journal file; None when there is none."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return None
    for line in reversed(lines):
        try:
            entry = json.loads(line)
            if isinstance(entry["record"], dict):
                return Draft(path.stem, entry["record"], float(entry["time"]))
        except (ValueError, TypeError, KeyError):
            continue
    return None
