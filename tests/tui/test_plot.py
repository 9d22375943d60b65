"""Plots: no row wider than asked, no extreme lost, ticks that stay inside, windows that stay on the curve."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from xiyou_tui.training.axes import choose_log_ticks, choose_ticks, fold, label_ticks
from xiyou_tui.training.curves import smooth
from xiyou_tui.tui.widgets.braille import DOTS, Frame, Line, draw
from xiyou_tui.tui.widgets.plot import Plot, Trace, Window
from xiyou_tui.tui.widgets.run_view import Points

VALUES = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def curves(draw_from: Any) -> tuple[list[float], list[float]]:
    """Ascending steps, as a run has them (gaps too), and as many values."""
    gaps = draw_from(st.lists(st.integers(1, 40), min_size=1, max_size=300))
    start = draw_from(st.integers(0, 1000))
    xs = [float(start)]
    for gap in gaps[:-1]:
        xs.append(xs[-1] + gap)
    return xs, draw_from(st.lists(VALUES, min_size=len(xs), max_size=len(xs)))


def lit(rows: list[list[tuple[str, int]]]) -> set[tuple[int, int]]:
    """(column, row) of every dot that is drawn."""
    found = set()
    for y, runs in enumerate(rows):
        for x, letter in enumerate("".join(text for text, _ in runs)):
            mask = ord(letter) - 0x2800 if letter != " " else 0
            found |= {(x * 2 + side, y * 4 + dot) for side in (0, 1) for dot in range(4) if mask & DOTS[side][dot]}
    return found


@given(curves(), st.integers(1, 60), st.integers(1, 20), st.booleans())
def test_every_row_is_as_wide_as_asked(curve: tuple[list[float], list[float]], width: int, height: int, log: bool) -> None:
    xs, ys = curve
    rows = draw([Line(xs, ys), Line(xs, ys[::-1], 3)], Frame(xs[0], xs[-1], 1.0, 100.0, log), width, height)
    assert len(rows) == height
    for runs in rows:
        text = "".join(part for part, _ in runs)
        assert len(text) == width
        assert all(letter == " " or 0x2800 < ord(letter) <= 0x28FF for letter in text)
        assert all((colour == -1) == (not part.strip()) for part, colour in runs)


@given(curves(), st.integers(2, 60), st.integers(1, 20))
def test_the_lowest_and_the_highest_value_are_drawn_where_they_are(curve: tuple[list[float], list[float]], width: int, height: int) -> None:
    xs, ys = curve
    low, high = min(ys), max(ys)
    if not high > low:
        return
    dots = lit(draw([Line(xs, ys)], Frame(xs[0], xs[-1], low, high), width, height))
    columns = width * 2

    def column(x: float) -> int:
        return int((x - xs[0]) * ((columns - 1) / (xs[-1] - xs[0])) + 0.5)

    assert any((column(x), 0) in dots for x, y in zip(xs, ys, strict=True) if y == high)
    assert any((column(x), height * 4 - 1) in dots for x, y in zip(xs, ys, strict=True) if y == low)
    # A curve of several points has no hole: it is one line from its first to its last column.
    assert {x for x, _ in dots} == set(range(columns))


@given(curves(), st.integers(1, 120))
def test_folding_keeps_the_extremes_of_every_column(curve: tuple[list[float], list[float]], columns: int) -> None:
    xs, ys = curve
    found = list(fold(xs, ys, xs[0], xs[-1], columns))
    assert [column.number for column in found] == sorted({column.number for column in found})
    assert all(0 <= column.number < columns for column in found)
    assert min(column.lowest for column in found) == min(ys)
    assert max(column.highest for column in found) == max(ys)
    assert found[0].first == ys[0]
    assert found[-1].last == ys[-1]
    assert all(column.lowest <= min(column.first, column.last) <= max(column.first, column.last) <= column.highest for column in found)


@given(curves(), st.integers(2, 120), st.floats(0, 1), st.floats(0, 1))
def test_a_part_of_a_curve_stays_within_the_curve(curve: tuple[list[float], list[float]], columns: int, one: float, other: float) -> None:
    xs, ys = curve
    length = xs[-1] - xs[0]
    left, right = xs[0] + length * min(one, other), xs[0] + length * max(one, other)
    if not right > left:
        return
    found = list(fold(xs, ys, left, right, columns))
    slack = 1e-9 * (max(map(abs, ys)) + 1)
    assert found
    assert [column.number for column in found] == sorted(column.number for column in found)
    assert all(min(ys) - slack <= column.lowest <= column.highest <= max(ys) + slack for column in found)
    inside = [y for x, y in zip(xs, ys, strict=True) if left <= x <= right]
    if inside:
        assert max(column.highest for column in found) >= max(inside)
        assert min(column.lowest for column in found) <= min(inside)


@given(VALUES, st.floats(1e-9, 1e9), st.integers(1, 12))
def test_ticks_lie_inside_and_can_be_told_apart(low: float, extent: float, most: int) -> None:
    high = low + extent
    ticks = choose_ticks(low, high, most)
    assert len(ticks) <= most
    assert all(low <= tick <= high for tick in ticks)
    assert list(ticks) == sorted(set(ticks))
    if high - low > 1e-3 * max(abs(low), abs(high)):
        assert len(set(label_ticks(ticks))) == len(ticks)


@given(st.floats(1e-9, 1e6), st.floats(1.01, 1e9), st.integers(2, 12))
def test_log_ticks_lie_inside(low: float, factor: float, most: int) -> None:
    ticks = choose_log_ticks(low, low * factor, most)
    assert len(ticks) <= most
    assert all(low <= tick <= low * factor for tick in ticks)


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.lists(st.one_of(st.sampled_from((2.0, 0.5)).map(lambda f: ("zoom", f)), st.sampled_from((-0.5, 0.5)).map(lambda s: ("move", s))), max_size=12))
@settings(max_examples=60)
def test_a_window_never_leaves_the_curve(first: float, length: float, moves: list[tuple[str, float]]) -> None:
    last = first + length
    window = Window()
    for kind, amount in moves:
        window = window.zoomed(amount, first, last) if kind == "zoom" else window.moved(amount, first, last)
        left, right = window.bounds(first, last)
        assert first - 1e-6 <= left <= right <= last + 1e-6
    for _ in range(40):
        window = window.zoomed(0.5, first, last)
    assert window.bounds(first, last) == (first, last)


def test_a_zoomed_window_follows_the_newest_step_until_it_is_moved() -> None:
    window = Window().zoomed(2, 0, 100)
    assert window.bounds(0, 100) == (50, 100)
    assert window.bounds(0, 140) == (90, 140)
    held = window.moved(-0.5, 0, 100)
    assert held.bounds(0, 100) == (25, 75)
    assert held.bounds(0, 140) == (25, 75)
    assert held.moved(0.5, 0, 100).moved(0.5, 0, 100).bounds(0, 200) == (150, 200)


class PlotApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Plot("损失", id="plot")


def shown(plot: Plot) -> list[str]:
    return [plot.render_line(y).text for y in range(plot.size.height)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (13, 3), (40, 6), (9, 2)])
async def test_the_widget_fills_its_place_exactly(size: tuple[int, int]) -> None:
    app = PlotApp()
    async with app.run_test(size=size) as pilot:
        plot = app.query_one(Plot)
        for traces in ((), (Trace("验证", (0,), (8.3,)),), (Trace("训练", range(500), [math.exp(-n / 90) + 1e-5 for n in range(500)]), Trace("一个很长的中文名字" * 6, (3, 400), (0.5, 0.2), 1))):
            for log in (False, True):
                plot.show(traces, note="平滑 0.6 · 对数")
                plot.look(Window(120, 300) if log else Window(), log=log)
                await pilot.pause()
                assert [plot.render_line(y).cell_length for y in range(plot.size.height)] == [plot.size.width] * plot.size.height


async def test_the_legend_says_the_newest_values_and_the_axis_the_steps() -> None:
    app = PlotApp()
    async with app.run_test(size=(80, 12)) as pilot:
        plot = app.query_one(Plot)
        plot.show([Trace("训练", (1, 100, 200), (9.0, 4.0, 3.25)), Trace("验证", (0, 200), (9.5, 3.5), 1)])
        await pilot.pause()
        lines = shown(plot)
        assert "━ 训练 3.25" in lines[0]
        assert "━ 验证 3.5" in lines[0]
        assert lines[-1].split() == ["0", "50", "100", "150", "200"]
        await pilot.hover(Plot, offset=(43, 5))
        await pilot.pause()
        # Under the pointer the legend tells the values at that step.
        assert "训练 4" in shown(plot)[0]
        assert "第 101 步" in shown(plot)[0]


async def test_a_curve_that_touches_zero_is_drawn_without_a_log_scale() -> None:
    app = PlotApp()
    async with app.run_test(size=(60, 12)) as pilot:
        plot = app.query_one(Plot)
        plot.show([Trace("训练", (1, 2, 3), (1.0, 0.0, 2.0))])
        plot.look(Window(), log=True)
        await pilot.pause()
        assert any(letter > "\u2800" for letter in "".join(shown(plot)[1:-1]))


@given(st.lists(st.tuples(st.integers(1, 8), st.lists(st.floats(-100, 100), max_size=30)), max_size=6), st.sampled_from((0.0, 0.6, 0.98)))
def test_points_that_grow_with_a_curve_equal_the_curve_smoothed_at_once(stretches: list[tuple[int, list[float]]], weight: float) -> None:
    curve: list[tuple[int, float]] = []
    points = Points(weight)
    taken = 0
    for back, values in stretches:
        # A resumed run goes some steps back and on from there.
        del curve[max(0, len(curve) - back) :]
        for value in values:
            # No two losses are the same to the last bit.
            taken += 1
            curve.append(((curve[-1][0] if curve else 0) + 1, value + 1000 * taken))
        points.follow(curve)
        assert list(zip(points.xs, points.ys, strict=True)) == smooth(curve, weight)


async def test_another_theme_has_other_colours() -> None:
    app = PlotApp()
    async with app.run_test(size=(40, 10)) as pilot:
        plot = app.query_one(Plot)
        plot.show([Trace("训练", (1, 2), (1.0, 2.0))])
        await pilot.pause()
        before = [segment.style for segment in plot.render_line(0)]
        app.theme = "textual-light"
        await pilot.pause()
        assert [segment.style for segment in plot.render_line(0)] != before
