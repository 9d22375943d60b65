"""What a drawing of curves needs, on the screen or in a file: ranges, tick marks, long curves folded into columns. Light."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """What a curve does within one column of dots: where it enters, its lowest and highest, where it leaves."""

    number: int
    first: float
    lowest: float
    highest: float
    last: float


def fold(xs: Sequence[float], ys: Sequence[float], left: float, right: float, columns: int) -> Iterator[Column]:
    """The curve with ascending `xs` over [left, right], folded into at most `columns` columns, keeping every column's extremes.

    Where the curve crosses an edge between two of its points, the crossing is a point, so that a zoomed curve does not break off.
    """
    begin, end = bisect_left(xs, left), bisect_right(xs, right)
    scale = (columns - 1) / (right - left) if right > left else 0.0
    if begin > 0 and begin < len(xs) and xs[begin] > left:
        value = _between(xs, ys, begin, left)
        yield Column(0, value, value, value, value)
    index = begin
    while index < end:
        number = int((xs[index] - left) * scale + 0.5)
        # The first point of the next column: where the rounding above turns over.
        edge = left + (number + 0.5) / scale if scale else math.inf
        upto = max(index + 1, bisect_left(xs, edge, index, end))
        if upto == index + 1:
            value = ys[index]
            yield Column(number, value, value, value, value)
        else:
            part = ys[index:upto]
            yield Column(number, part[0], min(part), max(part), part[-1])
        index = upto
    if 0 < end < len(xs) and xs[end - 1] < right:
        value = _between(xs, ys, end, right)
        yield Column(columns - 1, value, value, value, value)


def widen(low: float, high: float) -> tuple[float, float]:
    """A range that is not empty: one value alone gets a little room on both sides."""
    if high > low:
        return low, high
    room = abs(low) * 0.05 or 1.0
    return low - room, high + room


def choose_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """At most `most` round values (1, 2 or 5 times a power of ten apart) inside [low, high]; () when none fits."""
    # Closer together than numbers can be told apart, there is nothing round between them.
    if most < 1 or not high - low > 1e-12 * max(abs(low), abs(high)) or not (math.isfinite(low) and math.isfinite(high)):
        return ()
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20, 50):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            # Multiples of the step, computed afresh: adding it up again and again would drift off the round values.
            return tuple(min(max(index * step, low), high) for index in range(first, last + 1))
    return ()


def choose_log_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Ticks for a logarithmic axis over [low, high], low > 0: powers of ten, with 2 and 5 where there is room."""
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [
            factor * 10.0**power
            for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for factor in factors
            if low <= factor * 10.0**power <= high
        ]
        if 2 <= len(found) <= most:
            return tuple(found)
    # Within less than a decade, or over too many: round values are as good as any.
    return choose_ticks(low, high, most)


def label_ticks(ticks: Sequence[float]) -> tuple[str, ...]:
    """Short labels that tell the ticks apart: 0.5, 12k, 3.2M, 1e-5."""
    if not ticks:
        return ()
    biggest = max(abs(tick) for tick in ticks)
    gap = min((abs(b - a) for a, b in itertools.pairwise(ticks) if a != b), default=biggest or 1.0)
    if biggest and biggest < 1e-3:
        return tuple("0" if not tick else _scientific(tick) for tick in ticks)
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if biggest >= 10 * unit or (biggest >= unit and unit > 1e3):
            return tuple(_plain(tick / unit, gap / unit) + name if tick else "0" for tick in ticks)
    return tuple(_plain(tick, gap) for tick in ticks)


def show_value(value: float) -> str:
    """One value in four significant digits: 3.214, 1,240, 12.3k, 1.5e-5."""
    size = abs(value)
    if size and size < 1e-3:
        return _scientific(value)
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= unit:
            return f"{value / (1e3 if name == 'k' else unit):.3g}{name}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"


def _plain(value: float, gap: float) -> str:
    decimals = max(0, min(6, -math.floor(math.log10(gap) + 1e-9))) if gap else 0
    return f"{value:.{decimals}f}"


def _scientific(value: float) -> str:
    digits, power = f"{value:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(power)}"


def _between(xs: Sequence[float], ys: Sequence[float], index: int, x: float) -> float:
    """The curve's value at `x`, between its points `index - 1` and `index`."""
    share = (x - xs[index - 1]) / (xs[index] - xs[index - 1])
    return ys[index - 1] + (ys[index] - ys[index - 1]) * share
