"""One door for asking: takes a question in any mode and yields what happens until the verified answer stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from xiyou_tui.chat.answer import answer_by_extract
from xiyou_tui.chat.client import EngineClient
from xiyou_tui.chat.model import AnswerFailed, AnswerFinished, ChatEvent, Exchange, Mode, StageFinished
from xiyou_tui.errors import ChatError, XiyouError
from xiyou_tui.storage.settings import Settings

if TYPE_CHECKING:
    from xiyou_tui.corpus.retrieval import Retriever


class Responder:
    """Answers questions over the edition of `retriever()`, with the settings of `settings()` at that moment."""

    def __init__(
        self, retriever: Callable[[], Retriever], settings: Callable[[], Settings], engine: EngineClient | None = None
    ) -> None:
        self._retriever = retriever
        self._settings = settings
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
            if chosen == "extract":
                answer = await asyncio.to_thread(lambda: answer_by_extract(question, self._retriever(), history=history))
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
