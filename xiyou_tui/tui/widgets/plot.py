"""The plot widget: curves over steps with axes and a legend, drawn in Braille; can be zoomed, and drawn on a log scale."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from xiyou_tui.training.axes import choose_log_ticks, choose_ticks, label_ticks, show_value, widen
from xiyou_tui.tui.widgets.braille import Frame, Line, draw

COLOURS = 6
# A plot lower than this has no room for the numbers under it.
LOWEST_WITH_STEPS = 6


@dataclass(frozen=True, slots=True)
class Trace:
    """A curve to show: its name in the legend ("" keeps it out), ascending steps, values, colour number, and whether it recedes."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: int = 0
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Which steps are in view: `span` of them up to `right`; a right of None follows the newest, a span of None shows all."""

    span: float | None = None
    right: float | None = None

    def bounds(self, first: float, last: float) -> tuple[float, float]:
        """The steps in view, for curves from `first` to `last`."""
        if self.span is None or self.span >= last - first:
            return first, last
        right = last if self.right is None else min(max(self.right, first + self.span), last)
        return right - self.span, right

    def zoomed(self, factor: float, first: float, last: float) -> Window:
        """A window `factor` times as narrow (below 1: wider), its right edge kept; at least 4 steps."""
        left, right = self.bounds(first, last)
        span = max(4.0, (right - left) / factor)
        return Window() if span >= last - first else Window(span, self.right)

    def moved(self, share: float, first: float, last: float) -> Window:
        """The window shifted by a share of its width; at the right end it follows the newest step again."""
        left, right = self.bounds(first, last)
        if self.span is None:
            return self
        target = min(max(right + share * (right - left), first + self.span), last)
        return Window(self.span, None if target >= last else target)


class Plot(Widget):
    """Shows traces; `show_as` writes the values, `compact` leaves out the step numbers."""

    DEFAULT_CSS = """
    Plot { height: 1fr; background: $background; color: $foreground; }
    Plot .plot--axis { color: $foreground 40%; }
    Plot .plot--title { color: $foreground; text-style: bold; }
    Plot .plot--note { color: $foreground 60%; }
    Plot .plot--0 { color: $primary; }
    Plot .plot--1 { color: $secondary; }
    Plot .plot--2 { color: $accent; }
    Plot .plot--3 { color: #87afd7; }
    Plot .plot--4 { color: #d787af; }
    Plot .plot--5 { color: #87d7d7; }
    Plot .plot--faint-0 { color: $primary 45%; }
    Plot .plot--faint-1 { color: $secondary 45%; }
    Plot .plot--faint-2 { color: $accent 45%; }
    Plot .plot--faint-3 { color: #87afd7 45%; }
    Plot .plot--faint-4 { color: #d787af 45%; }
    Plot .plot--faint-5 { color: #87d7d7 45%; }
    """
    COMPONENT_CLASSES = {"plot--axis", "plot--title", "plot--note"} | {f"plot--{kind}{n}" for kind in ("", "faint-") for n in range(COLOURS)}

    def __init__(
        self, title: str, *, compact: bool = False, show_as: Callable[[float], str] = show_value, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._title = title
        self._compact = compact
        self._show_as = show_as
        self._binary = False
        self._traces: tuple[Trace, ...] = ()
        self._window = Window()
        self._logarithmic = False
        self._note = ""
        self._pointer: int | None = None
        self._strips: list[Strip] = []
        self._styles: dict[str, Style] = {}
        self._drawn_for: object = None
        self._inside = (0, 0, 0.0, 0.0)

    def show(self, traces: Sequence[Trace], *, title: str = "", note: str = "", show_as: Callable[[float], str] | None = None, binary: bool = False) -> None:
        """Show these traces; `note` stands at the right of the title. `binary`: the values are bytes, with ticks at whole MB or GB."""
        self._traces = tuple(trace for trace in traces if trace.xs)
        self._title = title or self._title
        self._note = note
        self._show_as = show_as or self._show_as
        self._binary = binary
        self._again()

    def look(self, window: Window, *, log: bool) -> None:
        """Choose which steps are in view, and whether the upward axis is logarithmic."""
        self._window, self._logarithmic = window, log
        self._again()

    @property
    def steps(self) -> tuple[float, float]:
        """The first and the last step of all traces; (0, 0) without any."""
        if not self._traces:
            return 0.0, 0.0
        return min(trace.xs[0] for trace in self._traces), max(trace.xs[-1] for trace in self._traces)

    def _again(self) -> None:
        self._drawn_for = None
        self.refresh()

    # The mouse asks for the values at a step.

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._point(event.x)

    def on_leave(self) -> None:
        self._point(None)

    def _point(self, x: int | None) -> None:
        gutter, width, _, _ = self._inside
        pointer = x - gutter if x is not None and gutter <= x < gutter + width else None
        if pointer != self._pointer:
            self._pointer = pointer
            self._again()

    # Drawing.

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn_for = None
        self._styles.clear()

    def render_line(self, y: int) -> Strip:
        wanted = self.size
        if self._drawn_for != wanted:
            self._strips = self._draw(wanted.width, wanted.height)
            self._drawn_for = wanted
        return self._strips[y] if y < len(self._strips) else Strip.blank(wanted.width, self.rich_style)

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(f"plot--{name}")
        return self._styles[name]

    def _draw(self, width: int, height: int) -> list[Strip]:
        if width < 12 or height < 2:
            return [Strip.blank(width, self.rich_style) for _ in range(height)]
        if not self._traces:
            self._inside = (0, 0, 0.0, 0.0)
            empty = Strip([Segment("还没有数据", self._style("note"))])
            return [self._legend(width), empty.adjust_cell_length(width, self.rich_style)]
        left, right = self._window.bounds(*self.steps)
        right = max(right, left + 1)
        low, high, log = self._range(left, right)
        with_steps = not self._compact and height >= LOWEST_WITH_STEPS
        rows = height - 1 - with_steps
        most = max(2, rows // 3) if rows > 2 else rows
        # Sizes are round in powers of two.
        unit = 1.0 if not self._binary else 2.0**30 if high >= 2**30 else 2.0**20
        choose = choose_log_ticks if log else choose_ticks
        ticks = [tick * unit for tick in choose(low / unit, high / unit, most)]
        labels = self._labels(ticks)
        gutter = max(5, *(cell_len(label) + 1 for label in labels)) if labels else 5
        inner = width - gutter - 1
        self._inside = (gutter + 1, inner, left, right)
        picture = draw(
            [Line(trace.xs, trace.ys, trace.colour % COLOURS + (COLOURS if trace.faint else 0)) for trace in self._traces],
            Frame(left, right, low, high, log), inner, rows,
        )  # fmt: skip
        places = self._places(ticks, labels, low, high, log, rows)
        strips = [self._legend(width)]
        base = self.rich_style
        for y, runs in enumerate(picture):
            label = places.get(y, "")
            axis = " " * (gutter - cell_len(label) - 1) + label + " " + ("┤" if label else "│")
            strips.append(Strip([Segment(axis, self._style("axis")), *self._paint(runs, base)]).adjust_cell_length(width, base))
        if with_steps:
            strips.append(self._steps(gutter + 1, inner, left, right, width))
        return strips

    def _paint(self, runs: list[tuple[str, int]], base: Style) -> list[Segment]:
        segments = []
        column = 0
        for text, colour in runs:
            style = base if colour < 0 else self._style(f"faint-{colour - COLOURS}" if colour >= COLOURS else str(colour))
            if self._pointer is not None and column <= self._pointer < column + len(text):
                at = self._pointer - column
                mark = text[at] if text[at] != " " else "┊"
                segments += [Segment(text[:at], style), Segment(mark, self._style("axis") if text[at] == " " else style), Segment(text[at + 1 :], style)]
            else:
                segments.append(Segment(text, style))
            column += len(text)
        return segments

    def _range(self, left: float, right: float) -> tuple[float, float, bool]:
        """Lowest and highest value in view, and whether a logarithmic axis is possible (all values above 0)."""
        low, high = float("inf"), float("-inf")
        for trace in self._traces:
            # A point outside on either side belongs to the picture: the curve runs towards it.
            begin = max(0, bisect_left(trace.xs, left) - 1)
            part = trace.ys[begin : bisect_right(trace.xs, right) + 1]
            if part:
                low, high = min(low, min(part)), max(high, max(part))
        if low > high:
            return 0.0, 1.0, False
        log = self._logarithmic and low > 0
        low, high = widen(low, high)
        return low, high, log

    def _labels(self, ticks: Sequence[float]) -> tuple[str, ...]:
        return label_ticks(ticks) if self._show_as is show_value else tuple(self._show_as(tick) for tick in ticks)

    def _places(
        self, ticks: Sequence[float], labels: Sequence[str], low: float, high: float, log: bool, rows: int
    ) -> dict[int, str]:
        """Row → label. The row of a tick is the row in which the curve would have that value."""
        scale: Callable[[float], float] = math.log10 if log else float
        bottom, top = scale(low), scale(high)
        found: dict[int, str] = {}
        for tick, label in zip(ticks, labels, strict=True):
            dot = round((top - scale(tick)) / (top - bottom) * (rows * 4 - 1))
            found.setdefault(dot // 4, label)
        return found

    def _steps(self, gutter: int, inner: int, left: float, right: float, width: int) -> Strip:
        ticks = [tick for tick in choose_ticks(left, right, max(2, inner // 12)) if tick == int(tick)]
        line = [" "] * width
        for tick in ticks:
            label = f"{tick:,.0f}"
            start = gutter + round((tick - left) / (right - left) * (inner - 1)) - len(label) // 2
            start = min(max(start, 0), width - len(label))
            if all(letter == " " for letter in line[max(0, start - 1) : start + len(label) + 1]):
                line[start : start + len(label)] = label
        return Strip([Segment("".join(line), self._style("axis"))]).adjust_cell_length(width, self.rich_style)

    def _legend(self, width: int) -> Strip:
        segments = [Segment(self._title, self._style("title"))]
        step = self._pointed_step()
        note = f"第 {step:,.0f} 步" if step is not None else self._note
        room = width - cell_len(self._title) - (cell_len(note) + 1 if note else 0)
        alone = len(self._traces) == 1
        for trace in self._traces:
            if trace.faint or not (trace.label or alone):
                continue
            value = self._value(trace, step)
            shown = " ".join(part for part in (trace.label and f"━ {trace.label}", self._show_as(value) if value is not None else "") if part)
            if cell_len(shown) + 2 > room:
                shown = set_cell_size(shown, max(0, room - 3)) + "…" if room > 8 else ""
            if not shown:
                break
            room -= cell_len(shown) + 2
            segments += [Segment("  "), Segment(shown, self._style(str(trace.colour % COLOURS)))]
        if note and room >= 0:
            segments += [Segment(" " * room + " "), Segment(note, self._style("note"))]
        base = self.rich_style
        return Strip([Segment(piece.text, base + piece.style if piece.style else base) for piece in segments]).adjust_cell_length(width, base)

    def _pointed_step(self) -> float | None:
        _, inner, left, right = self._inside
        if self._pointer is None or inner < 2:
            return None
        return round(left + self._pointer / (inner - 1) * (right - left))

    @staticmethod
    def _value(trace: Trace, step: float | None) -> float | None:
        if step is None:
            return trace.ys[-1]
        index = bisect_right(trace.xs, step) - 1
        return trace.ys[index] if index >= 0 else None
