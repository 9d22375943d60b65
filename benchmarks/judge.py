"""What a model-based judge adds to the check of own words: how well it tells a passage that tells an event from one that does not.

    python benchmarks/judge.py --corpus TEXT --model DIRECTORY [--pairs 60]

For sentences of the event index: the share of pairs in which the event's own passage gets a higher probability than another passage with
the same people (0.5 is chance), and what becomes of sentences that the other signals support.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "corpus" / "simplified-gbk.txt")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=60)
    parsed = parser.parse_args()
    from xiyou_tui.chat.generation import load_model
    from xiyou_tui.chat.judgement import probability_of_support
    from xiyou_tui.chat.verify import verify_sentence
    from xiyou_tui.corpus.events import anchor_events
    from xiyou_tui.corpus.importer import import_text
    from xiyou_tui.corpus.retrieval import Retriever

    edition = import_text(parsed.corpus).edition
    retriever, loaded, times = Retriever(edition), load_model(str(parsed.model)), []

    def judge(sentence: str, passage: str) -> float:
        started = time.perf_counter()
        probability = probability_of_support(loaded, sentence, passage)
        times.append(time.perf_counter() - started)
        return probability

    compared, wins, supported, lowered = 0, 0.0, 0, 0
    chosen = random.Random(4).sample(list(anchor_events(edition)), parsed.pairs)
    for anchored in chosen:
        sentence = anchored.event.text
        around = [place for place in retriever.passages if place.chapter == anchored.chapter]
        own = next((place for place in around if place.start <= anchored.start < place.end), None)
        other = next((place for place in retriever.search(sentence, top=10) if place.chapter != anchored.chapter), None)
        if own is None or other is None:
            continue
        compared += 1
        right, wrong = judge(sentence, own.text), judge(sentence, other.text)
        wins += (right > wrong) + 0.5 * (right == wrong)
        if verify_sentence(sentence, [own], retriever).supported:
            supported += 1
            lowered += not verify_sentence(sentence, [own], retriever, judge_model=judge).supported
    print(
        f"{compared} pairs: own passage likelier in {wins / max(1, compared):.2f} (chance 0.50); of {supported} true sentences that "
        f"were supported, {lowered} no longer are with the judge; a judgement takes {1000 * statistics.median(times):.0f} ms"
    )


if __name__ == "__main__":
    main()
