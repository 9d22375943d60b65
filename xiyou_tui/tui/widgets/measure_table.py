"""The table of measures: one line a measure, one column a system, with intervals; a line unfolds into its kinds of question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from xiyou_tui.evaluation.measures import ALL, BY_NAME, MEASURES, Figure, Measure, show_share
from xiyou_tui.evaluation.questions import KINDS
from xiyou_tui.evaluation.systems import MODES
from xiyou_tui.tui.evaluations import Column
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.story import show_time
from xiyou_tui.tui.widgets.lines import Row, Span
from xiyou_tui.tui.widgets.pointed import PointedView
from xiyou_tui.tui.widgets.sample_table import fit

register_keys(
    Key("figures", "down,j", "move(1)", "下", "到下一项", 1, "↑↓"),
    Key("figures", "up,k", "move(-1)", "上", "到上一项"),
    Key("figures", "pagedown", "page(1)", "下页", "向下翻"),
    Key("figures", "pageup", "page(-1)", "上页", "向上翻"),
    Key("figures", "home", "edge(-1)", "开头", "到第一项"),
    Key("figures", "end", "edge(1)", "末尾", "到最后一项"),
    Key("figures", "enter", "choose", "分题型", "展开或收起这一项的各题型", 9, "↵"),
)

LABEL = 16
NARROW_LABEL = 14
# Cells of a column with the interval in full, with half its width, with the value alone.
FULL, HALF, BARE = 20, 13, 8
LATENCY = "latency"


class MeasureTable(PointedView):
    """Shows columns. Owns which measures are unfolded and which column is meant."""

    BINDINGS = bindings("figures")

    @dataclass
    class MeasurePointed(Message):
        """The cursor came to stand on a measure; `help` says what it means."""

        help: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns: tuple[Column, ...] = ()
        self._active = 0
        self._unfolded: set[str] = set()
        self._rows: list[Row] = []
        self._names: list[str] = []

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def row_at(self, index: int) -> Row | None:
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def show(self, columns: Sequence[Column], active: int) -> None:
        """Show these columns; the one at `active` is the one that the questions below belong to."""
        self._columns, self._active = tuple(columns), active
        self.lay_out()

    def unfold_all(self) -> None:
        """Unfold every measure, or fold them all when one is open."""
        self._unfolded = set() if self._unfolded else set(BY_NAME)
        self.lay_out()

    def lay_out(self) -> None:
        name = self._names[self.pointer] if self.pointer < len(self._names) else ""
        self._rows, self._names = self._make_rows()
        self.fit()
        if not self.selectable(self.pointer) or (name and (self.pointer >= len(self._names) or self._names[self.pointer] != name)):
            self.point_at(self._names.index(name) if name in self._names else self.pinned)
        self.show_pointer()

    def selectable(self, index: int) -> bool:
        return index >= self.pinned and bool(self._names[index : index + 1]) and bool(self._names[index])

    def pointed(self) -> None:
        name = self._names[self.pointer]
        measure = BY_NAME.get(name.partition("/")[0])
        told = f"{measure.label}：{measure.help}" if measure else "用时：一题从问到答，不含装入模型；中位、第 95 百分位"
        self.post_message(self.MeasurePointed(told))

    def chosen(self) -> None:
        name = self._names[self.pointer].partition("/")[0] if self.pointer < len(self._names) else ""
        if name in BY_NAME:
            self._unfolded ^= {name}
            self.pointer = self._names.index(name)
            self.lay_out()

    # The rows.

    def _make_rows(self) -> tuple[list[Row], list[str]]:
        if not self._columns:
            return [], []
        label = LABEL if self.room >= 70 else NARROW_LABEL
        first, count = self._window(self.room - label)
        shown = self._columns[first : first + count]
        width = min(FULL + 4, (self.room - label) // len(shown))
        heads = self._head(shown, first, label, width)
        self.pinned = len(heads)
        rows, names = list(heads), [""] * len(heads)
        group = ""
        for measure in MEASURES:
            figures = [column.summary.all.figures[measure.name] if column.summary else None for column in shown]
            if measure.name in ("failed", "told") and not any(figure is not None and figure.value for figure in figures):
                continue
            if measure.group != group and self.size.height >= 24:
                rows.append(Row((Span(measure.group, "label"),)))
                names.append("")
            group = measure.group
            open_ = measure.name in self._unfolded
            rows.append(self._line(("▾ " if open_ else "▸ ") + measure.label, measure, figures, shown, label, width))
            names.append(measure.name)
            if open_:
                kinds = list(dict.fromkeys(kind for column in shown if column.summary for kind in column.summary.groups if kind != ALL))
                for kind in kinds:
                    groups = [column.summary.groups.get(kind) if column.summary else None for column in shown]
                    inner = [None if found is None else found.figures[measure.name] for found in groups]
                    if any(figure is not None and figure.denominator for figure in inner):
                        questions = max(found.questions for found in groups if found is not None)
                        rows.append(self._line(f"  {KINDS.get(kind, kind)} {questions}", measure, inner, (), label, width, faint=True))
                        names.append(f"{measure.name}/{kind}")
        rows.append(self._latency(shown, label, width))
        names.append(LATENCY)
        return rows, names

    def _window(self, room: int) -> tuple[int, int]:
        """Which columns fit: (first, how many), the meant one among them."""
        count = max(1, min(len(self._columns), room // BARE))
        return max(0, min(self._active - count + 1, len(self._columns) - count)) if self._active >= count else 0, count

    def _head(self, shown: Sequence[Column], first: int, label: int, width: int) -> list[Row]:
        several = len({column.entry.id for column in self._columns}) > 1
        more = "‹ " if first else "  "
        lines = []
        if several:
            times = [show_time(column.entry.meta.created) if column.entry.meta else "" for column in shown]
            # Where the day does not fit, the hour has to do.
            cells = [Span(fit(f"  {told if width >= HALF else told[-5:]}", width), "dim") for told in times]
            lines.append(Row((Span(" " * label, "dim"), *cells)))
        cells = []
        # Where only one model takes part, the modes tell the columns apart.
        single = len({column.spec.backing for column in self._columns} - {""}) < 2
        for index, column in enumerate(shown, first):
            style = "title" if index == self._active and len(self._columns) > 1 else "summary-label"
            cells.append(Span(fit(f"  {MODES[column.spec.mode] if single else column.spec.label}", width), style))
        lines.append(Row((Span(fit(more, label), "dim"), *cells)))
        return lines

    def _line(
        self, title: str, measure: Measure, figures: Sequence[Figure | None], shown: Sequence[Column], label: int, width: int, *, faint: bool = False
    ) -> Row:
        spans = [Span(fit(title, label), "dim" if faint else "text")]
        for index, figure in enumerate(figures):
            column = shown[index] if index < len(shown) else None
            text, style = show_cell(figure, width), "dim" if faint else "text"
            if figure is not None and measure.guaranteed and column is not None and figure.value is not None:
                broken = figure.value < 1 and column.spec.mode not in ("rag", "bare")
                style = "error" if broken else "good" if figure.value == 1 else "text"
                text = f"✗{text[1:]}" if broken else text
            elif column is not None and column.against is not None:
                direction = column.against.differences[measure.name].direction
                style = {1: "good", -1: "bad", 0: style}[direction]
                text = {1: "▲", -1: "▼", 0: " "}[direction] + text[1:]
            spans.append(Span(text, style))
        return Row(tuple(spans))

    def _latency(self, shown: Sequence[Column], label: int, width: int) -> Row:
        spans = [Span(fit("  用时 毫秒", label), "dim")]
        for column in shown:
            group = column.summary.all if column.summary else None
            if group is None or group.median is None or group.p95 is None:
                text = " —"
            else:
                text = f" {group.median:,.0f}／p95 {group.p95:,.0f}" if width >= FULL - 2 else f" {group.median:,.0f}"
            spans.append(Span(fit(text, width), "dim"))
        return Row(tuple(spans))


def show_cell(figure: Figure | None, width: int) -> str:
    """A figure in `width` cells, beginning with a blank: with its interval as far as there is room."""
    if figure is None or figure.value is None:
        return fit(" —", width)
    text = f" {show_share(figure.value):>6}"
    # At 0 and 100 % there is nothing to draw from but the same: no interval is better than one of no width.
    if figure.low is not None and figure.high is not None and figure.low < figure.high:
        if width >= FULL:
            text += f" {figure.low * 100:.1f}–{figure.high * 100:.1f}"
        elif width >= HALF:
            text += f" ±{(figure.high - figure.low) * 50:.1f}"
    return fit(text, width)
