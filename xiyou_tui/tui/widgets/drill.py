"""One question of an evaluation in full: what was asked, what would be right, and each answer with its citations."""

from __future__ import annotations

from dataclasses import dataclass, field

from xiyou_tui.corpus.model import Place
from xiyou_tui.evaluation.judging import VERDICTS, Outcome, explain, right_words
from xiyou_tui.evaluation.questions import Question
from xiyou_tui.tui.evaluations import Column, QuestionOpened
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.widgets.answer import INDENT, Answered, Entry
from xiyou_tui.tui.widgets.lines import BLANK, HEAD, Row, Span, flow
from xiyou_tui.tui.widgets.outcome_list import SIGNS
from xiyou_tui.tui.widgets.transcript import Transcript

register_keys(
    Key("drill", "enter,o", "choose", "到原著", "在原著里打开这条引文；F5 回来", 9, "↵"),
    Key("drill", "tab,down,j", "step(1)", "下一引文", "到下一条引文", 7, "Tab"),
    Key("drill", "shift+tab,up,k", "step(-1)", "上一引文", "到上一条引文"),
    Key("drill", "right_square_bracket,right", "screen.turn(1)", "下一题", "看表里的下一题", 6, "[ ]"),
    Key("drill", "left_square_bracket,left", "screen.turn(-1)", "上一题", "看表里的上一题"),
    Key("drill", "pagedown,space", "page(1)", "下页", "向下翻"),
    Key("drill", "pageup,b", "page(-1)", "上页", "向上翻"),
    Key("drill", "home", "edge(-1)", "开头", "到开头"),
    Key("drill", "end", "edge(1)", "末尾", "到末尾"),
)


@dataclass(eq=False)
class Asked(Entry):
    """The question with its gold. Target 1 is where the text holds the evidence."""

    question: Question = field(kw_only=True)
    evidence: Place | None = None
    mark: str = ""

    def __post_init__(self) -> None:
        self.stops = (1,) if self.evidence is not None else ()

    def rows(self, width: int) -> list[Row]:
        question = self.question
        kind = f"{question.kind_label} · {'能答' if question.answerable else '答不了，该拒答'}"
        rows = flow([Span(question.text, "question"), Span(f"　{question.id} · {kind}", "dim")], width, lead=(Span("问 ", "answer"),), hang=(INDENT,))
        if question.answerable:
            rows += flow([Span("答案 ", "label"), Span(right_words(question.gold))], width, lead=(INDENT,), hang=(INDENT,))
        if question.evidence:
            rows += flow([Span("依据 ", "label"), Span(" ／ ".join(question.evidence), "dim")], width, lead=(INDENT,), hang=(INDENT,))
        if self.evidence is not None:
            rows += flow([Span("在　 ", "label"), Span(self.mark, "mark"), Span(" ↵ 打开", "dim")], width, lead=(INDENT,), hang=(INDENT,), target=1)
        elif question.chapters:
            told = "、".join(f"第 {number} 回" if number <= 100 else "附录" for number in question.chapters)
            rows += flow([Span("在　 ", "label"), Span(told, "dim")], width, lead=(INDENT,), hang=(INDENT,))
        if question.note:
            rows += flow([Span("说明 ", "label"), Span(question.note, "dim")], width, lead=(INDENT,), hang=(INDENT,))
        return [*rows, BLANK]


@dataclass(eq=False)
class Judged(Entry):
    """What one system's answer was worth, and why."""

    column: Column = field(kw_only=True)
    outcome: Outcome = field(kw_only=True)
    question: Question = field(kw_only=True)
    holding: tuple[str, ...] = ()

    def rows(self, width: int) -> list[Row]:
        outcome = self.outcome
        sign, style = SIGNS[outcome.verdict]
        head = [Span(f"{sign} {VERDICTS[outcome.verdict]}", style), Span(f"　{self.column.spec.label}", "title"), Span(f"　{outcome.milliseconds:,.0f} 毫秒", "dim")]
        rows = flow(head, width)
        for line in explain(outcome, self.question):
            rows += flow([Span(line, "error" if line.startswith("缺陷") else "text")], width, lead=(INDENT,), hang=(INDENT,))
        if self.holding:
            rows += flow([Span("有答案的引文 ", "label"), Span("".join(self.holding[:8]), "mark")], width, lead=(INDENT,), hang=(INDENT,))
        return [*rows, BLANK] if outcome.error else rows


class Drill(Transcript, inherit_bindings=False):
    """Shows a question; the cursor goes from citation to citation."""

    BINDINGS = bindings("drill")

    def open(self, opened: QuestionOpened, mark: str) -> None:
        """Show another question, from its beginning, the cursor on nothing yet. `mark` names the place of the evidence."""
        entries: list[Entry] = [Asked(question=opened.question, evidence=opened.evidence, mark=mark)]
        for column, outcome, answer, holding in opened.answers:
            entries.append(Judged(column=column, outcome=outcome, question=opened.question, holding=holding))
            if answer is not None:
                entries.append(Answered(answer=answer))
        self.clear_cursor()
        self.show(entries)

    def _land(self) -> None:
        # The cursor stands nowhere until it is moved: what is asked and what would be right come first.
        self.refresh()

    def _stops(self, *, citations: bool) -> list[tuple[int, int]]:
        return [stop for stop in super()._stops(citations=citations) if stop[1] != HEAD]

    def _step(self, stops: list[tuple[int, int]], step: int) -> None:
        if self.cursor is None and stops:
            self._move_to(stops[0] if step > 0 else stops[-1])
        elif stops:
            super()._step(stops, step)
        else:
            self.action_roll(3 * step)
