"""A new run: the recipe's fields with what they mean, and what the run will need, told before it starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from xiyou_tui.errors import TrainingError, XiyouError
from xiyou_tui.study import Study
from xiyou_tui.training.estimate import VERDICTS
from xiyou_tui.training.fields import RecipeField
from xiyou_tui.training.recipe import BY_KEY, TABLES, Recipe, fields_for
from xiyou_tui.training.run import RunDirectory
from xiyou_tui.tui.follow import RunEntry
from xiyou_tui.tui.launching import Outlook, begin_run, look_ahead
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.screens.train_dialogs import AskDialog, PickDialog
from xiyou_tui.tui.shelf import Pick, known_directories, model_picks, start_picks
from xiyou_tui.tui.story import show_bytes, show_seconds
from xiyou_tui.tui.widgets.run_list import shorten
from xiyou_tui.tui.widgets.run_panel import show_choice

# A pause in typing after which the estimate is made anew, seconds.
SETTLE = 0.25


class RecipeForm(Dialog[RunDirectory]):
    """Edit a recipe and start it; returns the run."""

    BINDINGS = [
        Binding("escape", "leave", "关闭"), Binding("ctrl+s,f8", "begin", "开始", priority=True), Binding("ctrl+r", "reset", "默认值", priority=True),
        Binding("left", "turn(-1)", "上一个"), Binding("right", "turn(1)", "下一个"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    RecipeForm .dialog { width: 96; height: 94%; }
    RecipeForm #fields { height: 1fr; max-height: 100%; }
    RecipeForm #value, RecipeForm #lines { display: none; border: tall $primary; background: $surface; }
    RecipeForm #lines { height: 6; }
    RecipeForm #value.open, RecipeForm #lines.open { display: block; }
    RecipeForm #about { height: auto; min-height: 2; color: $foreground 75%; border-top: hkey $border; }
    RecipeForm #verdict { height: auto; min-height: 2; max-height: 7; border-top: hkey $border; }
    """

    @dataclass
    class EstimateFinished(Message):
        """A recipe was thought through: what it would need, or why it can't be started."""

        recipe: Recipe
        outlook: Outlook | None
        error: XiyouError | None

    @dataclass
    class PreparationWentOn(Message):
        """Something on the way to the start was begun: what, and how much of it is done (0 to 1)."""

        what: str
        share: float

    @dataclass
    class RunStarted(Message):
        """The trainer was started, or why not."""

        run: RunDirectory | None
        error: XiyouError | None

    def __init__(self, study: Study, recipe: Recipe, entries: tuple[RunEntry, ...], release: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._places = study.places
        self._known = known_directories(study.connection)
        self._recipe = recipe
        self._entries = entries
        self._release = release
        self._keys: list[str] = []
        self._open = ""
        self._timer: Timer | None = None
        self._starting = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "新的训练"
            box.border_subtitle = "^S 开始 · Enter 改 · ←→ 换选项 · ^R 默认值 · Esc 取消"
            yield OptionList(id="fields")
            yield Input(id="value")
            yield TextArea(id="lines")
            yield Static("", id="about")
            yield Static("", id="verdict")

    def on_mount(self) -> None:
        self._list_fields()
        self.query_one("#fields", OptionList).focus()
        self._estimate_soon()

    @property
    def recipe(self) -> Recipe:
        """The recipe as edited so far."""
        return self._recipe

    # The fields.

    def _list_fields(self) -> None:
        fields = self.query_one("#fields", OptionList)
        here = self._here()
        fields.clear_options()
        self._keys = []
        options: list[Option | None] = []
        table = ""
        for field in fields_for(self._recipe.stage):
            group = field.key.split(".")[0]
            if group != table:
                table = group
                options.append(Option(Content.styled(TABLES[group], "bold $primary"), disabled=True))
                self._keys.append("")
            options.append(Option(self._row(field), id=field.key))
            self._keys.append(field.key)
        fields.add_options(options)
        key = here.key if here is not None and here.key in self._keys else "run.name"
        fields.highlighted = self._keys.index(key)

    def _row(self, field: RecipeField) -> Content:
        value = self._recipe.value(field.key)
        caution = bool(field.caution(value))
        shown = shorten(show_choice(self._recipe, field.key), 56)
        if field.key == "run.model" and not value:
            shown, caution = "（还没有选）", True
        changed = value != field.default
        style = "$warning" if caution else "$accent" if changed else "$foreground 80%"
        return Content.assemble(("  " + field.label, "bold" if changed else ""), " " * max(1, 20 - cell_len(field.label)), (shown, style))

    def _here(self) -> RecipeField | None:
        place = self.query_one("#fields", OptionList).highlighted
        key = self._keys[place] if place is not None and place < len(self._keys) else ""
        return BY_KEY[key] if key else None

    @on(OptionList.OptionHighlighted, "#fields")
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option.id:
            self._explain(BY_KEY[event.option.id])

    def _explain(self, field: RecipeField, error: str = "") -> None:
        limits = []
        if field.choices:
            limits.append("可选：" + "、".join(label for _, label in field.choices))
        if field.minimum is not None and field.maximum is not None:
            limits.append(f"范围 {field.minimum:g}–{field.maximum:g}")
        if field.advised is not None:
            limits.append(f"建议 {field.advised[0]:g}–{field.advised[1]:g}")
        limits.append(f"默认 {'；'.join(field.show(field.default).splitlines()) or '（空）'}")
        text = Content.assemble(f"{field.help}。", (" · ".join(limits), "$foreground 55%"), (f"　{field.key}", "$foreground 40%"))
        caution = field.caution(self._recipe.value(field.key))
        if error:
            text = Content.assemble((error + "\n", "$error"), text)
        elif caution:
            text = Content.assemble((caution + "\n", "$warning"), text)
        self.query_one("#about", Static).update(text)

    @on(OptionList.OptionSelected, "#fields")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        field = BY_KEY[str(event.option.id)]
        if field.kind in ("choice", "switch"):
            self._turn(field, 1)
        elif field.key in ("run.model", "run.start_from"):
            self._pick(field)
        elif field.kind == "lines":
            self._edit_lines(field)
        else:
            box = self.query_one("#value", Input)
            box.value = field.show(self._recipe.value(field.key))
            box.border_title = field.label
            box.add_class("open")
            box.focus()
            self._open = field.key

    def _edit_lines(self, field: RecipeField) -> None:
        area = self.query_one("#lines", TextArea)
        area.text = field.show(self._recipe.value(field.key))
        area.border_title = f"{field.label}：一行一个"
        area.border_subtitle = "^S 收下 · Esc 不改"
        area.add_class("open")
        area.focus()
        self._open = field.key

    def action_turn(self, step: int) -> None:
        field = self._here()
        if field is not None and not self._open and field.kind in ("choice", "switch"):
            self._turn(field, step)

    def _turn(self, field: RecipeField, step: int) -> None:
        value = self._recipe.value(field.key)
        values: list[object] = [False, True] if field.kind == "switch" else [name for name, _ in field.choices]
        self._change(field, values[(values.index(value) + step) % len(values)])

    @work
    async def _pick(self, field: RecipeField) -> None:
        value = str(self._recipe.value(field.key))
        picks: tuple[Pick, ...]
        if field.key == "run.model":
            picks, placeholder = model_picks(self._places, self._known), "或者写一个 MLX 模型目录的路径"
        else:
            picks, placeholder = start_picks(self._entries), "或者写一个适配器目录的路径"
        chosen = await self.app.push_screen_wait(PickDialog(field.label, picks, value, placeholder=placeholder))
        if chosen is not None:
            self._change(field, chosen)

    @on(Input.Submitted, "#value")
    def _submitted(self, event: Input.Submitted) -> None:
        if self._change(BY_KEY[self._open], event.value):
            self._close_field()

    def action_reset(self) -> None:
        field = self._here()
        if field is not None and not self._open:
            self._change(field, field.default)

    def action_leave(self) -> None:
        if self._open:
            self._close_field()
        elif not self._starting:
            self.dismiss(None)

    def _close_field(self) -> None:
        self._open = ""
        self.query_one("#value", Input).remove_class("open")
        self.query_one("#lines", TextArea).remove_class("open")
        self.query_one("#fields", OptionList).focus()

    def _change(self, field: RecipeField, raw: object) -> bool:
        try:
            changed = self._recipe.changed(field.key, raw)
        except TrainingError as error:
            self._explain(field, error.what)
            return False
        stage = self._recipe.stage
        self._recipe = changed
        if changed.stage != stage:
            self._list_fields()
        else:
            self.query_one("#fields", OptionList).replace_option_prompt(field.key, self._row(field))
        self._explain(field)
        self._estimate_soon()
        return True

    # What it will need.

    def _estimate_soon(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SETTLE, self._begin_estimate)

    def _begin_estimate(self) -> None:
        if not self._recipe.model:
            self._tell(Content.styled("先在「模型」那一行按 Enter，选一个模型目录。", "$warning"))
            return
        self._estimate(self._recipe)

    @work(thread=True, exclusive=True, group="estimate")
    def _estimate(self, recipe: Recipe) -> None:
        outlook, failure = None, None
        try:
            outlook = look_ahead(self._places, recipe)
        except XiyouError as error:
            failure = error
        self.post_message(self.EstimateFinished(recipe, outlook, failure))

    @on(EstimateFinished)
    def _estimated(self, event: EstimateFinished) -> None:
        if event.recipe != self._recipe or self._starting:
            return
        if event.outlook is None:
            self._tell(Content.styled(event.error.render() if event.error else "", "$error"))
            return
        self._tell(show_outlook(event.outlook))

    def _tell(self, content: Content) -> None:
        self.query_one("#verdict", Static).update(content)

    # Starting.

    def action_begin(self) -> None:
        if self._open:
            if self._open and BY_KEY[self._open].kind == "lines":
                self._change(BY_KEY[self._open], self.query_one("#lines", TextArea).text)
                self._close_field()
            elif self._change(BY_KEY[self._open], self.query_one("#value", Input).value):
                self._close_field()
            return
        if not self._starting:
            self._start()

    @work
    async def _start(self) -> None:
        if not self._recipe.model:
            self._begin_estimate()
            return
        after: RunDirectory | None = None
        live = [entry for entry in self._entries if entry.run.is_alive()]
        if live:
            # The list has the newest first: behind the last of those that wait already.
            last = live[0]
            answers = [("after", f"排在「{last.name}」后面，等它完了自动开始"), ("now", "现在就开始（两边都会慢，内存各占一份）")]
            answer = await self.app.push_screen_wait(AskDialog("有一次训练正在进行", "一台机器同时练两个，谁也不快。", answers))
            if answer is None:
                return
            after = last.run if answer == "after" else None
        self._starting = True
        self._tell(Content("正在请对话的模型让出内存……"))
        await self._release()
        self._begin(self._recipe, after)

    @work(thread=True, exclusive=True, group="start")
    def _begin(self, recipe: Recipe, after: RunDirectory | None) -> None:
        def progress(what: str, share: float) -> None:
            self.post_message(self.PreparationWentOn(what, share))

        run, failure = None, None
        try:
            run = begin_run(self._places, recipe, after=after, progress=progress)
        except XiyouError as error:
            failure = error
        self.post_message(self.RunStarted(run, failure))

    @on(PreparationWentOn)
    def _went_on(self, event: PreparationWentOn) -> None:
        self._tell(show_progress(event.what, event.share))

    @on(RunStarted)
    def _started(self, event: RunStarted) -> None:
        self._starting = False
        if event.run is not None:
            self.dismiss(event.run)
        elif event.error is not None:
            self._tell(Content.styled(event.error.render(), "$error"))


def show_progress(what: str, share: float, width: int = 30) -> Content:
    """A bar with what is being done."""
    full = round(width * min(1.0, max(0.0, share)))
    return Content.assemble(("━" * full, "$primary"), ("─" * (width - full), "$border"), f" {what}")


def show_outlook(outlook: Outlook) -> Content:
    """The verdict for this machine, steps and time, and what to mind."""
    estimate = outlook.estimate
    lines: list[Content] = []
    if estimate is None:
        lines.append(Content.styled("练手模型还没有做：按 ^S 会先做它（几秒钟），再开始训练。", "$success"))
    else:
        style = {"fits": "$success", "tight": "$warning", "too-big": "$error"}[estimate.verdict]
        text = estimate.verdict_text.removeprefix(VERDICTS[estimate.verdict])
        lines.append(Content.assemble((VERDICTS[estimate.verdict], f"bold {style}"), (text, style)))
        when = f"约 {show_seconds(estimate.seconds)}" if estimate.seconds is not None else "时间还不知道"
        lines.append(Content.assemble(f"{estimate.steps:,} 步 · {estimate.tokens:,} 词元 · {when}", (f"（{estimate.basis}）", "$foreground 60%")))
        parts = sorted(estimate.parts.items(), key=lambda part: -part[1])
        lines.append(Content.styled("  ".join(f"{name} {show_bytes(size)}" for name, size in parts if size), "$foreground 60%"))
        lines += [Content.styled(f"可以：{text}", style) for text in estimate.advice]
    lines += [Content.styled(f"▲ {text}", "$warning") for text in outlook.warnings]
    return Content("\n").join(lines)
