"""A long list of cited places, one line each, drawn where it is in view: for counts that find hundreds."""

from __future__ import annotations

from rich.cells import set_cell_size
from textual import events
from textual.message import Message

from xiyou_tui.chat.model import CitedPlace
from xiyou_tui.corpus.model import Edition
from xiyou_tui.tui.terminal import CLOSERS
from xiyou_tui.tui.widgets.lines import LineView, Row, Span, flow


class PlaceList(LineView, can_focus=True):
    """Shows places with the words around them; the cursor is a line."""

    BINDINGS = [
        ("down,j", "step(1)", "下"), ("up,k", "step(-1)", "上"), ("pagedown,space", "leap(1)", "下页"), ("pageup,b", "leap(-1)", "上页"),
        ("home", "end(-1)", "首"), ("end", "end(1)", "尾"), ("enter", "choose", "打开"),
    ]  # fmt: skip

    class Chosen(Message):
        """A place was chosen."""

        def __init__(self, cited: CitedPlace) -> None:
            super().__init__()
            self.cited = cited

    def __init__(self, edition: Edition, places: tuple[CitedPlace, ...]) -> None:
        super().__init__()
        self._edition = edition
        self._places = places
        self._here = 0

    @property
    def row_count(self) -> int:
        return len(self._places)

    def row_at(self, index: int) -> Row | None:
        if not 0 <= index < len(self._places):
            return None
        cited = self._places[index]
        text = self._edition.chapter(cited.place.chapter).text
        start, end = cited.place.start, cited.place.end
        before = text[max(0, start - 10) : start].rpartition("\n")[2].lstrip(CLOSERS)
        after = text[end : end + self.room // 2].partition("\n")[0]
        lead = Span(set_cell_size(cited.mark, 16 if self._edition.is_synopsis else 12), "mark")
        return flow([Span(before, "dim"), Span(text[start:end].replace("\n", " "), "label"), Span(after, "dim")], self.room, lead=(lead,))[0]

    def is_here(self, index: int, row: Row) -> bool:
        return index == self._here

    def _go(self, index: int) -> None:
        self._here = max(0, min(len(self._places) - 1, index))
        self.reveal(self._here, self._here)
        self.refresh()

    def action_step(self, step: int) -> None:
        self._go(self._here + step)

    def action_leap(self, step: int) -> None:
        self._go(self._here + step * max(1, self.scrollable_content_region.height - 1))

    def action_end(self, direction: int) -> None:
        self._go(0 if direction < 0 else len(self._places) - 1)

    def action_choose(self) -> None:
        if self._places:
            self.post_message(self.Chosen(self._places[self._here]))

    def on_click(self, event: events.Click) -> None:
        index = event.y + int(self.scroll_offset.y)
        if 0 <= index < len(self._places):
            self._go(index)
            self.action_choose()
