"""Mode 对话: conversations on the left, questions and answers in the middle, the cited passage on the right."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from textual import on, work
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import TextArea

from xiyou_tui.chat.conversations import Message
from xiyou_tui.chat.model import (
    Answer,
    AnswerFailed,
    AnswerFinished,
    CitedPlace,
    EngineStateChanged,
    Mode,
    StageFinished,
    TokenArrived,
)
from xiyou_tui.chat.responder import Responder, open_responder
from xiyou_tui.errors import ChatError, XiyouError
from xiyou_tui.storage.state import read_state, write_state
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.messages import EditionChanged, PassageRequested, SettingsChanged
from xiyou_tui.tui.screens.chat_actions import ChatActions
from xiyou_tui.tui.widgets.answer import Answered, Entry, Failed, Live, Plain, Question, Suggestions, Unanswered
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
    Key("chat", "ctrl+w", "open_questions", "没答上的", "拒答过的问题，一个个处理"),
    Key("chat", "escape", "leave", "停下", "停止回答；关边栏；回到问题"),
)

# An answer in the making is drawn at most so many times a second.
DRAWS = 20
REMEMBERED = 100
SUGGESTED = ("白骨精三次变成了什么人？", "是谁把紧箍咒传给唐僧的？", "第二十七回讲了什么？", "诸葛亮为什么要帮孙悟空？")


class ChatScreen(ChatActions):
    """Ask, and check every answer against the text."""

    mode = "chat"
    CSS_PATH = "chat.tcss"
    BINDINGS = bindings("chat")
    AUTO_FOCUS = "#question"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide"), (150, "-vast")]

    def __init__(self) -> None:
        super().__init__()
        self._live: Live | None = None
        self._live_question: Question | None = None
        self._live_conversation = ""
        self._dirty = False
        self._ticker: Timer | None = None
        self._saver: Timer | None = None
        self._indexed: set[str] = set()
        self._responder: Responder | None = None

    def body(self) -> Iterable[Widget]:
        with Horizontal():
            yield ConversationList(lambda text: self.store.list(text), id="conversations")
            with Vertical(id="talk"):
                yield TalkBar(id="bar")
                yield Transcript(measure=self.study.settings.whole("interface.width") + 8, id="transcript")
                yield QuestionInput(id="question")
            yield PassagePanel(id="passage")

    @property
    def responder(self) -> Responder:
        """The door to answers; made when first needed."""
        if self._responder is None:
            self._responder = open_responder(self.study)
        return self._responder

    @property
    def chat_mode(self) -> Mode:
        return cast(Mode, self.study.settings.text("chat.mode"))

    @property
    def answering(self) -> bool:
        return self._live is not None

    def on_mount(self) -> None:
        self._ticker = self.set_interval(1 / DRAWS, self._draw_live, pause=True)
        self.question.remember(read_state(self.study.connection, "chat.asked", []))
        self.question.put(read_state(self.study.connection, "chat.draft", ""))
        last = read_state(self.study.connection, "chat.conversation", "")
        self.open_conversation(last if any(known.id == last for known in self.store.list()) else "")
        self.question.focus()

    async def on_unmount(self) -> None:
        if self._responder is not None:
            await self._responder.close()

    # What is shown.

    def open_conversation(self, conversation: str) -> None:
        """Show a conversation; "" is a new, empty one."""
        self.conversation, self.editing = conversation, None
        write_state(self.study.connection, "chat.conversation", conversation)
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

    def model_name(self) -> str:
        """The name of the model that would answer; "" where there is none."""
        from xiyou_tui.models.registry import practice_directory

        chosen = self.study.settings.text("chat.model")
        path = Path(chosen).expanduser() if chosen else practice_directory(self.study.places)
        adapter = self.study.settings.text("chat.adapter")
        named = "练手模型" if not chosen else path.name
        return f"{named}{' + ' + Path(adapter).name if adapter else ''}" if path.is_dir() else ""

    @on(EditionChanged)
    def _edition_changed(self) -> None:
        self.refresh_bar()
        if not self.conversation and not self.answering:
            self.transcript.show([self._welcome()])

    @on(SettingsChanged)
    def _settings_changed(self, event: SettingsChanged) -> None:
        self.transcript.set_measure(event.settings.whole("interface.width") + 8)
        self.refresh_bar()

    # Asking.

    @on(QuestionInput.Sent)
    def _sent(self, event: QuestionInput.Sent) -> None:
        if self.answering:
            self.notify("上一个问题还在回答。Esc 停下它，再问这个。", timeout=3)
            return
        try:
            question = self._keep_question(event.text)
        except (XiyouError, sqlite3.Error) as error:
            self.complain_of(error, "问题还在输入框里。")
            return
        self.question.put("")
        self._remember_question(event.text)
        self.begin(question)

    def _keep_question(self, text: str) -> Question:
        """Store a question before it is answered, in the place of the one that is being edited or was left unanswered."""
        if not self.conversation:
            self.conversation = self.store.create().id
            write_state(self.study.connection, "chat.conversation", self.conversation)
        entries = list(self.transcript.entries)
        replaced = self.editing or self._left_unanswered(entries, text)
        if replaced is not None and replaced in entries:
            self.store.truncate(self.conversation, replaced.message)
            entries = entries[: entries.index(replaced)]
            self.transcript.show(entries)
        elif entries and isinstance(entries[0], Suggestions):
            self.transcript.show([])
        self.editing = None
        message = self.store.add_question(self.conversation, text)
        return Question(text=text, message=message.number)

    @staticmethod
    def _left_unanswered(entries: list[Entry], text: str) -> Question | None:
        """The last question, when it is the same and has no whole answer: it is asked again, not twice."""
        if len(entries) < 2 or not isinstance(entries[-2], Question) or entries[-2].text != text:
            return None
        last = entries[-1]
        whole = isinstance(last, Plain) or (isinstance(last, Answered) and not last.answer.stopped)
        return None if whole else entries[-2]

    def _remember_question(self, text: str) -> None:
        before = [known for known in read_state(self.study.connection, "chat.asked", []) if known != text]
        asked = [*before[-REMEMBERED + 1 :], text]
        write_state(self.study.connection, "chat.asked", asked)
        self.question.remember(asked)

    def begin(self, question: Question, old: Entry | None = None) -> None:
        """Answer a question that is stored; with `old`, in the place of that entry."""
        edition = self.study.library.current().id
        live = Live(mode=self.chat_mode, model=self.model_name() if self.chat_mode != "extract" else "")
        live.doing = "正在找……" if edition in self._indexed else "正在建索引……"
        self._live, self._live_question, self._live_conversation = live, question, self.conversation
        self.close_panel()
        self.transcript.clear_cursor()
        if old is None:
            self.transcript.add(question, live)
        else:
            self.transcript.replace(old, live)
        if self._ticker is not None:
            self._ticker.resume()
        self.refresh_bar()
        self.query_one(ConversationList).refresh_list(self.conversation)
        self._answer(question, live, self.conversation, old if isinstance(old, Answered | Plain) else None, edition)

    @work(exclusive=True, group="answer")
    async def _answer(self, question: Question, live: Live, conversation: str, old: Answered | Plain | None, edition: str) -> None:
        finished = False
        try:
            history = self.store.history(conversation, before=question.message)
            async for event in self.responder.answer(question.text, mode=live.mode, history=history):
                match event:
                    case StageFinished(stage=stage):
                        self._indexed.add(edition)
                        live.stages.append(stage)
                        live.doing = "正在找……"
                    case EngineStateChanged(text=text):
                        live.doing = text
                    case TokenArrived(text=text):
                        live.text += text
                    case AnswerFinished(answer=answer, tokens=tokens, seconds=seconds):
                        finished = True
                        self._indexed.add(edition)
                        speed = f"{tokens / seconds:.0f} 词元/秒" if tokens and seconds > 0 else ""
                        self._finish(question, live, conversation, old, answer, speed)
                    case AnswerFailed(error=error):
                        finished = True
                        self._fail(question, live, error, old)
                self._dirty = True
        except XiyouError as error:
            finished = True
            self._fail(question, live, error, old)
        except sqlite3.Error as error:
            finished = True
            self._fail(question, live, stored_badly(error), old)
        finally:
            if not finished and self.is_mounted:
                self._end(live, old or Unanswered(), give_back=question.text)

    def _finish(self, question: Question, live: Live, conversation: str, old: Answered | Plain | None, answer: Answer, speed: str) -> None:
        if old is not None:
            self.store.replace_answer(old.message, answer)
            number = old.message
        else:
            number = self.store.add_answer(conversation, answer).number
        self._end(live, Answered(answer=answer, message=number, note=speed), give_back=question.text if answer.stopped else "")

    def _fail(self, question: Question, live: Live, error: XiyouError, old: Answered | Plain | None) -> None:
        failed = Failed(error=error)
        self._end(live, *((old, failed) if old is not None else (failed,)), give_back=question.text)

    def _end(self, live: Live, *entries: Entry, give_back: str = "") -> None:
        """Put what came of an answer in its place; an unanswered question goes back into the empty question line."""
        if self._live is live:
            self._live, self._live_question = None, None
            if self._ticker is not None:
                self._ticker.pause()
        if live in self.transcript.entries:
            self.transcript.replace(live, *entries)
        if give_back and not self.question.text.strip():
            self.question.put(give_back)
        self.refresh_bar()
        self.query_one(ConversationList).refresh_list(self.conversation)

    def _draw_live(self) -> None:
        if self._dirty and self._live is not None:
            self._dirty = False
            self.transcript.changed(self._live)

    @work(group="stop")
    async def _stop(self) -> None:
        """Stop the answer: what the model has said so far is kept; where it has said nothing, only the question is."""
        live = self._live
        if live is None:
            return
        if live.text:
            await self.responder.stop()
        else:
            self.workers.cancel_group(self, "answer")
            await self.responder.stop()

    @on(TextArea.Changed, "#question")
    def _draft_changed(self, event: TextArea.Changed) -> None:
        # What is being typed survives a crash, at the cost of one small write after a pause.
        if self._saver is not None:
            self._saver.stop()
        self._saver = self.set_timer(0.5, self._save_draft)

    def _save_draft(self) -> None:
        write_state(self.study.connection, "chat.draft", self.question.text)

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

    @on(Transcript.Typed)
    def _typed_elsewhere(self, event: Transcript.Typed) -> None:
        self.to_question()
        self.question.type(event.text)

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
            self._stop()
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


def stored_badly(error: sqlite3.Error) -> ChatError:
    """What to say when the conversation could not be written."""
    return ChatError(
        f"回答没有记进对话（{error}）。", kept="问题已保留，先前的对话都在。", next_step="腾出磁盘空间，或关掉另一个 xiyou，再问一次。", code="not-stored"
    )
