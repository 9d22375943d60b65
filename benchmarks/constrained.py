"""What constrained quoting costs at the vocabulary of a real model: compiling, the mask, and the speed of generation.

    python benchmarks/constrained.py --corpus TEXT [--model DIRECTORY] [--rounds 7] [--tokens 80]

Without --model a random-weight Qwen2 with 150,000 entries is made on the spot. Generation goes through the real engine process,
constrained and unconstrained in turn on the same prompt; the speed is the median of the pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from wide import make_wide_model

PASSAGES = 8
# Greedy, and as set by default.
HEATS = (0.0, 0.2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "corpus" / "simplified-gbk.txt")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=80)
    parser.add_argument("--steps", type=int, default=4000)
    parsed = parser.parse_args()
    from xiyou_tui.corpus.importer import import_text
    from xiyou_tui.corpus.passages import cut_passages

    edition = import_text(parsed.corpus).edition
    passages = [place.text for place in cut_passages(edition)[400 : 400 + PASSAGES]]
    with tempfile.TemporaryDirectory() as directory:
        model = parsed.model or make_wide_model([chapter.text for chapter in edition.chapters], Path(directory) / "wide")
        measure_mask(model, passages, parsed.steps)
        asyncio.run(measure_speed(model, passages, parsed.rounds, parsed.tokens))


def measure_mask(model: Path, passages: list[str], steps: int) -> None:
    """Compile time and the cost of one mask: the token taken in, the bits computed, and spread out for MLX."""
    import numpy as np
    from mlx_lm.utils import load_tokenizer

    from xiyou_tui.chat.constrain import GrammarProcessor, bind_tokenizer
    from xiyou_tui.chat.grammar import quote_grammar

    started = time.perf_counter()
    tokenizer = bind_tokenizer(load_tokenizer(model))
    print(f"vocabulary {tokenizer.vocab_size:,}; tokenizer bound in {time.perf_counter() - started:.2f} s (once per model)")
    grammar = quote_grammar(passages)
    compiled = []
    for _ in range(9):
        started = time.perf_counter()
        GrammarProcessor(tokenizer, grammar)
        compiled.append(1000 * (time.perf_counter() - started))
    print(f"grammar over {len(passages)} passages ({sum(map(len, passages))} characters): compiled in {statistics.median(compiled):.1f} ms")

    opening = np.array([tokenizer.decode_bytes([entry])[:1] in (b"[", b"<") for entry in range(tokenizer.vocab_size)])
    choose, ends = random.Random(5), set(tokenizer.eos_tokens)
    words, quotes = [], []
    while len(words) + len(quotes) < steps:
        processor, written = GrammarProcessor(tokenizer, grammar), b""
        token: int | None = None
        for _ in range(80):
            started = time.perf_counter()
            if token is not None:
                processor.take(token)
            admitted = processor.admitted(tokenizer.vocab_size)
            took = 1000 * (time.perf_counter() - started)
            (quotes if re.search(rb"<q>[^<]*$", written) else words).append(took)
            # A writer who now begins a quote, and who often goes on in it.
            begins = admitted & opening if choose.random() < 0.3 else admitted
            likely = (begins if begins.any() else admitted).nonzero()[0]
            token = int(likely[choose.randrange(len(likely))])
            if token in ends:
                break
            written += bytes(tokenizer.decode_bytes([token]))
    for name, times in (("own words and openings", words), ("inside a quote", quotes), ("all", words + quotes)):
        marks = statistics.quantiles(times, n=20)
        print(f"mask, {name} ({len(times)}): median {statistics.median(times):.3f} ms, p95 {marks[18]:.3f} ms, longest {max(times):.2f} ms")


async def measure_speed(model: Path, passages: list[str], rounds: int, tokens: int) -> None:
    """Seconds per token after the first one, constrained and not, in turn."""
    from xiyou_tui.chat.client import EngineClient
    from xiyou_tui.chat.protocol import GenerateRequest

    listed = "\n".join(f"[{number}]{text}" for number, text in enumerate(passages, 1))
    ask = ({"role": "system", "content": "只依据原文回答。"}, {"role": "user", "content": f"{listed}\n问题：他说了什么？"})
    engine = EngineClient()
    ratios: dict[float, list[float]] = {heat: [] for heat in HEATS}
    per_token: dict[tuple[float, bool], list[float]] = {(heat, held): [] for heat in HEATS for held in (False, True)}
    try:
        for turn in range(rounds + 1):
            for heat in HEATS:
                took: dict[bool, float] = {}
                # Neighbours in time are compared, now the one first and now the other: a shared machine drifts.
                for held in (False, True) if turn % 2 else (True, False):
                    request = GenerateRequest(
                        f"{turn}{heat}{held}", str(model), ask, temperature=heat, top_p=0.8, max_tokens=tokens, seed=turn + 1,
                        quotable=tuple(passages), constrained=held, bias={"[": 9.0, "<": 9.0},
                    )  # fmt: skip
                    done = [event async for event in engine.ask(request)][-1]
                    assert done.data["constrained"] is held
                    seconds = float(done.data["seconds"]) - float(done.data["first_token_seconds"])
                    took[held] = 1000 * seconds / (int(done.data["tokens"]) - 1)
                # The first round warms up.
                if turn:
                    ratios[heat].append(took[False] / took[True])
                    for held, each in took.items():
                        per_token[heat, held].append(each)
    finally:
        await engine.close()
    for heat in HEATS:
        free, bound = (statistics.median(per_token[heat, name]) for name in (False, True))
        low, middle, high = statistics.quantiles(ratios[heat], n=4)
        print(
            f"temperature {heat:g}: {free:.1f} ms a token unconstrained, {bound:.1f} ms constrained; speed of {rounds} pairs: "
            f"median ×{middle:.3f}, quartiles ×{low:.3f} and ×{high:.3f}"
        )


if __name__ == "__main__":
    main()
