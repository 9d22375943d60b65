"""Dialogs of the chat pane: a new name for a conversation, a better answer, what waits to be worked through, all places."""

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
from xiyou_tui.chat.preferences import Preference, PreferenceStore
from xiyou_tui.corpus.model import Edition
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.widgets.conversations import shorten
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


class WorkDialog(Dialog[Message]):
    """What waits to be worked through: questions that were refused, and preference pairs that nobody has approved yet.

    Returns the message of the chosen refusal; pairs are approved and thrown away on the spot.
    """

    BINDINGS = [("escape", "leave", "关闭"), ("d,delete,ctrl+d", "discard", "删去偏好对")]

    def __init__(self, refused: tuple[Message, ...], pairs: PreferenceStore) -> None:
        super().__init__()
        self._refused = {str(message.number): message for message in refused if message.answer is not None}
        self._pairs = pairs

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "待处理"
            box.border_subtitle = "Enter 打开对话、通过偏好对 · d 删去偏好对 · Esc 关闭"
            yield Label("没有。答不上的问题和待审的偏好对会在这里排着。", classes="hint", id="nothing")
            yield OptionList(id="work")

    def on_mount(self) -> None:
        self._fill()
        self.query_one(OptionList).focus()

    def _fill(self) -> None:
        options = self.query_one(OptionList)
        at = options.highlighted
        options.clear_options()
        pairs = self._pairs.list()
        options.add_options([Option(_refused_line(message), id=f"m{number}") for number, message in self._refused.items()])
        options.add_options([Option(_pair_line(pair), id=f"p{pair.id}") for pair in pairs])
        self.query_one("#nothing").display = options.option_count == 0
        if options.option_count:
            options.highlighted = min(at or 0, options.option_count - 1)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        id = str(event.option.id)
        if id.startswith("m"):
            self.dismiss(self._refused[id[1:]])
            return
        pair = next((known for known in self._pairs.list() if known.id == id[1:]), None)
        if pair is not None:
            self._pairs.set_status(pair.id, "review" if pair.status == "approved" else "approved")
        self._fill()

    def action_discard(self) -> None:
        options = self.query_one(OptionList)
        option = options.get_option_at_index(options.highlighted) if options.highlighted is not None else None
        if option is not None and str(option.id).startswith("p"):
            self._pairs.delete(str(option.id)[1:])
            self._fill()


def _refused_line(message: Message) -> Content:
    assert message.answer is not None
    reason = message.answer.reason or message.answer.text
    return Content.assemble(("拒答 ", "$error"), (printable(message.answer.question), "bold"), ("\n     " + _line(reason, 64), "$foreground 60%"))


def _pair_line(pair: Preference) -> Content:
    status = ("通过 ", "$success") if pair.status == "approved" else ("待审 ", "$warning")
    return Content.assemble(
        status, (_line(pair.prompt, 64), "bold"), ("\n  好 ", "$success"), _line(pair.chosen, 64), ("\n  差 ", "$error"), (_line(pair.rejected, 64), "$foreground 60%"),
    )  # fmt: skip


def _line(text: str, width: int) -> str:
    return shorten(printable(" ".join(text.split())), width)


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
