"""The exchanges of the sample being edited, one at a time: its question and its answer. The sample editor calls it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import TextArea


class TalkArea(TextArea, inherit_bindings=False):
    """A text area without Textual's own F6 and F7, which would swallow the keys of the app and the editor."""

    BINDINGS = [key for key in TextArea.BINDINGS if isinstance(key, Binding) and key.key not in ("f6", "f7")]


class SampleTalk(Vertical):
    """Owns the exchanges; `at` is the one that is shown. What is typed counts as said once it is taken over."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._exchanges: list[tuple[str, str]] = [("", "")]
        self.at = 0

    def compose(self) -> ComposeResult:
        for id, title in (("question", "问"), ("answer", "答")):
            area = TalkArea(id=id, soft_wrap=True, tab_behavior="focus")
            area.border_title = title
            yield area

    @property
    def question(self) -> TextArea:
        return self.query_one("#question", TextArea)

    @property
    def answer(self) -> TextArea:
        return self.query_one("#answer", TextArea)

    @property
    def exchanges(self) -> tuple[tuple[str, str], ...]:
        """What is said in each exchange, at least one."""
        return tuple(self._exchanges)

    def open(self, exchanges: Sequence[tuple[str, str]]) -> None:
        """Show the first of other exchanges."""
        self._exchanges = list(exchanges) or [("", "")]
        self._show(0)

    def take_over(self) -> bool:
        """Take over what stands in the areas, whose messages may still be under way; False when that is nothing new."""
        pair = (self.question.text, self.answer.text)
        # Loading another exchange tells of a change too: it is none.
        if pair == self._exchanges[self.at]:
            return False
        self._exchanges[self.at] = pair
        return True

    def write_answer(self, text: str) -> None:
        """Put another answer in the place of this one, as an edit: the area's own undo brings the old one back."""
        self.answer.replace(text, (0, 0), self.answer.document.end)
        self.answer.move_cursor(self.answer.document.end)

    def step(self, step: int) -> bool:
        """Go to the next or the last exchange; False where there is none.

        After the last one comes a new one, unless that is empty still; an empty last one is gone once it is left.
        """
        target = self.at + step
        empty = not any(text.strip() for text in self._exchanges[-1])
        if target < 0 or (target == len(self._exchanges) and empty):
            return False
        if target == len(self._exchanges):
            self._exchanges.append(("", ""))
        elif step < 0 and empty and self.at == len(self._exchanges) - 1:
            self._exchanges.pop()
        self._show(target)
        return True

    def _show(self, at: int) -> None:
        self.at = at
        question, answer = self._exchanges[at]
        self.question.load_text(question)
        self.answer.load_text(answer)
        self.answer.move_cursor(self.answer.document.end)
