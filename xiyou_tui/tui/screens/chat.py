"""Mode 对话: conversations on the left, questions and answers in the middle, the cited passage on the right."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events, on
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import TextArea

from xiyou_tui.chat.conversations import Message
from xiyou_tui.chat.model import (
    CitedPlace,
)
from xiyou_tui.errors import XiyouError
from xiyou_tui.storage.state import read_state
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.messages import EditionChanged, PassageRequested, SettingsChanged
from xiyou_tui.tui.screens.chat_asking import ChatAsking
from xiyou_tui.tui.widgets.answer import Answered, Entry, Failed, Plain, Question, Suggestions, Unanswered
from xiyou_tui.tui.widgets.conversations import ConversationList
from xiyou_tui.tui.widgets.lines import HEAD
from xiyou_tui.tui.widgets.passage import PassagePanel
from xiyou_tui.tui.widgets.question import QuestionInput
from xiyou_tui.tui.widgets.talkbar import TalkBar
from xiyou_tui.tui.widgets.transcript import Transcript

register_keys(
    Key("chat", "ctrl+e", "mode", "方式", "摘引 → 检索 → 内化", 6),
    Key("chat", "f8,ctrl+j", "citation(1)", "下一引文", "到下一条引文，从哪里都行", 5, "F8"),
    Key("chat", "f7,ctrl+k", "citation(-1)", "上一引文", "到上一条引文"),
    Key("chat", "ctrl+o", "leap", "到原著", "在原著里打开这条引文；F4 回来"),
    Key("chat", "ctrl+y", "copy", "复制", "复制问题、回答和出处", 3),
    Key("chat", "ctrl+t", "trace", "来历", "这个回答怎么来的：分析、检索、判断", 4),
    Key("chat", "ctrl+r", "retry", "重答", "把这个问题再问一次，换掉回答", 3),
    Key("chat", "ctrl+p", "edit", "改问", "改最后一个问题再问，换掉那一问一答", 2),
    Key("chat", "ctrl+g", "rate(1)", "赞", "这个回答好；再按一次取消", 2),
    Key("chat", "ctrl+d", "rate(-1)", "否", "这个回答不好；再按一次取消", 2),
    Key("chat", "ctrl+s", "correct", "改正", "改好回答，存成样本（待审）或偏好对", 3),
    Key("chat", "ctrl+l", "list", "对话表", "到对话列表，再按一次回来", 4),
    Key("chat", "ctrl+n", "new", "新对话", "开一个新对话", 3),
    Key("chat", "ctrl+f", "search", "搜对话", "在所有对话里搜索"),
    Key("chat", "ctrl+w", "work", "待处理", "拒答过的问题和待审的偏好对"),
    Key("chat", "f12", "compare", "比较", "同一个问题让两个模型并排回答，可以盲评；选好的成偏好对", 1, "F12"),
    Key("chat", "escape", "leave", "停下", "停止回答；关边栏；回到问题"),
)

SUGGESTED = ("白骨精三次变成了什么人？", "是谁把紧箍咒传给唐僧的？", "第二十七回讲了什么？", "诸葛亮为什么要帮孙悟空？")


class ChatScreen(ChatAsking):
    """Ask, and check every answer against the text."""

    mode = "chat"
    CSS_PATH = "chat.tcss"
    BINDINGS = bindings("chat")
    AUTO_FOCUS = "#question"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide"), (150, "-vast")]

    def __init__(self) -> None:
        super().__init__()
        self._saver: Timer | None = None
        self._draft = ""

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

    def refresh_bar(self) -> None:
        """Say anew which conversation this is and how questions are answered."""
        title = self.store.get(self.conversation).title if self.conversation else ""
        model = "" if self.chat_mode == "extract" else self.model_name()
        edition = self.study.library.current()
        self.query_one(TalkBar).show(title=title, mode=self.chat_mode, model=model, edition=edition.title, editing=self.editing is not None)
        self.question.border_title = f"问 {'提要卷' if edition.is_synopsis else '《' + edition.title + '》'}"
        self.question.border_subtitle = "Esc 停" if self.answering else "Esc 不改" if self.editing else ""

    @on(EditionChanged)
    def _edition_changed(self) -> None:
        self.refresh_bar()
        if not self.conversation and not self.answering:
            self.transcript.show([self._welcome()])

    @on(SettingsChanged)
    def _settings_changed(self, event: SettingsChanged) -> None:
        self.transcript.set_measure(event.settings.whole("interface.width") + 8)
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
        if self.transcript.has_focus or (self.transcript.has_class("-pointing") and self.transcript.cursor is not None):
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

    def to_question(self) -> None:
        """Back to the question line."""
        self.transcript.clear_cursor()
        self.question.focus()

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

    def close_panel(self) -> None:
        """Close the side panel."""
        self.remove_class("panel-on")
        self.query_one(PassagePanel).clear()

    def leap_to(self, cited: CitedPlace) -> None:
        """Open a citation in the reader; this pane stays as it is."""
        citation = cited.citation
        self.app.post_message(PassageRequested(citation.chapter, citation.start, citation.end, citation.edition))

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


def entry_of(message: Message) -> Entry:
    """A stored answer as it stands in the talk."""
    if message.answer is None:
        return Plain(text=message.text, message=message.number)
    return Answered(answer=message.answer, message=message.number, rating=message.rating)
