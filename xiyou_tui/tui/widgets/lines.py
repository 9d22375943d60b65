"""Ready-made lines of styled text, drawn only where they are in view: what answers, passages and traces are shown in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from xiyou_tui.tui.terminal import break_lines

# Whatever a text holds, nothing that moves a cursor, turns the writing direction or hides characters reaches the terminal.
_UNPRINTABLE: dict[int, str | None] = {
    code: None
    for start, end in ((0, 9), (11, 31), (127, 159), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F), (0xD800, 0xDFFF), (0xFEFF, 0xFEFF))
    for code in range(start, end + 1)
}  # fmt: skip
_UNPRINTABLE[9] = " "

# Stand for the narrow and the wide characters inside a citation mark while lines are broken: a run of letters is not broken.
# (A real þ elsewhere is then taken for wider than it is, which does no harm.)
_NARROW, _BROAD = "_", "þ"

NOWHERE = -1
HEAD = 0


class Span(NamedTuple):
    """A run of text in one style: the name of a component class of LineView without its prefix."""

    text: str
    style: str = "text"


@dataclass(frozen=True, slots=True)
class Row:
    """One screen line. Rows of one `target` belong together: 0 is the head of what they are part of, 1 and up its places."""

    spans: tuple[Span, ...] = ()
    target: int = NOWHERE


BLANK = Row()


def printable(text: str) -> str:
    """`text` without control, direction and zero-width characters; line breaks stay."""
    return text.translate(_UNPRINTABLE)


def flow(spans: Iterable[Span], width: int, *, lead: Sequence[Span] = (), hang: Sequence[Span] = (), target: int = NOWHERE) -> list[Row]:
    """Break spans into rows of `width` cells; `lead` stands before the first row, `hang` before each other one.

    Lines break by the rules of Chinese typography, across spans too.
    """
    clean = [Span(printable(span.text), span.style) for span in spans]
    text = "".join(_unbreakable(span.text) if span.style == "mark" else span.text for span in clean)
    room = max(2, width - max(_cells(lead), _cells(hang)))
    rows: list[Row] = []
    offset = 0
    for paragraph in text.split("\n"):
        for start, end in break_lines(paragraph, room, measure=_measure):
            before = tuple(hang if rows else lead)
            rows.append(Row((*before, *_cut(clean, offset + start, offset + end)), target))
        offset += len(paragraph) + 1
    return rows


def _unbreakable(mark: str) -> str:
    # The brackets stay: they keep the words before and after apart from the mark.
    return "".join(known if known in "〔〕" else _NARROW if cell_len(known) == 1 else _BROAD for known in mark)


def _measure(text: str) -> int:
    return cell_len(text) + text.count(_BROAD)


def _cells(spans: Iterable[Span]) -> int:
    return sum(cell_len(span.text) for span in spans)


def _cut(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """The parts of spans that cover characters [start, end) of their joined text."""
    found, offset = [], 0
    for span in spans:
        piece = span.text[max(0, start - offset) : max(0, end - offset)]
        if piece:
            found.append(Span(piece, span.style))
        offset += len(span.text)
    return found


class LineView(ScrollView, can_focus=False):
    """Shows rows. Subclasses say which rows there are (`row_at`, `row_count`) and which of them are lit (`is_here`)."""

    STYLES = (
        "text", "dim", "label", "evidence", "synopsis", "mark", "mark-here", "question", "answer", "refusal", "refusal-head", "warning",
        "error", "here", "quote", "number", "title", "good", "bad", "summary-label", "key",
    )  # fmt: skip
    COMPONENT_CLASSES = {f"line--{name}" for name in STYLES}
    DEFAULT_CSS = """
    LineView { background: $background; color: $foreground; padding: 0 1; scrollbar-gutter: stable; }
    LineView .line--dim { color: $foreground 55%; }
    LineView .line--label { color: $secondary; text-style: bold; }
    LineView .line--evidence { color: $secondary; }
    LineView .line--synopsis { color: $warning; }
    LineView .line--summary-label { color: $foreground; text-style: bold; }
    LineView .line--mark { color: $accent; text-style: bold; }
    LineView .line--mark-here { color: $background; background: $accent; text-style: bold; }
    LineView .line--question { color: $foreground; text-style: bold; }
    LineView .line--answer { color: $primary; text-style: bold; }
    LineView .line--refusal { color: $error; }
    LineView .line--refusal-head { color: $background; background: $error; text-style: bold; }
    LineView .line--warning { color: $warning; }
    LineView .line--error { color: $error; }
    LineView .line--here { background: $panel; }
    LineView .line--quote { background: $accent; color: $background; }
    LineView .line--number { color: $foreground 35%; }
    LineView .line--title { color: $primary; text-style: bold; }
    LineView .line--good { color: $success; text-style: bold; }
    LineView .line--bad { color: $error; text-style: bold; }
    LineView .line--key { color: $accent; }
    """

    @property
    def room(self) -> int:
        """Cells a row may take."""
        return max(8, self.scrollable_content_region.width)

    @property
    def row_count(self) -> int:
        raise NotImplementedError

    def row_at(self, index: int) -> Row | None:
        """The row at a line of the virtual text; None outside it."""
        raise NotImplementedError

    def is_here(self, index: int, row: Row) -> bool:
        """Whether a row belongs to what the cursor stands on."""
        return False

    def fit(self) -> None:
        """Tell the scroll bar how many rows there are now, and draw again."""
        self.virtual_size = Size(self.room, self.row_count)
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self.lay_out()

    def lay_out(self) -> None:
        """Break the lines again for the present width."""
        self.fit()

    def reveal(self, first: int, last: int, *, centre: bool = False) -> None:
        """Bring rows [first, last] into view; with `centre`, a third from the top when they are out of view."""
        height = self.scrollable_content_region.height
        if height <= 0:
            return
        top = int(self.scroll_offset.y)
        if centre and not (top <= first and last < top + height):
            self.scroll_to(y=max(0, first - max(0, (height - (last - first)) // 3)), animate=False, immediate=True)
        elif first < top or last - first >= height:
            self.scroll_to(y=first, animate=False, immediate=True)
        else:
            self.scroll_to_region(Region(0, first, 1, last - first + 1), animate=False, immediate=True)

    def action_roll(self, lines: int) -> None:
        """Scroll by lines."""
        self.scroll_relative(y=lines, animate=False, immediate=True)

    def action_page(self, step: int) -> None:
        """Scroll by pages."""
        self.action_roll(step * max(1, self.scrollable_content_region.height - 2))

    def action_edge(self, direction: int) -> None:
        """Scroll to the beginning (-1) or the end (1)."""
        self.scroll_to(y=0 if direction < 0 else self.max_scroll_y, animate=False, immediate=True)

    def render_line(self, y: int) -> Strip:
        width, base = self.scrollable_content_region.width, self.rich_style
        index = y + int(self.scroll_offset.y)
        row = self.row_at(index)
        if row is None:
            return Strip.blank(width, base)
        ground = Style()
        here = self.is_here(index, row)
        if here:
            ground = Style(bgcolor=self.get_component_rich_style("line--here").bgcolor)
        segments = []
        for text, name in row.spans:
            if name == "mark" and here:
                segments.append(Segment(text, self.get_component_rich_style("line--mark-here")))
            elif name in ("refusal-head", "quote"):
                segments.append(Segment(text, self.get_component_rich_style(f"line--{name}")))
            else:
                segments.append(Segment(text, self.get_component_rich_style(f"line--{name}") + ground))
        return Strip(segments).adjust_cell_length(width, base + ground)
