"""The dialog that starts an evaluation: which set, which systems, which model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.errors import EvaluationError
from xiyou_tui.evaluation.questions import QuestionSet, find_set, list_sets
from xiyou_tui.evaluation.systems import HELP, MODES, NEEDS_MODEL, SystemMode
from xiyou_tui.study import Study
from xiyou_tui.training.recipe import PRACTICE
from xiyou_tui.training.run import name_adapter
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.screens.train_dialogs import PickDialog
from xiyou_tui.tui.shelf import Pick, known_directories, list_shelf, model_picks
from xiyou_tui.tui.widgets.run_list import shorten

LIMITS = (0, 30, 60, 120, 240)
NOISES = (0, 1, 2, 4)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be evaluated. `model` is a directory or PRACTICE; `limit` 0 is all questions."""

    questions: QuestionSet
    modes: tuple[SystemMode, ...]
    model: str = ""
    adapter: str = ""
    limit: int = 0
    noise: int = 0


class NewEvaluation(Dialog[Wish]):
    """Choose what to evaluate; returns the wish."""

    BINDINGS = [
        Binding("escape", "leave", "关闭"), Binding("ctrl+s,f8", "begin", "开始", priority=True), Binding("left", "turn(-1)", "上一个"),
        Binding("right", "turn(1)", "下一个"), Binding("space", "press", "选定"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    NewEvaluation .dialog { width: 84; }
    NewEvaluation #told { height: auto; min-height: 2; border-top: hkey $border; color: $foreground 75%; }
    """

    def __init__(self, study: Study) -> None:
        super().__init__()
        self._study = study
        self._known = known_directories(study.connection)
        self._models = {pick.value: pick.label for pick in model_picks(study.places, self._known)}
        chosen = study.settings.text("chat.model").strip()
        self._model = chosen or PRACTICE
        self._models.setdefault(self._model, Path(self._model).name)
        self._adapter = study.settings.text("chat.adapter").strip()
        self._set = "dev"
        self._modes: set[SystemMode] = {"extract"}
        self._limit = 0
        self._noise = 0
        self._questions: QuestionSet | None = None
        self._error = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "新的评测"
            box.border_subtitle = "^S 开始 · Enter 选、改 · ←→ 换 · Esc 取消"
            yield OptionList(id="fields")
            yield Static("", id="told")

    def on_mount(self) -> None:
        self._read_set(self._set)
        self.query_one(OptionList).focus()

    def _read_set(self, name: str) -> None:
        try:
            self._questions, self._error, self._set = find_set(self._study.places, name), "", name
        except EvaluationError as error:
            self._error = error.render()
        self._fill()

    def _fill(self) -> None:
        fields = self.query_one(OptionList)
        place = fields.highlighted
        model = bool(NEEDS_MODEL & self._modes)
        questions = self._questions
        about = f"{len(questions.questions)} 题，其中 {len(questions.questions) - questions.answerable} 题答不了" if questions else ""
        rows = [("set", "题集", f"{questions.name if questions else self._set}　", about)]
        rows += [(mode, "方式" if mode == "extract" else "", f"{'■' if mode in self._modes else '□'} {label}　", HELP[mode]) for mode, label in MODES.items()]
        rows += [
            ("model", "模型", self._models.get(self._model, self._model) if model else "（摘引不用）", ""),
            ("adapter", "适配器", (name_adapter(Path(self._adapter)) if self._adapter else "（不用）") if model else "（摘引不用）", "检索和内化用它，对照不用" if model and self._adapter else ""),
            ("limit", "题数", f"抽 {self._limit} 题　" if self._limit else "全部", "各题型按比例" if self._limit else ""),
            ("noise", "干扰", f"换进 {self._noise} 段　" if self._noise else "不掺" if model else "（摘引不用）", "给模型看的原文里换进不相干的，看答得还准不准" if self._noise and model else ""),
            ("begin", "", "▶ 开始", ""),
        ]
        fields.clear_options()
        room = 78 if self.app.size.width >= 90 else 70
        for name, label, value, about in rows:
            style = "bold $primary" if name == "begin" else "bold" if name in self._modes or name == "set" else "$foreground 55%" if value.startswith("（") else ""
            told = shorten(about, max(0, room - 9 - cell_len(value)))
            fields.add_option(Option(Content.assemble((f"  {label}", "$foreground 60%"), " " * (9 - 2 - cell_len(label)), (value, style), (told, "$foreground 50%")), id=name))
        fields.highlighted = place if place is not None else 0
        self._tell()

    def _tell(self) -> None:
        told = self.query_one("#told", Static)
        if self._error:
            told.update(Content.styled(self._error, "$error"))
            return
        asked = min(self._limit, len(self._questions.questions)) if self._limit and self._questions else len(self._questions.questions) if self._questions else 0
        lines = [f"{asked} 题 × {len(self._modes)} 种方式。" + ("要装入模型，对话里的模型会先让出内存。" if NEEDS_MODEL & self._modes else "不用模型，几秒到几十秒。")]
        if self._study.library.current().is_synopsis:
            lines.append("底本是提要卷：依据按原著写，引文类的数字会偏低。")
        told.update(Content("\n").join([Content(lines[0]), *(Content.styled(line, "$warning") for line in lines[1:])]))

    @on(OptionList.OptionSelected, "#fields")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._act(str(event.option.id), 1)

    def action_press(self) -> None:
        self.query_one(OptionList).action_select()

    def action_turn(self, step: int) -> None:
        fields = self.query_one(OptionList)
        name = str(fields.get_option_at_index(fields.highlighted).id) if fields.highlighted is not None else ""
        if name in MODES or name in ("limit", "noise"):
            self._act(name, step)

    def _act(self, name: str, step: int) -> None:
        match name:
            case "begin":
                self.action_begin()
            case "set":
                self._pick_set()
            case "model" | "adapter" if NEEDS_MODEL & self._modes:
                self._pick_model() if name == "model" else self._pick_adapter()
            case "limit":
                at = LIMITS.index(self._limit) if self._limit in LIMITS else 0
                self._limit = LIMITS[(at + step) % len(LIMITS)]
                self._fill()
            case "noise" if NEEDS_MODEL & self._modes:
                self._noise = NOISES[(NOISES.index(self._noise) + step) % len(NOISES)]
                self._fill()
            case mode if mode in MODES:
                self._modes ^= {mode}
                self._fill()

    @work
    async def _pick_set(self) -> None:
        picks = [Pick(path.stem, path.stem, str(path)) for path in list_sets(self._study.places)]
        value = await self.app.push_screen_wait(PickDialog("选一个题集", picks, self._set, placeholder="或一个 JSONL 文件的路径"))
        if value:
            self._read_set(value)

    @work
    async def _pick_model(self) -> None:
        picks = model_picks(self._study.places, self._known)
        value = await self.app.push_screen_wait(PickDialog("选模型", picks, self._model, placeholder="或一个 MLX 模型目录"))
        if value:
            self._model = value
            self._models.setdefault(value, Path(value).name)
            self._fill()

    @work
    async def _pick_adapter(self) -> None:
        picks = [Pick("-", "不用适配器")]
        picks += [Pick(item.id, item.name, item.trouble or item.about) for item in list_shelf(self._study.places, self._known) if item.kind == "adapter"]
        value = await self.app.push_screen_wait(PickDialog("选适配器", picks, self._adapter or "-", placeholder="或一个适配器目录"))
        if value:
            self._adapter = "" if value == "-" else value
            self._fill()

    def action_begin(self) -> None:
        if self._questions is None or self._error:
            return
        if not self._modes:
            self.notify("至少选一种方式。", timeout=3)
            return
        model = bool(NEEDS_MODEL & self._modes)
        modes = tuple(mode for mode in MODES if mode in self._modes)
        self.dismiss(Wish(self._questions, modes, self._model if model else "", self._adapter if model else "", self._limit, self._noise if model else 0))
