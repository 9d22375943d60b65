"""What is put to the test: extract, retrieve and closed through the chat's own door, and two plain baselines beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from xiyou_tui.errors import ChatError, EvaluationError, XiyouError
from xiyou_tui.evaluation.judging import DEPTH, Reply
from xiyou_tui.evaluation.noise import Noise

if TYPE_CHECKING:
    from xiyou_tui.chat.client import EngineClient
    from xiyou_tui.corpus.retrieval import Retriever
    from xiyou_tui.evaluation.plain import PlainRag
    from xiyou_tui.study import Study

SystemMode = Literal["extract", "retrieve", "closed", "rag", "bare"]
MODES: dict[SystemMode, str] = {
    "extract": "摘引",
    "retrieve": "检索",
    "closed": "内化",
    "rag": "普通 RAG",
    "bare": "裸模型",
}
HELP: dict[SystemMode, str] = {
    "extract": "不用模型：检索、判断、原文摘引",
    "retrieve": "完整：检索到的原文放进提示，引文受约束，逐句核对",
    "closed": "只凭模型作答，出处事后查找",
    "rag": "对照：BM25 取前五段放进提示，不约束、不核对",
    "bare": "对照：直接问模型，什么都不给",
}
NEEDS_MODEL: frozenset[str] = frozenset(MODES) - {"extract"}


@dataclass(frozen=True, slots=True)
class SystemSpec:
    """One system of an evaluation; its mode is its name within the run. Model and adapter are directories, "" for none."""

    mode: SystemMode
    model: str = ""
    adapter: str = ""
    model_name: str = ""
    model_hash: str = ""

    @property
    def backing(self) -> str:
        """The model's name with that of the adapter on it; empty where there is none."""
        from xiyou_tui.training.run import name_adapter

        adapter = f"+{name_adapter(Path(self.adapter))}" if self.adapter else ""
        return f"{self.model_name or Path(self.model).name}{adapter}"

    @property
    def label(self) -> str:
        return f"{MODES[self.mode]} {self.backing}".rstrip()

    def as_record(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("mode", "model", "adapter", "model_name", "model_hash")} | {"label": self.label}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> SystemSpec:
        if record["mode"] not in MODES:
            raise ValueError(record["mode"])
        names = ("model", "adapter", "model_name", "model_hash")
        return cls(record["mode"], **{name: str(record.get(name, "")) for name in names})


def parse_modes(text: str) -> tuple[SystemMode, ...]:
    """The modes in a comma-separated list; `all` means every one. Raises EvaluationError for an unknown one."""
    names = [name.strip() for name in text.replace("，", ",").split(",") if name.strip()]
    if names == ["all"]:
        return get_args(SystemMode)
    unknown = [name for name in names if name not in MODES]
    if unknown or not names:
        raise EvaluationError(
            f"没有「{'、'.join(unknown) or text}」这种方式。", next_step=f"可用：{'、'.join(MODES)}，逗号分开；all 是全部。", code="no-mode"
        )
    return tuple(mode for mode in MODES if mode in names)


def plan_systems(study: Study, modes: Sequence[SystemMode], model: str = "", adapter: str = "") -> tuple[SystemSpec, ...]:
    """The systems for these modes. Raises EvaluationError or ModelError where a model is wanted and none is there.

    Without `model` the chat's model counts, else the practice model. The baselines are always the base model alone, so that
    an adapter shows against it.
    """
    if not NEEDS_MODEL & set(modes):
        return tuple(SystemSpec(mode) for mode in modes)
    from xiyou_tui.models.registry import inspect_model, model_hash, practice_directory

    chosen = model or study.settings.text("chat.model").strip()
    practice = practice_directory(study.places)
    if not chosen and practice.is_dir():
        chosen = str(practice)
    if not chosen:
        raise EvaluationError(
            "这种方式要有模型，还没有选。", next_step="用 --model 指定模型目录，或先做一个练手模型：xiyou train practice。", code="no-model"
        )
    path = Path(chosen).expanduser().absolute()
    card = inspect_model(path)
    lora = Path(adapter).expanduser().absolute() if adapter else None
    if lora is not None and not (lora / "adapters.safetensors").is_file():
        raise EvaluationError(f"适配器目录里没有 adapters.safetensors：{lora}。", next_step="换一个适配器目录。", code="no-adapter")
    digest = model_hash(path)
    return tuple(
        SystemSpec(mode)
        if mode == "extract"
        else SystemSpec(mode, str(path), str(lora) if lora and mode in ("retrieve", "closed") else "", card.name, digest)
        for mode in modes
    )


class System(Protocol):
    """Answers questions one at a time; belongs to one event loop."""

    async def answer(self, question: str) -> Reply:
        """The reply; never raises one of our errors."""
        ...

    async def close(self) -> None: ...


def open_system(
    spec: SystemSpec, study: Study, retriever: Retriever, *, seed: int, noise: int = 0, log: Path | None = None
) -> System:
    """The system of a spec over an edition's retriever; engines write their log to `log`. So many of the passages that a model
    is shown are replaced by `noise`."""
    if spec.mode == "extract":
        return ExtractSystem(retriever)
    from xiyou_tui.chat.client import EngineClient

    engine = EngineClient(log=log)
    if spec.mode in ("retrieve", "closed"):
        return ChatSystem(spec, study, retriever, engine, Noise(retriever.passages, noise, seed))
    from xiyou_tui.evaluation.plain import PlainRag

    return PlainSystem(PlainRag(retriever, study.settings, engine, spec, seed=seed, noise=noise))


class ExtractSystem:
    """摘引: no model."""

    # Counts over the whole text, so that every index made on first use is there before time is taken.
    WARMING = "金箍棒在哪几回出现过"

    def __init__(self, retriever: Retriever) -> None:
        from xiyou_tui.chat.answer import answer_by_extract

        self._retriever = retriever
        answer_by_extract(self.WARMING, retriever)

    async def answer(self, question: str) -> Reply:
        from xiyou_tui.chat.answer import extract_answer, prepare

        started = time.perf_counter()
        try:
            # The two halves of `answer_by_extract`: what lies between them is what retrieval found.
            course = prepare(question, self._retriever)
            answer = extract_answer(course)
        except XiyouError as error:
            return Reply(None, _since(started), error=error)
        ranked = tuple(candidate.place for candidate in course.evidence.candidates[:DEPTH])
        return Reply(answer, _since(started), ranked)

    async def close(self) -> None:
        return None


class ChatSystem:
    """检索 and 内化, through the door the chat pane uses."""

    def __init__(self, spec: SystemSpec, study: Study, retriever: Retriever, engine: EngineClient, noise: Noise) -> None:
        from xiyou_tui.chat.responder import Responder

        settings, edition = study.settings, retriever.edition
        self._spec = spec
        self._retriever = retriever
        self._responder = Responder(lambda: edition, lambda _: retriever, lambda: settings, engine, study.places, noise.mix)

    async def answer(self, question: str) -> Reply:
        from xiyou_tui.chat.model import AnswerFailed, AnswerFinished

        spec, started = self._spec, time.perf_counter()
        reply = Reply(None, 0.0, error=ChatError("没有得到回答。"))
        async for event in self._responder.answer(
            question, mode="retrieve" if spec.mode == "retrieve" else "closed", model=spec.model, adapter=spec.adapter
        ):
            if isinstance(event, AnswerFinished):
                reply = Reply(event.answer, _since(started))
            elif isinstance(event, AnswerFailed):
                reply = Reply(None, _since(started), error=event.error)
        if spec.mode != "retrieve":
            return reply
        ranked = await asyncio.to_thread(self._retriever.search, question, top=DEPTH)
        return Reply(reply.answer, reply.milliseconds, tuple(ranked), error=reply.error)

    async def close(self) -> None:
        await self._responder.close()


class PlainSystem:
    """普通 RAG and 裸模型: what one gets without this program's grounding."""

    def __init__(self, rag: PlainRag) -> None:
        self._rag = rag

    async def answer(self, question: str) -> Reply:
        started = time.perf_counter()
        try:
            found = await self._rag.ask(question)
        except XiyouError as error:
            return Reply(None, _since(started), error=error)
        return Reply(found.answer, _since(started), found.ranked, found.quotes, support=found.support)

    async def close(self) -> None:
        await self._rag.close()


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
