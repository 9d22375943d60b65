"""Small dialogs of the Train pane: sure?, name and tags, which preset, which model, and two recipes side by side."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.training.axes import show_value
from xiyou_tui.training.presets import Chain, Preset, list_chains, list_presets
from xiyou_tui.training.recipe import FIELDS, TABLES
from xiyou_tui.training.state import RunState
from xiyou_tui.tui.follow import RunEntry
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.shelf import Pick
from xiyou_tui.tui.story import show_bytes, show_seconds, show_time
from xiyou_tui.tui.widgets.run_list import shorten
from xiyou_tui.tui.widgets.run_panel import show_choice


class AskDialog(Dialog[str]):
    """A question with a few answers; returns the name of the chosen one. The first answer is the harmless one."""

    def __init__(self, title: str, text: str, answers: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._answers = tuple(answers)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = "Enter 选定 · Esc 取消"
            yield Label(Content(self._text))
            yield OptionList(*[Option(label, id=name) for name, label in self._answers])

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)


class NameDialog(Dialog[tuple[str, tuple[str, ...]]]):
    """Ask for the name and the tags of a run; returns both."""

    def __init__(self, name: str, tags: Sequence[str]) -> None:
        super().__init__()
        self._was = (name, " ".join(tags))

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "改名和标签"
            box.border_subtitle = "Enter 保存 · Tab 换栏 · Esc 取消"
            yield Label("名称（空着就用阶段和模型的名字）", classes="hint")
            yield Input(self._was[0], id="name")
            yield Label("标签（用空格分开）", classes="hint")
            yield Input(self._was[1], id="tags")

    @on(Input.Submitted)
    def _submitted(self) -> None:
        tags = self.query_one("#tags", Input).value.replace("，", " ").replace(",", " ").split()
        self.dismiss((self.query_one("#name", Input).value.strip(), tuple(tag.lstrip("#") for tag in tags)))


class PresetDialog(Dialog[Preset | Chain]):
    """All presets with what they are for, those of the practice model first, and behind them the chains of all stages."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "新的训练：选一个预设配方"
            box.border_subtitle = "Enter 选定，下一步可以逐项改 · Esc 取消"
            yield OptionList(
                *[
                    Option(Content.assemble((preset.label, "bold"), (f"\n  {preset.help}", "$foreground 60%")), id=preset.name)
                    for preset in list_presets()
                ],
                *[
                    Option(Content.assemble((chain.label, "bold"), ("\n  排成一队，每一阶段接着上一阶段练", "$foreground 60%")), id=f"chain-{chain.name}")
                    for chain in list_chains()
                ],
            )

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        everything: list[Preset | Chain] = [*list_presets(), *list_chains()]
        self.dismiss(everything[event.option_index])


class PickDialog(Dialog[str]):
    """Pick a value from a list, or type another one."""

    def __init__(self, title: str, picks: Sequence[Pick], value: str, *, placeholder: str) -> None:
        super().__init__()
        self._title = title
        self._picks = tuple(picks)
        self._value = value
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = "Enter 选定 · Tab 自己写 · Esc 取消"
            yield OptionList(
                *[
                    Option(Content.assemble((pick.label, "bold"), (f"\n  {pick.about}" if pick.about else "", "$foreground 60%")))
                    for pick in self._picks
                ]
            )
            typed = "" if any(pick.value == self._value for pick in self._picks) else self._value
            yield Input(typed, placeholder=self._placeholder)

    def on_mount(self) -> None:
        place = next((index for index, pick in enumerate(self._picks) if pick.value == self._value), 0)
        if self._picks:
            self.query_one(OptionList).highlighted = place
            self.query_one(OptionList).focus()
        else:
            self.query_one(Input).focus()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._picks[event.option_index].value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(event.value.strip())


class CompareDialog(Dialog[None]):
    """Two runs side by side: what came of them, and every field in which their recipes differ."""

    BINDINGS = [("escape,c,enter", "leave", "关闭")]
    DEFAULT_CSS = """
    CompareDialog .dialog { width: 104; }
    CompareDialog Static { width: 1fr; height: auto; }
    CompareDialog VerticalScroll { height: auto; max-height: 100%; }
    """

    def __init__(self, left: tuple[RunEntry, RunState], right: tuple[RunEntry, RunState]) -> None:
        super().__init__()
        self._pair = (left, right)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "比较两次运行"
            box.border_subtitle = "Esc 关闭"
            with VerticalScroll():
                yield Static("", id="table")

    def on_mount(self) -> None:
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        width = self.query_one("#table", Static).size.width
        if not width:
            return
        names = 16
        column = max(10, (width - names - 2) // 2)
        (left, left_state), (right, right_state) = self._pair
        lines = [_row("", left.name, right.name, names, column, "bold $primary")]
        told = zip(outcome(left, left_state), outcome(right, right_state), strict=True)
        lines += [_row(label, one, other, names, column, "") for (label, one), (_, other) in told if one or other]
        lines += [Content(""), Content.styled("配方里不同的地方", "bold $primary")]
        different = differences(left, right)
        lines += [_row(label, one, other, names, column, "$accent") for label, one, other in different]
        if not different:
            lines.append(Content.styled("配方完全一样。", "$foreground 60%"))
        self.query_one("#table", Static).update(Content("\n").join(lines))


def outcome(entry: RunEntry, state: RunState) -> list[tuple[str, str]]:
    """Label and value of what came of a run; the same labels for every run."""
    meta = entry.meta
    best = f"{show_value(state.best_loss)}（{state.best_step} 步）" if state.best_loss is not None else ""
    return [
        ("时间", show_time(meta.created) if meta else ""),
        ("状态", state.label),
        ("步数", f"{state.step:,} / {state.of:,}"),
        ("最后的损失", show_value(state.loss) if state.loss is not None else ""),
        ("最好的验证", best),
        ("困惑度", show_value(state.perplexity) if state.perplexity is not None else ""),
        ("词元/秒", show_value(state.tokens_per_second) if state.tokens_per_second is not None else ""),
        ("内存", show_bytes(state.memory) if state.memory else ""),
        ("用时", show_seconds(state.seconds) if state.seconds is not None else ""),
        ("模型", str(meta.model.get("name", "")) if meta else ""),
        ("数据", f"{meta.data.get('source', '')} {meta.data.get('hash', '')[:8]}" if meta else ""),
    ]


def differences(left: RunEntry, right: RunEntry) -> list[tuple[str, str, str]]:
    """Label and both values of every recipe field that differs."""
    if left.meta is None or right.meta is None:
        return []
    one, other = left.meta.recipe, right.meta.recipe
    return [
        (f"{TABLES[field.key.split('.')[0]]}·{field.label}", show_choice(one, field.key), show_choice(other, field.key))
        for field in FIELDS
        if field.key != "run.name" and one.value(field.key) != other.value(field.key)
    ]


def _row(label: str, left: str, right: str, names: int, column: int, style: str) -> Content:
    first = Content(shorten(label, names - 1)).stylize("$foreground 60%")
    one = Content.styled(shorten(left, column), style)
    return Content.assemble(
        first, " " * max(1, names - first.cell_length), one, " " * (column + 2 - one.cell_length), (shorten(right, column), style)
    )
