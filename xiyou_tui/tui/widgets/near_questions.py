"""The index of all questions for naming near-duplicates: made in a thread, since ten thousand take a good part of a second."""

from __future__ import annotations

from xiyou_tui.samples.duplicates import NearIndex
from xiyou_tui.samples.store import SampleStore
from xiyou_tui.storage.database import open_database
from xiyou_tui.storage.places import Places


class NearQuestions:
    """Holds the newest index; empty until the first one is made. Editor and review share one."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.index = NearIndex()

    def rebuild(self) -> None:
        """Read all questions and put a new index in place. To be called in a thread of its own."""
        # A connection belongs to its thread.
        connection = open_database(self._places.database)
        try:
            self.index = NearIndex((row.id, row.question) for row in SampleStore(connection).rows())
        finally:
            connection.close()
