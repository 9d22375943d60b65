"""Asking: from the question line through the engine to an answer that stands in the talk, or a failure that keeps the question."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import cast

from textual import on, work
from textual.timer import Timer

from xiyou_tui.chat.conversations import ConversationStore
from xiyou_tui.chat.model import Answer, AnswerFailed, AnswerFinished, EngineStateChanged, Mode, StageFinished, TokenArrived
from xiyou_tui.chat.preferences import PreferenceStore
from xiyou_tui.chat.responder import Responder, open_responder
from xiyou_tui.errors import ChatError, XiyouError
from xiyou_tui.storage.state import read_state, write_state
from xiyou_tui.tui.screens.base import ModeScreen
from xiyou_tui.tui.screens.chat_actions import explained
from xiyou_tui.tui.widgets.answer import Answered, Entry, Failed, Live, Plain, Question, Suggestions, Unanswered, name_model
from xiyou_tui.tui.widgets.conversations import ConversationList
from xiyou_tui.tui.widgets.passage import PassagePanel
from xiyou_tui.tui.widgets.question import QuestionInput
from xiyou_tui.tui.widgets.talkbar import TalkBar
from xiyou_tui.tui.widgets.transcript import Transcript

# An answer in the making is drawn at most so many times a second.
DRAWS = 20
REMEMBERED = 100


class ChatAsking(ModeScreen):
    """The part of the chat pane that asks: one question at a time, whichever conversation is shown meanwhile.

    `ChatScreen` lays the widgets out and adds moving about and everything else.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conversation = ""
        self.editing: Question | None = None
        self._live: Live | None = None
        self._live_question: Question | None = None
        self._live_conversation = ""
        self._live_before: Answered | Plain | None = None
        self._dirty = False
        self._ticker: Timer | None = None
        self._indexed: set[str] = set()
        self._responder: Responder | None = None

    @property
    def store(self) -> ConversationStore:
        return self.study.conversations

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def question(self) -> QuestionInput:
        return self.query_one(QuestionInput)

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

    def prepare_drawing(self) -> None:
        """Set up the clock by which an answer in the making is drawn."""
        self._ticker = self.set_interval(1 / DRAWS, self._draw_live, pause=True)

    async def close_engine(self) -> None:
        """End the engine process, if one was started."""
        if self._responder is not None:
            await self._responder.close()

    def model_name(self) -> str:
        """The name of the model that would answer; "" where there is none."""
        from xiyou_tui.models.registry import practice_directory
        from xiyou_tui.training.run import name_adapter

        chosen = self.study.settings.text("chat.model")
        path = Path(chosen).expanduser() if chosen else practice_directory(self.study.places)
        adapter = self.study.settings.text("chat.adapter")
        return f"{name_model(path.name)}{' + ' + name_adapter(Path(adapter)) if adapter else ''}" if path.is_dir() else ""

    # What is shown around the answers.

    def refresh_bar(self) -> None:
        """Say anew which conversation this is and how questions are answered."""
        title = self.store.get(self.conversation).title if self.conversation else ""
        model = "" if self.chat_mode == "extract" else self.model_name()
        edition = self.study.library.current()
        self.query_one(TalkBar).show(title=title, mode=self.chat_mode, model=model, edition=edition.title, editing=self.editing is not None)
        self.question.border_title = f"问 {'提要卷' if edition.is_synopsis else '《' + edition.title + '》'}"
        self.question.border_subtitle = "Esc 停" if self.answering else "Esc 不改" if self.editing else ""

    def close_panel(self) -> None:
        """Close the side panel."""
        self.remove_class("panel-on")
        self.query_one(PassagePanel).clear()

    def to_question(self) -> None:
        """Back to the question line."""
        self.transcript.clear_cursor()
        self.question.focus()

    def note(self, key: str, value: object) -> None:
        """Remember a small fact for the next start. A full disk is no reason to stop here: what matters says so itself."""
        with contextlib.suppress(sqlite3.Error):
            write_state(self.study.connection, key, value)

    # From the question line to an answer.

    @on(QuestionInput.Sent)
    def _sent(self, event: QuestionInput.Sent) -> None:
        if self.answering:
            self.notify("上一个问题还在回答。Esc 停下它，再问这个。", timeout=3)
            return
        try:
            question = self._keep_question(event.text)
        except (XiyouError, sqlite3.Error) as error:
            self.xiyou.complain(explained(error, "问题还在输入框里。"))
            return
        self.question.put("")
        self._remember_question(event.text)
        self.begin(question)

    def _keep_question(self, text: str) -> Question:
        """Store a question before it is answered, in the place of the one that is being edited or was left unanswered."""
        if not self.conversation:
            self.conversation = self.store.create().id
            self.note("chat.conversation", self.conversation)
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
        self.note("chat.asked", asked)
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
        before = old if isinstance(old, Answered | Plain) else None
        self._live_before = before
        self._answer(question, live, self.conversation, before, edition)

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
                        live.doing = text or live.doing
                    case TokenArrived(text=text):
                        live.text += text
                        live.doing = "正在写……"
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
            # Cancelled by something else than Esc, which has put things in order already.
            if not finished and self._live is live and self.is_mounted:
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
        live = self._live
        if live is None:
            return
        seconds = int(time.monotonic() - live.began)
        if self._dirty or seconds != live.seconds:
            self._dirty, live.seconds = False, seconds
            self.transcript.changed(live)

    # Asking again.

    def _question_of(self, entry: Entry) -> Question | None:
        entries = self.transcript.entries
        before = entries[: entries.index(entry)]
        return next((known for known in reversed(before) if isinstance(known, Question)), None)

    def action_retry(self) -> None:
        """Ask the question of this answer (or of the last entry) again; its answer is replaced when the new one stands."""
        if self.answering:
            self.notify("还在回答。Esc 停下它，再重答。", timeout=3)
            return
        entries = self.transcript.entries
        entry = self.transcript.pointed or (entries[-1] if entries else None)
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

    @work
    async def action_compare(self) -> None:
        """Let two sides answer what stands in the question line, or else the last question."""
        from xiyou_tui.tui.screens.chat_compare import CompareScreen, PickDialog, Side
        from xiyou_tui.tui.shelf import known_directories, list_shelf

        asked = [entry for entry in self.transcript.entries if isinstance(entry, Question)]
        text = " ".join(self.question.text.split()) or (asked[-1].text if asked else "")
        if self.answering or not text:
            self.notify("还在回答。Esc 停下它，再比较。" if self.answering else "先写一个问题，再比较。", timeout=3)
            return
        mode: Mode = self.chat_mode if self.chat_mode != "extract" else "retrieve"
        items = list_shelf(self.study.places, known_directories(self.study.connection))
        sides = [Side("摘引", "extract"), *(Side(name_model(item.name), mode, str(item.model), str(item.adapter or "")) for item in items if not item.trouble)]
        contest = await self.app.push_screen_wait(PickDialog(sides))
        if contest is not None:
            # Both sides answer the bare question: what was said before would favour whoever said it.
            await self.app.push_screen_wait(CompareScreen(text, contest, self.responder, PreferenceStore(self.study.connection)))

    @work(group="stop")
    async def stop_answer(self) -> None:
        """Stop: what the model has said so far is checked and kept; where it has said nothing yet, only the question is."""
        live, question = self._live, self._live_question
        if live is None or question is None:
            return
        if not live.text:
            # The engine may take its time to follow; nobody waits for it.
            self._end(live, self._live_before or Unanswered(), give_back=question.text)
            self.workers.cancel_group(self, "answer")
        await self.responder.stop()


def stored_badly(error: sqlite3.Error) -> ChatError:
    """What to say when the conversation could not be written."""
    return ChatError(
        f"回答没有记进对话（{error}）。", kept="问题已保留，先前的对话都在。", next_step="腾出磁盘空间，或关掉另一个 xiyou，再问一次。", code="not-stored"
    )
