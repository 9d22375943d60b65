"""How well 摘引 answers and refuses, on a question set: `python benchmarks/answers.py NOVEL [SET]`. No model is needed.

Contained: an evidence expression matches, or a gold answer stands in, what the answer cites (a refused question counts as
not contained). Refusal recall over unanswerable questions, over-refusal over answerable ones. 95 % bootstrap intervals.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from xiyou_tui.chat.answer import answer_by_extract
from xiyou_tui.corpus.importer import import_text
from xiyou_tui.corpus.retrieval import Retriever

DEV = Path(__file__).parents[1] / "assets" / "questions" / "dev.jsonl"


def interval(values: Sequence[bool], rounds: int = 1000) -> str:
    """Mean and 95 % bootstrap interval of yes/no values."""
    if not values:
        return "—"
    generator = random.Random(7)
    means = sorted(sum(generator.choices(values, k=len(values))) / len(values) for _ in range(rounds))
    return f"{sum(values) / len(values):.3f} [{means[int(rounds * 0.025)]:.3f}, {means[int(rounds * 0.975)]:.3f}] n={len(values)}"


def main() -> None:
    novel = Path(sys.argv[1])
    questions = [
        json.loads(line) for line in Path(sys.argv[2] if len(sys.argv) > 2 else DEV).read_text("utf-8").splitlines() if line
    ]
    edition = import_text(novel).edition
    retriever = Retriever(edition)
    answer_by_extract("孙悟空是谁", retriever)

    contained: dict[str, list[bool]] = defaultdict(list)
    refused: dict[str, list[bool]] = defaultdict(list)
    halves: dict[tuple[int, str], list[bool]] = defaultdict(list)
    times, quotes, verbatim = [], [], []
    wrong = []
    for index, question in enumerate(questions):
        started = time.perf_counter()
        answer = answer_by_extract(question["question"], retriever)
        times.append((time.perf_counter() - started) * 1000)
        verbatim += [edition.resolve(cited.citation) == cited.place.text for cited in answer.citations]
        kind, half = question["kind"], index % 2
        if question["answerable"]:
            text = "\n".join(cited.place.text for cited in answer.citations)
            gold = any(re.search(pattern, text) for pattern in question.get("evidence", ()))
            hit = not answer.refused and (gold or any(phrase in text for phrase in question.get("answers", ())))
            contained[kind].append(hit)
            contained["all"].append(hit)
            halves[half, "contained"].append(hit)
            refused["over-refusal"].append(answer.refused)
            halves[half, "over-refusal"].append(answer.refused)
            if not answer.refused:
                quotes.append(sum(part.kind == "evidence" for part in answer.parts))
        else:
            refused[kind].append(answer.refused)
            refused["refusal recall"].append(answer.refused)
            halves[half, "refusal recall"].append(answer.refused)
        if question["answerable"] == answer.refused:
            wrong.append(f"{question['id']} {kind} {question['question']} → {answer.reason or '没有拒答'}")
    for title, values in (("contained in what is cited", contained), ("refused", refused)):
        print(f"\n{title}")
        for name, items in sorted(values.items()):
            print(f"  {name:<16} {interval(items)}")
    print("\nby half (even, odd)")
    for name in ("contained", "over-refusal", "refusal recall"):
        print(f"  {name:<16} {interval(halves[0, name])}   {interval(halves[1, name])}")
    times.sort()
    print(f"\nverbatim {sum(verbatim)}/{len(verbatim)}; quotes per answer {sum(quotes) / max(1, len(quotes)):.1f}; ", end="")
    print(f"ms median {times[len(times) // 2]:.1f}, p95 {times[int(len(times) * 0.95)]:.1f}, longest {times[-1]:.1f}")
    if "--wrong" in sys.argv:
        print("\n".join(wrong))


if __name__ == "__main__":
    main()
