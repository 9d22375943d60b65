"""The question line: Enter sends, ↑ brings back what was asked before; it keeps its text until an answer stands."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.widgets import TextArea

from xiyou_tui.tui.keymap import Key, bindings, register_keys

register_keys(
    Key("question", "enter", "send", "发送", "问", 9, "↵"),
    Key("question", "up", "earlier", "旧问题", "在第一行按：上一个问过的问题", 3, "↑"),
    Key("question", "down", "later", "新问题", "在末一行按：后一个问过的问题"),
    Key("question", "ctrl+u", "clear", "清空", "清空问题框；↑ 找得回来"),
    Key("question", "tab", "answers", "到回答", "到回答里的引文；空着时 [ ] 也行", 5, "Tab"),
)


class QuestionInput(TextArea, inherit_bindings=False):
    """A small editor of its own keys only, so that the pane's Ctrl keys reach the pane."""

    BINDINGS = [
        *bindings("question"),
        Binding("left", "cursor_left", show=False), Binding("right", "cursor_right", show=False),
        Binding("shift+left", "cursor_left(True)", show=False), Binding("shift+right", "cursor_right(True)", show=False),
        Binding("home", "cursor_line_start", show=False), Binding("end", "cursor_line_end", show=False),
        Binding("shift+home", "cursor_line_start(True)", show=False), Binding("shift+end", "cursor_line_end(True)", show=False),
        Binding("backspace", "delete_left", show=False), Binding("delete", "delete_right", show=False),
        Binding("ctrl+x", "cut", show=False), Binding("ctrl+c", "copy", show=False), Binding("ctrl+v", "paste", show=False),
        Binding("ctrl+z", "undo", show=False),
    ]  # fmt: skip

    @dataclass
    class Sent(Message):
        """Enter was pressed on a question that is not empty."""

        text: str

    @dataclass
    class AnswersWanted(Message):
        """The user wants to go to the answers: `step` says to the next (1) or the previous (-1) citation."""

        step: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False, placeholder="用现代话问，↵ 发送")
        self._asked: list[str] = []
        self._place = 0
        self._draft = ""

    def remember(self, questions: list[str]) -> None:
        """Set what was asked before, oldest first."""
        self._asked, self._place = list(questions), len(questions)

    def put(self, text: str) -> None:
        """Replace the text and stand at its end; undo brings the old one back."""
        self.text = text
        self.move_cursor(self.document.end)

    def put_aside(self, instead: str) -> None:
        """Keep what is being typed among the earlier questions, before `instead` takes its place."""
        if self.text.strip() and self.text != instead:
            self._asked.append(self.text)
        self._place = len(self._asked)

    def type(self, text: str) -> None:
        """Insert text at the cursor, as if it had been typed here."""
        self.insert(text)

    def action_send(self) -> None:
        if self.text.strip():
            self._place = len(self._asked)
            self.post_message(self.Sent(" ".join(self.text.split())))

    def action_clear(self) -> None:
        self.put_aside("")
        self.put("")

    def action_answers(self) -> None:
        self.post_message(self.AnswersWanted(1))

    def action_earlier(self) -> None:
        if self.wrapped_document.location_to_offset(self.cursor_location).y > 0:
            self.action_cursor_up()
        else:
            self._recall(-1)

    def action_later(self) -> None:
        if self.wrapped_document.location_to_offset(self.cursor_location).y < self.wrapped_document.height - 1:
            self.action_cursor_down()
        else:
            self._recall(1)

    def _recall(self, step: int) -> None:
        target = self._place + step
        if not 0 <= target <= len(self._asked):
            return
        if self._place == len(self._asked):
            self._draft = self.text
        self._place = target
        self.put(self._asked[target] if target < len(self._asked) else self._draft)

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            # The text editor would make a new line of it before its binding is looked at.
            event.stop()
            event.prevent_default()
            self.action_send()
        elif not self.text and event.key in ("left_square_bracket", "right_square_bracket"):
            # Only the half-width ones: a question may well begin with 「.
            event.stop()
            event.prevent_default()
            self.post_message(self.AnswersWanted(1 if event.key == "right_square_bracket" else -1))
        else:
            await super()._on_key(event)
