"""The list view of the sample pane: filter line, table, and the chosen sample beside it."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from xiyou_tui.samples.checks import check_sample
from xiyou_tui.samples.citations import look_up
from xiyou_tui.samples.model import KINDS, STATUSES
from xiyou_tui.samples.query import BIN, next_word, parse_filter, toggle_word
from xiyou_tui.samples.store import SampleFilter
from xiyou_tui.study import Study
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.widgets.sample_card import SampleCard
from xiyou_tui.tui.widgets.sample_table import SampleTable

register_keys(
    Key("samples", "enter,e,ctrl+e", "edit", "编辑", "编辑这一条", 9, "↵"),
    Key("samples", "n,ctrl+n", "new", "新建", "写一条新样本", 8, "n"),
    Key("samples", "r,f7", "review", "审阅", "逐条审待审的样本；勾了几条就审那几条", 7, "r"),
    Key("samples", "slash,ctrl+f", "find", "查找", "边打边筛：待审 拒答 第27回 #标签 或任何词", 6, "/"),
    Key("samples", "x,ctrl+x", "export", "导出", "把列出的（或勾选的）样本导出成 JSONL", 5, "x"),
    Key("samples", "i,ctrl+o", "import", "导入", "导入 JSONL，好的行收下，坏的行列出来", 4, "i"),
    Key("samples", "g,f8", "statistics", "统计", "拒答比例、题型、回目覆盖、重复", 4, "g"),
    Key("samples", "s,ctrl+s", "cycle_status", "状态", "按状态筛：草稿、待审、通过、退回", 3, "s"),
    Key("samples", "t,ctrl+t", "cycle_kind", "题型", "按题型筛", 2, "t"),
    Key("samples", "u,ctrl+z", "undo", "撤销", "撤销最近一步；导入和批量改算一步", 3, "u"),
    Key("samples", "space", "tick", "勾选", "勾选这一条，接着到下一条", 1, "空格"),
    Key("samples", "m,ctrl+p", "tick_all", "全勾", "勾选列出的全部；再按全不勾"),
    Key("samples", "a,ctrl+y", "approve", "通过", "把勾选的（或这一条）标成通过"),
    Key("samples", "d,delete", "delete", "删除", "移到回收站；在回收站里按就是拿回来", 1, "d"),
    Key("samples", "b", "bin", "回收站", "看回收站"),
    Key("samples", "c,ctrl+d", "draft", "起草", "从情节索引起草候选（拒答也有），放进待审", 5, "c"),
    Key("samples", "l,ctrl+l", "starters", "自带样本", "载入自带样本"),
    Key("samples", "w,ctrl+w", "resume", "续写草稿", "接着写没存的草稿"),
    Key("samples", "escape", "clear", "清空", "先清勾选，再清查找"),
    Key("samples", "down,j", "move(1)", "下一条", "下一条"),
    Key("samples", "up,k", "move(-1)", "上一条", "上一条"),
    Key("samples", "pagedown", "page(1)", "下页", "下一页"),
    Key("samples", "pageup", "page(-1)", "上页", "上一页"),
    Key("samples", "home", "edge(-1)", "开头", "到第一条"),
    Key("samples", "end", "edge(1)", "末尾", "到最后一条"),
)

# A filter waits this long after a key, so that a quickly typed word is looked for once.
PAUSE = 0.06

EMPTY = (
    ("这里放训练用的样本：一问一答，带原文引文。", ""),
    ("", ""),
    ("l", "载入自带的 {starters} 条样本（手写，含三成拒答），马上就能训练和改"),
    ("c", "起草一批候选：有问有答有引文，也有拒答，一条条审过才训练"),
    ("n", "写第一条"),
    ("1", "到原著里选一段，按 a，引文自动填好"),
    ("i", "导入 JSONL（对话格式）"),
)


class SampleList(Vertical):
    """Owns the filter, the rows and the chosen row. What is to be done with samples is told to the screen by messages."""

    BINDINGS = bindings("samples")

    @dataclass
    class Asked(Message):
        """A key of the list asked the screen for something: `what` is the action's name, `ids` the samples it is for."""

        what: str
        ids: tuple[str, ...] = ()

    def __init__(self, study: Study, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._study = study
        self._pending: Timer | None = None
        self._settling: Timer | None = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="filter-line"):
            yield Input(placeholder="/ 筛选：待审  拒答  第27回  #标签  词", id="filter", compact=True)
            yield Static("", id="count")
        yield Static("", id="drafts")
        yield Static("", id="empty")
        with Horizontal(id="list-columns"):
            yield SampleTable(id="table")
            yield SampleCard(id="card")

    @property
    def table(self) -> SampleTable:
        return self.query_one(SampleTable)

    @property
    def typed(self) -> str:
        return self.query_one("#filter", Input).value

    @property
    def filter(self) -> SampleFilter:
        return parse_filter(self.typed)

    def set_filter(self, typed: str) -> None:
        """Put another filter into the line; the rows follow."""
        box = self.query_one("#filter", Input)
        if box.value != typed:
            box.value = typed
            box.cursor_position = len(typed)
        self.reload()

    def reload(self, keep: str = "") -> None:
        """Read the rows anew; the cursor stays on its sample, or goes to the sample `keep`."""
        if self._pending is not None:
            self._pending.stop()
            self._pending = None
        self.table.show(self._study.samples.rows(self.filter), keep=keep)
        empty = not self.table.rows and not self.typed.strip()
        self.set_class(empty, "-empty")
        if empty:
            self.query_one("#empty", Static).update(_empty_content())
        self._count()

    def show_drafts(self, questions: list[str]) -> None:
        """Offer to go on with drafts that were not saved, by what they ask."""
        line = self.query_one("#drafts", Static)
        line.display = bool(questions)
        if questions:
            first = questions[0].strip() or "（还没有问题）"
            more = f"等 {len(questions)} 份" if len(questions) > 1 else ""
            line.update(
                Content.assemble(
                    (" 有没存的草稿", "bold $accent"), f"：{first[:24]} {more}　按 ", ("w", "bold $accent"), " 接着写"
                )
            )

    def focus_table(self) -> None:
        self.screen.set_focus(self.table)

    def on_mount(self) -> None:
        self.query_one("#drafts", Static).display = False
        self.reload()

    # What happens here.

    @on(Input.Changed, "#filter")
    def _typed(self) -> None:
        if self._pending is not None:
            self._pending.stop()
        self._pending = self.set_timer(PAUSE, self.reload)

    @on(Input.Submitted, "#filter")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.reload()
        self.screen.set_focus(self.table)

    @on(SampleTable.TicksChanged)
    def _ticked(self) -> None:
        self._count()

    @on(SampleTable.RowHighlighted)
    def _highlighted(self, event: SampleTable.RowHighlighted) -> None:
        # Held arrows must not check every sample they pass.
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(0.03, self._show_card)

    @on(SampleTable.RowChosen)
    def _chosen(self, event: SampleTable.RowChosen) -> None:
        self.post_message(self.Asked("edit", (event.id,)))

    def _show_card(self) -> None:
        row = self.table.chosen
        shown = self.query_one(SampleCard)
        if row is None or not self._study.samples.exists(row.id):
            hint = "没有符合的样本。Esc 清空筛选。" if self.typed.strip() else ""
            shown.show(None, hint=hint)
            return
        sample = self._study.samples.get(row.id)
        passages = [look_up(citation, self._study.library, self._study.samples) for citation in sample.citations]
        shown.show(sample, passages, check_sample(sample, self._study.library, self._study.samples))

    def _count(self) -> None:
        ticked = len(self.table.ticked)
        text = f"{len(self.table.rows)} 条" + (f" · 勾 {ticked}" if ticked else "")
        self.query_one("#count", Static).update(Content.styled(text, "bold $accent" if ticked else "$foreground 60%"))

    # Actions.

    def _ask(self, what: str, *, batch: bool = False) -> None:
        chosen = self.table.chosen
        ids = self.table.ticked_or_chosen() if batch else [chosen.id] if chosen is not None else []
        self.post_message(self.Asked(what, tuple(ids)))

    def action_edit(self) -> None:
        self.table.choose()

    def action_new(self) -> None:
        self._ask("new")

    def action_review(self) -> None:
        self.post_message(self.Asked("review", tuple(row.id for row in self.table.rows if row.id in self.table.ticked)))

    def action_find(self) -> None:
        self.screen.set_focus(self.query_one("#filter", Input))

    def action_export(self) -> None:
        ids = self.table.ticked_or_chosen() if self.table.ticked else [row.id for row in self.table.rows]
        self.post_message(self.Asked("export", tuple(ids)))

    def action_import(self) -> None:
        self._ask("import")

    def action_statistics(self) -> None:
        self._ask("statistics")

    def action_cycle_status(self) -> None:
        self.set_filter(next_word(self.typed, tuple(STATUSES.values())))

    def action_cycle_kind(self) -> None:
        self.set_filter(next_word(self.typed, tuple(KINDS.values())))

    def action_bin(self) -> None:
        self.set_filter(toggle_word(self.typed, BIN))

    def action_undo(self) -> None:
        self._ask("undo")

    def action_approve(self) -> None:
        self._ask("approve", batch=True)

    def action_delete(self) -> None:
        self._ask("restore" if self.filter.deleted else "delete", batch=True)

    def action_starters(self) -> None:
        self._ask("starters")

    def action_draft(self) -> None:
        self._ask("draft")

    def action_resume(self) -> None:
        self._ask("resume")

    def action_tick(self) -> None:
        self.table.tick_chosen()

    def action_tick_all(self) -> None:
        self.table.tick_all()

    def action_move(self, step: int) -> None:
        self.table.move(step)

    def action_page(self, step: int) -> None:
        self.table.move(step * self.table.page)

    def action_edge(self, direction: int) -> None:
        self.table.move(direction * len(self.table.rows))

    def action_clear(self) -> None:
        if self.query_one("#filter", Input).has_focus:
            self.screen.set_focus(self.table)
        elif self.table.ticked:
            self.table.ticked = set()
            self.table.refresh()
            self._count()
        elif self.typed:
            self.set_filter("")


def _empty_content() -> Content:
    from xiyou_tui.samples.starters import starters

    lines = []
    for key, text in EMPTY:
        if not text:
            lines.append(Content(key))
        else:
            lines.append(Content.assemble((f"  {key}  ", "bold $accent"), text.format(starters=len(starters()))))
    return Content("\n").join([Content.styled("还没有样本", "bold $primary"), Content(""), *lines])
