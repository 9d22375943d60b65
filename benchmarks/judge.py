"""What a model-based judge adds to the check of own words: how well it tells a passage that tells an event from one that does not.

    python benchmarks/judge.py --corpus TEXT [--model DIRECTORY] [--pairs 60]

For sentences of the event index: the share of pairs in which the event's own passage gets a higher probability than another passage with
the same people (0.5 is chance), and what becomes of sentences that the other signals support. Without a model the practice model judges,
which tells nothing: it shows what a judgement costs.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from xiyou_tui.chat.generation import load_model
from xiyou_tui.chat.judgement import probability_of_support
from xiyou_tui.chat.verify import verify_sentence
from xiyou_tui.corpus.events import anchor_events
from xiyou_tui.corpus.importer import import_text
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.retrieval import Retriever
from xiyou_tui.models.practice import make_practice_model


@dataclass
class Judged:
    """What was judged: pairs with a rival passage, true sentences that were supported, and how long each judgement took in seconds."""

    compared: int = 0
    wins: float = 0.0
    supported: int = 0
    lowered: int = 0
    probabilities: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.compared} pairs: own passage likelier in {self.wins / max(1, self.compared):.2f} (chance 0.50); of {self.supported} true "
            f"sentences that were supported, {self.lowered} no longer are with the judge; "
            f"a judgement takes {1000 * statistics.median(self.seconds or [0.0]):.0f} ms"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "corpus" / "simplified-gbk.txt")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--pairs", type=int, default=60)
    parsed = parser.parse_args()
    edition = import_text(parsed.corpus).edition
    with tempfile.TemporaryDirectory() as directory:
        model = parsed.model or make_practice_model([chapter.text for chapter in edition.chapters], Path(directory) / "model")
        print(measure(edition, model, parsed.pairs))


def measure(edition: Edition, model: Path, pairs: int) -> Judged:
    """Let the model judge so many sentences of the event index, each with its own passage and one of another chapter."""
    retriever, loaded, judged = Retriever(edition), load_model(str(model)), Judged()

    def judge(sentence: str, passage: str) -> float:
        started = time.perf_counter()
        probability = probability_of_support(loaded, sentence, passage)
        judged.seconds.append(time.perf_counter() - started)
        judged.probabilities.append(probability)
        return probability

    events = list(anchor_events(edition))
    for anchored in random.Random(4).sample(events, min(pairs, len(events))):
        sentence = anchored.event.text
        around = [place for place in retriever.passages if place.chapter == anchored.chapter]
        own = next((place for place in around if place.start <= anchored.start < place.end), None)
        other = next((place for place in retriever.search(sentence, top=10) if place.chapter != anchored.chapter), None)
        if own is None or other is None:
            continue
        judged.compared += 1
        right, wrong = judge(sentence, own.text), judge(sentence, other.text)
        judged.wins += (right > wrong) + 0.5 * (right == wrong)
        if verify_sentence(sentence, [own], retriever).supported:
            judged.supported += 1
            judged.lowered += not verify_sentence(sentence, [own], retriever, judge_model=judge).supported
    return judged


if __name__ == "__main__":
    main()
