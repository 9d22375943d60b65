"""What is made from an open edition, kept while the edition is in use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from xiyou_tui.corpus.model import Edition

Made = TypeVar("Made")


class PerEdition(Generic[Made]):
    """Calls `make` once for each open edition and keeps the last `size` results. Any thread may call."""

    def __init__(self, make: Callable[[Edition], Made], size: int = 3) -> None:
        self._make = make
        self._size = size
        self._kept: list[tuple[Edition, Made]] = []
        self._lock = threading.Lock()

    def __call__(self, edition: Edition) -> Made:
        # By identity: the hash of an edition's content would cost more than many a search.
        for known, made in self._kept:
            if known is edition:
                return made
        with self._lock:
            for known, made in self._kept:
                if known is edition:
                    return made
            made = self._make(edition)
            self._kept = [(edition, made), *self._kept[: self._size - 1]]
            return made
