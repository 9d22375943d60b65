"""One run in full: where it stands, what to look at, its curves (and those of others over them), and a panel underneath."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from xiyou_tui.training.axes import show_value
from xiyou_tui.training.curves import NAMES, Curve
from xiyou_tui.tui.follow import RunEntry
from xiyou_tui.tui.story import RunStory, show_bytes, show_seconds
from xiyou_tui.tui.widgets.plot import Plot, Trace, Window
from xiyou_tui.tui.widgets.run_list import MARKS, shorten
from xiyou_tui.tui.widgets.run_panel import TABS, show_answers, show_facts, show_log

# What the big plot can show. The first is three curves in one.
METRICS = ("loss", "perplexity", "lr", "tokens_per_second", "memory", "norm", "margin", "accuracy")
SMOOTHING = (0.0, 0.6, 0.9, 0.98)
SHOWN_ALERTS = 3
ALL_STEPS = Window()


@dataclass(frozen=True, slots=True)
class Look:
    """How the curves are looked at."""

    metric: str = "loss"
    log: bool = False
    smoothing: float = 0.6
    window: Window = ALL_STEPS
    tab: str = "answers"


class Points:
    """A curve taken apart into steps and smoothed values, as a plot wants it. Grows with the curve: a new point costs one point."""

    def __init__(self, weight: float) -> None:
        self.xs: list[float] = []
        self.ys: list[float] = []
        self._weight = weight
        self._last: tuple[int, float] | None = None
        self._average = self._norm = 0.0

    def follow(self, curve: Curve) -> None:
        """Take in what the curve has got since the last call; from the beginning again when its past has changed."""
        known = len(self.xs)
        if known and (known > len(curve) or curve[known - 1] != self._last):
            self.xs, self.ys, known = [], [], 0
            self._average = self._norm = 0.0
        weight = self._weight
        # The same average as curves.smooth.
        for step, value in curve[known:]:
            self._average = weight * self._average + (1 - weight) * value
            self._norm = weight * self._norm + (1 - weight)
            self.xs.append(step)
            self.ys.append(self._average / self._norm)
        self._last = curve[-1] if curve else None


class RunView(Vertical):
    """Shows the story of the chosen run; the stories of marked runs are laid over its curves."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entry: RunEntry | None = None
        self._story: RunStory | None = None
        self._others: tuple[tuple[str, RunStory], ...] = ()
        self._colours: Mapping[str, int] = {}
        self._points: dict[tuple[str, str, float], Points] = {}
        self._available = 0
        self._called = ""
        self._panel_shows: object = None
        self.look = Look()

    def compose(self) -> ComposeResult:
        yield Static("", id="head")
        yield Static("", id="alerts")
        yield Plot("损失", id="main")
        with Horizontal(id="small"):
            yield Plot("学习率", compact=True, id="rate")
            yield Plot("词元/秒", compact=True, id="speed")
            yield Plot("内存", compact=True, id="memory", show_as=show_bytes)
        yield Static("", id="tabs")
        with VerticalScroll(id="panel"):
            yield Static("", id="told")

    def on_mount(self) -> None:
        self.set_interval(1.0, self.tick)

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def show(self, entry: RunEntry, story: RunStory | None, others: Sequence[tuple[str, RunStory]] = (), colours: Mapping[str, int] | None = None, *, name: str = "") -> None:
        """Show a run; `story` None: it is still being read. `others` are (name, story) of the marked runs, `name` the chosen one's beside them."""
        if self._entry is None or self._entry.run.id != entry.run.id:
            self._available = 0
            self.query_one("#panel", VerticalScroll).scroll_home(animate=False)
        self._entry, self._story, self._others, self._colours = entry, story, tuple(others), colours or {}
        self._called = name or entry.name
        self.redraw()

    def tick(self) -> None:
        """What changes by itself while nothing is reported: the time, and the silence."""
        if self._entry is not None and self._entry.live and self._in_front:
            self._draw_head()

    @property
    def _in_front(self) -> bool:
        return self.screen.is_current and self.display

    def redraw(self) -> None:
        """Draw everything from what is known now."""
        if self._entry is None or not self.is_mounted:
            return
        self._draw_head()
        self._draw_plots()
        self.draw_panel()

    # Looking around.

    def change(self, **changes: object) -> None:
        """Look at the curves in another way; see Look."""
        self.look = replace(self.look, **changes)  # type: ignore[arg-type]
        self.redraw()

    def zoom(self, factor: float) -> None:
        steps = self.query_one("#main", Plot).steps
        self.change(window=self.look.window.zoomed(factor, *steps))

    def move(self, share: float) -> None:
        steps = self.query_one("#main", Plot).steps
        self.change(window=self.look.window.moved(share, *steps))

    def metrics(self) -> tuple[str, ...]:
        """Which curves there are to choose from."""
        stories = self._stories()
        return tuple(name for name in METRICS if name == "loss" or any(story.curves.series[name] for _, story, _ in stories))

    # Drawing.

    def _stories(self) -> list[tuple[str, RunStory, int]]:
        """Name, story and colour of every run in the plot, the chosen one last, so that it lies on top."""
        found = [(name, story, self._colours.get(story.run.id, 0)) for name, story in self._others]
        if self._entry is not None and self._story is not None and all(story is not self._story for _, story, _ in found):
            found.append((self._called, self._story, self._colours.get(self._entry.run.id, 0)))
        return found

    def _draw_head(self) -> None:
        entry, story = self._entry, self._story
        if entry is None:
            return
        width = max(20, self.size.width - 2)
        state = story.state if story is not None else entry.state
        mark, style = MARKS[state.status]
        silent = state.stale_for()
        parts: list[Content | tuple[str, str]] = [(f"{mark} ", style), (shorten(entry.name, width - 24), "bold"), (f"  {state.label}", style)]
        if silent:
            parts += [Content(" "), (f" {silent:.0f} 秒没有消息 ", "bold $background on $warning")]
        if entry.tags:
            parts.append(("  " + " ".join(f"#{tag}" for tag in entry.tags), "$foreground 60%"))
        lines = [Content.assemble(*parts), self._progress(width), *self._numbers(width)]
        self.query_one("#head", Static).update(Content("\n").join(lines))
        self._draw_alerts(width)

    def _progress(self, width: int) -> Content:
        assert self._entry is not None
        state = self._story.state if self._story is not None else self._entry.state
        told = f" 第 {state.step:,} / {state.of:,} 步 · 第 {state.epoch:.1f} 轮" if state.of else f" {state.label}"
        room = max(8, min(48, width - Content(told).cell_length - 5))
        full = round(room * state.share)
        style = MARKS[state.status][1]
        return Content.assemble(("━" * full, style), ("─" * (room - full), "$border"), f" {state.share:>4.0%}", told)

    def _numbers(self, width: int) -> list[Content]:
        assert self._entry is not None
        state = self._story.state if self._story is not None else self._entry.state
        items: list[tuple[str, str]] = []
        if state.loss is not None:
            items.append(("损失", show_value(state.loss)))
        if state.evaluation_loss is not None:
            best = f"（最好 {show_value(state.best_loss)}，{state.best_step} 步）" if state.best_loss is not None else ""
            items.append(("验证", f"{show_value(state.evaluation_loss)}{best}"))
        if state.perplexity is not None:
            items.append(("困惑度", show_value(state.perplexity)))
        if state.tokens_per_second is not None:
            items.append(("词元/秒", show_value(state.tokens_per_second)))
        if state.memory is not None:
            items.append(("内存", show_bytes(state.memory)))
        if state.eta is not None and self._entry.live and state.status == "running":
            items.append(("还要", show_seconds(max(0.0, state.eta - (time.time() - (state.last_time or time.time()))))))
        spent = state.seconds
        if spent is None and state.started is not None:
            spent = (time.time() if self._entry.live else state.last_time or state.started) - state.started
        if spent is not None:
            items.append(("已用", show_seconds(spent)))
        return _pack(items, width)

    def _draw_alerts(self, width: int) -> None:
        alerts = self._story.alerts(available=self._available_memory()) if self._story is not None else ()
        box = self.query_one("#alerts", Static)
        box.display = bool(alerts)
        shown = [Content.assemble(("▲ ", "bold $error" if alert.grave else "bold $warning"), (alert.text, "$error" if alert.grave else "$warning")) for alert in alerts]
        if len(shown) > SHOWN_ALERTS:
            shown[SHOWN_ALERTS - 1 :] = [Content.styled(f"▲ 还有 {len(shown) - SHOWN_ALERTS + 1} 条，见日志。", "$warning")]
        box.update(Content("\n").join(shown))

    def _available_memory(self) -> int:
        if not self._available:
            from xiyou_tui.models.machine import available_memory

            # What is free now excludes what the run itself holds already.
            own = self._story.state.memory or 0 if self._story is not None else 0
            self._available = available_memory() + own
        return self._available

    def _draw_plots(self) -> None:
        main = self.query_one("#main", Plot)
        look = self.look
        stories = self._stories()
        if look.metric == "loss":
            traces = self._losses(stories)
        else:
            alone = len(stories) == 1
            traces = [
                trace
                for name, story, colour in stories
                for trace in self._traces(story, look.metric, NAMES[look.metric] if alone else name, 0 if alone else colour)
            ]
        notes = [
            "对数" if look.log else "", f"平滑 {look.smoothing:g}" if look.smoothing else "", "放大" if look.window.span is not None else "",
        ]  # fmt: skip
        title = "损失" if look.metric == "loss" else NAMES[look.metric]
        show_as = show_bytes if look.metric == "memory" else show_value
        main.show(traces, title=title, note=" · ".join(note for note in notes if note), show_as=show_as, binary=look.metric == "memory")
        main.look(look.window, log=look.log)
        for name, metric in (("rate", "lr"), ("speed", "tokens_per_second"), ("memory", "memory")):
            plot = self.query_one(f"#{name}", Plot)
            alone = len(stories) == 1
            traces = [self._trace(story, metric, "", 0 if alone else colour, 0.0) for _, story, colour in stories]
            plot.show(traces, binary=metric == "memory")
            plot.look(look.window, log=False)

    def _losses(self, stories: list[tuple[str, RunStory, int]]) -> list[Trace]:
        if len(stories) == 1:
            _, story, _ = stories[0]
            found = self._traces(story, "loss", "训练", 0)
            found.append(self._trace(story, "validation", "验证", 1, 0.0))
            found.append(self._trace(story, "general", "通用文本", 2, 0.0))
            return found
        found = []
        # Over each other, a colour means a run: what it was validated on stands out, what it was trained on recedes.
        for name, story, colour in stories:
            validated = len(story.validation) > 1
            found += self._traces(story, "loss", "" if validated else name, colour, faint=validated)
            if validated:
                found.append(self._trace(story, "validation", name, colour, 0.0))
        return found

    def _traces(self, story: RunStory, metric: str, label: str, colour: int, *, faint: bool = False) -> list[Trace]:
        """A curve, smoothed, with the curve as it is receding behind it."""
        smoothing = self.look.smoothing if metric not in ("lr", "memory", "perplexity") else 0.0
        curve = self._trace(story, metric, label, colour, smoothing, faint=faint)
        return [self._trace(story, metric, "", colour, 0.0, faint=True), curve] if smoothing and not faint else [curve]

    def _trace(self, story: RunStory, metric: str, label: str, colour: int, smoothing: float, *, faint: bool = False) -> Trace:
        points = self._points.setdefault((story.run.id, metric, smoothing), Points(smoothing))
        points.follow(story.curves.series[metric])
        return Trace(label, points.xs, points.ys, colour, faint)

    def draw_panel(self) -> None:
        """Draw the panel under the curves."""
        entry, story = self._entry, self._story
        if entry is None:
            return
        chosen = self.look.tab
        panel = self.query_one("#panel", VerticalScroll)
        width = max(20, panel.scrollable_content_region.width)
        shows = (entry.run.id, chosen, width, _panel_stamp(entry, story, chosen))
        if shows == self._panel_shows:
            return
        self._panel_shows = shows
        names = [Content.styled(f" {label} ", "bold $primary on $panel" if name == chosen else "$foreground 60%") for name, label in TABS.items()]
        self.query_one("#tabs", Static).update(Content("").join(names))
        told = self.query_one("#told", Static)
        if story is None:
            told.update(Content.styled("正在读……", "$foreground 60%"))
            return
        match chosen:
            case "answers":
                told.update(show_answers(story, width))
            case "log":
                at_end = panel.scroll_offset.y >= panel.max_scroll_y - 1
                told.update(show_log(story, width))
                if at_end:
                    self.call_after_refresh(panel.scroll_end, animate=False)
            case _:
                told.update(show_facts(entry, story, width))


def _panel_stamp(entry: RunEntry, story: RunStory | None, tab: str) -> object:
    """What the panel is made from: while it stays the same, the panel need not be laid out again."""
    if story is None:
        return None
    match tab:
        case "answers":
            return story.started is not None, tuple((prompt, len(given), given[-1:]) for prompt, given in story.answers.items())
        case "log":
            return story.log
        case _:
            return entry.meta, story.started, story.calibrated, story.state.checkpoint_step, entry.tags


def _pack(items: Sequence[tuple[str, str]], width: int) -> list[Content]:
    """Labelled numbers in as few lines as fit; none is broken in two."""
    lines: list[Content] = []
    line = Content("")
    for label, value in items:
        piece = Content.assemble((f"{label} ", "$foreground 60%"), (value, "bold"))
        joined = piece if not line.cell_length else Content.assemble(line, "   ", piece)
        if line.cell_length and joined.cell_length > width:
            lines.append(line)
            joined = piece
        line = joined
    return [*lines, line] if line.cell_length else lines
