"""The table of samples: rows are drawn only when they are on the screen, so ten thousand scroll like ten."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from xiyou_tui.samples.model import KINDS, STATUSES
from xiyou_tui.samples.store import SampleRow

# Cells of the fixed columns: tick, status, kind, and at the right citations and the day of the last change.
TICK, STATUS, KIND, CITED, CHANGED = 2, 6, 6, 6, 7


class SampleTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows rows and owns which one is chosen and which are ticked. Its keys are those of the list around it."""

    DEFAULT_CSS = """
    SampleTable { background: $background; color: $foreground; scrollbar-gutter: stable; }
    SampleTable .sample-table--head { color: $foreground 50%; }
    SampleTable .sample-table--cursor { background: $panel; }
    SampleTable:focus .sample-table--cursor { background: $primary 35%; }
    SampleTable .sample-table--dim { color: $foreground 50%; }
    SampleTable .sample-table--tick { color: $accent; text-style: bold; }
    SampleTable .sample-table--draft { color: $foreground 60%; }
    SampleTable .sample-table--review { color: $accent; text-style: bold; }
    SampleTable .sample-table--approved { color: $success; }
    SampleTable .sample-table--returned { color: $error; }
    SampleTable .sample-table--refusal { color: $primary; }
    """
    COMPONENT_CLASSES = {
        "sample-table--head",
        "sample-table--cursor",
        "sample-table--dim",
        "sample-table--tick",
        "sample-table--draft",
        "sample-table--review",
        "sample-table--approved",
        "sample-table--returned",
        "sample-table--refusal",
    }

    @dataclass
    class RowHighlighted(Message):
        """The cursor came to stand on another row; `id` is empty when there is none."""

        table: SampleTable
        id: str

    @dataclass
    class RowChosen(Message):
        """A row was clicked twice or Enter was pressed on it."""

        table: SampleTable
        id: str

    @dataclass
    class TicksChanged(Message):
        """Rows were ticked or unticked."""

        table: SampleTable

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[SampleRow] = []
        self._cursor = 0
        self.ticked: set[str] = set()
        self._styles: dict[tuple[str, ...], Style] = {}

    @property
    def rows(self) -> list[SampleRow]:
        return self._rows

    @property
    def chosen(self) -> SampleRow | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if 0 <= self._cursor < len(self._rows) else None

    def show(self, rows: list[SampleRow], *, keep: str = "") -> None:
        """Show other rows. The cursor stays on the sample `keep` (by default the one it is on), or on the same line."""
        wanted = keep or (self.chosen.id if self.chosen is not None else "")
        self._rows = rows
        self.ticked &= {row.id for row in rows}
        at = next((index for index, row in enumerate(rows) if row.id == wanted), None)
        self._cursor = max(0, min(self._cursor if at is None else at, len(rows) - 1))
        self._measure()
        self._reveal()
        self.refresh()
        self._announce()

    def ticked_or_chosen(self) -> list[str]:
        """The ids that a batch action is for: the ticked rows in order, or the chosen one."""
        if self.ticked:
            return [row.id for row in self._rows if row.id in self.ticked]
        return [self.chosen.id] if self.chosen is not None else []

    def tick_all(self) -> None:
        """Tick every shown row; when all are ticked, untick them."""
        everything = {row.id for row in self._rows}
        self.ticked = set() if self.ticked == everything else everything
        self.refresh()
        self.post_message(self.TicksChanged(self))

    def tick_chosen(self) -> None:
        """Tick or untick the chosen row and go on to the next."""
        if self.chosen is not None:
            self.ticked ^= {self.chosen.id}
            self.move(1)
            self.refresh()
            self.post_message(self.TicksChanged(self))

    def move(self, step: int) -> None:
        """Move the cursor by rows."""
        self.go(self._cursor + step)

    def go(self, index: int) -> None:
        """Put the cursor on a row by its number from 0."""
        target = max(0, min(len(self._rows) - 1, index))
        if target != self._cursor:
            self._cursor = target
            self._reveal()
            self.refresh()
            self._announce()

    @property
    def page(self) -> int:
        """How many rows a page holds."""
        return max(1, self.scrollable_content_region.height - 2)

    def choose(self) -> None:
        """Say that the row under the cursor was chosen."""
        if self.chosen is not None:
            self.post_message(self.RowChosen(self, self.chosen.id))

    def on_click(self, event: events.Click) -> None:
        index = event.y - 1 + int(self.scroll_offset.y)
        if event.y < 1 or not 0 <= index < len(self._rows):
            return
        if event.x < TICK:
            self.go(index)
            self.ticked ^= {self._rows[index].id}
            self.refresh()
            self.post_message(self.TicksChanged(self))
        elif index == self._cursor and event.chain > 1:
            self.choose()
        else:
            self.go(index)

    def on_resize(self) -> None:
        self._measure()
        self._reveal()

    def on_focus(self) -> None:
        self._styles.clear()
        self.refresh()

    def on_blur(self) -> None:
        self._styles.clear()
        self.refresh()

    def _announce(self) -> None:
        self.post_message(self.RowHighlighted(self, self.chosen.id if self.chosen is not None else ""))

    def _measure(self) -> None:
        # One line more than there are rows: the head is drawn over the first line of the window, wherever it stands.
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._rows) + 1)

    def _reveal(self) -> None:
        height = self.scrollable_content_region.height
        if height > 1 and self._rows:
            self.scroll_to_region(Region(0, self._cursor, 1, 2), animate=False, immediate=True)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        base = self.rich_style
        if y == 0:
            return Strip(self._head(width)).adjust_cell_length(width, base)
        index = y - 1 + int(self.scroll_offset.y)
        if not 0 <= index < len(self._rows):
            return Strip.blank(width, base)
        return Strip(self._row(self._rows[index], index == self._cursor, width)).adjust_cell_length(width, base)

    def _text_width(self, width: int) -> int:
        return max(4, width - TICK - STATUS - KIND - CITED - (CHANGED if width >= 60 else 0))

    def _head(self, width: int) -> list[Segment]:
        style = self._style("head")
        text = (
            "  "
            + set_cell_size("状态", STATUS)
            + set_cell_size("题型", KIND)
            + set_cell_size("问题", self._text_width(width))
            + " 引文 "
        )
        return [Segment(text + (" 改动" if width >= 60 else ""), style)]

    def _style(self, *names: str) -> Style:
        """The widget's style under those of some component classes; half-transparent colours are mixed with what lies below."""
        if names not in self._styles:
            style = self.visual_style
            for name in names:
                style += self.get_visual_style(f"sample-table--{name}", partial=True)
            self._styles[names] = style.rich_style
        return self._styles[names]

    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def _row(self, row: SampleRow, here: bool, width: int) -> list[Segment]:
        def style(name: str = "") -> Style:
            return self._style(*(["cursor"] if here else []), *([name] if name else []))

        ticked = row.id in self.ticked
        question = fit(" ".join(row.question.split()) or "（还没有问题）", self._text_width(width))
        segments = [
            Segment("* " if ticked else "  ", style("tick")),
            Segment(set_cell_size(STATUSES.get(row.status, row.status), STATUS), style(row.status)),
            Segment(set_cell_size(KINDS.get(row.kind, row.kind), KIND), style("refusal") if row.refusal else style("dim")),
            Segment(question, style() if row.question.strip() else style("dim")),
            Segment(f"{row.citations or '—':>4}  ", style("dim")),
        ]
        if width >= 60:
            segments.append(Segment(f"{_day(row.changed):>6} ", style("dim")))
        return segments


def fit(text: str, width: int) -> str:
    """`text` in exactly `width` cells: padded, or cut with an ellipsis."""
    if cell_len(text) <= width:
        return text + " " * (width - cell_len(text))
    used, kept = 0, []
    for character in text:
        size = cell_len(character)
        if used + size > width - 1:
            break
        kept.append(character)
        used += size
    return "".join(kept) + "…" + " " * (width - 1 - used)


def _day(moment: float) -> str:
    """When it changed, in six cells: the time for today, else month and day, else the year."""
    then, now = time.localtime(moment), time.localtime()
    if then[:3] == now[:3]:
        return time.strftime("%H:%M", then)
    return time.strftime("%m-%d", then) if then.tm_year == now.tm_year else str(then.tm_year)
