"""What one does with finished answers and whole conversations: copy, rate, correct, rename, export, throw away, work through."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from xiyou_tui.chat.conversations import Message
from xiyou_tui.chat.keeping import export_conversation, keep_sample, kept_citations, refusal_reason, with_sources
from xiyou_tui.chat.model import REFUSAL
from xiyou_tui.chat.preferences import PreferenceStore
from xiyou_tui.errors import ChatError, XiyouError
from xiyou_tui.tui.messages import SampleRequested
from xiyou_tui.tui.widgets.answer import Answered

if TYPE_CHECKING:
    from textual.screen import Screen

    from xiyou_tui.study import Study

T = TypeVar("T")
UNCHANGED = "对话没有改动。"
RATED = {1: "记下了：赞。^S 存成样本。", -1: "记下了：否。^S 改正它，就是一对偏好。", 0: "评价已取消。"}
KEPT = {
    "new": "存成了样本（待审）。按 2 去审。",
    "replaced": "这个问题已有一条待审的样本，换成了现在的回答。",
    "same": "已经有一样的样本，没有再存。",
}


class Surroundings(Protocol):
    """What the actions ask of the app."""

    @property
    def study(self) -> Study: ...

    def notify(self, message: str, *, timeout: float | None = None, markup: bool = True) -> None: ...

    def complain(self, error: XiyouError) -> None: ...

    def copy_with_notice(self, text: str, what: str) -> None: ...

    def post_message(self, message: SampleRequested) -> bool: ...

    async def push_screen_wait(self, screen: Screen[T]) -> T: ...


class ChatActions:
    """Each action takes what it is about, tells the user what came of it, and returns what the pane has to show anew.

    The coroutines ask the user something first and need a worker. What fails is told, and nothing has changed then.
    """

    def __init__(self, app: Surroundings) -> None:
        self._app = app
        self._binned: list[str] = []

    # Answers.

    def copy(self, entry: Answered) -> None:
        """Copy question, answer and sources."""
        self._app.copy_with_notice(with_sources(entry.answer, self._app.study.library), "问题、回答和出处")

    def rate(self, entry: Answered, rating: int) -> bool:
        """Rate an answer, or take the same rating back; whether the entry has changed."""
        chosen = 0 if entry.rating == rating else rating
        with self._telling("原来的评价没有改动。"):
            self._app.study.conversations.rate(entry.message, chosen)
            entry.rating = chosen
            self._app.notify(RATED[chosen], timeout=3)
            return True
        return False

    async def correct(self, entry: Answered) -> None:
        """Let the user correct an answer, and make of it what they choose: a sample, a preference pair, or a sample to edit."""
        from xiyou_tui.tui.screens.chat_dialogs import CorrectDialog

        answer, study = entry.answer, self._app.study
        done = await self._app.push_screen_wait(CorrectDialog(answer.question, answer.text))
        if done is None:
            return
        citations = kept_citations(answer, done.text)
        with self._telling("对话里的回答没有改动。"):
            if done.kind == "editor":
                refusal = done.text.startswith(REFUSAL)
                self._app.post_message(SampleRequested(citations, answer.question, done.text, refusal, refusal_reason(answer, done.text)))
            elif done.kind == "pair":
                PreferenceStore(study.connection).add(answer.question, done.text, answer.text, citations=citations, message=entry.message)
                self._app.notify("存成了偏好对（待审）。^W 去通过它。", timeout=4)
            else:
                self._app.notify(KEPT[keep_sample(study.samples, answer, done.text)], timeout=4)

    async def work_through(self) -> Message | None:
        """Show what waits: refused questions and pairs in review. Returns the refusal that the user wants to see."""
        from xiyou_tui.tui.screens.chat_dialogs import WorkDialog

        study = self._app.study
        return await self._app.push_screen_wait(WorkDialog(study.conversations.refused(), PreferenceStore(study.connection)))

    # Conversations.

    async def rename(self, conversation: str) -> bool:
        """Ask for another name; whether there is one."""
        from xiyou_tui.tui.screens.chat_dialogs import RenameDialog

        store = self._app.study.conversations
        title = await self._app.push_screen_wait(RenameDialog(store.get(conversation).title))
        if title is None:
            return False
        with self._telling("原来的名字没有改动。"):
            store.rename(conversation, title)
            return True
        return False

    def export(self, conversation: str) -> None:
        """Write a conversation into the place for exports."""
        study = self._app.study
        with self._telling(UNCHANGED):
            markdown, _ = export_conversation(study.conversations, study.places.exports, conversation)
            self._app.notify(f"写成了 Markdown 和 JSON：\n{markdown.with_suffix('')}.md / .json", timeout=8, markup=False)

    def delete(self, conversation: str) -> bool:
        """Put a conversation into the bin; whether it is gone from the list."""
        store = self._app.study.conversations
        with self._telling(UNCHANGED):
            title = store.get(conversation).title
            store.delete(conversation)
            self._binned.append(conversation)
            self._app.notify(f"「{title[:20]}」进了回收。^Z 恢复。", timeout=5, markup=False)
            return True
        return False

    def restore(self) -> bool:
        """Bring the conversation back that was deleted last; whether it is there again."""
        if not self._binned:
            self._app.notify("没有刚删掉的对话。", timeout=2)
            return False
        with self._telling(UNCHANGED):
            self._app.study.conversations.restore(self._binned[-1])
            self._binned.pop()
            self._app.notify("对话回来了。", timeout=2)
            return True
        return False

    @contextlib.contextmanager
    def _telling(self, kept: str) -> Iterator[None]:
        """Tell what fails in here, with what was `kept`, and go on behind it."""
        try:
            yield
        except (XiyouError, sqlite3.Error) as error:
            self._app.complain(explained(error, kept))


def explained(error: XiyouError | sqlite3.Error, kept: str) -> XiyouError:
    """An error of the program as it is; one of the database as what the user can act on."""
    if isinstance(error, XiyouError):
        return error
    return ChatError(f"数据库没有写成（{error}）。", kept=kept, next_step="腾出磁盘空间，或关掉另一个 xiyou，再试一次。", code="database")
