"""Exact search over the whole novel, and over ten novels' worth of text: latency of find, of counting, of patterns.

Run: python benchmarks/find.py [--corpus FILE]
Queries: every name of the lexicon that stands in the text, and 400 pieces of 2 to 12 characters cut from it at random.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.retrieval import CORPUS, tenfold  # noqa: E402
from xiyou_tui.corpus.find import JoinedText, concordance, count, find, find_pattern  # noqa: E402
from xiyou_tui.corpus.lexicon import load_lexicon  # noqa: E402
from xiyou_tui.corpus.model import Edition  # noqa: E402


def timed(call: Callable[[str], object], queries: Sequence[str]) -> tuple[float, float, float]:
    """p50, p95 and the longest time, in ms."""
    times = []
    for query in queries:
        started = time.perf_counter()
        call(query)
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.95)], times[-1]


def report(edition: Edition, queries: Sequence[str]) -> None:
    started = time.perf_counter()
    JoinedText(edition)
    print(f"\n{edition.title}: {edition.characters} characters, folded once in {(time.perf_counter() - started) * 1000:.0f} ms")
    print("| | p50 ms | p95 ms | max ms |\n|---|---|---|---|")
    rows: dict[str, tuple[Callable[[str], object], Sequence[str]]] = {
        f"find, all hits ({len(queries)} queries)": (lambda text: find(edition, text), queries),
        "find, first 200 hits": (lambda text: find(edition, text, limit=200), queries),
        "count": (lambda text: count(edition, text), queries),
        "concordance by chapter": (lambda text: concordance(edition, text), queries),
        "find_pattern (process of its own)": (lambda text: find_pattern(edition, f"{text}|{text[::-1]}"), queries[:10]),
    }
    for name, (call, asked) in rows.items():
        p50, p95, longest = timed(call, asked)
        print(f"| {name} | {p50:.2f} | {p95:.2f} | {longest:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    arguments = parser.parse_args()
    from xiyou_tui.corpus.importer import import_text

    started = time.perf_counter()
    edition = import_text(arguments.corpus).edition
    print(f"import: {time.perf_counter() - started:.2f} s")
    chance = random.Random(11)
    pieces = []
    for _ in range(400):
        text = chance.choice(edition.chapters).text
        at, length = chance.randrange(len(text) - 12), chance.randint(2, 12)
        pieces.append(text[at : at + length])
    names = [name for entry in load_lexicon().entries for name in load_lexicon().search_names(entry) if count(edition, name)]
    queries = [query for query in dict.fromkeys([*names, *pieces]) if query.strip()]
    chance.shuffle(queries)
    report(edition, queries)
    report(tenfold(edition), queries[:400])


if __name__ == "__main__":
    main()
