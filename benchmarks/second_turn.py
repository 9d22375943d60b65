"""Time to the first token of a second question in a conversation, against the same question put to a cold engine.

    python benchmarks/second_turn.py --corpus TEXT [--model DIRECTORY] [--rounds 5]

Without --model, a random-weight one in which reading the prompt is nearly all of the wait. The second question is of the same conversation, with three
passages of its own; cold means the same messages with nothing in the cache (model loaded in both cases).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from xiyou_tui.chat.answer import prepare
from xiyou_tui.chat.client import EngineClient
from xiyou_tui.chat.model import Exchange
from xiyou_tui.chat.prompt import Transcript, build_prompt
from xiyou_tui.chat.protocol import GenerateRequest
from xiyou_tui.corpus.importer import import_text
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.retrieval import Retriever
from xiyou_tui.models.practice import Shape, make_practice_model
from xiyou_tui.storage.settings import SYSTEM_PROMPT

# Wide and shallow: in a real model, too, the matrices cost far more than looking back over two thousand tokens does.
SHAPE = Shape(vocabulary=4096, hidden=1024, layers=3, heads=8, key_value_heads=2, intermediate=4096, context=8192)
PAIRS = (
    ("金箍棒有多重？", "它是从哪里得来的？"),
    ("白骨精变成了哪些人？", "她后来怎么死的？"),
    ("车迟国斗法比了什么？", "三个国师是什么变的？"),
    ("红孩儿的父母是谁？", "他后来怎么样了？"),
    ("唐僧为什么赶走悟空？", "悟空回来是谁请的？"),
    ("人参果多少年一熟？", "树后来是谁救活的？"),
)


@dataclass(frozen=True, slots=True)
class First:
    """How long a first token took, in seconds, and how many of the prompt's tokens came from the cache."""

    seconds: float
    prompt_tokens: int
    reused: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A second question, asked in its conversation and again with nothing in the cache."""

    question: str
    warm: First
    cold: First

    @property
    def ratio(self) -> float:
        return self.warm.seconds / self.cold.seconds

    def __str__(self) -> str:
        return (
            f"{self.question} {self.warm.prompt_tokens} tokens, {self.warm.reused} from the cache: {self.warm.seconds:.3f} s, "
            f"cold {self.cold.seconds:.3f} s ({self.cold.reused} reused)"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "corpus" / "simplified-gbk.txt")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--rounds", type=int, default=len(PAIRS))
    parsed = parser.parse_args()
    edition = import_text(parsed.corpus).edition
    with tempfile.TemporaryDirectory() as directory:
        texts = [chapter.text for chapter in edition.chapters]
        model = parsed.model or make_practice_model(texts, Path(directory) / "model", shape=SHAPE)
        turns = asyncio.run(measure(edition, model, PAIRS[: parsed.rounds]))
    print(summary(turns))


async def measure(edition: Edition, model: Path, pairs: Sequence[tuple[str, str]]) -> list[Turn]:
    """Ask each pair of questions warm, then its second one cold, and print each as it is measured."""
    retriever, engine, turns = Retriever(edition), EngineClient(), []
    # Another beginning: what was asked before does not serve the question that follows.
    stranger = GenerateRequest("x", str(model), ({"role": "user", "content": "？"},), max_tokens=1)
    try:
        for pair in pairs:
            await first_token(engine, stranger)
            request, warm = await converse(engine, model, retriever, pair)
            await first_token(engine, stranger)
            cold, _ = await first_token(engine, replace(request, max_tokens=2))
            turns.append(Turn(pair[1], warm, cold))
            print(turns[-1], flush=True)
    finally:
        await engine.close()
    return turns


async def converse(engine: EngineClient, model: Path, retriever: Retriever, questions: Sequence[str]) -> tuple[GenerateRequest, First]:
    """Ask one question after the other in a conversation; the last request, and how long its first token took."""
    transcript = Transcript()
    history: tuple[Exchange, ...] = ()
    for question in questions:
        course = prepare(question, retriever, history)
        prompt = build_prompt(
            course.analysis.resolved, mode="retrieve", system=SYSTEM_PROMPT, edition=retriever.edition, transcript=transcript,
            found=[item.place for item in course.ranked], history=history,
        )  # fmt: skip
        request = GenerateRequest(
            "q", str(model), prompt.messages, max_tokens=80, seed=3, constrained=True, quotable=tuple(place.text for place in prompt.shown)
        )
        first, text = await first_token(engine, request)
        transcript = prompt.followed_by(course.question, text)
        history = (*history, Exchange(course.question, text))
    return request, first


async def first_token(engine: EngineClient, request: GenerateRequest) -> tuple[First, str]:
    """How long the first token of an answer took, and the whole answer."""
    done = [event async for event in engine.ask(request)][-1]
    return First(float(done.data["first_token_seconds"]), int(done.data["prompt_tokens"]), int(done.data["reused"])), done.text


def summary(turns: Sequence[Turn]) -> str:
    """All turns in one line."""
    ratios = [turn.ratio for turn in turns]
    cold, warm = (statistics.median(first.seconds for first in firsts) for firsts in ((t.cold for t in turns), (t.warm for t in turns)))
    share = statistics.mean(turn.warm.reused / turn.warm.prompt_tokens for turn in turns)
    return (
        f"first token: cold median {cold:.3f} s, second turn {warm:.3f} s, "
        f"ratio median ×{statistics.median(ratios):.3f}, largest ×{max(ratios):.3f}; {share:.0%} of the prompt from the cache"
    )


if __name__ == "__main__":
    main()
