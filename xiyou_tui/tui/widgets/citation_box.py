"""The citations of the sample being edited: what is cited, and the line in which a place or a phrase adds one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.corpus.model import Citation
from xiyou_tui.errors import CorpusError
from xiyou_tui.samples.citations import CitedPassage, cite_typed, look_up
from xiyou_tui.study import Study
from xiyou_tui.tui.messages import PassageRequested
from xiyou_tui.tui.widgets.sample_card import STATE_NOTES

LONGEST_SHOWN = 60


class CitationBox(Vertical):
    """Owns the citations. Enter on one opens it in the reader; Enter on an empty line goes back to the text."""

    @dataclass
    class Changed(Message):
        """A citation was added or taken out by hand."""

        citations: tuple[Citation, ...]

    @dataclass
    class Left(Message):
        """Enter was pressed on the empty line: adding is over."""

    def __init__(self, study: Study, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._study = study
        self._citations: tuple[Citation, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static("", id="citations-title")
        yield OptionList(id="citations")
        yield Input(placeholder="^G 27.12 或一句原文", id="cite", compact=True)
        yield Static("", id="cite-told")

    @property
    def line(self) -> Input:
        """The line in which citations are typed."""
        return self.query_one("#cite", Input)

    @property
    def passages(self) -> list[CitedPassage]:
        """The citations with what they say in the current edition."""
        return [look_up(citation, self._study.library, self._study.samples) for citation in self._citations]

    def show(self, citations: tuple[Citation, ...]) -> None:
        """Show other citations; the highlight stays where it was."""
        self._citations = citations
        passages = self.passages
        title = f"引文 {len(passages)}" if passages else "还没有引文"
        self.query_one("#citations-title", Static).update(Content.styled(title, "$foreground 60%"))
        listed = self.query_one(OptionList)
        at = listed.highlighted
        listed.clear_options()
        listed.add_options([Option(_shown(passage)) for passage in passages])
        listed.display = bool(passages)
        if passages and at is not None:
            listed.highlighted = min(at, len(passages) - 1)

    def add(self, citations: Sequence[Citation]) -> None:
        """Add citations; those it has already are left out."""
        fresh = tuple(citation for citation in citations if citation not in self._citations)
        self._become(self._citations + fresh)

    def remove_chosen(self) -> None:
        """Take out the highlighted citation, when the list has the focus."""
        listed = self.query_one(OptionList)
        at = listed.highlighted
        if listed.has_focus and at is not None:
            self._become(self._citations[:at] + self._citations[at + 1 :])
            if not self._citations:
                self.screen.set_focus(self.line)

    def _become(self, citations: tuple[Citation, ...]) -> None:
        if citations != self._citations:
            self.show(citations)
            self.post_message(self.Changed(citations))

    def _cited(self, typed: str) -> Citation:
        """What was typed, looked for near the citations that are there."""
        near = self._citations[-1].chapter if self._citations else 0
        return cite_typed(self._study.library.current(), typed, chapter=near)

    @on(Input.Changed, "#cite")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        told = self.query_one("#cite-told", Static)
        if not event.value.strip():
            told.update("")
            return
        edition = self._study.library.current()
        try:
            citation = self._cited(event.value)
        except CorpusError as error:
            told.update(Content.styled(error.what, "$warning"))
            return
        text = _cut(edition.resolve(citation))
        told.update(
            Content.assemble((edition.mark(citation.chapter, citation.start), "$secondary"), " ", (text, "$foreground 60%"))
        )

    @on(Input.Submitted, "#cite")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self.post_message(self.Left())
            return
        try:
            self.add([self._cited(event.value)])
        except CorpusError as error:
            self.query_one("#cite-told", Static).update(Content.styled(error.render(), "$error"))
            return
        event.input.value = ""

    @on(OptionList.OptionSelected, "#citations")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        passage = self.passages[event.option_index]
        if passage.state == "broken":
            self.notify("这条引文对不上任何底本，打不开。", severity="warning")
            return
        citation = passage.citation
        self.post_message(PassageRequested(citation.chapter, citation.start, citation.end, citation.edition))


def _shown(passage: CitedPassage) -> Content:
    style = {"here": "$secondary", "moved": "$secondary", "elsewhere": "$warning"}.get(passage.state, "$error")
    note = STATE_NOTES.get(passage.state, "")
    return Content.assemble((passage.mark, f"bold {style}"), (note, "$warning"), " ", _cut(passage.text) or "对不上")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
