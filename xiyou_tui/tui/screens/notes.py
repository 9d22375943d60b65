"""Write a note on a passage."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, Static

from xiyou_tui.corpus.model import Citation, Edition
from xiyou_tui.corpus.notes import NoteStore, new_note
from xiyou_tui.errors import XiyouError
from xiyou_tui.storage.database import explained_database
from xiyou_tui.storage.state import read_state, write_state
from xiyou_tui.study import Study
from xiyou_tui.tui.screens.dialogs import Dialog

LAST_SOURCE = "note.source"


class NoteDialog(Dialog[bool]):
    """Text and source of a note; True when it was saved. The source last used is filled in."""

    def __init__(self, study: Study, edition: Edition, citation: Citation) -> None:
        super().__init__()
        self._study, self._edition, self._citation = study, edition, citation

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = f"注解 {self._edition.mark(self._citation.chapter, self._citation.start)}"
            box.border_subtitle = "Enter 记下 · Tab 换栏 · Esc 取消"
            quote = self._edition.resolve(self._citation)
            yield Static(Content(f"「{quote if len(quote) <= 120 else quote[:119] + '…'}」"), classes="hint")
            yield Input(placeholder="注解", id="text")
            yield Input(str(read_state(self._study.connection, LAST_SOURCE, "自注")), placeholder="来源：谁说的，哪本书", id="source")
            yield Label("", id="told", classes="error")

    @on(Input.Submitted)
    def _submitted(self) -> None:
        text, source = self.query_one("#text", Input).value, self.query_one("#source", Input).value
        try:
            with explained_database():
                NoteStore(self._study.connection).save(new_note(self._edition, self._citation, text, source))
                write_state(self._study.connection, LAST_SOURCE, source.strip())
        except XiyouError as error:
            self.query_one("#told", Label).update(Content(error.render()))
            return
        self.dismiss(True)
