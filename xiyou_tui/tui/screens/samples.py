"""The sample mode: list, editor, review and statistics, one in front. Writes samples on behalf of its views."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from textual import on, work
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from xiyou_tui.chat.drafting import Order, draft_into
from xiyou_tui.errors import XiyouError
from xiyou_tui.samples.exchange import ImportOutcome, export_jsonl, import_jsonl
from xiyou_tui.samples.journal import Draft, DraftJournal
from xiyou_tui.samples.model import STATUSES, Sample, new_sample
from xiyou_tui.samples.starters import anchor_starters, load_starters, starters_missing
from xiyou_tui.samples.store import SampleFilter
from xiyou_tui.storage.state import read_state, write_state
from xiyou_tui.study import open_study
from xiyou_tui.tui.messages import EditionChanged, PassageRequested, SampleRequested
from xiyou_tui.tui.screens.base import ModeScreen
from xiyou_tui.tui.screens.sample_dialogs import DraftDialog, ImportDialog, OutcomeDialog
from xiyou_tui.tui.widgets.near_questions import NearQuestions
from xiyou_tui.tui.widgets.sample_editor import SampleEditor
from xiyou_tui.tui.widgets.sample_list import SampleList
from xiyou_tui.tui.widgets.sample_review import SampleReview
from xiyou_tui.tui.widgets.sample_statistics import SampleStatistics

# The edition that the starters' citations were last resolved against.
ANCHORED = "samples.anchored"


class SamplesScreen(ModeScreen):
    """Curate the training samples."""

    mode = "samples"
    CSS_PATH = "samples.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._journal: DraftJournal | None = None
        # A passage that is picked in the reader belongs to the sample being edited, not to a new one.
        self._picking = False
        self._back_to = "list"

    @property
    def journal(self) -> DraftJournal:
        if self._journal is None:
            self._journal = DraftJournal(self.study.places.journal / "samples")
        return self._journal

    def body(self) -> Iterable[Widget]:
        near = NearQuestions(self.study.places)
        with ContentSwitcher(initial="list", id="views"):
            yield SampleList(self.study, id="list")
            yield SampleEditor(self.study, self.journal, near, id="editor")
            yield SampleReview(self.study, near, id="review")
            yield SampleStatistics(self.study, id="statistics")

    @property
    def list_view(self) -> SampleList:
        return self.query_one(SampleList)

    @property
    def editor(self) -> SampleEditor:
        return self.query_one(SampleEditor)

    @property
    def view(self) -> str:
        """The view in front: list, editor, review or statistics."""
        return self.query_one("#views", ContentSwitcher).current or "list"

    def _show(self, view: str) -> None:
        self.query_one("#views", ContentSwitcher).current = view
        if view == "list":
            self.list_view.focus_table()

    def on_mount(self) -> None:
        self._anchor()
        self._offer_drafts()
        self.list_view.focus_table()

    def on_unmount(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def on_screen_resume(self) -> None:
        # Other panes and other instances write samples too; the list is read anew, the cursor stays.
        if self.is_mounted and self.view == "list" and self.query("#table"):
            self.list_view.reload()

    # What other panes ask for.

    def write_sample(self, message: SampleRequested) -> None:
        """Open the editor on a new sample with what is known of it; a passage picked for the open sample is added to that."""
        if self._picking and self.view == "editor" and self.editor.sample_id and not message.question:
            self._picking = False
            self.editor.add_citations(message.citations)
            self.notify("引文已加上。", timeout=2)
            return
        self._picking = False
        if self.view == "editor" and self.editor.changed and not self.editor.save():
            return
        kind = "refusal" if message.refusal else "fact"
        # What comes from a conversation was written by a model: it waits for review.
        from_chat = bool(message.question)
        sample = new_sample(
            kind,
            message.question,
            message.answer,
            citations=message.citations,
            refusal=message.refusal,
            reason=message.reason,
            status="review" if from_chat else "draft",
            source="chat" if from_chat else "hand",
        )
        self._edit(sample, stored=False)

    @on(EditionChanged)
    def _edition_changed(self) -> None:
        self._anchor()
        if self.view == "list":
            self.list_view.reload()
        elif self.view == "review":
            self.query_one(SampleReview).show_current()

    def _anchor(self) -> None:
        """Give loaded starters their citations once an edition holds them."""
        edition = self.study.library.current()
        if edition.is_synopsis or read_state(self.study.connection, ANCHORED) == edition.id:
            return
        if starters_missing(self.study.samples) and not self.study.samples.count(SampleFilter(source="starter")):
            return
        anchor_starters(self.study.samples, self.study.library)
        write_state(self.study.connection, ANCHORED, edition.id)

    # Drafts.

    def _drafts(self) -> list[tuple[Draft, Sample]]:
        """Drafts left behind, newest first, with what they hold; those that say nothing new are forgotten."""
        found = []
        for draft in self.journal.read_all():
            if draft.id == self.editor.sample_id:
                continue
            try:
                sample = Sample.from_record(draft.record)
            except (KeyError, TypeError, ValueError):
                continue
            if self.study.samples.exists(sample.id):
                stored = self.study.samples.get(sample.id)
                if (stored.turns, stored.citations, stored.kind, stored.reason, stored.status, stored.tags) == (
                    sample.turns, sample.citations, sample.kind, sample.reason, sample.status, sample.tags,
                ):  # fmt: skip
                    self.journal.clear(draft.id)
                    continue
            found.append((draft, sample))
        return found

    def _offer_drafts(self) -> None:
        self.list_view.show_drafts([sample.question for _, sample in self._drafts()])

    def _resume_draft(self) -> None:
        drafts = self._drafts()
        if not drafts:
            self.notify("没有没存的草稿。", timeout=3)
            return
        sample = drafts[0][1]
        self._edit(sample, stored=self.study.samples.exists(sample.id))

    # The views.

    def _edit(self, sample: Sample, *, stored: bool) -> None:
        if self.view != "editor":
            self._back_to = self.view
        self._show("editor")
        self.editor.open(sample, stored=stored)

    def _edit_stored(self, id: str) -> None:
        sample = self.study.samples.get(id)
        # A draft of it that was left behind holds more than the database does.
        draft = next((drafted for _, drafted in self._drafts() if drafted.id == sample.id), None)
        if draft is not None:
            self.notify("接着上次没存的草稿写。", timeout=4)
        self._edit(draft or sample, stored=True)

    @on(SampleEditor.Closed)
    def _editor_closed(self, event: SampleEditor.Closed) -> None:
        self._picking = False
        self._show(self._back_to)
        if self._back_to == "review":
            review = self.query_one(SampleReview)
            review.show_current()
            self.set_focus(review)
        elif self._back_to == "statistics":
            self.query_one(SampleStatistics).begin()
        self.list_view.reload(keep=event.id)
        self._offer_drafts()

    @on(SampleEditor.PickRequested)
    async def _pick(self, event: SampleEditor.PickRequested) -> None:
        self._picking = True
        if event.chapter and self.study.library.current().has_chapter(event.chapter):
            self.xiyou.post_message(PassageRequested(event.chapter, 0, 1))
        else:
            await self.xiyou.open_mode("corpus")
        self.xiyou.notify("选好一段，按 a 加到这条样本；按 2 不选，回来接着写。", timeout=4)

    @on(SampleReview.EditRequested)
    @on(SampleStatistics.EditRequested)
    def _edit_requested(self, event: SampleReview.EditRequested | SampleStatistics.EditRequested) -> None:
        self._edit_stored(event.id)

    @on(SampleReview.Closed)
    def _review_closed(self, event: SampleReview.Closed) -> None:
        self._show("list")
        self.list_view.reload(keep=event.id)

    @on(SampleStatistics.Closed)
    def _statistics_closed(self) -> None:
        self._show("list")

    @on(SampleList.Asked)
    def _asked(self, event: SampleList.Asked) -> None:
        try:
            getattr(self, f"_do_{event.what}")(event.ids)
        except XiyouError as error:
            self.xiyou.complain(error)

    def _do_edit(self, ids: tuple[str, ...]) -> None:
        for id in ids[:1]:
            self._edit_stored(id)

    def _do_new(self, ids: tuple[str, ...]) -> None:
        self._edit(new_sample("fact"), stored=False)

    def _do_resume(self, ids: tuple[str, ...]) -> None:
        self._resume_draft()

    def _do_review(self, ids: tuple[str, ...]) -> None:
        queue = list(ids) or [row.id for row in self.study.samples.rows(SampleFilter(status=("review",), order="oldest"))]
        if not queue:
            self.notify("没有待审的样本。勾选几条（空格）再按 r，就审那几条。", timeout=5)
            return
        self._show("review")
        self.query_one(SampleReview).begin(queue)

    def _do_statistics(self, ids: tuple[str, ...]) -> None:
        self._show("statistics")
        self.query_one(SampleStatistics).begin()

    def _do_approve(self, ids: tuple[str, ...]) -> None:
        changed = self.study.samples.change(ids, action="通过", status="approved")
        if ids:
            self._done(f"{changed} 条标成{STATUSES['approved']}。" if changed else f"已经是{STATUSES['approved']}了。")

    def _do_delete(self, ids: tuple[str, ...]) -> None:
        with self.study.samples.batch():
            for id in ids:
                self.study.samples.delete(id)
        if ids:
            self._done(f"{len(ids)} 条移到回收站，按 u 撤销。")

    def _do_restore(self, ids: tuple[str, ...]) -> None:
        with self.study.samples.batch():
            for id in ids:
                self.study.samples.restore(id)
        if ids:
            self._done(f"从回收站拿回 {len(ids)} 条。")

    def _do_undo(self, ids: tuple[str, ...]) -> None:
        entries = self.study.samples.undo()
        if not entries:
            self.notify("没有可以撤销的。", timeout=3)
            return
        self._done(
            f"撤销了「{entries[-1].action}」" + (f"，{len(entries)} 条" if len(entries) > 1 else "") + "。",
            keep=entries[-1].sample,
        )

    def _do_starters(self, ids: tuple[str, ...]) -> None:
        outcome = load_starters(self.study.samples, self.study.library)
        told = f"载入自带样本 {outcome.added} 条。" if outcome.added else "自带样本都在了。"
        if self.study.library.current().is_synopsis:
            told += "还没有原著底本，引文先空着，导入原著后自动补上。"
        self._done(told)

    def _do_export(self, ids: tuple[str, ...]) -> None:
        if not ids:
            self.notify("没有可以导出的样本。", timeout=3)
            return
        samples = [self.study.samples.get(id) for id in reversed(ids)]
        stem = f"samples-{time.strftime('%Y%m%d-%H%M%S')}"
        path = self.study.places.exports / f"{stem}.jsonl"
        number = 1
        while path.exists():
            number += 1
            path = path.with_name(f"{stem}-{number}.jsonl")
        count = export_jsonl(samples, path, self.study.library, self.study.samples)
        self.notify(f"导出 {count} 条：\n{path}", timeout=8)

    def _do_import(self, ids: tuple[str, ...]) -> None:
        def chosen(path: Path | None) -> None:
            if path is not None:
                self.notify(f"正在导入 {path.name}……", timeout=2)
                self._import(path)

        self.app.push_screen(ImportDialog(), chosen)

    @work(thread=True, exclusive=True, group="sample-import")
    def _import(self, path: Path) -> None:
        # A workplace of its own: a connection belongs to its thread.
        study = open_study(self.study.places)
        try:
            outcome = import_jsonl(path, study.samples, study.library)
        except XiyouError as error:
            self.app.call_from_thread(self.xiyou.complain, error)
            return
        finally:
            study.close()
        self.app.call_from_thread(self._imported, path.name, outcome)

    def _imported(self, name: str, outcome: ImportOutcome) -> None:
        self.list_view.reload()
        if outcome.broken or outcome.warnings:
            self.app.push_screen(OutcomeDialog(name, outcome))
        else:
            already = f"，已有 {outcome.skipped} 条" if outcome.skipped else ""
            self.notify(f"收下 {outcome.saved} 条{already}。待审的要审过才训练，按 r 审。", timeout=6)

    def _do_draft(self, ids: tuple[str, ...]) -> None:
        def ordered(order: Order | None) -> None:
            if order is not None:
                self.notify("正在起草……", timeout=2)
                self._draft(order)

        self.app.push_screen(DraftDialog(), ordered)

    @work(thread=True, exclusive=True, group="sample-draft")
    def _draft(self, order: Order) -> None:
        study = open_study(self.study.places)
        try:
            drafted = draft_into(study.samples, study.library, order)
        except XiyouError as error:
            self.app.call_from_thread(self.xiyou.complain, error)
            return
        finally:
            study.close()
        self.app.call_from_thread(self._drafted, drafted)

    def _drafted(self, drafted: tuple[Sample, ...]) -> None:
        refusals = sum(sample.refusal for sample in drafted)
        told = f"起草了 {len(drafted)} 条，其中拒答 {refusals} 条，都是待审：按 r 一条条审。"
        self._done(told if drafted else "能起草的都起草过了；放宽回数再试。", keep=drafted[0].id if drafted else "")

    def _done(self, told: str, *, keep: str = "") -> None:
        self.list_view.reload(keep=keep)
        self.notify(told, timeout=4)
