"""The open workplace: directories, settings, database, library, and what is made from them when first needed."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xiyou_tui.corpus.library import Library
from xiyou_tui.storage.database import open_database
from xiyou_tui.storage.places import Places, find_places
from xiyou_tui.storage.settings import Settings, load_settings, save_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xiyou_tui.chat.conversations import ConversationStore
    from xiyou_tui.corpus.model import Edition, Place
    from xiyou_tui.corpus.retrieval import Retriever
    from xiyou_tui.samples.store import SampleStore


@dataclass
class Study:
    """One user's workplace. Belongs to the thread that opened it, except `retriever`, which any thread may call."""

    places: Places
    settings: Settings
    connection: sqlite3.Connection
    library: Library
    _retrievers: dict[str, Retriever] = field(default_factory=dict)
    _building: threading.Lock = field(default_factory=threading.Lock)

    @property
    def samples(self) -> SampleStore:
        from xiyou_tui.samples.store import SampleStore

        return SampleStore(self.connection)

    @property
    def conversations(self) -> ConversationStore:
        from xiyou_tui.chat.conversations import ConversationStore

        return ConversationStore(self.connection)

    def retriever(self, edition: Edition | None = None) -> Retriever:
        """The retriever over `edition` (the current one by default); built once, about a second for the whole novel."""
        from xiyou_tui.corpus.retrieval import Retriever

        chosen = edition or self.library.current()
        with self._building:
            if chosen.id not in self._retrievers:
                self._retrievers[chosen.id] = Retriever(chosen)
            return self._retrievers[chosen.id]

    def chat_messages(self, question: str, passages: Sequence[Place] = ()) -> tuple[dict[str, str], ...]:
        """The messages that a chat sends for a first question, with `passages` in 检索 mode: what training must show the model."""
        from xiyou_tui.chat.prompt import build_prompt

        return build_prompt(
            question,
            mode="retrieve" if passages else "closed",
            system=self.settings.text("chat.system_prompt"),
            edition=self.library.current(),
            found=passages,
            passages=len(passages),
            style=self.settings.text("chat.style"),
        ).messages

    def change_setting(self, key: str, raw: object) -> Settings:
        """Set one setting and write the file; raises SettingsError when the schema does not admit the value."""
        self.settings = self.settings.changed(key, raw)
        save_settings(self.places.settings, self.settings)
        return self.settings

    def close(self) -> None:
        self.connection.close()


def open_study(places: Places | None = None) -> Study:
    """Open the workplace of this user, making its directories and database when they are not there yet."""
    found = (places or find_places()).prepare()
    connection = open_database(found.database)
    return Study(found, load_settings(found.settings), connection, Library(found, connection))
