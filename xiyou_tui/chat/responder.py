"""One door for asking: takes a question in any mode and yields what happens until the verified answer stands."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING

from xiyou_tui.chat.answer import Course, count_answer, extract_answer, prepare, refusal
from xiyou_tui.chat.client import EngineClient
from xiyou_tui.chat.markup import StreamText
from xiyou_tui.chat.model import (
    Answer,
    AnswerFailed,
    AnswerFinished,
    ChatEvent,
    EngineStateChanged,
    Exchange,
    Mode,
    StageFinished,
    TokenArrived,
)
from xiyou_tui.chat.prompt import Prompt, Transcript, build_prompt
from xiyou_tui.chat.protocol import EngineEvent, GenerateRequest, JudgeRequest
from xiyou_tui.chat.render import Unverified, render_output
from xiyou_tui.chat.verify import Judge
from xiyou_tui.corpus.model import Place
from xiyou_tui.errors import ChatError, XiyouError
from xiyou_tui.storage.places import Places
from xiyou_tui.storage.settings import Settings

if TYPE_CHECKING:
    from xiyou_tui.corpus.model import Edition
    from xiyou_tui.corpus.retrieval import Retriever
    from xiyou_tui.study import Study


# From a question, the passages ranked for it and how many are shown at most to those that a model is shown.
Mix = Callable[[str, Sequence[Place], int], Sequence[Place]]
# Seconds after which a judgement counts as none: the answer stands without it.
JUDGE_PATIENCE = 60.0


class Responder:
    """Answers questions over the current edition with the current settings. One at a time; belongs to one event loop.

    `edition` and `settings` are called in the event loop; `retriever`, which may take a second, in a thread. `mix` changes which
    passages a model is shown (an evaluation puts others among them).
    """

    def __init__(
        self,
        edition: Callable[[], Edition],
        retriever: Callable[[Edition], Retriever],
        settings: Callable[[], Settings],
        engine: EngineClient | None = None,
        places: Places | None = None,
        mix: Mix | None = None,
    ) -> None:
        self._edition = edition
        self._retriever = retriever
        self._settings = settings
        self._places = places
        self._mix: Mix = mix or (lambda question, ranked, most: ranked)
        self._transcript = Transcript()
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
        """Events until AnswerFinished or AnswerFailed, one of which always comes last; raises none of our errors.

        `mode`, `model` and `adapter` default to the settings chat.mode, chat.model and chat.adapter.
        """
        try:
            settings, edition = self._settings(), self._edition()
            chosen: Mode = mode or settings.text("chat.mode")  # type: ignore[assignment]
            if not question.strip():
                raise ChatError("问题是空的。", next_step="写上要问的话。", code="empty-question")
            retriever = await asyncio.to_thread(self._retriever, edition)
            if chosen == "extract":
                course = await asyncio.to_thread(prepare, question, retriever, history)
                for stage in course.stages:
                    yield StageFinished(stage)
                yield AnswerFinished(await asyncio.to_thread(extract_answer, course))
                return
            path = self._model_path(settings, model)
            course = await asyncio.to_thread(prepare, question, retriever, history)
            for stage in course.stages:
                yield StageFinished(stage)
            settled = _settled_without_model(course, chosen, Path(path).name)
            if settled is not None:
                yield AnswerFinished(settled)
                return
            lora = settings.text("chat.adapter") if adapter is None else adapter
            async for event in self._generate(course, retriever, chosen, path, lora, settings, history):
                yield event
        except XiyouError as error:
            yield AnswerFailed(question, _as_chat_error(error))

    async def stop(self) -> None:
        """End the running generation; AnswerFinished with `answer.stopped` follows at once."""
        await self.engine.stop()

    async def release(self) -> None:
        """Let the engine give its memory back, before training starts."""
        await self.engine.release()

    async def close(self) -> None:
        """End the engine."""
        await self.engine.close()

    async def _generate(
        self,
        course: Course,
        retriever: Retriever,
        mode: Mode,
        model: str,
        adapter: str,
        settings: Settings,
        history: Sequence[Exchange],
    ) -> AsyncIterator[ChatEvent]:
        from xiyou_tui.training.run import name_adapter

        started, stream, done = Course.clock(), StreamText(), EngineEvent("done")
        whole = mode == "closed" and settings.text("chat.closed_quotes") == "on"
        if whole:
            self.engine.offer(course.edition.id, [chapter.text for chapter in course.edition.chapters])
        prompts = ever_smaller(course, mode, settings, self._transcript, history, whole, self._mix)
        prompt = next(prompts)
        while True:
            try:
                request = _request(prompt, mode, model, adapter, settings, course.edition.id if whole else "")
                async for event in self.engine.ask(request):
                    if event.kind == "token":
                        text = stream.feed(event.text)
                        if text:
                            yield TokenArrived(text)
                    elif event.kind == "done":
                        done = event
                    else:
                        yield EngineStateChanged(event.kind, _state_text(event))
                break
            except ChatError as error:
                smaller = next(prompts, None) if error.code == "too-long" else None
                if smaller is None:
                    raise
                prompt = smaller
        rest = stream.feed("", last=True)
        if rest:
            yield TokenArrived(rest)
        yield StageFinished(course.stage("生成", _generation_lines(done), started))
        answer = await asyncio.to_thread(
            render_output,
            done.text,
            course,
            retriever,
            mode=mode,
            model=Path(model).name + (f" + {name_adapter(Path(adapter))}" if adapter else ""),
            shown=prompt.shown if mode == "retrieve" else (),
            stopped=done.data.get("finish") == "stopped",
            cut=done.data.get("finish") in ("length", "repetition"),
            unverified=_unverified(settings),
            judge_model=self._judge(model, adapter) if settings.text("chat.judge") == "on" else None,
        )
        self._transcript = prompt.followed_by(course.question, done.text)
        yield StageFinished(answer.stages[-1])
        yield AnswerFinished(answer, int(done.data.get("tokens", 0)), float(done.data.get("seconds", 0.0)))

    def _judge(self, model: str, adapter: str) -> Judge:
        """The loaded model as a judge, for the thread that verifies. A judgement that fails counts as none."""
        loop = asyncio.get_running_loop()

        def judge(sentence: str, passage: str) -> float:
            request = JudgeRequest(uuid.uuid4().hex[:12], model, sentence, passage, adapter)
            try:
                return asyncio.run_coroutine_threadsafe(self.engine.judge(request), loop).result(JUDGE_PATIENCE)
            except (ChatError, TimeoutError, CancelledError):
                return 1.0

        return judge

    def _model_path(self, settings: Settings, model: str | None) -> str:
        chosen = (model if model is not None else settings.text("chat.model")).strip()
        if not chosen and self._places is not None:
            from xiyou_tui.models.registry import practice_directory

            practice = practice_directory(self._places)
            chosen = str(practice) if practice.is_dir() else ""
        if not chosen:
            raise ChatError(
                "还没有选对话模型。",
                kept="问题已保留。",
                next_step="改用摘引（不用模型），或在「模型」里选一个、做一个练手模型。",
                code="no-model",
            )
        from xiyou_tui.models.registry import inspect_model

        inspect_model(Path(chosen))
        return chosen


def ever_smaller(
    course: Course,
    mode: Mode,
    settings: Settings,
    transcript: Transcript,
    history: Sequence[Exchange],
    whole: bool,
    mix: Mix = lambda question, ranked, most: ranked,
) -> Iterator[Prompt]:
    """Prompts for a question, each smaller than the one before it, since a small model's context may not hold it all.

    First the conversation goes, then half the passages, again and again. With `whole` a closed book may be quoted.
    """
    passages = settings.whole("chat.passages")
    ranked = [item.place for item in course.ranked]
    while True:
        yield build_prompt(
            course.analysis.resolved,
            mode=mode,
            system=settings.text("chat.system_prompt"),
            edition=course.edition,
            found=mix(course.question, ranked, passages),
            transcript=transcript,
            history=history,
            passages=passages,
            style=settings.text("chat.style"),
            closed_quotes=whole,
        )
        if history:
            history, transcript = (), Transcript()
        elif passages > 1:
            passages //= 2
        else:
            return


def _request(prompt: Prompt, mode: Mode, model: str, adapter: str, settings: Settings, edition: str) -> GenerateRequest:
    return GenerateRequest(
        id=uuid.uuid4().hex[:12],
        model=model,
        adapter=adapter,
        messages=prompt.messages,
        temperature=settings.number("chat.temperature"),
        top_p=settings.number("chat.top_p"),
        max_tokens=settings.whole("chat.max_tokens"),
        quotable=tuple(place.text for place in prompt.shown),
        constrained=mode == "retrieve" or bool(edition),
        edition=edition,
        bias=parse_bias(settings.text("chat.bias")),
    )


def parse_bias(text: str) -> dict[str, float]:
    """The setting chat.bias: words with their logit offsets; raises ChatError for what is none. Offsets lie in -20..20."""
    bias: dict[str, float] = {}
    for item in text.replace("，", " ").split():
        word, _, value = item.partition("=")
        try:
            bias[word] = max(-20.0, min(20.0, float(value)))
        except ValueError:
            raise ChatError(
                f"用词偏置「{item}」读不懂。",
                kept="问题已保留。",
                next_step="写成 词=数值，用空格分开，例如：悟空=1 老孙=-2。",
                code="bias",
            ) from None
    return bias


def _unverified(settings: Settings) -> Unverified:
    return "drop" if settings.text("chat.unverified") == "drop" else "mark"


def open_responder(study: Study, *, engine: EngineClient | None = None) -> Responder:
    """The responder of an open workplace: its current edition, its settings, the engine's log in its log directory."""
    client = engine or EngineClient(log=study.places.log / "engine.log")
    return Responder(study.library.current, study.retriever, lambda: study.settings, client, study.places)


def _settled_without_model(course: Course, mode: Mode, model: str) -> Answer | None:
    """Counts, and refusals that need no model's opinion; None when the model is to answer."""
    if course.concordance is not None and course.concordance.places and course.decision.verdict != "out_of_scope":
        return count_answer(course, course.concordance, mode, model)
    if course.decision.verdict in ("out_of_scope", "false_premise") or (mode == "retrieve" and not course.decision.answerable):
        return refusal(course, mode, model)
    return None


def _as_chat_error(error: XiyouError) -> ChatError:
    if isinstance(error, ChatError):
        return error
    return ChatError(error.what, kept="问题已保留。", next_step=error.next_step, code=error.code)


def _state_text(event: EngineEvent) -> str:
    match event.kind:
        case "loading":
            return (
                f"正在装入模型 {Path(event.text).name}…"
                if "/" in event.text or "\\" in event.text
                else event.text or "正在装入模型…"
            )
        case "loaded":
            return f"模型已装入（{event.data.get('seconds', 0)} 秒）"
        case "prefill":
            total = int(event.data.get("total", 0))
            return "正在读问题和依据…" + (f"（{int(event.data.get('done', 0)) / total:.0%}）" if total else "")
    return ""


def _generation_lines(done: EngineEvent) -> list[str]:
    words = {"stop": "写完", "length": "到了最长", "stopped": "被停止", "repetition": "因重复而停止"}
    data = done.data
    lines = [f"{words.get(str(data.get('finish')), '结束')}，{data.get('tokens', 0)} 个词元"]
    if "prompt_tokens" in data:
        lines.append(f"提示 {data['prompt_tokens']} 个词元，其中 {data.get('reused', 0)} 个用了缓存")
        lines.append(f"第一个词元 {data.get('first_token_seconds', 0)} 秒，共 {data.get('seconds', 0)} 秒")
        lines.append("引文受约束解码" if data.get("constrained") else "引文未受约束，靠事后核对")
    return lines
