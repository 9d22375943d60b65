"""The variant view: a passage beside its counterpart in another edition, differences standing out."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from xiyou_tui.corpus.library import Library
from xiyou_tui.corpus.model import Citation, Edition
from xiyou_tui.corpus.variants import Comparison, compare
from xiyou_tui.errors import CorpusError
from xiyou_tui.tui.screens.dialogs import Dialog


class VariantDialog(Dialog[None]):
    """Shows all other editions of the novel against the passage, one below the other."""

    BINDINGS = [("escape,q,d", "leave", "关闭"), ("down,j", "roll(1)", ""), ("up,k", "roll(-1)", ""), ("pagedown,space", "roll(12)", ""), ("pageup", "roll(-12)", "")]
    DEFAULT_CSS = """
    VariantDialog VerticalScroll { height: auto; max-height: 32; }
    VariantDialog Static { width: 1fr; height: auto; }
    """

    @dataclass
    class Compared(Message):
        """The passage was compared with an edition; None where that edition does not have it."""

        edition: Edition
        comparison: Comparison | None

    def __init__(self, library: Library, edition: Edition, citation: Citation) -> None:
        super().__init__()
        self._library, self._edition, self._citation = library, edition, citation
        self._others = [card for card in library.cards() if card.kind == edition.kind and card.id != edition.id]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = f"对勘 {self._edition.mark(self._citation.chapter, self._citation.start)}"
            box.border_subtitle = "Esc 关闭 · ↑↓ 翻看"
            with VerticalScroll(can_focus=False):
                text = "正在比较……" if self._others else "只有这一个底本。按 o 再导入一个，就能逐字比较。"
                yield Static(Content.styled(text, "$foreground 60%"), id="compared")

    def on_mount(self) -> None:
        self._parts: list[Content] = []
        editions = []
        for card in self._others:
            try:
                editions.append(self._library.open(card.id))
            except CorpusError as error:
                self._parts.append(Content.styled(error.render(), "$error"))
        if editions:
            self._compare(editions)

    @work(thread=True)
    def _compare(self, editions: list[Edition]) -> None:
        for edition in editions:
            self.post_message(self.Compared(edition, compare(self._citation, self._edition, edition)))

    @on(Compared)
    def _compared(self, event: Compared) -> None:
        comparison = event.comparison
        # Editions of one novel mostly share a title: where the text came from tells them apart.
        name = f"{event.edition.title}（{event.edition.source}）"
        if comparison is None:
            self._parts.append(Content.assemble((name, "bold $primary"), ("　没有相当的一段", "$warning")))
        elif not comparison.differences:
            mark = event.edition.mark(comparison.counterpart.chapter, comparison.counterpart.start)
            self._parts.append(Content.assemble((name, "bold $primary"), (f" {mark}　文字相同", "$foreground 60%")))
        else:
            mark = event.edition.mark(comparison.counterpart.chapter, comparison.counterpart.start)
            pieces: list[Content | tuple[str, str]] = [(name, "bold $primary"), (f" {mark}　{comparison.differences} 处不同\n", "$foreground 60%")]
            for piece in comparison.pieces:
                if piece.same:
                    pieces.append((piece.there, "$foreground"))
                    continue
                if piece.here:
                    pieces.append((piece.here, "strike $error"))
                if piece.there:
                    pieces.append((piece.there, "bold $success"))
            self._parts.append(Content.assemble(*pieces))
        legend = Content.styled("红色划去的是当前底本的字，绿色的是另一个底本的字；只是简繁、异体的不算不同。", "$foreground 60%")
        self.query_one("#compared", Static).update(Content("\n\n").join([legend, *self._parts]))

    def action_roll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
