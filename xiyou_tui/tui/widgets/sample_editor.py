"""The sample editor: exchanges and citations in widgets of their own, refusal, tags and status, with the checks beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static, TextArea

from xiyou_tui.corpus.model import Citation
from xiyou_tui.errors import SampleError, StorageError
from xiyou_tui.samples.checks import check_sample
from xiyou_tui.samples.citations import reanchor, remember
from xiyou_tui.samples.journal import DraftJournal
from xiyou_tui.samples.model import KINDS, REFUSAL_PHRASE, STATUSES, Sample
from xiyou_tui.study import Study
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.widgets.choice import Choice
from xiyou_tui.tui.widgets.citation_box import CitationBox
from xiyou_tui.tui.widgets.near_questions import NearQuestions
from xiyou_tui.tui.widgets.sample_card import findings_content
from xiyou_tui.tui.widgets.sample_talk import SampleTalk

register_keys(
    Key("editor", "ctrl+s", "save", "保存", "存下这一条；存以前每个字都已在草稿里", 9),
    Key("editor", "ctrl+r,f7", "refuse", "拒答", "标成拒答：填好拒答的话，再问理由；再按取消拒答", 8),
    # With priority: what is typed right after this key must go into the citation line already.
    Key("editor", "ctrl+g", "cite", "加引文", "打位置加引文：27.12，或打一句原文", 7, priority=True),
    Key("editor", "ctrl+o,f8", "pick", "到原文选", "到原著里选一段，按 a 带回来", 6),
    Key("editor", "ctrl+n", "exchange(1)", "下一轮", "多轮：下一轮；在最后一轮就加一轮", 3),
    Key("editor", "ctrl+p", "exchange(-1)", "上一轮", "多轮：上一轮"),
    Key("editor", "ctrl+t", "step_kind", "题型", "换题型", 2),
    Key("editor", "ctrl+l", "step_status", "状态", "换状态", 2),
    Key("editor", "escape", "close", "返回", "存下并回到列表", 5),
    Key("editor", "delete,d", "remove_citation", "去引文", "在引文表里：去掉这一条"),
)

CHECK_PAUSE = 0.25


class SampleEditor(Vertical):
    """Edits one sample at a time. Every change goes into the journal at once, the database gets it on saving."""

    BINDINGS = bindings("editor")

    @dataclass
    class Saved(Message):
        """The sample was written to the database."""

        sample: Sample

    @dataclass
    class Closed(Message):
        """The editor is done; `id` is the sample it had."""

        id: str

    @dataclass
    class PickRequested(Message):
        """The reader shall be opened to pick a passage for this sample."""

        chapter: int

    def __init__(self, study: Study, journal: DraftJournal, near: NearQuestions, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._study = study
        self._journal = journal
        self._sample: Sample | None = None
        self._stored: Sample | None = None
        self._near = near
        self._checking: Timer | None = None
        self._told_storage = False

    def compose(self) -> ComposeResult:
        yield Static("", id="editor-heading")
        with Horizontal(id="editor-columns"):
            with Vertical(id="editor-talk"):
                yield Choice("题型", KINDS, "fact", id="kind")
                yield SampleTalk(id="exchange")
                yield Input(placeholder="标签，空格隔开", id="tags", compact=True)
            with VerticalScroll(id="editor-side", can_focus=False):
                yield Choice("状态", STATUSES, "draft", id="status")
                yield Static("", id="refusal")
                yield CitationBox(self._study, id="citation-box")
                yield Static("", id="findings")

    # What is edited.

    @property
    def sample_id(self) -> str:
        """The id of the sample being edited, or an empty string."""
        return self._sample.id if self._sample is not None else ""

    @property
    def changed(self) -> bool:
        """True when there is something that the database does not have yet."""
        sample = self._sample
        if sample is None:
            return False
        if self._stored is None:
            return not _is_blank(self._composed())
        return self._composed() != replace(self._stored, changed=sample.changed)

    def open(self, sample: Sample, *, stored: bool) -> None:
        """Edit a sample; `stored` tells whether the database has it (then what is there is compared with)."""
        self._stored = self._study.samples.get(sample.id) if stored else None
        self._sample = sample
        self._talk.open(sample.exchanges)
        self.query_one("#kind", Choice).value = sample.kind
        self.query_one("#status", Choice).value = sample.status
        self.query_one("#tags", Input).value = " ".join(sample.tags)
        self._box.line.value = ""
        self._heading()
        self._show_side()
        self._check()
        self._index_questions()
        if not _is_blank(sample) and not stored:
            self._write_draft(sample)
        self.screen.set_focus(self._talk.answer if sample.question else self._talk.question)

    def add_citations(self, citations: Sequence[Citation]) -> None:
        """Add citations (those it has already are left out)."""
        self._box.add(citations)

    def refuse(self, reason: str) -> None:
        """Mark the sample as a refusal for this reason; an answer that does not refuse gives way to the usual words."""
        if REFUSAL_PHRASE not in self._talk.answer.text:
            self._talk.write_answer(f"{REFUSAL_PHRASE}。")
        kind = "multi" if len(self._talk.exchanges) > 1 else "refusal"
        self.query_one("#kind", Choice).value = kind
        self._pull()
        self._change(refusal=True, reason=reason, kind=kind)

    def save(self) -> bool:
        """Write the sample; False when there was nothing to write or it could not be written (the draft stays then)."""
        if self._sample is None:
            return False
        self._pull()
        sample = self._composed()
        if _is_blank(sample):
            return False
        try:
            kept = [pair for pair in sample.exchanges if any(text.strip() for text in pair)] or [("", "")]
            sample = reanchor(sample.with_exchanges(kept), self._study.library, self._study.samples)
            stored = self._study.samples.save(sample)
            remember(stored, self._study.library, self._study.samples)
            self._journal.clear(stored.id)
        except (SampleError, StorageError) as error:
            self.notify(error.render(), title="没有存成", severity="error", timeout=12)
            return False
        self._stored = self._sample = stored
        self._heading()
        self._show_side()
        self.post_message(self.Saved(stored))
        return True

    def close(self) -> None:
        """Save what there is to save, then say that the editor is done. A sample without a word in it leaves no trace."""
        if self._sample is None:
            return
        id = self._sample.id
        self._pull()
        if self.changed:
            if not self.save():
                return
        else:
            self._journal.clear(id)
        self._sample = self._stored = None
        self.post_message(self.Closed(id))

    # The working state.

    def _composed(self) -> Sample:
        assert self._sample is not None
        return self._sample.with_exchanges(self._talk.exchanges)

    def _pull(self) -> None:
        """Take over what was typed."""
        if self._sample is not None and self._talk.take_over():
            self._settle(self._composed())

    def _change(self, **fields: Any) -> None:
        assert self._sample is not None
        before = self._composed()
        self._sample = replace(self._sample, **fields)
        after = self._composed()
        if after != before:
            self._settle(after, side=True)

    def _settle(self, sample: Sample, *, side: bool = False) -> None:
        """After every change: the journal at once, the checks after a pause."""
        self._sample = sample
        self._write_draft(sample)
        self._heading()
        if side:
            self._show_side()
        if self._checking is not None:
            self._checking.stop()
        self._checking = self.set_timer(CHECK_PAUSE, self._check)

    def _write_draft(self, sample: Sample) -> None:
        try:
            self._journal.write(sample.id, sample.as_record())
            self._told_storage = False
        except StorageError as error:
            if not self._told_storage:
                self._told_storage = True
                self.notify(f"草稿没能写到磁盘，请先按 Ctrl+S 存。\n{error.render()}", severity="error", timeout=12)

    # What is shown.

    def _heading(self) -> None:
        sample = self._sample
        if sample is None:
            return
        rounds = len(self._talk.exchanges)
        where = f"　第 {self._talk.at + 1}/{rounds} 轮" if rounds > 1 else ""
        state = (
            ("未存，草稿已记下", "$accent")
            if self.changed
            else ("已存", "$success")
            if self._stored
            else ("新的", "$foreground 60%")
        )
        title = "新样本" if self._stored is None else sample.id
        self.query_one("#editor-heading", Static).update(Content.assemble((f" {title}", "bold $primary"), where, "　", state))

    @property
    def _talk(self) -> SampleTalk:
        return self.query_one(SampleTalk)

    @property
    def _box(self) -> CitationBox:
        return self.query_one(CitationBox)

    def _show_side(self) -> None:
        sample = self._sample
        if sample is None:
            return
        self._box.show(sample.citations)
        line = self.query_one("#refusal", Static)
        if sample.refusal:
            reason = Content(sample.reason) if sample.reason else Content.styled("还没有写理由，按 ^R", "$error")
            line.update(Content.assemble(("拒答 ", "bold $primary"), reason))
        line.display = sample.refusal

    @work(thread=True, exclusive=True, group="near-questions")
    def _index_questions(self) -> None:
        self._near.rebuild()
        self.app.call_from_thread(self._check)

    def _check(self) -> None:
        if self._sample is None:
            return
        findings = check_sample(self._composed(), self._study.library, self._study.samples, self._near.index)
        if _is_blank(self._composed()):
            told = Content.styled("在「问」里写问题，Tab 到「答」；答里引原文用“”。", "$foreground 60%")
        elif findings:
            told = findings_content(findings)
        else:
            told = Content.styled("检查通过", "$success")
        self.query_one("#findings", Static).update(told)

    # What happens here.

    @on(TextArea.Changed)
    def _text_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._pull()

    @on(Choice.Chosen)
    def _choice_made(self, event: Choice.Chosen) -> None:
        event.stop()
        if event.choice.id == "status":
            self._change(status=event.value)
        elif event.value == "refusal":
            self._change(kind=event.value, refusal=True)
        elif self._sample is not None and self._sample.kind == "refusal":
            self._change(kind=event.value, refusal=False, reason="")
        else:
            self._change(kind=event.value)

    @on(Input.Changed, "#tags")
    def _tags_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._sample is not None:
            self._change(tags=tuple(dict.fromkeys(word.lstrip("#＃") for word in event.value.split() if word.strip("#＃"))))

    @on(CitationBox.Changed)
    def _citations_changed(self, event: CitationBox.Changed) -> None:
        event.stop()
        if self._sample is not None:
            self._change(citations=event.citations)

    @on(CitationBox.Left)
    def _citing_over(self, event: CitationBox.Left) -> None:
        event.stop()
        self.screen.set_focus(self._talk.answer)

    @on(Input.Submitted, "#tags")
    def _tags_submitted(self, event: Input.Submitted) -> None:
        event.stop()

    # Actions.

    def action_save(self) -> None:
        if self.save():
            self.notify("已存。", timeout=2)

    def action_close(self) -> None:
        if self._box.line.has_focus:
            self.screen.set_focus(self._talk.answer)
            return
        self.close()

    def action_refuse(self) -> None:
        sample = self._sample
        if sample is None:
            return
        if sample.refusal and sample.reason:
            kind = "fact" if sample.kind == "refusal" else sample.kind
            self.query_one("#kind", Choice).value = kind
            if self._talk.answer.text.strip() == f"{REFUSAL_PHRASE}。":
                self._talk.write_answer("")
            self._change(refusal=False, reason="", kind=kind)
            return
        from xiyou_tui.tui.screens.sample_dialogs import ReasonDialog

        def chosen(reason: str | None) -> None:
            if reason and self._sample is not None:
                self.refuse(reason)

        self.app.push_screen(ReasonDialog(sample.reason), chosen)

    def action_cite(self) -> None:
        self.screen.set_focus(self._box.line)

    def action_pick(self) -> None:
        sample = self._sample
        if sample is not None:
            self.post_message(self.PickRequested(sample.citations[-1].chapter if sample.citations else 0))

    def action_exchange(self, step: int) -> None:
        if self._sample is None:
            return
        self._pull()
        before = len(self._talk.exchanges)
        if not self._talk.step(step):
            return
        if len(self._talk.exchanges) > before and self._sample.kind not in ("multi", "refusal"):
            self.query_one("#kind", Choice).value = "multi"
            self._change(kind="multi")
        self._heading()
        self._check()
        self.screen.set_focus(self._talk.question)

    def action_step_kind(self) -> None:
        self.query_one("#kind", Choice).step(1)

    def action_step_status(self) -> None:
        self.query_one("#status", Choice).step(1)

    def action_remove_citation(self) -> None:
        self._box.remove_chosen()


def _is_blank(sample: Sample) -> bool:
    """True for a sample that holds nothing a person gave: no word, no citation."""
    return not sample.citations and not any(text.strip() for pair in sample.exchanges for text in pair)
