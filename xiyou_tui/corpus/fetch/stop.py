"""Stopping a fetch from another thread, in whatever it waits for."""

from __future__ import annotations

import contextlib
import socket
import threading

from xiyou_tui.corpus.fetch.failures import Stopped


class Stop:
    """Set once, by the user. Connections that are watched are cut, so that a reader that waits for bytes wakes up."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._watched: set[socket.socket] = set()

    def set(self) -> None:
        """Ask to stop; safe to call from any thread, and twice."""
        with self._lock:
            self._event.set()
            watched = list(self._watched)
        for connection in watched:
            _cut(connection)

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise Stopped when the user asked to stop."""
        if self._event.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Wait; raises Stopped as soon as the user asks to stop."""
        if self._event.wait(seconds):
            raise Stopped

    def unwatch(self) -> None:
        """Forget the watched connections: their request is over."""
        with self._lock:
            self._watched.clear()

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection when the user asks to stop (at once, if that was before)."""
        with self._lock:
            self._watched.add(connection)
            late = self._event.is_set()
        if late:
            _cut(connection)


def _cut(connection: socket.socket) -> None:
    # The plain socket's own shutdown: that of a TLS socket takes away what its reader is still using.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
