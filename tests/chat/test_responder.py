"""The one door for asking, with the real engine and a real tiny model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chat.test_render import assert_holds
from xiyou_tui.chat.client import EngineClient
from xiyou_tui.chat.model import (
    AnswerFailed,
    AnswerFinished,
    ChatEvent,
    EngineStateChanged,
    Exchange,
    Mode,
    StageFinished,
    TokenArrived,
)
from xiyou_tui.chat.protocol import EngineEvent, GenerateRequest
from xiyou_tui.chat.responder import open_responder
from xiyou_tui.corpus.retrieval import Retriever
from xiyou_tui.errors import ChatError
from xiyou_tui.study import Study


async def ask(study: Study, question: str, mode: Mode, **options: object) -> list[ChatEvent]:
    responder = open_responder(study)
    try:
        return [event async for event in responder.answer(question, mode=mode, **options)]  # type: ignore[arg-type]
    finally:
        await responder.close()


async def test_extract_needs_no_engine(study: Study, synopsis_retriever: Retriever) -> None:
    events = await ask(study, "白骨精变成了哪些人？", "extract")
    assert [type(event) for event in events[:-1]] == [StageFinished] * 4
    last = events[-1]
    assert isinstance(last, AnswerFinished)
    assert not last.answer.refused
    assert "提要，非原文" in last.answer.text
    assert_holds(last.answer, synopsis_retriever)


@pytest.mark.parametrize("mode", ["retrieve", "closed"])
async def test_a_model_with_random_weights_can_not_break_the_promise(
    study: Study, tiny_model: Path, synopsis_retriever: Retriever, mode: Mode
) -> None:
    study.change_setting("chat.temperature", 1.5)
    study.change_setting("chat.max_tokens", 60)
    events = await ask(study, "白骨精变成了哪些人？", mode, model=str(tiny_model))
    last = events[-1]
    assert isinstance(last, AnswerFinished), last
    assert any(isinstance(event, TokenArrived) for event in events)
    assert [stage.name for stage in last.answer.stages] == ["分析", "扩展", "检索", "判断", "生成", "核对"]
    assert last.answer.model == "practice"
    assert_holds(last.answer, synopsis_retriever)


async def test_a_stop_ends_the_answer_and_the_next_question_works(study: Study, tiny_model: Path) -> None:
    study.change_setting("chat.max_tokens", 1500)
    study.change_setting("chat.temperature", 2.0)
    responder = open_responder(study)
    try:
        seen = 0
        async for event in responder.answer("白骨精变成了哪些人？", mode="closed", model=str(tiny_model)):
            seen += isinstance(event, TokenArrived)
            if seen == 3:
                await responder.stop()
        assert isinstance(event, AnswerFinished)
        assert event.answer.stopped
        study.change_setting("chat.max_tokens", 16)
        history = (Exchange("白骨精变成了哪些人？", event.answer.text),)
        again = [e async for e in responder.answer("她后来怎么死的？", mode="closed", model=str(tiny_model), history=history)]
        assert isinstance(again[-1], AnswerFinished)
    finally:
        await responder.close()


async def test_failures_keep_the_question_and_say_what_to_do(study: Study, tmp_path: Path) -> None:
    for options in ({"model": str(tmp_path)}, {"model": ""}):
        events = await ask(study, "白骨精是谁？", "closed", **options)
        failed = events[-1]
        assert isinstance(failed, AnswerFailed)
        assert failed.question == "白骨精是谁？"
        assert failed.error.next_step
    empty = await ask(study, "   ", "extract")
    assert isinstance(empty[-1], AnswerFailed)


async def test_what_lies_outside_is_refused_without_asking_the_model(study: Study, tiny_model: Path) -> None:
    events = await ask(study, "诸葛亮借东风是哪一回？", "closed", model=str(tiny_model))
    assert isinstance(events[-1], AnswerFinished)
    assert events[-1].answer.refused
    assert not any(isinstance(event, TokenArrived) for event in events)


async def test_closed_book_may_quote_the_whole_edition_and_nothing_else(
    study: Study, tiny_model: Path, synopsis_retriever: Retriever
) -> None:
    study.change_setting("chat.closed_quotes", "on")
    study.change_setting("chat.temperature", 1.5)
    study.change_setting("chat.max_tokens", 120)
    study.change_setting("chat.bias", "<=12")
    responder = open_responder(study)
    try:
        for turn in range(2):
            events = [event async for event in responder.answer("白骨精变成了哪些人？", mode="closed", model=str(tiny_model))]
            last = events[-1]
            assert isinstance(last, AnswerFinished), last
            assert any(part.kind == "evidence" for part in last.answer.parts)
            assert_holds(last.answer, synopsis_retriever)
            assert "引文受约束解码" in next(stage for stage in last.answer.stages if stage.name == "生成").lines
            prepared = [event for event in events if isinstance(event, EngineStateChanged) and "全书" in event.text]
            assert len(prepared) == (1 if turn == 0 else 0), "the grammar is built once"
    finally:
        await responder.close()


async def test_the_judge_is_asked_while_an_answer_is_checked(study: Study, tiny_model: Path, synopsis_retriever: Retriever) -> None:
    from xiyou_tui.chat.answer import prepare
    from xiyou_tui.chat.render import render_output

    study.change_setting("chat.judge", "on")
    study.change_setting("chat.max_tokens", 40)
    responder = open_responder(study)
    try:
        events = [event async for event in responder.answer("白骨精变成了哪些人？", mode="retrieve", model=str(tiny_model))]
        assert isinstance(events[-1], AnswerFinished)
        judge, course = responder._judge(str(tiny_model), ""), prepare("白骨精变成了哪些人？", synopsis_retriever, ())
        asked: list[float] = []

        def noted(sentence: str, passage: str) -> float:
            asked.append(judge(sentence, passage))
            return asked[-1]

        said = course.ranked[0].place.text.split("。")[0] + "。"
        answer = await asyncio.to_thread(
            render_output, said, course, synopsis_retriever, mode="closed", model="m", judge_model=noted
        )
        assert_holds(answer, synopsis_retriever)
        assert asked
        assert all(0 < probability < 1 for probability in asked)
    finally:
        await responder.close()


class Narrow(EngineClient):
    """A model whose context holds so many passages and no conversation; it writes down what it was asked."""

    def __init__(self, passages: int) -> None:
        super().__init__()
        self.passages = passages
        self.asked: list[tuple[int, int]] = []

    async def ask(self, request: GenerateRequest) -> AsyncIterator[EngineEvent]:
        turns = len([message for message in request.messages if message["role"] != "system"])
        self.asked.append((turns, len(request.quotable)))
        if turns > 1 or len(request.quotable) > self.passages:
            raise ChatError("装不下。", code="too-long")
        yield EngineEvent("done", "原著未提及。")


async def answered_by(study: Study, engine: Narrow, history: tuple[Exchange, ...]) -> ChatEvent:
    study.change_setting("chat.passages", 6)
    answer = open_responder(study, engine=engine).answer("白骨精变成了哪些人？", mode="retrieve", history=history)
    return [event async for event in answer][-1]


async def test_what_does_not_fit_loses_first_the_conversation_then_half_the_passages(study: Study, tiny_model: Path) -> None:
    study.change_setting("chat.model", str(tiny_model))
    engine = Narrow(2)
    last = await answered_by(study, engine, (Exchange("谁取名？", "祖师。"),))
    assert isinstance(last, AnswerFinished)
    assert [turns for turns, _ in engine.asked] == [3, 1, 1, 1]
    passages = [shown for _, shown in engine.asked[1:]]
    assert passages == sorted(passages, reverse=True) and passages[-1] <= 2 < passages[-2]


async def test_what_never_fits_is_told_and_nothing_is_asked_twice(study: Study, tiny_model: Path) -> None:
    study.change_setting("chat.model", str(tiny_model))
    engine = Narrow(0)
    last = await answered_by(study, engine, ())
    assert isinstance(last, AnswerFailed) and last.error.code == "too-long"
    assert engine.asked == [(1, 6), (1, 3), (1, 1)]
