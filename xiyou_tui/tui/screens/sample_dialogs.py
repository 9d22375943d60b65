"""Dialogs of the sample pane: why one refuses, which file to import, what came of an import."""

from __future__ import annotations

import time
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.chat.drafting import Order, parse_chapters
from xiyou_tui.errors import SampleError
from xiyou_tui.samples.exchange import ImportOutcome
from xiyou_tui.samples.model import REFUSAL_REASONS
from xiyou_tui.tui.screens.dialogs import Dialog

MOST_DRAFTS = 500


class ReasonDialog(Dialog[str]):
    """Ask why the sample refuses; returns the reason. A usual one is a digit away, any other can be typed."""

    BINDINGS = [(str(number), f"pick({number})", "选定") for number in range(1, len(REFUSAL_REASONS) + 1)]

    def __init__(self, reason: str = "") -> None:
        super().__init__()
        self._reason = reason

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "为什么拒答"
            box.border_subtitle = "1–5 或 Enter 选定 · Tab 自己写 · Esc 取消"
            yield OptionList(
                *[
                    Option(Content.assemble((f"{number} ", "bold $accent"), reason))
                    for number, reason in enumerate(REFUSAL_REASONS.values(), 1)
                ]
            )
            yield Input(self._reason, placeholder="或者写别的理由", id="reason")

    def on_mount(self) -> None:
        reasons = list(REFUSAL_REASONS.values())
        self.query_one(OptionList).highlighted = reasons.index(self._reason) if self._reason in reasons else 0
        self.set_focus(self.query_one(OptionList))

    def action_pick(self, number: int) -> None:
        self.dismiss(list(REFUSAL_REASONS.values())[number - 1])

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(list(REFUSAL_REASONS.values())[event.option_index])

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(event.value.strip())


class ImportDialog(Dialog[Path]):
    """Ask for a JSONL file; returns its path."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "导入样本"
            box.border_subtitle = "Enter 导入 · Esc 取消"
            yield Label("对话格式的 JSONL，一行一条。好的行收下，坏的行按行号列出。", classes="hint")
            yield Input(placeholder="文件路径，例如 ~/samples.jsonl；可以把文件拖进终端", id="path")
            yield Label("", id="told")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        # A file that is dragged into a terminal arrives quoted, or with its spaces escaped.
        typed = event.value.strip().strip("'\"").replace("\\ ", " ")
        if not typed:
            return
        path = Path(typed).expanduser()
        if path.is_file():
            self.dismiss(path)
            return
        told = self.query_one("#told", Label)
        told.add_class("error")
        told.update("这是一个目录，要写到文件。" if path.is_dir() else "没有这个文件。看看路径写得对不对。")


class DraftDialog(Dialog[Order]):
    """Ask how many candidates to draft, and from which chapters; returns the order."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "起草候选样本"
            box.border_subtitle = "Enter 起草 · Tab 下一格 · Esc 取消"
            yield Label("从程序自带的情节索引起草：问题、回答和原文引文，三成是拒答。", classes="hint")
            yield Label("不用模型，都进待审，审过才训练；和已有的、和题集相近的不起草。", classes="hint")
            yield Label("几条")
            yield Input("20", type="integer", id="count")
            yield Label("哪几回")
            yield Input(placeholder="空着是全书，先起草引得最少的回；或写 1-10、3,27", id="chapters")
            yield Label("", id="told")

    @on(Input.Submitted)
    def _submitted(self) -> None:
        told = self.query_one("#told", Label)
        typed = self.query_one("#count", Input).value.strip()
        told.add_class("error")
        if not typed.isdecimal() or not 1 <= int(typed) <= MOST_DRAFTS:
            told.update(f"条数写 1 到 {MOST_DRAFTS}。")
            return
        try:
            chapters = parse_chapters(self.query_one("#chapters", Input).value)
        except SampleError as error:
            told.update(error.render())
            return
        self.dismiss(Order(int(typed), chapters=chapters, seed=int(time.time())))


class OutcomeDialog(Dialog[None]):
    """What an import kept, what was there already, and every line it could not take."""

    BINDINGS = [("enter", "leave", "关闭")]

    def __init__(self, name: str, outcome: ImportOutcome) -> None:
        super().__init__()
        self._name = name
        self._outcome = outcome

    def compose(self) -> ComposeResult:
        outcome = self._outcome
        with Vertical(classes="dialog") as box:
            box.border_title = f"导入 {self._name}"
            box.border_subtitle = "Enter 或 Esc 关闭 · 回列表按 u 可整批撤销"
            told = f"收下 {outcome.saved} 条（待审的要审过才训练），已有 {outcome.skipped} 条，坏行 {len(outcome.broken)} 行。"
            yield Label(told)
            lines = [Content.assemble((f"第 {line} 行 ", "$error"), reason) for line, reason in outcome.broken]
            lines += [Content.assemble((f"第 {line} 行 ", "$warning"), reason) for line, reason in outcome.warnings]
            if lines:
                with VerticalScroll(id="lines"):
                    yield Static(Content("\n").join(lines[:500]))
                    if len(lines) > 500:
                        yield Label(
                            f"还有 {len(lines) - 500} 行没有列出；命令行 xiyou sample import --json 给出全部。", classes="hint"
                        )

    def on_mount(self) -> None:
        for lines in self.query("#lines"):
            self.set_focus(lines)
