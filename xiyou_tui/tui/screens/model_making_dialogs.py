"""The dialogs before and after a model is made from a model: what to choose, what it will cost and lose, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.errors import XiyouError
from xiyou_tui.models.conversion import Plan
from xiyou_tui.models.converting import Converted
from xiyou_tui.models.readme import tell_measured
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.story import show_bytes, show_seconds
from xiyou_tui.tui.widgets.run_panel import hang, plain

LABELS = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose: its name, its label, and the values with what they are called."""

    key: str
    label: str
    values: tuple[tuple[str, str], ...]


# Makes the plan of the chosen values and the typed name; runs in a thread.
Planner = Callable[[Mapping[str, str], str], Plan]


class MakingDialog(Dialog[Plan]):
    """Choose how a model is to be made; shows the cost of what is chosen and returns its plan."""

    BINDINGS = [
        Binding("escape", "leave", "关闭"), Binding("ctrl+s,f8", "begin", "开始", priority=True), Binding("left", "turn(-1)", "上一个"),
        Binding("right", "turn(1)", "下一个"), Binding("space", "press", "选定"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    MakingDialog #about { height: auto; margin: 0 0 1 0; }
    MakingDialog #naming { height: 1; margin: 1 0 0 0; }
    MakingDialog #naming Label { width: 12; color: $foreground 60%; padding: 0 0 0 2; }
    MakingDialog #told { height: auto; min-height: 4; margin: 1 0 0 0; border-top: hkey $border; }
    """

    @dataclass
    class Planned(Message):
        """What is chosen was thought through: its plan, or why it can't be."""

        plan: Plan | None
        error: XiyouError | None

    def __init__(self, title: str, about: Sequence[tuple[str, str]], choices: Sequence[Choice], planner: Planner, *, naming: str, hint: str) -> None:
        super().__init__()
        self._title = title
        self._about = tuple(about)
        self._choices = tuple(choices)
        self._planner = planner
        self._naming = naming
        self._hint = hint
        self._values = {choice.key: choice.values[0][0] for choice in choices}
        self._plan: Plan | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = "^S 开始 · ←→ 换 · Tab 改名 · Esc 取消"
            yield Static("", id="about")
            yield OptionList(id="choices")
            with Horizontal(id="naming"):
                yield Label(self._naming)
                name = Input(placeholder=self._hint, id="name", compact=True)
                # One row: the frame that dialogs give their only field would take three.
                name.styles.border = ("none", "transparent")
                name.styles.height = 1
                yield name
            yield Static("", id="told")

    def on_mount(self) -> None:
        self.query_one("#choices", OptionList).focus()
        self.call_after_refresh(self._start)

    def on_resize(self) -> None:
        self.call_after_refresh(self._tell_about)

    def _start(self) -> None:
        self._tell_about()
        self._fill()

    def _tell_about(self) -> None:
        about = self.query_one("#about", Static)
        if width := about.size.width:
            about.update(Content("\n").join(hang(plain(text), width, _lead(label)) for label, text in self._about))

    def _fill(self) -> None:
        choices = self.query_one("#choices", OptionList)
        place = choices.highlighted
        choices.clear_options()
        for choice in self._choices:
            value = dict(choice.values)[self._values[choice.key]]
            shown = f"‹ {value} ›" if len(choice.values) > 1 else value
            choices.add_option(Option(Content.assemble(_lead(choice.label), (shown, "bold")), id=choice.key))
        choices.add_option(Option(Content.styled(" " * LABELS + "▶ 开始", "bold $primary"), id="begin"))
        choices.highlighted = place if place is not None else 0
        self._think()

    def _think(self) -> None:
        self._plan = None
        self._work_out(dict(self._values), self.query_one("#name", Input).value.strip())

    @work(thread=True, exclusive=True, group="plan")
    def _work_out(self, values: dict[str, str], name: str) -> None:
        try:
            found = self.Planned(self._planner(values, name), None)
        except XiyouError as error:
            found = self.Planned(None, error)
        self.post_message(found)

    @on(Planned)
    def _planned(self, event: Planned) -> None:
        self._plan = event.plan
        told = self.query_one("#told", Static)
        width = told.size.width or 70
        if event.error is not None:
            lines = [hang(plain(text), width, Content("  "), "$error") for text in event.error.render().splitlines()]
            told.update(Content("\n").join(lines))
        elif event.plan is not None:
            told.update(show_plan(event.plan, width))

    @on(Input.Changed, "#name")
    def _named(self) -> None:
        self._think()

    @on(Input.Submitted, "#name")
    def _submitted(self) -> None:
        self.query_one("#choices", OptionList).focus()

    @on(OptionList.OptionSelected, "#choices")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        if event.option.id == "begin":
            self.action_begin()
        else:
            self._turn(str(event.option.id), 1)

    def action_press(self) -> None:
        self.query_one("#choices", OptionList).action_select()

    def action_turn(self, step: int) -> None:
        choices = self.query_one("#choices", OptionList)
        if choices.highlighted is not None:
            self._turn(str(choices.get_option_at_index(choices.highlighted).id), step)

    def _turn(self, key: str, step: int) -> None:
        choice = next((choice for choice in self._choices if choice.key == key), None)
        if choice is None or len(choice.values) < 2:
            return
        names = [value for value, _ in choice.values]
        self._values[key] = names[(names.index(self._values[key]) + step) % len(names)]
        self._fill()

    def action_begin(self) -> None:
        if self._plan is not None:
            self.dismiss(self._plan)


class MadeDialog(Dialog[str]):
    """What a conversion made and what was measured; returns `copy` when the path is wanted."""

    BINDINGS = [Binding("escape,enter", "leave", "关闭"), Binding("y,ctrl+y", "copy", "复制路径")]

    def __init__(self, title: str, made: Converted, lines: Sequence[str] = ()) -> None:
        super().__init__()
        self._title = title
        self._made = made
        self._lines = tuple(lines)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = "y 复制路径 · Enter 关闭"
            with VerticalScroll(can_focus=False):
                yield Static("", id="made")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).styles.height = "auto"
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        place = self.query_one("#made", Static)
        width = (place.size.width or 70) - 1
        made = self._made
        rows = [("目录", str(made.path)), ("用时", f"{show_seconds(made.seconds)}，写了 {show_bytes(made.bytes)}"), *tell_measured(made.measured)]
        lines = [hang(plain(text), width, _lead(label)) for label, text in rows]
        lines += [hang(plain(text), width, Content.styled("  · ", "$accent")) for text in (*made.notes, *self._lines)]
        place.update(Content("\n").join(lines))

    def action_copy(self) -> None:
        self.dismiss("copy")


def show_plan(plan: Plan, width: int) -> Content:
    """What a plan writes, needs and loses, broken to `width` cells."""
    cost = plan.cost
    lines = [hang(plain(str(plan.job.target)), width, _lead("写到"))]
    disk = f"{show_bytes(cost.disk)}（那里还剩 {show_bytes(cost.disk_free)}）"
    lines.append(hang(disk, width, _lead("磁盘"), "" if cost.disk < cost.disk_free else "$error"))
    memory = f"约 {show_bytes(cost.memory)}（可用 {show_bytes(cost.memory_available)}）"
    lines.append(hang(memory if cost.fits else f"{memory}：放不下", width, _lead("内存"), "" if cost.fits else "$error"))
    lines.append(hang(f"约 {show_seconds(cost.seconds)}", width, _lead("时间")))
    lines += [hang(text, width, Content.styled("  ▲ ", "$warning"), "$warning") for text in plan.losses]
    lines += [hang(text, width, Content.styled("  · ", "$foreground 60%"), "$foreground 75%") for text in plan.notes]
    return Content("\n").join(lines)


def _lead(label: str) -> Content:
    return Content.styled(f"  {label}" + " " * max(1, LABELS - 2 - cell_len(label)), "$foreground 60%")
