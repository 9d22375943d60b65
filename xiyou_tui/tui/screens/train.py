"""Mode 训练: runs on the left; the chosen one's curves, answers and log beside them. Starting, steering and comparing runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from textual import on, work
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList, Static

from xiyou_tui.errors import XiyouError
from xiyou_tui.storage.state import read_state, write_state
from xiyou_tui.training.presets import Chain, find_preset
from xiyou_tui.training.recipe import PRACTICE, Recipe
from xiyou_tui.training.run import RunDirectory
from xiyou_tui.tui.follow import RunsListed, StoryContinued, StoryOpened
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.screens.train_actions import TrainActions
from xiyou_tui.tui.shelf import known_directories, model_picks
from xiyou_tui.tui.story import RunStory
from xiyou_tui.tui.widgets.plot import COLOURS, Window
from xiyou_tui.tui.widgets.run_list import RunList
from xiyou_tui.tui.widgets.run_panel import TABS
from xiyou_tui.tui.widgets.run_view import SMOOTHING, RunView

register_keys(
    Key("train", "n,ctrl+n", "new", "新训练", "选预设、改配方、看估计、开始", 9, "n"),
    Key("train", "b,ctrl+o", "practice", "练手", "做好练手模型，马上开始一次通读训练", 2, "b"),
    Key("train", "p,ctrl+p", "pause", "暂停/继续", "暂停会放掉内存；再按一次接着练", 8, "p"),
    Key("train", "s,ctrl+s", "stop", "停止保存", "存下现在的结果，停止训练", 7, "s"),
    Key("train", "k,ctrl+k", "abort", "放弃", "不再存，马上停；已存的检查点都在（会先问）"),
    Key("train", "R,ctrl+r", "resume", "接着练", "中断、停下或失败的运行，从最后的检查点继续", 5, "R"),
    Key("train", "space,ctrl+g", "mark", "叠加", "把这次运行叠进曲线；再按一次拿掉", 6, "空格"),
    Key("train", "v,f8", "metric", "换曲线", "损失 → 困惑度 → 学习率 → 词元/秒 → 内存 → 梯度", 4, "v"),
    Key("train", "l,ctrl+l", "log", "对数", "纵轴用对数", 3, "l"),
    Key("train", "m,ctrl+u", "smooth", "平滑", "平滑 0 → 0.6 → 0.9 → 0.98", 3, "m"),
    Key("train", "plus,equals_sign", "zoom(2)", "放大", "只看最近的一半步数，再按再放大", 1, "+ -"),
    Key("train", "minus", "zoom(0.5)", "缩小", "多看一倍步数"),
    Key("train", "left_square_bracket", "move(-0.5)", "左移", "放大时往前看"),
    Key("train", "right_square_bracket", "move(0.5)", "右移", "放大时往后看；到头就跟着最新的走"),
    Key("train", "0", "whole", "全程", "看全部步数"),
    Key("train", "t,ctrl+t", "tab", "下栏", "固定提问 → 日志 → 配方和数据", 4, "t"),
    Key("train", "c,f7", "compare", "比较", "和叠加的那次（或前一次）比较配方和结果", 3, "c"),
    Key("train", "r,ctrl+e", "rename", "改名", "改名字和标签"),
    Key("train", "x,ctrl+x", "export", "导出", "把曲线导出为 CSV 和 SVG", 2, "x"),
    Key("train", "d,ctrl+d,delete", "delete", "删除", "把运行移到回收站（会先问）"),
    Key("train", "u,ctrl+z", "undo", "撤销删除", "把刚删的运行放回来"),
    Key("train", "escape", "leave", "取消", "拿掉叠加，看全程"),
)

EMPTY = (
    "还没有训练过。按 Enter 就做一个练手模型（几十万参数，几秒钟）并开始一次通读训练，曲线是真的；"
    "要自己定模型和配方，按 n 新建。"
)


class EmptyNotice(Static, can_focus=True):
    """What to do when there is no run; Enter does it."""

    BINDINGS = [("enter", "screen.practice", "练手")]


class TrainScreen(TrainActions):
    """Runs: their list, one of them in full, and what can be done with them."""

    mode = "train"
    CSS_PATH = "train.tcss"
    BINDINGS = bindings("train")
    # Below 30 rows the small curves give way.
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-low"), (32, "-tall")]

    @dataclass
    class PreparationWentOn(Message):
        """Something on the way to a run was begun: what, and how much of it is done (0 to 1)."""

        what: str
        share: float

    @dataclass
    class RunBegun(Message):
        """A run was started, or why not; `missing` says which later stage could not be queued behind it."""

        run: RunDirectory | None
        error: XiyouError | None
        missing: str = ""

    def __init__(self) -> None:
        super().__init__()
        self._stories: dict[str, RunStory] = {}
        self._empty: bool | None = None
        self._preparing = False

    def body(self) -> Iterable[Widget]:
        with Horizontal(id="columns"):
            yield RunList(id="runs")
            with Vertical(id="middle"):
                yield EmptyNotice(EMPTY, id="empty")
                yield Static("", id="preparing")
                yield RunView(id="run")

    @property
    def runs(self) -> RunList:
        return self.query_one("#runs", RunList)

    @property
    def view(self) -> RunView:
        return self.query_one("#run", RunView)

    def on_mount(self) -> None:
        self._wished = read_state(self.study.connection, "train.run", "")
        # Until the list has been read, a look at the directory says whether there is anything.
        self._arrange(empty=not any(self.study.places.runs.iterdir()))
        self.xiyou.follower.listen(self.post_message)

    def on_unmount(self) -> None:
        self.xiyou.follower.listen(None)

    # What the follower tells.

    @on(RunsListed)
    def _listed(self, event: RunsListed) -> None:
        self._entries = event.entries
        known = {entry.run.id for entry in event.entries}
        self._marked = [run for run in self._marked if run in known]
        self._stories = {run: story for run, story in self._stories.items() if run in known}
        self._fill()
        if self._wished in known:
            self.runs.choose(self._wished)
            self._wished = ""
        self._arrange(empty=not self._entries)
        self._choose(self.runs.chosen)

    @on(StoryOpened)
    def _opened(self, event: StoryOpened) -> None:
        self._stories[event.run] = event.story
        self._show()

    @on(StoryContinued)
    def _continued(self, event: StoryContinued) -> None:
        story = self._stories.get(event.run)
        if story is None:
            return
        story.add(event.events)
        story.state = event.state
        if event.log is not None:
            story.log = event.log
        self._show()

    def _fill(self) -> None:
        self.runs.fill(self._entries, self._colours())

    def _colours(self) -> dict[str, int]:
        """Colours of the marked runs. The chosen one takes part once there is another to tell it from."""
        if not self._marked:
            return {}
        together = self._marked if self._chosen in self._marked or not self._chosen else [*self._marked, self._chosen]
        return {run: index % COLOURS for index, run in enumerate(together)} if len(together) > 1 else {together[0]: 0}

    def _arrange(self, *, empty: bool) -> None:
        if empty == self._empty:
            return
        self._empty = empty
        self.set_class(empty, "empty")
        # What was hidden until now can take the focus only once it is laid out.
        self.call_after_refresh(self.query_one("#empty" if empty else "#runs").focus)

    @on(OptionList.OptionHighlighted, "#runs")
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if not self.runs.filling and event.option.id:
            self._choose(event.option.id)

    def _choose(self, run: str) -> None:
        if run != self._chosen:
            self._chosen = run
            if run:
                write_state(self.study.connection, "train.run", run)
            self.view.look = replace(self.view.look, window=Window())
            self._fill()
        self.xiyou.follower.want(dict.fromkeys([*self._marked, *([run] if run else [])]))
        self._show()

    def on_screen_resume(self) -> None:
        self._show()

    def _show(self) -> None:
        entry = self._entry(self._chosen)
        # Nobody looks while another mode is in front; coming back shows what is known then.
        if entry is None or self.app.current_mode != self.mode:
            return
        names = self._names()
        others = [(names[run], self._stories[run]) for run in self._marked if run != self._chosen and run in self._stories]
        self.view.show(entry, self._stories.get(self._chosen), others, self._colours(), name=names[self._chosen])

    def _names(self) -> dict[str, str]:
        """Names by which runs can be told apart in a legend."""
        names = [entry.name for entry in self._entries]
        return {entry.run.id: entry.name if names.count(entry.name) == 1 else f"{entry.name} {entry.run.id[9:15]}" for entry in self._entries}

    # Starting.

    @work
    async def action_new(self) -> None:
        from xiyou_tui.tui.screens.train_dialogs import PresetDialog

        chosen = await self.app.push_screen_wait(PresetDialog())
        if isinstance(chosen, Chain):
            await self._start_chain(chosen)
        elif chosen is not None:
            await self._fill_in(chosen.recipe)

    async def _start_chain(self, chain: Chain) -> None:
        from xiyou_tui.tui.screens.train_dialogs import PickDialog

        model = PRACTICE
        if chain.presets[0].recipe.model != PRACTICE:
            picks = model_picks(self.study.places, known_directories(self.study.connection))
            picked = await self.app.push_screen_wait(PickDialog("练哪个模型", picks, "", placeholder="或者写一个 MLX 模型目录的路径"))
            if picked is None:
                return
            model = picked
        if not self._preparing:
            await self._prepare_start()
            self._begin_chain(chain, model)

    async def _prepare_start(self) -> None:
        self._preparing = True
        self._prepare("请对话的模型让出内存", 0.0)
        await self.xiyou.release_engine()

    @work(thread=True, exclusive=True, group="practice")
    def _begin_chain(self, chain: Chain, model: str) -> None:
        from xiyou_tui.tui.launching import begin_chain

        after = next((entry.run for entry in self._entries if entry.run.is_alive()), None)
        try:
            begun = begin_chain(self.study.places, chain, model, after=after, progress=self._tell_progress)
            self.post_message(self.RunBegun(begun.runs[0], None, begun.missing))
        except XiyouError as error:
            self.post_message(self.RunBegun(None, error))

    def _tell_progress(self, what: str, share: float) -> None:
        self.post_message(self.PreparationWentOn(what, share))

    async def _fill_in(self, recipe: Recipe) -> None:
        from xiyou_tui.tui.screens.train_form import RecipeForm

        run = await self.app.push_screen_wait(RecipeForm(self.study, recipe, self._entries, self.xiyou.release_engine))
        if run is not None:
            self._follow(run)

    @work
    async def new_run_with(self, model: str) -> None:
        """Open the form for a run that trains `model` (a directory, or practice), with the preset that suits it."""
        from xiyou_tui.training.presets import default_preset

        await self._fill_in(default_preset("dapt", model).recipe.changed("run.model", model))

    @work
    async def action_practice(self) -> None:
        if self._preparing:
            return
        live = next((entry for entry in self._entries if entry.live and entry.run.is_alive()), None)
        if live is not None:
            self.notify(f"「{live.name}」还在训练。等它完了再练手，或按 n 新建并排队。", severity="warning", timeout=5, markup=False)
            return
        await self._prepare_start()
        self._begin_practice()

    @work(thread=True, exclusive=True, group="practice")
    def _begin_practice(self) -> None:
        from xiyou_tui.tui.launching import begin_run

        try:
            run = begin_run(self.study.places, find_preset("practice-dapt").recipe, progress=self._tell_progress)
            self.post_message(self.RunBegun(run, None))
        except XiyouError as error:
            self.post_message(self.RunBegun(None, error))

    @on(PreparationWentOn)
    def _went_on(self, event: PreparationWentOn) -> None:
        self._prepare(event.what, event.share)

    def _prepare(self, what: str, share: float) -> None:
        from xiyou_tui.tui.screens.train_form import show_progress

        self.set_class(bool(what), "preparing")
        self.query_one("#preparing", Static).update(show_progress(what, share) if what else "")

    @on(RunBegun)
    def _begun(self, event: RunBegun) -> None:
        self._preparing = False
        self._prepare("", 0.0)
        if event.run is not None:
            self._follow(event.run)
        if event.missing:
            self.notify(event.missing, severity="warning", timeout=12, markup=False)
        if event.error is not None:
            self.query_one("#empty", EmptyNotice).update(Content.assemble((event.error.render() + "\n\n", "$error"), EMPTY))
            self.xiyou.complain(event.error)

    def _follow(self, run: RunDirectory) -> None:
        self._wished = run.id
        self.xiyou.follower.wake()
        self.notify("训练开始了。关掉界面它也会练下去。", timeout=4)

    # Looking.

    def action_mark(self) -> None:
        run = self._chosen
        if not run:
            return
        self._marked = [known for known in self._marked if known != run] if run in self._marked else [*self._marked, run][-COLOURS:]
        self._fill()
        self._choose(run)

    def action_metric(self) -> None:
        names = self.view.metrics()
        here = names.index(self.view.look.metric) if self.view.look.metric in names else -1
        self.view.change(metric=names[(here + 1) % len(names)])

    def action_log(self) -> None:
        self.view.change(log=not self.view.look.log)

    def action_smooth(self) -> None:
        self.view.change(smoothing=SMOOTHING[(SMOOTHING.index(self.view.look.smoothing) + 1) % len(SMOOTHING)])

    def action_zoom(self, factor: float) -> None:
        self.view.zoom(factor)

    def action_move(self, share: float) -> None:
        self.view.move(share)

    def action_whole(self) -> None:
        self.view.change(window=Window())

    def action_tab(self) -> None:
        names = list(TABS)
        self.view.change(tab=names[(names.index(self.view.look.tab) + 1) % len(names)])

    def action_leave(self) -> None:
        self._marked = []
        self._fill()
        self.view.change(window=Window())
        self._choose(self._chosen)
        self.runs.focus()
