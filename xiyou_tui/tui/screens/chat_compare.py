"""Two models (or adapters, or 摘引) answer one question side by side; the better answer makes a preference pair."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from xiyou_tui.chat.model import (
    MODES,
    Answer,
    AnswerFailed,
    AnswerFinished,
    EngineStateChanged,
    Mode,
    StageFinished,
    TokenArrived,
)
from xiyou_tui.chat.preferences import PreferenceStore
from xiyou_tui.chat.responder import Responder
from xiyou_tui.errors import XiyouError
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.widgets.answer import Answered, Entry, Failed, Live
from xiyou_tui.tui.widgets.lines import printable
from xiyou_tui.tui.widgets.transcript import Transcript

BLIND_NAMES = ("左", "右")


@dataclass(frozen=True, slots=True)
class Side:
    """One that answers: `model` and `adapter` are directories, both "" in 摘引."""

    name: str
    mode: Mode
    model: str = ""
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Contest:
    """Two sides, and whether their names are hidden until one is chosen."""

    sides: tuple[Side, Side]
    blind: bool


class PickDialog(Dialog[Contest]):
    """Choose two that answer, one after the other."""

    BINDINGS = [("escape", "leave", "关闭"), ("m,ctrl+e", "blind", "盲评")]

    def __init__(self, sides: Sequence[Side]) -> None:
        super().__init__()
        self._sides = tuple(sides)
        self._picked: list[int] = []
        self._blind = True

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "比较：选两个"
            box.border_subtitle = "Enter 选 · m 盲评 · Esc 关闭"
            yield OptionList(id="sides")
            yield Label("", id="told", classes="hint")

    def on_mount(self) -> None:
        self._fill()
        self.query_one(OptionList).focus()

    def _fill(self) -> None:
        options = self.query_one(OptionList)
        at = options.highlighted or 0
        options.clear_options()
        options.add_options([Option(Content.assemble(("● " if index in self._picked else "○ ", "$primary"), printable(side.name))) for index, side in enumerate(self._sides)])
        options.highlighted = at
        few = "只有一个能答的。先在「模型」里做一个练手模型，或加一个模型目录。" if len(self._sides) < 2 else ""
        self.query_one("#told", Label).update(few or f"盲评：{'开，选定以前不写谁是谁' if self._blind else '关'}")

    def action_blind(self) -> None:
        self._blind = not self._blind
        self._fill()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        index = event.option_index
        self._picked = [known for known in self._picked if known != index] if index in self._picked else [*self._picked, index]
        if len(self._picked) == 2:
            first, second = (self._sides[known] for known in self._picked)
            self.dismiss(Contest((first, second), self._blind))
        else:
            self._fill()


class CompareScreen(Dialog[None]):
    """Both answers, one beside the other, made one after the other."""

    BINDINGS = [
        ("escape", "leave", "关闭"), ("1,f7", "choose(0)", "左边好"), ("2,f8", "choose(1)", "右边好"), ("0", "choose(-1)", "一样"),
    ]  # fmt: skip

    def __init__(self, question: str, contest: Contest, responder: Responder, pairs: PreferenceStore) -> None:
        super().__init__()
        self._question = question
        self._blind = contest.blind
        self._sides = list(contest.sides)
        if contest.blind:
            random.shuffle(self._sides)
        self._responder = responder
        self._pairs = pairs
        self._answers: list[Answer | None] = [None, None]
        self._live: tuple[int, Live] | None = None
        self._dirty = False
        self._chosen = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "比较"
            yield Label(Content.assemble(("问 ", "bold $primary"), (printable(self._question), "bold")), id="asked")
            with Horizontal():
                yield Transcript(measure=90, id="left")
                yield Transcript(measure=90, id="right")

    def on_mount(self) -> None:
        self.set_interval(1 / 20, self._draw)
        self._tell("正在回答")
        self._run()
        self.query_one("#left", Transcript).focus()

    def _tell(self, text: str) -> None:
        keys = "Esc 关闭" if self._chosen else "1 左边好 · 2 右边好 · 0 一样 · Esc 不评"
        self.query_one(".dialog").border_subtitle = f"{text} · {keys}" if text else keys

    def _view(self, index: int) -> Transcript:
        return self.query_one("#left" if index == 0 else "#right", Transcript)

    def _title(self, index: int) -> str:
        side = self._sides[index]
        return BLIND_NAMES[index] if self._blind and not self._chosen else side.name if side.mode == "extract" else f"{side.name} · {MODES[side.mode]}"

    @work(exclusive=True, group="compare")
    async def _run(self) -> None:
        for index, side in enumerate(self._sides):
            live = Live(mode=side.mode, model=side.model, doing="正在找……", title=self._title(index))
            self._live = (index, live)
            self._view(index).show([live])
            entry: Entry = live
            async for event in self._responder.answer(
                self._question, mode=side.mode, model=side.model or None, adapter=side.adapter
            ):
                match event:
                    case StageFinished(stage=stage):
                        live.stages.append(stage)
                    case EngineStateChanged(text=text):
                        # What is being loaded would give the name away.
                        live.doing = "正在准备……" if self._blind else text
                    case TokenArrived(text=text):
                        live.text += text
                        live.doing = "正在写……"
                    case AnswerFinished(answer=answer):
                        self._answers[index] = answer
                        entry = Answered(answer=answer, title=self._title(index))
                    case AnswerFailed(error=error):
                        entry = Failed(error=error)
                self._dirty = True
            self._live = None
            self._view(index).show([entry])
            self._view(index).action_edge(-1)
        self._tell("")

    def _draw(self) -> None:
        if self._live is None:
            return
        index, live = self._live
        seconds = int(time.monotonic() - live.began)
        if self._dirty or seconds != live.seconds:
            self._dirty, live.seconds = False, seconds
            self._view(index).changed(live)

    def action_choose(self, better: int) -> None:
        """Keep the better answer as the chosen one of a pair; -1 says that they are alike."""
        first, second = self._answers
        if self._chosen or first is None or second is None:
            return
        said = "一样好，没有存"
        if better >= 0:
            good, bad = (first, second) if better == 0 else (second, first)
            try:
                self._pairs.add(self._question, good.text, bad.text, citations=[cited.citation for cited in good.citations])
            except XiyouError as error:
                self.notify(error.render(), severity="warning", timeout=6, markup=False)
                return
            said = f"存成了偏好对（待审）：{'左' if better == 0 else '右'}边好"
        self._chosen = True
        for index, answer in enumerate((first, second)):
            self._view(index).show([Answered(answer=answer, title=self._title(index))])
            self._view(index).action_edge(-1)
        self._tell(said)

    def action_leave(self) -> None:
        if self._live is not None:
            self.workers.cancel_group(self, "compare")
            self.app.run_worker(self._responder.stop())
        self.dismiss(None)
