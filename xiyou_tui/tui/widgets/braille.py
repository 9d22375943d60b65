"""Curves as Braille characters: two by four dots a cell, lowest and highest kept in every column. Plain Python, no screen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xiyou_tui.training.axes import fold

# Dots of the left and the right column of a cell, from the top down.
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
# SPAN[side][first][last]: the dots of one column of a cell from `first` down to `last`.
SPAN = tuple(
    tuple(tuple(sum(dots[first : last + 1]) for last in range(4)) for first in range(4)) for dots in DOTS
)
BLANK = 0x2800


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: ascending `xs`, as many `ys`, and the number of its colour. Lines drawn later lie on top."""

    xs: Sequence[float]
    ys: Sequence[float]
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """What part of the plane is drawn; `log` makes the upward axis logarithmic (low must be above 0 then)."""

    left: float
    right: float
    low: float
    high: float
    log: bool = False


def draw(lines: Sequence[Line], frame: Frame, width: int, height: int) -> list[list[tuple[str, int]]]:
    """Draw curves into `width` by `height` cells; returns for every row its runs of (text, colour), colour -1 where nothing is.

    Every row is exactly `width` characters of one cell. Values outside the frame are drawn at its edge.
    """
    if width < 1 or height < 1:
        return []
    dots: list[int] = [0] * (width * height)
    colours: list[int] = [-1] * (width * height)
    bottom = height * 4 - 1
    low, high = _scaled(frame.low, frame.log), _scaled(frame.high, frame.log)
    stretch = bottom / (high - low) if high > low else 0.0

    def row(value: float) -> int:
        if frame.log and value <= 0:
            return bottom
        place = int((high - _scaled(value, frame.log)) * stretch + 0.5) if stretch else bottom // 2
        return 0 if place < 0 else bottom if place > bottom else place

    def fill(column: int, top: int, under: int, colour: int) -> None:
        side, cell = column & 1, column >> 1
        spans = SPAN[side]
        for y in range(top >> 2, (under >> 2) + 1):
            first = top - 4 * y if top > 4 * y else 0
            last = under - 4 * y if under < 4 * y + 3 else 3
            place = y * width + cell
            dots[place] |= spans[first][last]
            colours[place] = colour

    for line in lines:
        before, leaving = -1, 0
        for column in fold(line.xs, line.ys, frame.left, frame.right, width * 2):
            entering = row(column.first)
            if before >= 0 and column.number >= before:
                _connect(fill, before, leaving, column.number, entering, line.colour)
            fill(column.number, row(column.highest), row(column.lowest), line.colour)
            before, leaving = column.number, row(column.last)
    return [_runs(dots[y * width : (y + 1) * width], colours[y * width : (y + 1) * width]) for y in range(height)]


def _connect(fill: Callable[[int, int, int, int], None], before: int, leaving: int, after: int, entering: int, colour: int) -> None:
    """Dots from one column to a later one; every column on the way gets its own stretch of the slope."""
    steps = after - before
    if steps == 0:
        return
    slope = (entering - leaving) / steps
    here = leaving
    for step in range(1, steps + 1):
        # Half of the way between two columns belongs to each of them.
        middle = int(leaving + slope * (step - 0.5) + 0.5)
        fill(before + step - 1, min(here, middle), max(here, middle), colour)
        here = middle
    fill(after, min(here, entering), max(here, entering), colour)


def _runs(dots: Sequence[int], colours: Sequence[int]) -> list[tuple[str, int]]:
    runs: list[tuple[str, int]] = []
    text, current = "", -2
    for dot, colour in zip(dots, colours, strict=True):
        if colour != current:
            if text:
                runs.append((text, current))
            text, current = "", colour
        text += chr(BLANK + dot) if dot else " "
    runs.append((text, current))
    return runs


def _scaled(value: float, log: bool) -> float:
    return math.log10(value) if log else value
