"""Time to the first token of a second question in a conversation, against the same question put to a cold engine.

    python benchmarks/second_turn.py --corpus TEXT [--rounds 5]

A random-weight model in which reading the prompt is nearly all of the wait. The second question is of the same conversation, with three
passages of its own; cold means the same messages with nothing in the cache (model loaded in both cases).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from xiyou_tui.models.practice import Shape, make_practice_model

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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "corpus" / "simplified-gbk.txt")
    parser.add_argument("--rounds", type=int, default=len(PAIRS))
    parsed = parser.parse_args()
    from xiyou_tui.corpus.importer import import_text

    edition = import_text(parsed.corpus).edition
    with tempfile.TemporaryDirectory() as directory:
        model = make_practice_model([chapter.text for chapter in edition.chapters], Path(directory) / "model", shape=SHAPE)
        asyncio.run(measure(edition, model, parsed.rounds))


async def measure(edition: object, model: Path, rounds: int) -> None:
    """Ask each pair of questions warm, then its second one cold."""
    from xiyou_tui.chat.answer import prepare
    from xiyou_tui.chat.client import EngineClient
    from xiyou_tui.chat.model import Exchange
    from xiyou_tui.chat.prompt import Transcript, build_prompt
    from xiyou_tui.chat.protocol import GenerateRequest
    from xiyou_tui.corpus.model import Edition
    from xiyou_tui.corpus.retrieval import Retriever
    from xiyou_tui.storage.settings import SYSTEM_PROMPT

    assert isinstance(edition, Edition)
    retriever, engine = Retriever(edition), EngineClient()
    cold, warm, ratios, shares = [], [], [], []
    # Another beginning: what was asked before does not serve the question that follows.
    stranger = GenerateRequest("x", str(model), ({"role": "user", "content": "？"},), max_tokens=1)

    async def first_token(request: GenerateRequest) -> tuple[float, dict[str, float], str]:
        done = [event async for event in engine.ask(request)][-1]
        return float(done.data["first_token_seconds"]), done.data, done.text

    try:
        for opening, following in PAIRS[:rounds]:
            await first_token(stranger)
            transcript, history = Transcript(), ()
            requests, texts = [], []
            for question in (opening, following):
                course = prepare(question, retriever, history)
                prompt = build_prompt(
                    course.analysis.resolved, mode="retrieve", system=SYSTEM_PROMPT, edition=edition, transcript=transcript,
                    found=[item.place for item in course.ranked], history=history,
                )  # fmt: skip
                request = GenerateRequest(
                    "q", str(model), prompt.messages, max_tokens=80, seed=3, constrained=True,
                    quotable=tuple(place.text for place in prompt.shown),
                )  # fmt: skip
                requests.append(request)
                seconds, data, text = await first_token(request)
                texts.append(text)
                transcript = prompt.followed_by(course.question, text)
                history = (*history, Exchange(course.question, text))
            await first_token(stranger)
            again, fresh, _ = await first_token(replace(requests[-1], max_tokens=2))
            warm.append(seconds)
            cold.append(again)
            ratios.append(seconds / again)
            shares.append(data["reused"] / data["prompt_tokens"])
            print(f"{following} {data['prompt_tokens']} tokens, {data['reused']} from the cache: {seconds:.3f} s, cold {again:.3f} s ({fresh['reused']} reused)")
    finally:
        await engine.close()
    print(
        f"first token: cold median {statistics.median(cold):.3f} s, second turn {statistics.median(warm):.3f} s, "
        f"ratio median ×{statistics.median(ratios):.3f}, largest ×{max(ratios):.3f}; {statistics.mean(shares):.0%} of the prompt from the cache"
    )


if __name__ == "__main__":
    main()
