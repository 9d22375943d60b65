"""The side panel of the talk: a cited passage with what stands around it, or how an answer came about."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message
from textual.strip import Strip

from xiyou_tui.chat.model import Answer, CitedPlace
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.script import convert
from xiyou_tui.corpus.synopsis import NOTICE
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.widgets.answer import describe_mode
from xiyou_tui.tui.widgets.lines import BLANK, LineView, Row, Span, flow

AROUND = 3

register_keys(
    Key("passage", "down,j", "roll(1)", "下", "向下滚动", 1, "↑↓"),
    Key("passage", "up,k", "roll(-1)", "上", "向上滚动"),
    Key("passage", "pagedown,space", "page(1)", "下页", "向下翻"),
    Key("passage", "pageup,b", "page(-1)", "上页", "向上翻"),
    Key("passage", "enter,o", "leap", "到原著", "在原著里打开这条引文；F4 回来", 9, "↵"),
)


class PassagePanel(LineView, can_focus=True):
    """Shows one passage ± 3 paragraphs with the quote lit up, or the stages of an answer."""

    BINDINGS = bindings("passage")

    @dataclass
    class LeapWanted(Message):
        """The shown passage is to be opened in the reader."""

        cited: CitedPlace

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[Row] = []
        self._pinned = 0
        self._source: tuple[Edition, CitedPlace, str] | Answer | None = None

    @property
    def cited(self) -> CitedPlace | None:
        """The citation that is shown, if it is one."""
        return self._source[1] if isinstance(self._source, tuple) else None

    @property
    def trace(self) -> Answer | None:
        """The answer whose stages are shown, if they are."""
        return self._source if isinstance(self._source, Answer) else None

    def show_passage(self, edition: Edition, cited: CitedPlace, display: str) -> None:
        """Show a cited place of `edition`; raises CorpusError where it does not resolve there."""
        edition.resolve(cited.citation)
        self._source = (edition, cited, display)
        self.lay_out()

    def clear(self) -> None:
        """Show nothing."""
        self._source, self._rows = None, []

    def show_trace(self, answer: Answer) -> None:
        """Show how an answer came about."""
        self._source = answer
        self.lay_out()
        self.action_edge(-1)

    def lay_out(self) -> None:
        source = self._source
        if isinstance(source, Answer):
            self._rows = trace_rows(source, self.room)
        elif source is not None:
            self._rows = passage_rows(*source, self.room)
        # The heading, up to the first blank row, stays where it is.
        self._pinned = next((index for index, row in enumerate(self._rows) if row is BLANK), 0)
        self.fit()
        lit = [index for index, row in enumerate(self._rows) if row.target == 1]
        if lit:
            height = self.scrollable_content_region.height
            # The whole from the top when the quote shows there; else the quote, a little below the upper edge.
            top = 0 if lit[-1] < height else max(0, min(lit[0] - self._pinned - 1, self.max_scroll_y))
            self.scroll_to(y=top, animate=False, immediate=True)

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def row_at(self, index: int) -> Row | None:
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def render_line(self, y: int) -> Strip:
        scrolled = int(self.scroll_offset.y)
        return super().render_line(y - scrolled if y < self._pinned else y)

    def action_leap(self) -> None:
        if self.cited is not None:
            self.post_message(self.LeapWanted(self.cited))


def passage_rows(edition: Edition, cited: CitedPlace, display: str, width: int) -> list[Row]:
    """The paragraphs around a citation, the cited characters in style "quote" on rows with target 1."""
    chapter = edition.chapter(cited.citation.chapter)
    shown = convert(chapter.text, display)
    start, end = cited.citation.start, cited.citation.end
    first = chapter.paragraph_at(start).number
    last = chapter.paragraph_at(max(start, end - 1)).number
    # The title is cited like the rest: it is the first line of the text.
    heading = "quote" if end <= chapter.body else "title"
    title = flow([Span(cited.mark, "mark"), Span(f" {chapter.label}　", "title"), Span(convert(chapter.title, display), heading)], width)
    rows = [*title, *(flow([Span(NOTICE, "synopsis")], width) if edition.is_synopsis else ()), BLANK]
    before = ""
    for paragraph in chapter.paragraphs[max(0, first - 1 - AROUND) : last + AROUND]:
        if before and not (paragraph.kind == "verse" and before == "verse"):
            rows.append(BLANK)
        before = paragraph.kind
        low, high = max(start, paragraph.start), min(end, paragraph.end)
        near = first <= paragraph.number <= last and end > chapter.body
        lead = Span(f"{paragraph.number:>3} ", "mark" if near else "number")
        plain = "text" if near else "dim"
        if low < high:
            spans = [Span(shown[paragraph.start : low], plain), Span(shown[low:high], "quote"), Span(shown[high : paragraph.end], plain)]
        else:
            spans = [Span(shown[paragraph.start : paragraph.end], plain)]
        for row in flow(spans, width, lead=(lead,), hang=(Span("    "),)):
            rows.append(Row(row.spans, 1) if any(span.style == "quote" for span in row.spans) else row)
    return rows


def trace_rows(answer: Answer, width: int) -> list[Row]:
    """The stages of an answer with their findings."""
    rows = [*flow([Span("这个回答怎么来的", "title")], width), *flow([Span(answer.question, "question")], width)]
    rows += [*flow([Span(describe_mode(answer.mode, answer.model), "dim")], width), BLANK]
    if not answer.stages:
        rows += flow([Span("这个回答没有留下经过。", "dim")], width)
    for number, stage in enumerate(answer.stages, 1):
        took = f" {stage.milliseconds:.1f} 毫秒" if stage.milliseconds else ""
        rows += flow([Span(f"{number} {stage.name}", "label"), Span(took, "dim")], width)
        for line in stage.lines:
            rows += flow([Span(line)], width, lead=(Span("  "),), hang=(Span("    "),))
        rows.append(BLANK)
    return rows
