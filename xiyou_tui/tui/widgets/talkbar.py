"""The line above the talk: its title at the left, at the right how questions are answered, with which model, over which text."""

from __future__ import annotations

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from xiyou_tui.chat.model import MODES, Mode
from xiyou_tui.tui.widgets.conversations import shorten
from xiyou_tui.tui.widgets.lines import printable


class TalkBar(Widget):
    """One line; `show` sets what it says."""

    DEFAULT_CSS = "TalkBar { height: 1; background: $surface; color: $foreground; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title, self._mode, self._model, self._edition, self._editing = "", "extract", "", "", False

    def show(self, *, title: str, mode: Mode, model: str, edition: str, editing: bool) -> None:
        """`model` is "" in 摘引, where none is used; `editing` while a question is asked anew."""
        self._title, self._mode, self._model, self._edition, self._editing = title, mode, model, edition, editing
        self.refresh()

    def render(self) -> RenderResult:
        mode: Mode = self._mode  # type: ignore[assignment]
        known = self._model or ("不用模型" if mode == "extract" else "没有模型")
        model = Content.styled(f" {printable(known)} ", "$warning" if mode != "extract" and not self._model else "$foreground 70%")
        right = Content.assemble((f" {MODES[mode]} ", "bold $background on $accent"), model)
        room = self.size.width - right.cell_length - 2
        title = "改问：发出后替换上一问 · Esc 不改" if self._editing else printable(self._title) or "新对话"
        left = Content.assemble(" ", (shorten(title, room), "$warning" if self._editing else "$foreground 70%"))
        return Content.assemble(left, " " * max(1, self.size.width - left.cell_length - right.cell_length), right)
