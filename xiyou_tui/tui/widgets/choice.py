"""One of a few: all choices in one line, the arrows move among them. What a drop-down would hide is in sight."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

CHOSEN = "bold $background on $primary"


class Choice(Widget, can_focus=True):
    """A label and its choices, the chosen one marked. ←/→ choose; a click too."""

    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; color: $foreground; }
    Choice:focus { background: $panel; }
    """

    @dataclass
    class Chosen(Message):
        """Another value was chosen by hand."""

        choice: Choice
        value: str

    def __init__(self, label: str, choices: dict[str, str], value: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label
        self._choices = choices
        self._value = value
        self._spans: list[tuple[int, int, str]] = []

    @property
    def value(self) -> str:
        return self._value

    @value.setter
    def value(self, value: str) -> None:
        self._value = value
        self.refresh()

    def step(self, step: int) -> None:
        """Choose the next or the previous value, round and round."""
        names = list(self._choices)
        at = names.index(self._value) if self._value in names else -1
        self._choose(names[(at + step) % len(names)])

    def _choose(self, value: str) -> None:
        if value != self._value:
            self.value = value
            self.post_message(self.Chosen(self, value))

    def on_key(self, event: events.Key) -> None:
        if event.key in ("left", "right", "space", "enter"):
            self.step(-1 if event.key == "left" else 1)
            event.stop()
            event.prevent_default()

    def on_click(self, event: events.Click) -> None:
        for start, end, value in self._spans:
            if start <= event.x < end:
                self._choose(value)

    def render(self) -> RenderResult:
        parts: list[Content] = [Content.styled(f"{self._label} ", "$foreground 60%")]
        self._spans = []
        begin = cell_len(self._label) + 1
        if begin + sum(cell_len(label) + 2 for label in self._choices.values()) > self.size.width:
            # No room for all: the chosen one between arrows, a click goes on to the next.
            label = self._choices.get(self._value, self._value)
            names = list(self._choices)
            following = names[(names.index(self._value) + 1) % len(names)] if self._value in names else names[0]
            self._spans = [(begin, self.size.width, following)]
            return Content("").join(
                [*parts, Content.styled("‹", "$accent"), Content.styled(f" {label} ", CHOSEN), Content.styled("›", "$accent")]
            )
        at = begin
        for name, label in self._choices.items():
            text = f" {label} "
            parts.append(Content.styled(text, CHOSEN if name == self._value else "$foreground 70%"))
            self._spans.append((at, at + cell_len(text), name))
            at += cell_len(text)
        return Content("").join(parts)
