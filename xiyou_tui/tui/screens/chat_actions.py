"""What one does with finished answers and whole conversations: copy, rate, correct, ask again, rename, export, throw away."""

from __future__ import annotations

import contextlib
import sqlite3

from textual import on, work

from xiyou_tui.chat.conversations import ConversationStore
from xiyou_tui.chat.keeping import export_conversation, keep_sample, kept_citations, refusal_reason, with_sources
from xiyou_tui.chat.model import REFUSAL, CitedPlace
from xiyou_tui.chat.preferences import PreferenceStore
from xiyou_tui.errors import ChatError, XiyouError
from xiyou_tui.storage.settings import BY_KEY
from xiyou_tui.storage.state import write_state
from xiyou_tui.tui.messages import SampleRequested, SettingsChanged
from xiyou_tui.tui.screens.base import ModeScreen
from xiyou_tui.tui.widgets.answer import Answered, Entry, Failed, Plain, Question, Unanswered
from xiyou_tui.tui.widgets.conversations import ConversationList
from xiyou_tui.tui.widgets.passage import PassagePanel
from xiyou_tui.tui.widgets.question import QuestionInput
from xiyou_tui.tui.widgets.transcript import Transcript

KEPT = {
    "new": "存成了样本（待审）。按 2 去审。",
    "replaced": "这个问题已有一条待审的样本，换成了现在的回答。",
    "same": "已经有一样的样本，没有再存。",
}


class ChatActions(ModeScreen):
    """The actions of the chat pane that need no engine. `ChatScreen` adds asking and moving about."""

    def __init__(self) -> None:
        super().__init__()
        self.conversation = ""
        self.editing: Question | None = None
        self._binned: list[str] = []

    @property
    def store(self) -> ConversationStore:
        return self.study.conversations

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def question(self) -> QuestionInput:
        return self.query_one(QuestionInput)

    # What ChatScreen does for these actions.

    @property
    def answering(self) -> bool:
        raise NotImplementedError

    def begin(self, question: Question, old: Entry | None = None) -> None:
        raise NotImplementedError

    def open_conversation(self, conversation: str) -> None:
        raise NotImplementedError

    def refresh_bar(self) -> None:
        raise NotImplementedError

    def show_passage(self, cited: CitedPlace) -> None:
        raise NotImplementedError

    def close_panel(self) -> None:
        raise NotImplementedError

    def leap_to(self, cited: CitedPlace) -> None:
        raise NotImplementedError

    def to_question(self) -> None:
        raise NotImplementedError

    def complain_of(self, error: XiyouError | sqlite3.Error, kept: str) -> None:
        """Show an error of the program or of the database."""
        if not isinstance(error, XiyouError):
            error = ChatError(f"数据库没有写成（{error}）。", kept=kept, next_step="腾出磁盘空间，或关掉另一个 xiyou，再试一次。", code="database")
        self.xiyou.complain(error)

    def note(self, key: str, value: object) -> None:
        """Remember a small fact for the next start. A full disk is no reason to stop here: what matters says so itself."""
        with contextlib.suppress(sqlite3.Error):
            write_state(self.study.connection, key, value)

    # The answer that is meant: the one under the cursor, else the last one.

    def here(self) -> Answered | None:
        """The answer that actions are about."""
        cursor = self.transcript.cursor if self.transcript.has_class("-pointing") else None
        if cursor is not None:
            return cursor[0] if isinstance(cursor[0], Answered) else None
        answers = [entry for entry in self.transcript.entries if isinstance(entry, Answered)]
        if not answers:
            self.notify("还没有回答。", timeout=2)
            return None
        return answers[-1]

    def _question_of(self, entry: Entry) -> Question | None:
        entries = self.transcript.entries
        before = entries[: entries.index(entry)]
        return next((known for known in reversed(before) if isinstance(known, Question)), None)

    def action_mode(self) -> None:
        choices = BY_KEY["chat.mode"].choices
        following = choices[(choices.index(self.study.settings.text("chat.mode")) + 1) % len(choices)]
        settings = self.study.change_setting("chat.mode", following)
        self.xiyou.tell_all(SettingsChanged(settings))
        self.refresh_bar()

    def action_retry(self) -> None:
        """Ask the question of this answer (or of the last entry) again; its answer is replaced when the new one stands."""
        if self.answering:
            self.notify("还在回答。Esc 停下它，再重答。", timeout=3)
            return
        cursor = self.transcript.cursor if self.transcript.has_class("-pointing") else None
        entries = self.transcript.entries
        entry = cursor[0] if cursor is not None else entries[-1] if entries else None
        if not isinstance(entry, Answered | Failed | Unanswered | Plain):
            self.notify("还没有可以重答的问题。", timeout=2)
            return
        asked = self._question_of(entry)
        if asked is None:
            return
        if self.question.text == asked.text:
            self.question.put("")
        index = entries.index(entry)
        if isinstance(entry, Failed) and isinstance(entries[index - 1], Answered | Plain):
            # Asking again failed before: it is still the earlier answer that is to be replaced.
            self.transcript.replace(entry)
            entry = entries[index - 1]
        if isinstance(entry, Failed | Unanswered) and index != len(entries) - 1:
            # What was never answered has no place of its own further up: the question is asked anew at the end.
            self.question.post_message(QuestionInput.Sent(asked.text))
            return
        self.begin(asked, entry)

    def action_edit(self) -> None:
        if self.answering:
            self.notify("还在回答。Esc 停下它，再改问。", timeout=3)
            return
        asked = [entry for entry in self.transcript.entries if isinstance(entry, Question)]
        if not asked:
            self.notify("还没有问过。", timeout=2)
            return
        self.editing = asked[-1]
        self.question.put_aside(asked[-1].text)
        self.question.put(asked[-1].text)
        self.to_question()
        self.refresh_bar()

    def action_copy(self) -> None:
        entry = self.here()
        if entry is not None:
            self.xiyou.copy_with_notice(with_sources(entry.answer, self.study.library), "问题、回答和出处")

    def action_trace(self) -> None:
        panel = self.query_one(PassagePanel)
        entry = self.here()
        if entry is None:
            return
        if self.has_class("panel-on") and panel.trace is entry.answer:
            self.close_panel()
            return
        panel.show_trace(entry.answer)
        self.remove_class("list-on")
        self.add_class("panel-on")

    def action_leap(self) -> None:
        cited = self.query_one(PassagePanel).cited
        cursor = self.transcript.cursor
        if cited is None and cursor is not None and isinstance(cursor[0], Answered):
            cited = cursor[0].cited(cursor[1])
        if cited is None:
            entry = self.here()
            cited = entry.places[0] if entry is not None and entry.places else None
        if cited is not None:
            self.leap_to(cited)

    @work
    async def list_places(self, entry: Answered) -> None:
        """List every place of a count; the chosen one opens in the side panel."""
        from xiyou_tui.tui.screens.chat_dialogs import PlacesDialog

        try:
            edition = self.study.library.open(entry.answer.edition)
        except XiyouError as error:
            self.xiyou.complain(error)
            return
        cited = await self.app.push_screen_wait(PlacesDialog(edition, entry.more))
        if cited is not None:
            self.show_passage(cited)

    # Rating and correcting.

    @on(Transcript.Rated)
    def _rated(self, event: Transcript.Rated) -> None:
        self.action_rate(event.rating)

    def action_rate(self, rating: int) -> None:
        entry = self.here()
        if entry is None:
            return
        chosen = 0 if entry.rating == rating else rating
        try:
            self.store.rate(entry.message, chosen)
        except (XiyouError, sqlite3.Error) as error:
            self.complain_of(error, "原来的评价没有改动。")
            return
        entry.rating = chosen
        self.transcript.changed(entry)
        self.notify({1: "记下了：赞。^S 存成样本。", -1: "记下了：否。^S 改正它，就是一对偏好。", 0: "评价已取消。"}[chosen], timeout=3)

    @work
    async def action_correct(self) -> None:
        from xiyou_tui.tui.screens.chat_dialogs import CorrectDialog

        entry = self.here()
        if entry is None:
            return
        answer = entry.answer
        done = await self.app.push_screen_wait(CorrectDialog(answer.question, answer.text))
        if done is None:
            return
        try:
            if done.kind == "editor":
                refusal = done.text.startswith(REFUSAL)
                wanted = SampleRequested(kept_citations(answer, done.text), answer.question, done.text, refusal, refusal_reason(answer, done.text))
                self.app.post_message(wanted)
            elif done.kind == "pair":
                PreferenceStore(self.study.connection).add(
                    answer.question, done.text, answer.text, citations=kept_citations(answer, done.text), message=entry.message
                )  # fmt: skip
                self.notify("存成了偏好对（待审）。^W 去通过它。", timeout=4)
            else:
                self.notify(KEPT[keep_sample(self.study.samples, answer, done.text)], timeout=4)
        except (XiyouError, sqlite3.Error) as error:
            self.complain_of(error, "对话里的回答没有改动。")

    # Conversations.

    def action_new(self) -> None:
        self.open_conversation("")
        self.to_question()

    def action_list(self) -> None:
        listing = self.query_one(ConversationList)
        if listing.display and listing.has_focus_within:
            self.remove_class("list-on")
            self.to_question()
            return
        self.remove_class("list-off")
        self.add_class("list-on")
        if not listing.display:
            self.close_panel()
        listing.refresh_list(self.conversation)
        # It takes the focus only once it shows.
        self.call_after_refresh(listing.enter)

    def action_search(self) -> None:
        self.action_list()
        self.call_after_refresh(self.query_one(ConversationList).action_search)

    @on(ConversationList.Opened)
    def _opened(self, event: ConversationList.Opened) -> None:
        if event.conversation != self.conversation:
            self.open_conversation(event.conversation)
        self.remove_class("list-on")
        self.to_question()

    @on(ConversationList.Wanted)
    def _wanted(self, event: ConversationList.Wanted) -> None:
        try:
            if event.action == "rename":
                self._rename(event.conversation)
            elif event.action == "export":
                markdown, _ = export_conversation(self.store, self.study.places.exports, event.conversation)
                self.notify(f"写成了 Markdown 和 JSON：\n{markdown.with_suffix('')}.md / .json", timeout=8, markup=False)
            elif event.action == "delete":
                self._delete(event.conversation)
            elif self._binned:
                self._restore(self._binned.pop())
            else:
                self.notify("没有刚删掉的对话。", timeout=2)
        except (XiyouError, sqlite3.Error) as error:
            self.complain_of(error, "对话没有改动。")

    @work
    async def _rename(self, conversation: str) -> None:
        from xiyou_tui.tui.screens.chat_dialogs import RenameDialog

        title = await self.app.push_screen_wait(RenameDialog(self.store.get(conversation).title))
        if title is None:
            return
        try:
            self.store.rename(conversation, title)
        except (XiyouError, sqlite3.Error) as error:
            self.complain_of(error, "原来的名字没有改动。")
            return
        self.refresh_bar()
        self.query_one(ConversationList).refresh_list(self.conversation)

    def _delete(self, conversation: str) -> None:
        if self.answering and conversation == self.conversation:
            self.notify("这个对话还在回答。Esc 停下它，再删。", timeout=3)
            return
        title = self.store.get(conversation).title
        self.store.delete(conversation)
        self._binned.append(conversation)
        if conversation == self.conversation:
            self.open_conversation("")
        self.query_one(ConversationList).refresh_list(self.conversation)
        self.notify(f"「{title[:20]}」进了回收。^Z 恢复。", timeout=5, markup=False)

    def _restore(self, conversation: str) -> None:
        self.store.restore(conversation)
        self.query_one(ConversationList).refresh_list(self.conversation)
        self.notify("对话回来了。", timeout=2)

    @work
    async def action_work(self) -> None:
        from xiyou_tui.tui.screens.chat_dialogs import WorkDialog

        message = await self.app.push_screen_wait(WorkDialog(self.store.refused(), PreferenceStore(self.study.connection)))
        if message is None:
            return
        if message.conversation != self.conversation:
            self.open_conversation(message.conversation)
        entry = next((known for known in self.transcript.entries if isinstance(known, Answered) and known.message == message.number), None)
        if entry is not None:
            self.transcript.focus()
            self.transcript.point(entry, 0)
