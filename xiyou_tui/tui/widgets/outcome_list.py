"""The questions of an evaluation, one a line, filtered by what came of them. Lines are made only where they are in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.message import Message

from xiyou_tui.evaluation.judging import VERDICTS, Outcome
from xiyou_tui.evaluation.questions import KINDS, Question
from xiyou_tui.tui.evaluations import Column
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.widgets.lines import Row, Span
from xiyou_tui.tui.widgets.pointed import PointedView
from xiyou_tui.tui.widgets.sample_table import fit

register_keys(
    Key("outcomes", "down,j", "move(1)", "下", "到下一题", 1, "↑↓"),
    Key("outcomes", "up,k", "move(-1)", "上", "到上一题"),
    Key("outcomes", "pagedown", "page(1)", "下页", "向下翻"),
    Key("outcomes", "pageup", "page(-1)", "上页", "向上翻"),
    Key("outcomes", "home", "edge(-1)", "开头", "到第一题"),
    Key("outcomes", "end", "edge(1)", "末尾", "到最后一题"),
    Key("outcomes", "enter", "choose", "看这题", "问题、答案、回答和出处，错在哪里", 9, "↵"),
)

# name → (label, the verdicts it lets through; () lets all through)
FILTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "all": ("全部", ()),
    "bad": ("没做对", ("wrong", "over_refused", "under_refused", "failed")),
    "wrong": ("答错", ("wrong",)),
    "over_refused": ("误拒", ("over_refused",)),
    "under_refused": ("该拒未拒", ("under_refused",)),
    "failed": ("没答成", ("failed",)),
    "changed": ("两边不同", ()),
}
SIGNS = {
    "right": ("✓", "good"), "refused": ("✓", "good"), "wrong": ("✗", "bad"), "over_refused": ("○", "warning"), "under_refused": ("!", "bad"),
    "failed": ("?", "error"),
}  # fmt: skip


class OutcomeList(PointedView):
    """Shows questions with what the meant column made of them, and a sign for each other column."""

    BINDINGS = bindings("outcomes")

    @dataclass
    class QuestionChosen(Message):
        """A question is to be opened."""

        id: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._questions: tuple[Question, ...] = ()
        self._columns: tuple[Column, ...] = ()
        self._active = 0
        self._shown: list[Question] = []
        self.filter = "all"
        self.kind = ""

    @property
    def row_count(self) -> int:
        return len(self._shown)

    @property
    def here(self) -> Question | None:
        """The question under the cursor."""
        return self._shown[self.pointer] if 0 <= self.pointer < len(self._shown) else None

    def show(self, questions: Sequence[Question], columns: Sequence[Column], active: int) -> None:
        """Show these questions; the column at `active` decides what the filter lets through."""
        self._questions, self._columns, self._active = tuple(questions), tuple(columns), active
        self.sift()

    def sift(self) -> None:
        """Filter again; the cursor stays on its question, or on its line."""
        here = self.here
        self._shown = [question for question in self._questions if self._passes(question)]
        places = [index for index, question in enumerate(self._shown) if here is not None and question.id == here.id]
        self.pointer = places[0] if places else max(0, min(self.pointer, len(self._shown) - 1))
        self.fit()
        self.show_pointer()

    def neighbour(self, id: str, step: int) -> Question | None:
        """The question before or after one among those shown."""
        ids = [question.id for question in self._shown]
        at = ids.index(id) + step if id in ids else 0
        return self._shown[at] if 0 <= at < len(self._shown) else None

    def point_to(self, id: str) -> None:
        """Put the cursor on a question."""
        for index, question in enumerate(self._shown):
            if question.id == id:
                self.point_at(index)

    def counts(self) -> dict[str, int]:
        """How many questions each filter would show, for the present kind."""
        mine = [question for question in self._questions if not self.kind or question.kind == self.kind]
        return {name: sum(self._passes(question, name) for question in mine) for name in FILTERS}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that occur, in order."""
        return tuple(dict.fromkeys(question.kind for question in self._questions))

    def _outcome(self, question: Question, column: int) -> Outcome | None:
        return self._columns[column].outcomes.get(question.id) if column < len(self._columns) else None

    def _passes(self, question: Question, name: str = "") -> bool:
        name = name or self.filter
        if self.kind and question.kind != self.kind:
            return False
        outcome = self._outcome(question, self._active)
        if name == "changed":
            found = [self._outcome(question, column) for column in range(len(self._columns))]
            return len({item.good for item in found if item is not None}) > 1
        wanted = FILTERS[name][1]
        return not wanted or (outcome is not None and outcome.verdict in wanted)

    def row_at(self, index: int) -> Row | None:
        if not 0 <= index < len(self._shown):
            return None
        question = self._shown[index]
        outcome = self._outcome(question, self._active)
        spans: list[Span] = []
        if len(self._columns) > 1:
            for column in range(min(6, len(self._columns))):
                found = self._outcome(question, column)
                sign, style = SIGNS[found.verdict] if found is not None else ("·", "dim")
                spans.append(Span(sign, style))
            spans.append(Span(" "))
        if outcome is not None:
            sign, style = SIGNS[outcome.verdict]
            head = f"{sign} " if len(self._columns) == 1 else ""
            spans.append(Span(fit(head + VERDICTS[outcome.verdict], 10 + 2 * bool(head)), "error" if outcome.bugs else style))
        else:
            spans.append(Span(fit("· 还没问" if len(self._columns) == 1 else "还没问", 12 if len(self._columns) == 1 else 10), "dim"))
        wide = self.room >= 70
        spans.append(Span(fit(question.id, 7), "dim"))
        if wide:
            spans.append(Span(fit(KINDS.get(question.kind, question.kind), 10), "dim"))
        used = sum(cell_len(span.text) for span in spans)
        spans.append(Span(fit(question.text, max(8, self.room - used))))
        return Row(tuple(spans))

    def chosen(self) -> None:
        if self.here is not None:
            self.post_message(self.QuestionChosen(self.here.id))
