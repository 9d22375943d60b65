"""Dialogs of the chat pane: a new name for a conversation, a better answer, the preference pairs, the open questions."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, OptionList, TextArea
from textual.widgets.option_list import Option

from xiyou_tui.chat.conversations import Message
from xiyou_tui.chat.model import CitedPlace
from xiyou_tui.corpus.model import Edition
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.widgets.lines import printable
from xiyou_tui.tui.widgets.places import PlaceList


class RenameDialog(Dialog[str]):
    """Ask for the new name of a conversation."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "给对话改名"
            box.border_subtitle = "Enter 改名 · Esc 取消"
            yield Input(self._title, id="name")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(event.value.strip())


@dataclass(frozen=True, slots=True)
class Correction:
    """What is to become of a corrected answer: `kind` is sample, pair, or editor (the sample pane)."""

    kind: str
    text: str


class CorrectDialog(Dialog[Correction]):
    """An answer in an editor; what it becomes is one key away."""

    BINDINGS = [
        ("escape", "leave", "关闭"), ("ctrl+s", "finish('sample')", "存成样本"), ("ctrl+t", "finish('pair')", "存成偏好对"),
        ("ctrl+o", "finish('editor')", "到样本里编"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    CorrectDialog .dialog { width: 92; }
    CorrectDialog TextArea { height: auto; min-height: 8; max-height: 20; border: round $border-blurred; background: $surface; padding: 0 1; }
    CorrectDialog TextArea:focus { border: round $primary; }
    """

    def __init__(self, question: str, text: str) -> None:
        super().__init__()
        self._question = question
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "改正回答"
            box.border_subtitle = "^S 样本（待审） · ^T 偏好对 · ^O 样本编辑 · Esc 不改"
            yield Label(Content.assemble(("问 ", "bold $primary"), (printable(self._question), "bold")))
            yield TextArea(self._text, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False)
            yield Label("偏好对：改过的是好的一方，原来的是差的一方。引文写在「」里，后面跟着出处。", classes="hint")

    def action_finish(self, kind: str) -> None:
        text = self.query_one(TextArea).text.strip()
        if text:
            self.dismiss(Correction(kind, text))


class OpenQuestionsDialog(Dialog[Message]):
    """The questions that were refused, newest first: to be worked through. Returns the chosen answer's message."""

    def __init__(self, messages: tuple[Message, ...]) -> None:
        super().__init__()
        self._messages = messages

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = f"没有答上的问题 {len(self._messages)}"
            box.border_subtitle = "Enter 打开那次对话 · Esc 关闭"
            if not self._messages:
                yield Label("没有。答不上的问题会在这里排着，等你补样本或换个问法。", classes="hint")
            yield OptionList(
                *[
                    Option(
                        Content.assemble(
                            (printable(message.answer.question), "bold"), ("\n  " + printable(message.answer.reason or message.answer.text)[:60], "$foreground 60%")
                        )
                    )
                    for message in self._messages
                    if message.answer is not None
                ]
            )  # fmt: skip

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss([message for message in self._messages if message.answer is not None][event.option_index])


class PlacesDialog(Dialog[CitedPlace]):
    """All places of an answer; returns the one to be opened."""

    DEFAULT_CSS = "PlacesDialog .dialog { width: 100; height: 90%; } PlacesDialog PlaceList { height: 1fr; background: $surface; padding: 0; }"

    def __init__(self, edition: Edition, places: tuple[CitedPlace, ...]) -> None:
        super().__init__()
        self._edition = edition
        self._places = places

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = f"出处 {len(self._places)} 处"
            box.border_subtitle = "↑↓ 选 · Enter 打开 · Esc 关闭"
            yield PlaceList(self._edition, self._places)

    @on(PlaceList.Chosen)
    def _chosen(self, event: PlaceList.Chosen) -> None:
        self.dismiss(event.cited)
