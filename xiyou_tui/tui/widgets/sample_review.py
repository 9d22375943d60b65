"""Review on single keys: one sample after the other, with the passages it rests on, in their paragraph, beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from xiyou_tui.errors import CorpusError
from xiyou_tui.samples.checks import check_sample
from xiyou_tui.samples.citations import CitedPassage, look_up, reanchor
from xiyou_tui.samples.model import REFUSAL_PHRASE, STATUSES, Sample
from xiyou_tui.study import Study
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.messages import PassageRequested
from xiyou_tui.tui.widgets.near_questions import NearQuestions
from xiyou_tui.tui.widgets.sample_card import STATE_NOTES, SampleCard

register_keys(
    Key("review", "a,ctrl+y", "decide('approved')", "通过", "通过，看下一条", 9, "a"),
    Key("review", "r,ctrl+r", "decide('returned')", "退回", "退回，看下一条", 8, "r"),
    Key("review", "x,ctrl+x", "refuse", "拒答", "改成拒答：换成拒答的话，问理由，算通过", 7, "x"),
    Key("review", "e,ctrl+e", "edit", "编辑", "先改再审；改完回到这一条", 6, "e"),
    Key("review", "s,ctrl+n", "skip(1)", "跳过", "先不定，看下一条", 5, "s"),
    Key("review", "p,ctrl+p", "skip(-1)", "上一条", "回看上一条", 1, "p"),
    Key("review", "u,ctrl+z", "undo", "撤销", "撤销刚才的决定，回到那一条", 4, "u"),
    Key("review", "o,ctrl+o", "open", "看原文", "在原著里打开引文", 2, "o"),
    Key("review", "down,j", "scroll(1)", "下滚", "把原文往下滚"),
    Key("review", "up,k", "scroll(-1)", "上滚", "把原文往上滚"),
    Key("review", "pagedown,space", "scroll(8)", "下页", "把原文往下翻"),
    Key("review", "pageup", "scroll(-8)", "上页", "把原文往上翻"),
    Key("review", "escape", "close", "返回", "回到列表", 3),
)

# Characters shown before and after the cited ones.
CONTEXT = 160
ACTIONS = {"approved": "通过", "returned": "退回"}


class SampleReview(Vertical, can_focus=True):
    """Goes through a queue of sample ids and writes each decision at once."""

    BINDINGS = bindings("review")

    @dataclass
    class Decided(Message):
        """A sample got its status."""

        id: str
        status: str

    @dataclass
    class EditRequested(Message):
        """The sample shall be edited; review goes on afterwards."""

        id: str

    @dataclass
    class Closed(Message):
        """Review was left or is through; `id` is the last sample looked at."""

        id: str

    def __init__(self, study: Study, near: NearQuestions, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._study = study
        self._queue: list[str] = []
        self._at = 0
        self._decided: dict[str, str] = {}
        # What can be taken back: the place in the queue, and whether the database has a step for it.
        self._steps: list[tuple[int, bool]] = []
        self._near = near

    def compose(self) -> ComposeResult:
        yield Static("", id="review-progress")
        with Horizontal(id="review-columns"):
            yield SampleCard(id="review-card")
            with VerticalScroll(id="review-source", can_focus=False):
                yield Static("", id="review-text")

    @property
    def sample_id(self) -> str:
        """The id of the sample that is looked at, or an empty string when the queue is through."""
        return self._queue[self._at] if self._at < len(self._queue) else ""

    def begin(self, ids: list[str]) -> None:
        """Review these samples in this order."""
        self._queue, self._at, self._decided, self._steps = ids, 0, {}, []
        self.show_current()
        self._index_questions()
        self.screen.set_focus(self)

    @work(thread=True, exclusive=True, group="near-questions")
    def _index_questions(self) -> None:
        self._near.rebuild()
        self.app.call_from_thread(self._show_card)

    def show_current(self) -> None:
        """Show the sample at hand as the database has it now (after an edit, say)."""
        self._progress()
        source = self.query_one("#review-text", Static)
        self._show_card()
        if not self.sample_id:
            source.update("")
            return
        sample = self._study.samples.get(self.sample_id)
        passages = [look_up(citation, self._study.library, self._study.samples) for citation in sample.citations]
        blocks = [self._in_context(passage) for passage in passages]
        source.update(Content("\n\n").join(blocks) if blocks else Content.styled(_no_passage(sample), "$foreground 60%"))
        self.query_one("#review-source", VerticalScroll).scroll_home(animate=False)

    def _show_card(self) -> None:
        shown = self.query_one(SampleCard)
        if not self.sample_id:
            shown.show(None)
            return
        sample = self._study.samples.get(self.sample_id)
        shown.show(sample, (), check_sample(sample, self._study.library, self._study.samples, self._near.index))

    def _in_context(self, passage: CitedPassage) -> Content:
        """The paragraph of a citation with the cited characters marked."""
        head = Content.assemble((passage.mark, "bold $secondary"), (STATE_NOTES.get(passage.state, ""), "$warning"))
        citation = passage.citation
        try:
            chapter = self._study.library.open(citation.edition).chapter(citation.chapter)
        except CorpusError:
            return Content.assemble(head, "\n", passage.text or "原文找不到了。")
        first, last = chapter.paragraph_at(citation.start), chapter.paragraph_at(max(citation.start, citation.end - 1))
        before, after = chapter.text[first.start : citation.start], chapter.text[citation.end : last.end]
        # A paragraph may fill a screen; the cited words must be in sight.
        before = before if len(before) <= CONTEXT else "…" + before[-CONTEXT:]
        after = after if len(after) <= CONTEXT else after[:CONTEXT] + "…"
        cited = chapter.text[citation.start : citation.end]
        return Content.assemble(
            head, f" {chapter.label}　", (chapter.title, "$foreground 60%"), "\n",
            (before, "$foreground 60%"), (cited, "$foreground on $secondary 30%"), (after, "$foreground 60%"),
        )  # fmt: skip

    def _progress(self) -> None:
        total = len(self._queue)
        counted = Counter(self._decided.values())
        done = "，".join(f"{STATUSES[name]} {counted[name]}" for name in STATUSES if counted[name])
        left = Content.assemble((f" 审阅 {min(self._at + 1, total)}/{total}", "bold $primary"), "　", (done, "$foreground 60%"))
        if not self.sample_id:
            left = Content.assemble(
                (f" 审完了 {total} 条", "bold $success"), "　", done, ("　Esc 回列表，u 撤销", "$foreground 60%")
            )
        width = 20
        filled = round(width * min(self._at, total) / total) if total else 0
        bar = Content.assemble("　", ("━" * filled, "$primary"), ("─" * (width - filled), "$foreground 30%"))
        self.query_one("#review-progress", Static).update(left + bar)

    # Deciding.

    def _write(self, sample: Sample, action: str) -> None:
        before = self._study.samples.get(sample.id)
        stored = self._study.samples.save(sample, action=action)
        self._steps.append((self._at, stored != before))
        self._decided[sample.id] = stored.status
        self._at += 1
        self.show_current()
        self.post_message(self.Decided(stored.id, stored.status))

    def action_decide(self, status: str) -> None:
        if not self.sample_id:
            return
        sample = reanchor(self._study.samples.get(self.sample_id), self._study.library, self._study.samples)
        self._write(replace(sample, status=status), ACTIONS[status])

    def action_refuse(self) -> None:
        if not self.sample_id:
            return
        from xiyou_tui.tui.screens.sample_dialogs import ReasonDialog

        sample = self._study.samples.get(self.sample_id)

        def chosen(reason: str | None) -> None:
            if not reason or self.sample_id != sample.id:
                return
            exchanges = list(sample.exchanges) or [("", "")]
            if REFUSAL_PHRASE not in exchanges[-1][1]:
                exchanges[-1] = (exchanges[-1][0], f"{REFUSAL_PHRASE}。")
            kind = sample.kind if sample.kind == "multi" else "refusal"
            refused = replace(sample.with_exchanges(exchanges), kind=kind, refusal=True, reason=reason, status="approved")
            self._write(refused, "改为拒答")

        self.app.push_screen(ReasonDialog(sample.reason), chosen)

    def action_skip(self, step: int) -> None:
        target = self._at + step
        if 0 <= target <= len(self._queue):
            self._at = target
            self.show_current()

    def action_undo(self) -> None:
        if not self._steps:
            self.notify("这次审阅里没有可以撤销的。", timeout=3)
            return
        self._at, written = self._steps.pop()
        self._decided.pop(self.sample_id, None)
        if written:
            self._study.samples.undo(self.sample_id)
            self.post_message(self.Decided(self.sample_id, self._study.samples.get(self.sample_id).status))
        self.show_current()

    def action_edit(self) -> None:
        if self.sample_id:
            self.post_message(self.EditRequested(self.sample_id))

    def action_open(self) -> None:
        citations = self._study.samples.get(self.sample_id).citations if self.sample_id else ()
        passages = [look_up(citation, self._study.library, self._study.samples) for citation in citations]
        found = next((passage.citation for passage in passages if passage.state != "broken"), None)
        if found is None:
            self.notify("这一条没有能打开的引文。", timeout=3)
            return
        self.post_message(PassageRequested(found.chapter, found.start, found.end, found.edition))

    def action_scroll(self, lines: int) -> None:
        self.query_one("#review-source", VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_close(self) -> None:
        self.post_message(self.Closed(self.sample_id or (self._queue[-1] if self._queue else "")))


def _no_passage(sample: Sample) -> str:
    return "拒答，没有引文。" if sample.refusal else "没有引文：看不出依据。可按 e 补，或按 r 退回。"
