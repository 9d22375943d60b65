"""One door for asking: takes a question in any mode and yields what happens until the verified answer stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from xiyou_tui.chat.answer import answer_by_extract
from xiyou_tui.chat.client import EngineClient
from xiyou_tui.chat.model import AnswerFailed, AnswerFinished, ChatEvent, Exchange, Mode, StageFinished
from xiyou_tui.errors import ChatError, XiyouError
from xiyou_tui.storage.places import Places
from xiyou_tui.storage.settings import Settings

if TYPE_CHECKING:
    from xiyou_tui.corpus.model import Edition
    from xiyou_tui.corpus.retrieval import Retriever
    from xiyou_tui.study import Study


class Responder:
    """Answers questions over the current edition with the current settings.

    `edition` and `settings` are called in the event loop; `retriever`, which may take a second, in a thread.
    """

    def __init__(
        self,
        edition: Callable[[], Edition],
        retriever: Callable[[Edition], Retriever],
        settings: Callable[[], Settings],
        engine: EngineClient | None = None,
        places: Places | None = None,
    ) -> None:
        self._edition = edition
        self._retriever = retriever
        self._settings = settings
        self._places = places
        self.engine = engine or EngineClient()

    async def answer(
        self,
        question: str,
        *,
        mode: Mode | None = None,
        model: str | None = None,
        adapter: str | None = None,
        history: Sequence[Exchange] = (),
    ) -> AsyncIterator[ChatEvent]:
        """Events until AnswerFinished or AnswerFailed, one of which always comes last; never raises a ChatError.

        `mode`, `model` and `adapter` default to the settings chat.mode, chat.model and chat.adapter.
        """
        chosen: Mode = mode or self._settings().text("chat.mode")  # type: ignore[assignment]
        try:
            edition = self._edition()
            if chosen == "extract":
                answer = await asyncio.to_thread(lambda: answer_by_extract(question, self._retriever(edition), history=history))
                for stage in answer.stages:
                    yield StageFinished(stage)
                yield AnswerFinished(answer)
                return
            raise ChatError("模型对话还没有装好。", kept="问题已保留。", next_step="改用摘引。")
        except XiyouError as error:
            failure = (
                error
                if isinstance(error, ChatError)
                else ChatError(error.what, kept="问题已保留。", next_step=error.next_step, code=error.code)
            )
            yield AnswerFailed(question, failure)

    async def stop(self) -> None:
        """End the running generation; AnswerFinished with `answer.stopped` follows at once."""
        await self.engine.stop()

    async def release(self) -> None:
        """Let the engine give its memory back, before training starts."""
        await self.engine.release()

    async def close(self) -> None:
        await self.engine.close()


def open_responder(study: Study, *, engine: EngineClient | None = None) -> Responder:
    """The responder of an open workplace: its current edition, its settings, the engine's log in its log directory."""
    return Responder(
        study.library.current,
        study.retriever,
        lambda: study.settings,
        engine or EngineClient(log=study.places.log / "engine.log"),
        study.places,
    )
