"""Mode 对话: conversations on the left, questions and answers in the middle, the cited passage on the right."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from textual import events, on, work
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import TextArea

from xiyou_tui.chat.conversations import Message
from xiyou_tui.chat.model import CitedPlace
from xiyou_tui.errors import XiyouError
from xiyou_tui.storage.settings import BY_KEY
from xiyou_tui.storage.state import read_state
from xiyou_tui.tui.keymap import bindings
from xiyou_tui.tui.messages import EditionChanged, PassageRequested, SettingsChanged
from xiyou_tui.tui.screens import chat_keys
from xiyou_tui.tui.screens.chat_actions import ChatActions
from xiyou_tui.tui.screens.chat_asking import ChatAsking
from xiyou_tui.tui.widgets.answer import Answered, Entry, Failed, Plain, Question, Suggestions, Unanswered
from xiyou_tui.tui.widgets.conversations import ConversationList
from xiyou_tui.tui.widgets.lines import HEAD
from xiyou_tui.tui.widgets.passage import PassagePanel
from xiyou_tui.tui.widgets.question import QuestionInput
from xiyou_tui.tui.widgets.talkbar import TalkBar
from xiyou_tui.tui.widgets.transcript import Transcript

SUGGESTED = ("白骨精三次变成了什么人？", "是谁把紧箍咒传给唐僧的？", "第二十七回讲了什么？", "诸葛亮为什么要帮孙悟空？")


class ChatScreen(ChatAsking):
    """Ask, and check every answer against the text."""

    mode = "chat"
    CSS_PATH = "chat.tcss"
    BINDINGS = bindings(chat_keys.SCOPE)
    AUTO_FOCUS = "#question"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide"), (150, "-vast")]

    def __init__(self) -> None:
        super().__init__()
        self._saver: Timer | None = None
        self._draft = ""

    @cached_property
    def actions(self) -> ChatActions:
        """What one does with answers and conversations that are there."""
        return ChatActions(self.xiyou)

    def body(self) -> Iterable[Widget]:
        with Horizontal():
            yield ConversationList(lambda text: self.store.list(text), id="conversations")
            with Vertical(id="talk"):
                yield TalkBar(id="bar")
                yield Transcript(measure=self.study.settings.whole("interface.width") + 8, id="transcript")
                yield QuestionInput(id="question")
            yield PassagePanel(id="passage")

    def on_mount(self) -> None:
        self.prepare_drawing()
        self.question.remember(read_state(self.study.connection, "chat.asked", []))
        self._draft = read_state(self.study.connection, "chat.draft", "")
        self.question.put(self._draft)
        last = read_state(self.study.connection, "chat.conversation", "")
        self.open_conversation(last if any(known.id == last for known in self.store.list()) else "")
        self.question.focus()

    async def on_unmount(self) -> None:
        self._save_draft()
        await self.close_engine()

    # What is shown.

    def open_conversation(self, conversation: str) -> None:
        """Show a conversation; "" is a new, empty one."""
        self.conversation, self.editing = conversation, None
        self.note("chat.conversation", conversation)
        self.close_panel()
        self.transcript.clear_cursor()
        self.transcript.show(self._entries())
        self.refresh_bar()
        self.query_one(ConversationList).refresh_list(conversation)

    def _entries(self) -> list[Entry]:
        entries: list[Entry] = []
        messages = self.store.messages(self.conversation) if self.conversation else ()
        for message in messages:
            if message.role == "user":
                self._close_question(entries)
                entries.append(Question(text=message.text, message=message.number))
            else:
                entries.append(entry_of(message))
        if self._live is not None and self._live_conversation == self.conversation and self._live_question is not None:
            entries = [entry for entry in entries if not (isinstance(entry, Question) and entry.message == self._live_question.message)]
            entries += [self._live_question, self._live]
        else:
            self._close_question(entries)
        return entries or [self._welcome()]

    @staticmethod
    def _close_question(entries: list[Entry]) -> None:
        if entries and isinstance(entries[-1], Question):
            entries.append(Unanswered())

    def _welcome(self) -> Suggestions:
        edition = self.study.library.current()
        if edition.is_synopsis:
            lines = [("问《西游记》", "title"), ("现在的底本是提要卷：回答摘自提要，不是原文。到原著（F1）按 o 导入原著文本，回答就逐字引原文。", "synopsis")]
        else:
            lines = [("问《西游记》", "title"), ("每句引文都是原文，一字不改，按 ↵ 就能打开；书里没有的，就说原著未提及。", "dim")]
        return Suggestions(lines=lines, questions=SUGGESTED)

    @on(EditionChanged)
    def _edition_changed(self) -> None:
        self.refresh_bar()
        if not self.conversation and not self.answering:
            self.transcript.show([self._welcome()])

    @on(SettingsChanged)
    def _settings_changed(self, event: SettingsChanged) -> None:
        self.transcript.set_measure(event.settings.whole("interface.width") + 8)
        self.refresh_bar()

    def action_mode(self) -> None:
        choices = BY_KEY["chat.mode"].choices
        following = choices[(choices.index(self.chat_mode) + 1) % len(choices)]
        settings = self.study.change_setting("chat.mode", following)
        self.xiyou.tell_all(SettingsChanged(settings))
        self.refresh_bar()

    # What is being typed.

    @on(TextArea.Changed, "#question")
    def _draft_changed(self, event: TextArea.Changed) -> None:
        # What is being typed survives a crash, at the cost of one small write after a pause.
        if self._saver is not None:
            self._saver.stop()
        self._draft = event.text_area.text
        self._saver = self.set_timer(0.5, self._save_draft)

    def _save_draft(self) -> None:
        self.note("chat.draft", self._draft)

    # Moving about.

    @on(QuestionInput.AnswersWanted)
    def _answers_wanted(self, event: QuestionInput.AnswersWanted) -> None:
        self.action_citation(event.step)

    def action_citation(self, step: int) -> None:
        if self.transcript.has_focus or self.transcript.pointed is not None:
            self.transcript.action_citation(step)
        elif step < 0:
            self.transcript.focus()
            self.transcript.point_last()
            return
        self.transcript.focus()

    @on(Transcript.Left)
    def _transcript_left(self) -> None:
        if self.query_one(PassagePanel).display:
            return
        self.to_question()

    def on_key(self, event: events.Key) -> None:
        # Chinese that arrives elsewhere is meant for the question, and so are letters that came before anything had the focus.
        character = event.character
        if character is None or len(character) != 1 or not character.isalpha():
            return
        if ord(character) > 0x2E7F or self.question.has_focus:
            event.stop()
            self.to_question()
            self.question.type(character)

    @on(Transcript.CursorMoved)
    def _cursor_moved(self, event: Transcript.CursorMoved) -> None:
        # An open panel follows the cursor.
        panel = self.query_one(PassagePanel)
        if not self.has_class("panel-on") or not isinstance(event.entry, Answered):
            return
        cited = event.entry.cited(event.target)
        if panel.trace is not None and panel.trace is not event.entry.answer:
            panel.show_trace(event.entry.answer)
        elif panel.trace is None and cited is not None:
            self.show_passage(cited)

    @on(Transcript.Chosen)
    def _chosen(self, event: Transcript.Chosen) -> None:
        entry = event.entry
        if isinstance(entry, Suggestions):
            self.question.put("")
            self.question.focus()
            self.question.post_message(QuestionInput.Sent(entry.questions[event.target - 1]))
        elif isinstance(entry, Answered):
            cited = entry.cited(event.target) or (entry.places[0] if event.target == HEAD and entry.places else None)
            if event.target == len(entry.places) + 1:
                self.list_places(entry)
            elif cited is None:
                self.action_trace()
            elif event.leap or (self.has_class("panel-on") and self.query_one(PassagePanel).cited == cited):
                self.leap_to(cited)
            else:
                self.show_passage(cited)
        elif isinstance(entry, Failed | Unanswered):
            self.action_retry()

    @on(PassagePanel.LeapWanted)
    def _leap_wanted(self, event: PassagePanel.LeapWanted) -> None:
        self.leap_to(event.cited)

    def show_passage(self, cited: CitedPlace) -> None:
        """Open a citation in the side panel, in the edition it names."""
        try:
            edition = self.study.library.open(cited.citation.edition)
            self.query_one(PassagePanel).show_passage(edition, cited, self.study.settings.text("interface.script"))
        except XiyouError as error:
            self.xiyou.complain(error)
            return
        self.remove_class("list-on")
        self.add_class("panel-on")

    def leap_to(self, cited: CitedPlace) -> None:
        """Open a citation in the reader; this pane stays as it is."""
        citation = cited.citation
        self.app.post_message(PassageRequested(citation.chapter, citation.start, citation.end, citation.edition))

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

    def action_leave(self) -> None:
        focused = self.focused
        if self.answering:
            self.stop_answer()
        elif self.has_class("panel-on"):
            self.close_panel()
            if focused is not None and isinstance(focused, PassagePanel):
                self.transcript.focus()
        elif not self.question.has_focus:
            self.remove_class("list-on")
            self.to_question()
        elif self.has_class("list-on"):
            self.remove_class("list-on")
        elif self.editing is not None:
            self.editing = None
            self.question.put("")
            self.refresh_bar()
        else:
            # Out of the box, so that the keys of one character (1 to 6) are keys again.
            self.transcript.focus()

    # What one does with an answer: the one under the cursor, else the last one.

    def here(self) -> Answered | None:
        """The answer that actions are about."""
        pointed = self.transcript.pointed
        if pointed is not None:
            return pointed if isinstance(pointed, Answered) else None
        answers = [entry for entry in self.transcript.entries if isinstance(entry, Answered)]
        if not answers:
            self.notify("还没有回答。", timeout=2)
            return None
        return answers[-1]

    def action_copy(self) -> None:
        entry = self.here()
        if entry is not None:
            self.actions.copy(entry)

    @on(Transcript.Rated)
    def _rated(self, event: Transcript.Rated) -> None:
        self.action_rate(event.rating)

    def action_rate(self, rating: int) -> None:
        entry = self.here()
        if entry is not None and self.actions.rate(entry, rating):
            self.transcript.changed(entry)

    @work
    async def action_correct(self) -> None:
        entry = self.here()
        if entry is not None:
            await self.actions.correct(entry)

    @work
    async def action_work(self) -> None:
        message = await self.actions.work_through()
        if message is None:
            return
        if message.conversation != self.conversation:
            self.open_conversation(message.conversation)
        entry = next((known for known in self.transcript.entries if isinstance(known, Answered) and known.message == message.number), None)
        if entry is not None:
            self.transcript.focus()
            self.transcript.point(entry, 0)

    # What one does with a conversation.

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
        match event.action:
            case "rename":
                self._rename(event.conversation)
            case "export":
                self.actions.export(event.conversation)
            case "delete":
                self._delete(event.conversation)
            case "restore":
                if self.actions.restore():
                    self.query_one(ConversationList).refresh_list(self.conversation)

    @work
    async def _rename(self, conversation: str) -> None:
        if await self.actions.rename(conversation):
            self.refresh_bar()
            self.query_one(ConversationList).refresh_list(self.conversation)

    def _delete(self, conversation: str) -> None:
        if self.answering and conversation == self.conversation:
            self.notify("这个对话还在回答。Esc 停下它，再删。", timeout=3)
            return
        if not self.actions.delete(conversation):
            return
        if conversation == self.conversation:
            self.open_conversation("")
        self.query_one(ConversationList).refresh_list(self.conversation)


def entry_of(message: Message) -> Entry:
    """A stored answer as it stands in the talk."""
    if message.answer is None:
        return Plain(text=message.text, message=message.number)
    return Answered(answer=message.answer, message=message.number, rating=message.rating)
