"""Small dialogs of the reader: go to a place, bookmarks, editions."""

from __future__ import annotations

from typing import TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from xiyou_tui.corpus.address import parse_address
from xiyou_tui.corpus.bookmarks import Bookmark, list_bookmarks
from xiyou_tui.corpus.library import Library
from xiyou_tui.corpus.model import Edition
from xiyou_tui.errors import CorpusError
from xiyou_tui.study import Study

Result = TypeVar("Result")


class Dialog(ModalScreen[Result | None]):
    """A box in the middle of the screen; Esc leaves it without a result."""

    BINDINGS = [("escape", "leave", "关闭")]
    DEFAULT_CSS = """
    Dialog OptionList { height: auto; max-height: 18; }
    Dialog Label { width: 1fr; }
    Dialog .error { color: $error; }
    """

    def action_leave(self) -> None:
        self.dismiss(None)


class GoDialog(Dialog[tuple[int, int]]):
    """Ask for a place such as 27.12 and return (chapter, offset)."""

    def __init__(self, edition: Edition) -> None:
        super().__init__()
        self._edition = edition

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "跳到"
            box.border_subtitle = "Enter 前往 · Esc 取消"
            yield Input(placeholder="27 或 27.12 或 第二十七回", id="address")
            yield Label("", id="told", classes="hint")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        told = self.query_one("#told", Label)
        told.remove_class("error")
        if not event.value.strip():
            told.update("")
            return
        try:
            number, offset = parse_address(self._edition, event.value)
        except (CorpusError, ValueError):
            told.update("")
            return
        chapter = self._edition.chapter(number)
        told.update(Content(f"{chapter.label}　{chapter.title}\n{chapter.text[offset : offset + 60]}…".replace("\n\n", "\n")))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        try:
            self.dismiss(parse_address(self._edition, event.value))
        except CorpusError as error:
            told = self.query_one("#told", Label)
            told.add_class("error")
            told.update(Content(error.render()))


class BookmarkDialog(Dialog[tuple[int, int, int]]):
    """List the bookmarks of the current edition and return the chosen place as (chapter, start, end)."""

    def __init__(self, study: Study) -> None:
        super().__init__()
        self._edition = study.library.current()
        self._marks: list[Bookmark] = list_bookmarks(study.connection, self._edition.id)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = f"书签 {len(self._marks)}"
            box.border_subtitle = "Enter 打开 · Esc 关闭"
            if not self._marks:
                yield Label("还没有书签。在正文里按 m 加一个。", classes="hint")
            yield OptionList(
                *[
                    Option(Content.assemble((self._edition.mark(mark.citation.chapter, mark.citation.start), "$accent"), " ", mark.label))
                    for mark in self._marks
                ]
            )

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        citation = self._marks[event.option_index].citation
        self.dismiss((citation.chapter, citation.start, citation.end))


class EditionDialog(Dialog[str]):
    """List the editions and return the id of the chosen one."""

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._cards = library.cards()
        self._current = library.current().id

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "底本"
            box.border_subtitle = "Enter 换用 · Esc 关闭 · 导入新底本：回正文按 o"
            scripts = {"simplified": "简体", "traditional": "繁体"}
            yield OptionList(
                *[
                    Option(
                        Content.assemble(
                            ("● " if card.id == self._current else "○ ", "$primary"), (card.title, "bold"), f"  {scripts.get(card.script, '')}",
                            (f"\n  {card.chapters} 回 · {card.paragraphs} 段 · {card.characters:,} 字 · {card.id[:8]} · {card.source}", "$foreground 60%"),
                        ),
                        id=card.id,
                    )
                    for card in self._cards
                ]
            )  # fmt: skip

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = next((i for i, card in enumerate(self._cards) if card.id == self._current), 0)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)
