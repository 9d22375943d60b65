"""The trainer's side of the run's files: it appends events to `metrics.jsonl` and reads commands from `control.jsonl`."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from types import FrameType

from xiyou_tui.training.events import Event


class EventWriter:
    """Appends events, each as one whole line. A full disk loses none: what could not be written is kept and tried again."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._waiting = b""
        self._end_broken_line()

    def write(self, event: Event) -> None:
        """Append one event (and any that had to wait)."""
        self._waiting += (json.dumps(event.as_record(), ensure_ascii=False) + "\n").encode("utf-8")
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._handle, self._waiting) :]
        except OSError:
            return

    def close(self, patience: float = 0.0) -> None:
        """Write what still waits, trying for up to `patience` seconds, and close."""
        deadline = time.monotonic() + patience
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.5)
            try:
                self._waiting = self._waiting[os.write(self._handle, self._waiting) :]
            except OSError:
                continue
        os.close(self._handle)

    def _end_broken_line(self) -> None:
        # A trainer that was killed in the middle of a line left half of one; it must not swallow ours.
        size = os.fstat(self._handle).st_size
        if size and os.pread(self._handle, 1, size - 1) != b"\n":
            os.write(self._handle, b"\n")


class Commands:
    """Commands for the trainer: lines of the control file, and SIGTERM or SIGINT, which mean stop and save."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._signalled = False

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT, and outlive the terminal that started us."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def poll(self) -> list[str]:
        """Commands that came since the last call, oldest first. Costs one look at a file."""
        found = []
        if self._signalled:
            self._signalled = False
            found.append("stop")
        try:
            if self._path.stat().st_size <= self._offset:
                return found
            with self._path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except OSError:
            return found
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            try:
                found.append(str(json.loads(line)["command"]))
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signalled = True
