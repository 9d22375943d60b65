"""The statistics view: refusal share against what the recipe asks, types, chapters covered, near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on, work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.samples.model import KINDS, STATUSES
from xiyou_tui.samples.statistics import REFUSAL_TARGET, Statistics, summarise
from xiyou_tui.samples.store import SampleStore
from xiyou_tui.storage.database import open_database
from xiyou_tui.study import Study
from xiyou_tui.tui.keymap import Key, bindings, register_keys

register_keys(
    Key("sample-statistics", "escape,g,f8", "close", "返回", "回到列表", 5, "Esc"),
    Key("sample-statistics", "down,j", "scroll(1)", "下滚", "往下滚"),
    Key("sample-statistics", "up,k", "scroll(-1)", "上滚", "往上滚"),
    Key("sample-statistics", "pagedown,space", "scroll(10)", "下页", "往下翻"),
    Key("sample-statistics", "pageup", "scroll(-10)", "上页", "往上翻"),
)

BAR = 24
SHOWN_DUPLICATES = 50


class SampleStatistics(VerticalScroll, can_focus=True):
    """Counts in a thread of its own, shows when done."""

    BINDINGS = bindings("sample-statistics")

    @dataclass
    class Counted(Message):
        """The figures are there; `questions` are those of the near-duplicates, by id."""

        figures: Statistics
        questions: dict[str, str]

    @dataclass
    class EditRequested(Message):
        """A near-duplicate shall be edited."""

        id: str

    @dataclass
    class Closed(Message):
        """The view was left."""

    def __init__(self, study: Study, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._study = study
        self._pairs: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static("", id="figures")
        yield OptionList(id="duplicates")

    def begin(self) -> None:
        """Count anew and show the figures when they are there."""
        self.query_one("#figures", Static).update(Content.styled("正在数……", "$foreground 60%"))
        self.query_one("#duplicates").display = False
        self.screen.set_focus(self)
        self._count()

    @work(thread=True, exclusive=True, group="sample-statistics")
    def _count(self) -> None:
        # A connection belongs to its thread.
        connection = open_database(self._study.places.database)
        try:
            store = SampleStore(connection)
            figures = summarise(store)
            pairs = figures.duplicates[:SHOWN_DUPLICATES]
            questions = {id: store.get(id).question for pair in pairs for id in (pair.first, pair.second)}
        finally:
            connection.close()
        self.post_message(self.Counted(figures, questions))

    @on(Counted)
    def _show(self, event: Counted) -> None:
        event.stop()
        self.query_one("#figures", Static).update(figures_content(event.figures))
        listed = self.query_one(OptionList)
        listed.clear_options()
        self._pairs = []
        for pair in event.figures.duplicates[:SHOWN_DUPLICATES]:
            self._pairs.append(pair.second)
            listed.add_option(
                Option(
                    Content.assemble(
                        (f"{pair.similarity:.0%} ", "bold $warning"),
                        event.questions[pair.first],
                        ("　／　", "$foreground 50%"),
                        event.questions[pair.second],
                    )
                )
            )
        listed.display = bool(self._pairs)
        listed.highlighted = 0 if self._pairs else None

    @on(OptionList.OptionSelected, "#duplicates")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.EditRequested(self._pairs[event.option_index]))

    def action_close(self) -> None:
        self.post_message(self.Closed())

    def action_scroll(self, lines: int) -> None:
        self.scroll_relative(y=lines, animate=False)


def figures_content(figures: Statistics) -> Content:
    """The figures as styled text."""
    if not figures.total:
        return Content.styled("还没有样本。Esc 回列表。", "$foreground 60%")
    share = figures.approved_refusal_share
    enough = share >= REFUSAL_TARGET
    lines = [
        Content.assemble(("样本 ", "bold $primary"), f"{figures.total} 条", (f"　回收站 {figures.in_bin} 条", "$foreground 60%")),
        Content(""),
        Content.styled("拒答比例（通过的样本里）", "bold"),
        Content.assemble(
            _bar(share, 1.0, "$success" if enough else "$warning", mark=REFUSAL_TARGET),
            f" {share:.0%}",
            ("　够了：要求至少 20%" if enough else f"　要求至少 20%，还差 {figures.refusals_missing} 条" if figures.approved else "　还没有通过的样本", "$success" if enough else "$warning"),
        ),
        Content(""),
        Content.styled("状态", "bold"),
        *_table({STATUSES[name]: count for name, count in figures.by_status.items()}),
        Content(""),
        Content.styled("题型", "bold"),
        *_table({KINDS[name]: count for name, count in figures.by_kind.items()}),
        Content(""),
        Content.assemble(("回目覆盖", "bold"), f"　{figures.covered}/100 回　", (f"{figures.cited} 条样本有引文，共 {figures.citations} 条", "$foreground 60%")),
        *_coverage(figures.chapters),
        Content(""),
        Content.assemble(("长度", "bold"), f"　问题平均 {figures.question_length:.0f} 字，回答平均 {figures.answer_length:.0f} 字"),
        Content(""),
        Content.assemble(
            ("近似重复", "bold"),
            f"　{len(figures.duplicates)} 对" if figures.duplicates else "　没有",
            ("　Tab 到下面，Enter 编辑后一条" if figures.duplicates else "", "$foreground 60%"),
        ),
    ]  # fmt: skip
    return Content("\n").join(lines)


def _bar(value: float, whole: float, style: str, *, mark: float | None = None) -> Content:
    filled = round(BAR * value / whole) if whole else 0
    cells: list[tuple[str, str]] = [("━", style) if index < filled else ("─", "$foreground 25%") for index in range(BAR)]
    if mark is not None:
        cells[round(BAR * mark / whole)] = ("│", "bold $accent")
    return Content.assemble(*cells)


def _table(counts: dict[str, int]) -> list[Content]:
    most = max(counts.values())
    return [Content.assemble(f"{label}　", _bar(count, most or 1, "$primary"), f" {count}") for label, count in counts.items()]


def _coverage(chapters: dict[int, int]) -> list[Content]:
    """Ten rows of ten chapters, each with its count of samples, or a dot where there is none."""
    lines = []
    for row in range(10):
        cells: list[tuple[str, str] | str] = [(f"{row * 10 + 1:>3}–{row * 10 + 10:<4}", "$foreground 50%")]
        for number in range(row * 10 + 1, row * 10 + 11):
            count = chapters.get(number, 0)
            style = "$foreground 30%" if not count else "$secondary" if count < 3 else "bold $accent"
            cells.append((f"{count if count else '·':>3} ", style))
        lines.append(Content.assemble(*cells))
    extra = sum(count for number, count in chapters.items() if number > 100)
    return [*lines, Content.styled(f"附录 {extra}", "$foreground 50%")] if extra else lines
