"""What the Evaluate pane shows: reads in threads, and draws what came of it. The keys and actions are in evaluate.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from subprocess import Popen

from rich.cells import cell_len
from textual import on, work
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList, Static

from xiyou_tui.corpus.model import Citation, Edition
from xiyou_tui.errors import XiyouError
from xiyou_tui.evaluation.questions import KINDS, Question
from xiyou_tui.evaluation.records import STATUSES
from xiyou_tui.storage.state import read_state, write_state
from xiyou_tui.tui.evaluations import Column, ColumnsRead, EvaluationEntry, EvaluationReader, EvaluationsListed, QuestionOpened
from xiyou_tui.tui.messages import PassageRequested
from xiyou_tui.tui.screens.base import ModeScreen
from xiyou_tui.tui.story import show_seconds, show_time
from xiyou_tui.tui.widgets.answer import Answered
from xiyou_tui.tui.widgets.drill import Asked, Drill
from xiyou_tui.tui.widgets.evaluation_list import MARKS, EvaluationList
from xiyou_tui.tui.widgets.measure_table import MeasureTable
from xiyou_tui.tui.widgets.outcome_list import FILTERS, OutcomeList
from xiyou_tui.tui.widgets.run_list import shorten
from xiyou_tui.tui.widgets.transcript import Transcript

EMPTY = "还没有评测过。按 Enter 就用自带的 480 题检验摘引（不用模型，半分钟左右）；要自己选题集、方式和模型，按 n。"
# How often the files are looked at, seconds: while something runs, and else.
BRISK, SLOW = 0.5, 2.5


class EmptyNotice(Static, can_focus=True):
    """What to do when there is no evaluation; Enter does it."""

    BINDINGS = [("enter", "screen.shipped", "跑自带题集")]


class Fitted(Static):
    """Text that is cut to its width: told again when the width changes."""

    @dataclass
    class Resized(Message):
        """The width is another one."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())


class EvaluateView(ModeScreen):
    """Evaluations: their list, their figures and questions, and one question in full. What is done with them is the screen's."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-low"), (32, "-tall")]

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[EvaluationEntry, ...] | None = None
        self._columns: tuple[Column, ...] = ()
        self._questions: tuple[Question, ...] = ()
        self._marked: list[str] = []
        self._chosen = ""
        self._wished = ""
        self._active = 0
        self._opened: QuestionOpened | None = None
        self._deleted: list[tuple[str, str]] = []
        self._children: list[Popen[bytes]] = []
        self._starting = ""

    def body(self) -> Iterable[Widget]:
        self._reader = EvaluationReader(self.study.places)
        with Horizontal():
            yield EvaluationList(id="evaluations")
            with Vertical(id="middle"):
                yield EmptyNotice(EMPTY, id="empty")
                yield Fitted("", id="head")
                yield MeasureTable(id="figures")
                yield Static("", id="help")
                yield Fitted("", id="filter")
                yield OutcomeList(id="outcomes")
                yield Drill(measure=self.study.settings.whole("interface.width") + 12, id="drill")

    @property
    def evaluations(self) -> EvaluationList:
        return self.query_one("#evaluations", EvaluationList)

    @property
    def table(self) -> MeasureTable:
        return self.query_one("#figures", MeasureTable)

    @property
    def outcomes(self) -> OutcomeList:
        return self.query_one("#outcomes", OutcomeList)

    @property
    def drill(self) -> Drill:
        return self.query_one("#drill", Drill)

    @property
    def drilling(self) -> bool:
        """Whether one question is shown in full."""
        return self.has_class("drilling")

    @property
    def entries(self) -> tuple[EvaluationEntry, ...]:
        return self._entries or ()

    def on_mount(self) -> None:
        self._wished = read_state(self.study.connection, "evaluate.run", "")
        self._timer = self.set_interval(BRISK, self._tick)
        self._since = 0.0
        self._look()

    def on_screen_resume(self) -> None:
        self._look()

    @on(Fitted.Resized)
    def _redraw(self) -> None:
        self._show_head()
        self._show_filter()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that have nothing to do here and now are not offered."""
        entry = self._entry(self._chosen)
        if self.drilling and action in ("sift", "kind", "unfold", "column", "mark"):
            return False
        if action in ("stop", "resume"):
            return entry is not None and entry.meta is not None and (entry.running if action == "stop" else not entry.running and entry.state.status != "finished")
        if action == "undo":
            return bool(self._deleted)
        if action == "column":
            return len(self._columns) > 1
        if action in ("mark", "export", "sift", "kind", "unfold", "sample", "rename", "delete"):
            return bool(self.entries)
        return True

    # Reading, in a thread; what was read comes as messages.

    def _tick(self) -> None:
        self._since += BRISK
        running = any(entry.running for entry in self.entries) or any(child.poll() is None for child in self._children)
        if running or (self.is_current and self._since >= SLOW):
            self._look()

    @work(thread=True, exclusive=True, group="look")
    def _look(self) -> None:
        self._since = 0.0
        self.post_message(EvaluationsListed(self._reader.look()))

    @on(EvaluationsListed)
    def _listed(self, event: EvaluationsListed) -> None:
        before = {entry.id: entry for entry in self.entries}
        first = self._entries is None
        changed = event.entries != self._entries
        self._entries = event.entries
        self._children = [child for child in self._children if child.poll() is None]
        for entry in event.entries:
            former = before.get(entry.id)
            if former is not None and former.running and not entry.running:
                self._tell_end(entry)
        known = {entry.id for entry in event.entries}
        self._marked = [id for id in self._marked if id in known]
        if changed or first:
            self._fill()
            if self._wished in known:
                self.evaluations.choose(self._wished)
                self._wished = ""
            self._arrange()
            if self.evaluations.chosen != self._chosen:
                self._choose(self.evaluations.chosen)
            else:
                self._read_columns()

    def _fill(self) -> None:
        self.evaluations.fill(self.entries, self._marked)

    def _arrange(self) -> None:
        empty = not self.entries
        self.set_class(empty, "empty")
        notice = self.query_one("#empty", EmptyNotice)
        if empty and self.is_current:
            notice.update(Content(f"{self._starting}……") if self._starting else Content(EMPTY))
            notice.focus()
        elif not empty and (notice.has_focus or self.focused is None):
            self.evaluations.focus()

    @on(OptionList.OptionHighlighted, "#evaluations")
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if not self.evaluations.filling and event.option.id and event.option.id != self._chosen:
            self._choose(event.option.id)

    @on(OptionList.OptionSelected, "#evaluations")
    def _selected(self) -> None:
        self.outcomes.focus()

    def _choose(self, id: str) -> None:
        self._chosen = id
        self._active = 0
        if id:
            write_state(self.study.connection, "evaluate.run", id)
        self.close_drill()
        self._read_columns()

    def _read_columns(self) -> None:
        # The marked ones come first, in the order in which they were marked: the first is what the others are held against.
        wanted = [entry for id in dict.fromkeys([*self._marked, self._chosen]) if (entry := self._entry(id)) is not None]
        self._read(wanted)

    @work(thread=True, exclusive=True, group="columns")
    def _read(self, wanted: Sequence[EvaluationEntry]) -> None:
        self.post_message(self._reader.columns(wanted))

    @on(ColumnsRead)
    def _columns_read(self, event: ColumnsRead) -> None:
        keys = [column.key for column in self._columns]
        self._columns, self._questions = event.columns, event.questions
        mine = [index for index, column in enumerate(self._columns) if column.entry.id == self._chosen]
        if [column.key for column in self._columns] != keys:
            self._active = mine[0] if mine else 0
        self._active = min(self._active, max(0, len(self._columns) - 1))
        self._show()

    def _show(self) -> None:
        self._show_head()
        self.table.show(self._columns, self._active)
        self.outcomes.show(self._questions, self._columns, self._active)
        self._show_filter()
        self.refresh_bindings()

    def _show_head(self) -> None:
        entry = self._entry(self._chosen)
        head = self.query_one("#head", Static)
        if entry is None:
            head.update("")
            return
        state, meta = entry.state, entry.meta
        mark, style = MARKS[state.status]
        if meta is None:
            head.update(Content.assemble((f"{mark} {entry.id}", style), "\n记录读不了。可以把它删到回收站（d）。"))
            return
        done = f"　{STATUSES[state.status]}" + (f" {state.done}/{meta.total}" if state.status != "finished" else "")
        room, bar = max(20, head.size.width - 2), Content("")
        if entry.running and meta.total:
            length = 24 if room >= 70 else 12
            filled = length * state.done // meta.total
            bar = Content.assemble("　", ("━" * filled, "$primary"), ("─" * (length - filled), "$foreground 30%"))
        name = shorten(entry.name, room - 2 - cell_len(done) - bar.cell_length)
        lines = [Content.assemble((f"{mark} ", style), (name, "bold"), (done, style), bar)]
        told = f"题集 {meta.set_name} {meta.questions} 题 · 底本 {meta.edition_title} · {show_time(meta.created)}"
        if state.seconds >= 1:
            told += f" · 用时 {show_seconds(state.seconds)}"
        lines.append(Content.styled(shorten(told, room), "$foreground 60%"))
        if meta.noise:
            lines.append(Content.styled(f"给模型看的原文里换进了 {meta.noise} 段不相干的。", "$foreground 60%"))
        for reading in entry.readings:
            lines.append(Content.styled(shorten(f"留出的回 · {reading.describe()}", room), "$foreground 75%"))
        if meta.notice:
            lines.append(Content.styled(meta.notice, "$warning"))
        if state.what:
            lines.append(Content.styled(f"{state.what}{state.next_step}", "$error"))
        elif state.status in ("interrupted", "stopped"):
            lines.append(Content.styled("没做完。按 R 从停下的那题接着做。", "$warning"))
        bugs = sum(summary.bugs for summary in entry.summaries.values())
        if bugs:
            lines.append(Content.styled(f"✗ 保证被破坏：{bugs} 题的引文和底本对不上。这是程序缺陷，请带上报告（x）告诉我们。", "bold $error"))
        head.update(Content("\n").join(lines))

    def _show_filter(self) -> None:
        outcomes, counts = self.outcomes, self.outcomes.counts()
        wide = self.query_one("#filter", Static).size.width >= 76
        parts: list[Content] = []
        for name, (label, _) in FILTERS.items():
            if (name == "changed" and len(self._columns) < 2) or (name == "failed" and not counts[name] and outcomes.filter != name):
                continue
            style = "bold $background on $primary" if name == outcomes.filter else "$foreground 65%"
            parts.append(Content.styled(f" {label} {counts[name]} " if wide else f"{label}{counts[name]}", style))
            if not wide:
                parts.append(Content(" "))
        if outcomes.kind:
            parts.append(Content.styled(f"　题型 {KINDS.get(outcomes.kind, outcomes.kind)}", "$accent"))
        if len(self._columns) > 1 and wide:
            parts.append(Content.styled(f"　按 {self._columns[self._active].spec.label}", "$foreground 60%"))
        self.query_one("#filter", Static).update(Content("").join(parts) if self._columns else "")

    @on(MeasureTable.MeasurePointed)
    def _measure_pointed(self, event: MeasureTable.MeasurePointed) -> None:
        self.query_one("#help", Static).update(Content.styled(event.help, "$foreground 60%"))

    def _entry(self, id: str) -> EvaluationEntry | None:
        return next((entry for entry in self.entries if entry.id == id), None)

    def _here(self) -> EvaluationEntry | None:
        entry = self._entry(self._chosen)
        if entry is None:
            self.notify("还没有评测。按 n 新建一次。", timeout=3)
        return entry

    def _tell_end(self, entry: EvaluationEntry) -> None:
        bugs = sum(summary.bugs for summary in entry.summaries.values())
        text = entry.state.what or f"「{entry.name}」{entry.state.done} 题，没做对 {entry.wrong}。"
        if bugs:
            text += f"保证被破坏 {bugs} 题！"
        grave = bool(bugs) or entry.state.status in ("failed", "interrupted")
        title = "评测完成" if entry.state.status == "finished" else f"评测{STATUSES[entry.state.status]}"
        self.app.notify(text, title=title, severity="error" if grave else "information", timeout=8)

    # One question.

    @on(OutcomeList.QuestionChosen)
    def _question_chosen(self, event: OutcomeList.QuestionChosen) -> None:
        self._open_question(event.id)

    def _open_question(self, id: str) -> None:
        question = next((found for found in self._questions if found.id == id), None)
        if question is None:
            return
        meta = self._columns[self._active].entry.meta
        edition = None
        try:
            edition = self._edition(meta.edition if meta else "")
        except XiyouError:
            self.notify("评测用的底本不在了：引文打不开，只看记录。", timeout=4)
        # The column that is meant comes first.
        columns = [self._columns[self._active], *(column for index, column in enumerate(self._columns) if index != self._active)]
        self._read_question(question, columns, edition)

    def _edition(self, id: str) -> Edition:
        """An edition by its id; the synopsis volume is no file, asking for it makes it known."""
        self.study.library.synopsis()
        return self.study.library.open(id)

    @work(thread=True, exclusive=True, group="question")
    def _read_question(self, question: Question, columns: Sequence[Column], edition: Edition | None) -> None:
        try:
            self.post_message(self._reader.open_question(question, columns, edition))
        except XiyouError as error:
            self.app.call_from_thread(self.xiyou.complain, error)

    @on(QuestionOpened)
    def _question_opened(self, event: QuestionOpened) -> None:
        self._opened = event
        mark = self._edition(event.edition).mark(event.evidence.chapter, event.evidence.start) if event.evidence is not None else ""
        self.add_class("drilling")
        self.refresh_bindings()
        self.drill.open(event, mark)
        self.drill.focus()

    def close_drill(self) -> None:
        """Back from one question to the tables."""
        if self.drilling:
            self.remove_class("drilling")
            self.refresh_bindings()
            self._opened = None
            if self.drill.has_focus:
                self.outcomes.focus()

    def action_turn(self, step: int) -> None:
        """Open the next or the previous question of the list."""
        if self._opened is None:
            return
        following = self.outcomes.neighbour(self._opened.question.id, step)
        if following is None:
            self.notify("没有了。" if step > 0 else "这是第一题。", timeout=2)
            return
        self.outcomes.point_to(following.id)
        self._open_question(following.id)

    @on(Transcript.Chosen)
    def _citation_chosen(self, event: Transcript.Chosen) -> None:
        entry = event.entry
        if isinstance(entry, Asked) and entry.evidence is not None and self._opened is not None:
            place = entry.evidence
            self.app.post_message(PassageRequested(place.chapter, place.start, place.end, self._opened.edition))
        elif isinstance(entry, Answered):
            cited = entry.cited(event.target)
            if cited is not None:
                citation: Citation = cited.citation
                self.app.post_message(PassageRequested(citation.chapter, citation.start, citation.end, citation.edition))
            elif entry.more:
                self.notify(f"其余 {len(entry.more)} 处：{''.join(item.mark for item in entry.more[:40])}", timeout=10)
