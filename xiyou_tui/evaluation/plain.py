"""The baselines: BM25 over single characters and pairs, its first five passages in the prompt, and whatever the model then says.

No lexicon, no decision whether to answer, no constraint, no check. With no passages it is the bare model.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xiyou_tui.chat.citations import look_up
from xiyou_tui.chat.markup import Quote, Words, parse_output
from xiyou_tui.chat.model import REFUSAL, Answer, Mode, Part, assert_verbatim, cite_places
from xiyou_tui.chat.prompt import neutral
from xiyou_tui.chat.protocol import GenerateRequest
from xiyou_tui.chat.render import MOST_SENTENCES
from xiyou_tui.chat.verify import sentences_of, verify_sentence
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.evaluation.judging import DEPTH
from xiyou_tui.evaluation.noise import Noise

if TYPE_CHECKING:
    from xiyou_tui.chat.client import EngineClient
    from xiyou_tui.corpus.retrieval import Retriever
    from xiyou_tui.evaluation.systems import SystemSpec
    from xiyou_tui.storage.settings import Settings

PASSAGES = 5
SOURCE = "模型，未核实"
ASK = "资料在上面。根据资料回答，在句末用 [编号] 注明出处；资料里没有的，回答「原著未提及」。"
# A model without our renderer refuses in words of its own.
_REFUSES = re.compile(rf"{REFUSAL}|(?:没有|未曾?|并未|不曾)(?:提及|提到|记载|写到|涉及)|无法(?:回答|确定|从)|不知道")
_RUNS = re.compile(r"[^\W_]+")


class PlainBM25:
    """BM25 with term frequencies over character unigrams and bigrams of folded text (Robertson and Zaragoza, 2009)."""

    def __init__(self, passages: Sequence[Place], *, k1: float = 1.2, b: float = 0.75) -> None:
        self._passages = passages
        counts = [Counter(_grams(passage.text)) for passage in passages]
        mean = sum(map(Counter.total, counts)) / max(1, len(counts)) or 1.0
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, count in enumerate(counts):
            norm = k1 * (1 - b + b * count.total() / mean)
            for gram, times in count.items():
                self._postings[gram].append((number, times * (k1 + 1) / (times + norm)))

    def search(self, question: str, *, top: int = DEPTH) -> list[Place]:
        """The `top` passages for a question, best first."""
        scores: dict[int, float] = defaultdict(float)
        for gram in set(_grams(question)):
            found = self._postings.get(gram, ())
            weight = math.log(1 + (len(self._passages) - len(found) + 0.5) / (len(found) + 0.5))
            for number, share in found:
                scores[number] += weight * share
        best = sorted(scores, key=lambda number: (-scores[number], number))[:top]
        return [self._passages[number] for number in best]


def _grams(text: str) -> list[str]:
    runs = _RUNS.findall(fold_loosely(text))
    return [gram for run in runs for gram in (*run, *(run[at : at + 2] for at in range(len(run) - 1)))]


@dataclass(frozen=True, slots=True)
class PlainReply:
    """The model's answer as it stands, the passages ranked (None: none were looked for), and what it put in quotation marks.

    `support` is how many of its sentences the text supports, of how many that claim something.
    """

    answer: Answer
    ranked: tuple[Place, ...] | None
    quotes: tuple[str, ...]
    support: tuple[int, int]


class PlainRag:
    """Asks the model of a spec, with or without passages. Belongs to one event loop."""

    def __init__(
        self, retriever: Retriever, settings: Settings, engine: EngineClient, spec: SystemSpec, *, seed: int, noise: int = 0
    ) -> None:
        self._retriever = retriever
        self._noise = Noise(retriever.passages, noise, seed)
        self._edition = retriever.edition
        self._index = PlainBM25(retriever.passages) if spec.mode == "rag" else None
        self._settings = settings
        self._engine = engine
        self._spec = spec
        self._seed = seed
        self._asked = 0

    async def ask(self, question: str) -> PlainReply:
        """The reply; raises ChatError when the engine gives none."""
        ranked = self._index.search(question) if self._index is not None else None
        shown = tuple(self._noise.mix(question, ranked or (), PASSAGES)[:PASSAGES])
        while True:
            try:
                raw = await self._generate(question, shown)
                break
            except Exception as error:
                # A small model's context may not hold five passages.
                if getattr(error, "code", "") != "too-long" or len(shown) <= 1:
                    raise
                shown = shown[: len(shown) // 2]
        answer, quotes = read_reply(question, raw, shown, self._edition, self._spec.mode, self._spec.label)
        support = await asyncio.to_thread(count_supported, answer, shown, self._retriever)
        return PlainReply(answer, None if ranked is None else tuple(ranked), quotes, support)

    async def close(self) -> None:
        await self._engine.close()

    async def _generate(self, question: str, shown: Sequence[Place]) -> str:
        self._asked += 1
        lines = [f"[{number}] {neutral(place.text)}" for number, place in enumerate(shown, 1)]
        ask = [ASK] if shown else []
        content = "\n".join([*lines, *ask, f"问题：{neutral(question)}"])
        settings = self._settings
        request = GenerateRequest(
            id=f"plain-{self._asked}",
            model=self._spec.model,
            messages=(
                {"role": "system", "content": neutral(settings.text("chat.system_prompt"))},
                {"role": "user", "content": content},
            ),
            adapter=self._spec.adapter,
            temperature=settings.number("chat.temperature"),
            top_p=settings.number("chat.top_p"),
            max_tokens=settings.whole("chat.max_tokens"),
            seed=self._seed,
        )
        text = ""
        async for event in self._engine.ask(request):
            if event.kind == "done":
                text = event.text
        return text


def count_supported(answer: Answer, shown: Sequence[Place], retriever: Retriever) -> tuple[int, int]:
    """(sentences that the passages shown or the novel elsewhere support, sentences that claim something) of a baseline's answer.

    By the check that the full system's own words go through.
    """
    verdicts = []
    for part in answer.parts:
        for sentence in sentences_of(part.text)[:MOST_SENTENCES] if part.kind == "summary" and not answer.refused else ():
            verdict = verify_sentence(sentence, shown, retriever) if shown else look_up(sentence, retriever)
            if verdict.supported is False and shown:
                verdict = look_up(sentence, retriever)
            verdicts.append(verdict.supported)
    return verdicts.count(True), len(verdicts) - verdicts.count(None)


def read_reply(question: str, raw: str, shown: Sequence[Place], edition: Edition, mode: str, model: str) -> tuple[Answer, tuple[str, ...]]:
    """The answer a reader would take from `raw`, and its quotes. The passages it names by number are its citations."""
    pieces = parse_output(raw)
    quotes = tuple(piece.text for piece in pieces if isinstance(piece, Quote))
    text = "".join(f"“{piece.text}”" if isinstance(piece, Quote) else piece.text for piece in pieces).strip()
    numbers: list[int] = []
    for piece in pieces:
        numbers += piece.references if isinstance(piece, Words) else (piece.number,) if piece.number else ()
    places = [shown[number - 1] for number in dict.fromkeys(numbers) if 1 <= number <= len(shown)]
    refused = not text or _REFUSES.search(text) is not None
    parts = [Part("summary", text or "（没有写出回答）", None, None, SOURCE)]
    if places:
        parts.append(Part("notice", "它注明的段落："))
        parts += [Part("evidence", place.text, index) for index, place in enumerate(places)]
    # A baseline has no mode of the chat's own: the nearest one stands for how it shows.
    shown_as: Mode = "retrieve" if mode == "rag" else "closed"
    reason = "模型没有作答。" if refused else ""
    answer = Answer(question, shown_as, model, refused, reason, tuple(parts), cite_places(edition, places), edition.id)
    return assert_verbatim(answer, edition), quotes
