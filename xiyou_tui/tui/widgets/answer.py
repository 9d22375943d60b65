"""What stands in a talk — questions, answers, errors, suggestions — as rows: three looks for 依据, 概述 and a refusal."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xiyou_tui.chat.model import MODES, REFUSAL, UNVERIFIED, Answer, CitedPlace, Mode, Part, Stage
from xiyou_tui.errors import XiyouError
from xiyou_tui.tui.widgets.lines import BLANK, HEAD, Row, Span, flow

INDENT = Span("   ")
ALSO = "另见："
PRACTICE_IN = re.compile(r"\bpractice(?:-[0-9a-f]{8})?\b")
# Whose words a summary is, where that is not the model.
SOURCES = {"情节索引": "本程序写的情节索引，非原文", "全书检索": "全书逐处检索", "回目": "据回目"}
RATINGS = {1: Span(" 赞 ", "good"), -1: Span(" 否 ", "bad")}


def describe_mode(mode: Mode, model: str) -> str:
    """摘引, or the mode with the model's name."""
    return f"{MODES[mode]} · 不用模型" if mode == "extract" else f"{MODES[mode]} · {name_model(model) or '没有模型'}"


def name_model(model: str) -> str:
    """A model as people call it: the last part of its directory; 练手模型 for the one made on the spot."""
    name = Path(model).name
    return PRACTICE_IN.sub("练手模型", name, count=1) if name.startswith("practice") else name


def is_synopsis(cited: CitedPlace) -> bool:
    """Whether a cited place lies in the synopsis volume, which is no text of the novel."""
    return cited.mark.startswith("〔提要")


@dataclass(eq=False)
class Entry:
    """One thing in the talk. `stops` are the targets of its rows that the cursor can stand on, in order."""

    stops: tuple[int, ...] = ()

    def rows(self, width: int) -> list[Row]:
        raise NotImplementedError


@dataclass(eq=False)
class Question(Entry):
    """What was asked; `message` is its number in the conversation store."""

    text: str = ""
    message: int = 0

    def rows(self, width: int) -> list[Row]:
        return flow([Span(self.text, "question")], width, lead=(Span("问 ", "answer"),), hang=(INDENT,))


@dataclass(eq=False)
class Answered(Entry):
    """A finished answer. Target n stands for the n-th part that has a citation, the target after the last for all other places."""

    answer: Answer = field(kw_only=True)
    message: int = 0
    rating: int = 0
    note: str = ""
    # Stands in the place of mode and model, where those are not to be told.
    title: str = ""

    def __post_init__(self) -> None:
        used = {part.citation for part in self.answer.parts}
        # The citation of every part that has one, in the order in which they show: target 1 is the first.
        self.places = tuple(self.answer.citations[part.citation] for part in self.answer.parts if part.citation is not None)
        # What is cited without being quoted: the many places of a count.
        self.more = tuple(cited for index, cited in enumerate(self.answer.citations) if index not in used)
        self.stops = (HEAD, *range(1, len(self.places) + 1 + bool(self.more)))

    def cited(self, target: int) -> CitedPlace | None:
        """The citation at a target; None at the head and at the list of other places."""
        return self.places[target - 1] if 1 <= target <= len(self.places) else None

    def rows(self, width: int) -> list[Row]:
        answer = self.answer
        head = [Span("答 ", "answer"), Span(self.title or describe_mode(answer.mode, answer.model), "dim")]
        if answer.stopped:
            head.append(Span(" · 中途停下", "warning"))
        if self.note:
            head.append(Span(f" · {self.note}", "dim"))
        if self.rating in RATINGS:
            head += [Span("  "), RATINGS[self.rating]]
        rows = flow(head, width, hang=(INDENT,), target=HEAD)
        label, target = "", 0
        for part in answer.parts:
            cited = answer.cited(part)
            target += cited is not None
            if part.kind == "notice" and cited is None:
                rows += _notice_rows(part.text, label, answer.refused, width)
                label = part.text if part.text.endswith("：") else "说明"
                continue
            title = _title(part, cited)
            if cited is not None and part.kind == "evidence" and label == ALSO:
                rows += _preview_rows(cited, width, target)
                continue
            if label.endswith("：") and part.kind == "evidence":
                title = label
            elif title != label:
                if label:
                    rows.append(BLANK)
                rows += _title_rows(title, part, width)
            # Quotes are set apart from one another; sentences of a summary are not.
            if part.kind == "evidence" and rows[-1].target > 0:
                rows.append(BLANK)
            faint = answer.refused and "最接近" in label
            label = title
            rows += _part_rows(part, cited, faint, width, target if cited is not None else HEAD)
        if self.more:
            rows.append(BLANK)
            more = [Span(f"其余 {len(self.more)} 处", "mark"), Span("　↵ 全部列出，逐处打开", "dim")]
            rows += flow(more, width, lead=(INDENT,), hang=(INDENT,), target=len(self.places) + 1)
        return [*rows, BLANK]


def _notice_rows(text: str, label: str, refused: bool, width: int) -> list[Row]:
    """Words about the answer itself. In a refusal they have its look: a red edge, 「原著未提及」 standing out."""
    if text.endswith("："):
        before = [BLANK] if label else []
        return [*before, *flow([Span(text, "label" if "最接近" not in text else "dim")], width, lead=(INDENT,), hang=(INDENT,))]
    if not refused:
        before = [BLANK] if label else []
        return [*before, *flow([Span(text, "dim" if label else "warning")], width, lead=(INDENT,), hang=(INDENT,))]
    edge = (INDENT, Span("┃ ", "refusal"))
    spans = [Span(text)]
    if text.startswith(REFUSAL):
        spans = [Span(f" {REFUSAL} ", "refusal-head"), Span(" " + text[len(REFUSAL) :].lstrip("。，：: "))]
    elif label not in ("", "说明"):
        # After the passages only what is said of them follows.
        return [BLANK, *flow([Span(text, "dim")], width, lead=(INDENT,), hang=(INDENT,))]
    return flow(spans, width, lead=edge, hang=edge, target=HEAD)


def _title(part: Part, cited: CitedPlace | None) -> str:
    if part.kind == "evidence":
        return "提要" if cited is not None and is_synopsis(cited) else "依据"
    if part.kind == "notice":
        return "说明"
    return part.source or "模型的话"


def _title_rows(title: str, part: Part, width: int) -> list[Row]:
    if title == "说明":
        return []
    if title == "依据":
        spans = [Span("依据", "label"), Span(" 原文，一字不改", "dim")]
    elif title == "提要":
        spans = [Span("提要", "synopsis"), Span(" 非原文", "dim")]
    else:
        spans = [Span("概述", "summary-label"), Span(f" {SOURCES.get(title, title + '，非原文')}", "dim")]
    return flow(spans, width, lead=(INDENT,), hang=(INDENT,))


def _preview_rows(cited: CitedPlace, width: int, target: int) -> list[Row]:
    """A further passage in two lines at most, its mark first: the whole of it opens at the side."""
    style = "synopsis" if is_synopsis(cited) else "evidence"
    edge = (INDENT, Span("┃ ", style))
    text = cited.quote.replace("\n", " ")
    rows = flow([Span(cited.mark, "mark"), Span(text, style)], width - 1, lead=edge, hang=edge, target=target)
    if len(rows) > 2:
        rows = [rows[0], Row((*rows[1].spans, Span("…", "dim")), target)]
    return rows


def _part_rows(part: Part, cited: CitedPlace | None, faint: bool, width: int, target: int) -> list[Row]:
    mark = [Span(cited.mark, "mark")] if cited is not None else []
    if part.kind == "evidence":
        style = "synopsis" if cited is not None and is_synopsis(cited) else "evidence"
        edge = (INDENT, Span("┃ ", style))
        return flow([Span(f"「{part.text}」", "dim" if faint else style), *mark], width, lead=edge, hang=edge, target=target)
    spans = [Span(part.text, "dim" if part.kind == "notice" else "text")]
    if part.verified is False:
        spans.append(Span(UNVERIFIED, "warning"))
    return flow([*spans, *mark], width, lead=(INDENT,), hang=(INDENT,), target=target)


@dataclass(eq=False)
class Live(Entry):
    """An answer in the making: what is being done, and what the model has said so far, its quotes unchecked."""

    mode: Mode = "extract"
    model: str = ""
    doing: str = ""
    text: str = ""
    stages: list[Stage] = field(default_factory=list)
    title: str = ""
    began: float = field(default_factory=time.monotonic)
    seconds: int = 0

    def rows(self, width: int) -> list[Row]:
        rows = flow([Span("答 ", "answer"), Span(self.title or describe_mode(self.mode, self.model), "dim")], width, hang=(INDENT,))
        if self.text:
            rows += flow([Span("正在说", "summary-label"), Span(" 引文和说法说完再核对", "dim")], width, lead=(INDENT,), hang=(INDENT,))
            rows += flow([Span(self.text), Span("▌", "dim")], width, lead=(INDENT,), hang=(INDENT,))
        doing = PRACTICE_IN.sub("练手模型", self.doing) + (f" {self.seconds} 秒" if self.seconds > 1 else "")
        done = "" if self.text else "　".join(f"{stage.name} {stage.milliseconds:.0f} 毫秒" for stage in self.stages)
        rows += flow([Span(doing, "warning"), Span(f"　{done}" if done else "", "dim")], width, lead=(INDENT,), hang=(INDENT,))
        return [*rows, BLANK]


@dataclass(eq=False)
class Failed(Entry):
    """No answer: what happened, what was kept, what to do."""

    error: XiyouError = field(kw_only=True)

    def __post_init__(self) -> None:
        self.stops = (HEAD,)

    def rows(self, width: int) -> list[Row]:
        edge = (INDENT, Span("┃ ", "error"))
        rows = flow([Span("没有回答 ", "error"), Span(self.error.what)], width, lead=edge, hang=edge, target=HEAD)
        for label, text in (("保留 ", self.error.kept), ("可以 ", self.error.next_step)):
            if text:
                rows += flow([Span(label, "dim"), Span(text)], width, lead=edge, hang=edge, target=HEAD)
        return [*rows, BLANK]


@dataclass(eq=False)
class Unanswered(Entry):
    """A question that has no answer: it was stopped, or the program ended meanwhile."""

    def __post_init__(self) -> None:
        self.stops = (HEAD,)

    def rows(self, width: int) -> list[Row]:
        return [*flow([Span("没有回答。^R 再问一次。", "dim")], width, lead=(INDENT,), hang=(INDENT,), target=HEAD), BLANK]


@dataclass(eq=False)
class Plain(Entry):
    """An answer whose structure can't be read any more: its words are all that is left."""

    text: str = ""
    message: int = 0

    def __post_init__(self) -> None:
        self.stops = (HEAD,)

    def rows(self, width: int) -> list[Row]:
        return [*flow([Span(self.text, "dim")], width, lead=(Span("答 ", "answer"),), hang=(INDENT,), target=HEAD), BLANK]


@dataclass(eq=False)
class Suggestions(Entry):
    """The empty talk: what this is, and questions to begin with."""

    lines: Sequence[tuple[str, str]] = ()
    questions: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.stops = tuple(range(1, len(self.questions) + 1))

    def rows(self, width: int) -> list[Row]:
        rows: list[Row] = [BLANK]
        for text, style in self.lines:
            rows += flow([Span(text, style)], width)
        rows += [BLANK, *flow([Span("可以这样问", "dim"), Span("　Tab 选，↵ 问", "dim")], width)]
        for number, question in enumerate(self.questions, 1):
            rows += flow([Span(question)], width, lead=(Span(" · ", "key"),), hang=(INDENT,), target=number)
        return rows
