"""Retrieval on written questions, against plain BM25 in the same run: recall, latency, index time, memory, and ten times the text.

Run: python benchmarks/retrieval.py [--corpus FILE] [--questions FILE] [--misses] [--no-tenfold]
Questions are split by a hash of their id into a tuning half and a held-out half; parameters may only ever be chosen on the first.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import math
import random
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from xiyou_tui.corpus.fold import fold, fold_loosely  # noqa: E402
from xiyou_tui.corpus.model import Chapter, Edition, Paragraph, Place, edition_id  # noqa: E402
from xiyou_tui.corpus.passages import cut_passages  # noqa: E402
from xiyou_tui.corpus.retrieval import Retriever  # noqa: E402

CORPUS = ROOT.parent / "shared" / "corpus" / "simplified-gbk.txt"
QUESTIONS = ROOT / "assets" / "questions" / "dev.jsonl"
DEPTH = 20
Search = Callable[[str], Sequence[Place]]


@dataclass(frozen=True)
class Question:
    id: str
    kind: str
    text: str
    evidence: tuple[re.Pattern[str], ...]
    chapters: frozenset[int]

    @property
    def held_out(self) -> bool:
        return hashlib.sha256(self.id.encode()).digest()[0] % 2 == 1


def load_questions(path: Path) -> list[Question]:
    """The answerable questions that name their evidence. Patterns are folded, so that they meet any edition."""
    questions = []
    for line in path.read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["answerable"] and record.get("evidence"):
            patterns = tuple(re.compile(fold(pattern)) for pattern in record["evidence"])
            questions.append(Question(record["id"], record["kind"], record["question"], patterns, frozenset(record.get("chapters") or ())))
    return questions


class PlainBM25:
    """BM25 over character unigrams and bigrams, with term frequencies and no knowledge of the novel: the baseline."""

    def __init__(self, passages: Sequence[Place], k1: float = 1.2, b: float = 0.75) -> None:
        self.passages = passages
        self.postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        counts = [Counter(_grams(passage.text)) for passage in passages]
        mean = statistics.fmean(sum(count.values()) for count in counts)
        for number, count in enumerate(counts):
            norm = k1 * (1 - b + b * sum(count.values()) / mean)
            for gram, times in count.items():
                self.postings[gram].append((number, times * (k1 + 1) / (times + norm)))

    def search(self, question: str, top: int = DEPTH) -> list[Place]:
        scores: dict[int, float] = defaultdict(float)
        for gram in set(_grams(question)):
            found = self.postings.get(gram, ())
            idf = math.log(1 + (len(self.passages) - len(found) + 0.5) / (len(found) + 0.5))
            for number, weight in found:
                scores[number] += idf * weight
        return [self.passages[number] for number in sorted(scores, key=lambda number: (-scores[number], number))[:top]]


def _grams(text: str) -> list[str]:
    runs = re.findall(r"[^\W_]+", fold_loosely(text))
    return [gram for run in runs for gram in (*run, *(run[at : at + 2] for at in range(len(run) - 1)))]


def holds(place: Place, question: Question) -> bool:
    text = fold(place.text)
    return any(pattern.search(text) for pattern in question.evidence)


def rank_of(places: Sequence[Place], question: Question) -> int | None:
    """The rank (from 1) of the first passage that holds the evidence."""
    return next((rank for rank, place in enumerate(places, 1) if holds(place, question)), None)


def measure(search: Search, questions: Sequence[Question]) -> dict[str, float]:
    """R@1, 5, 10, 20 of passages and R@5 of chapters, as shares; the mean reciprocal rank; p50 and p95 of the
    time in ms, by the clock and (not disturbed by other programs) by the work of this thread."""
    ranks, chapters, times, work = [], [], [], []
    for question in questions:
        started, worked = time.perf_counter(), time.thread_time()
        places = search(question.text)
        work.append((time.thread_time() - worked) * 1000)
        times.append((time.perf_counter() - started) * 1000)
        ranks.append(rank_of(places[:DEPTH], question))
        chapters.append(any(place.chapter in question.chapters for place in places[:5]))
    times.sort()
    work.sort()
    share = {f"R@{k}": sum(rank is not None and rank <= k for rank in ranks) / len(ranks) for k in (1, 5, 10, 20)}
    return {
        **share,
        "chapter R@5": sum(chapters) / len(chapters),
        "MRR": sum(1 / rank for rank in ranks if rank) / len(ranks),
        "p50 ms": times[len(times) // 2],
        "p95 ms": times[int(len(times) * 0.95)],
        "p95 CPU ms": work[int(len(work) * 0.95)],
    }


def tenfold(edition: Edition, times: int = 10, seed: int = 7) -> Edition:
    """`times` novels' worth of text: each chapter, then sentences of the whole novel in random order."""
    random_source = random.Random(seed)
    sentences = [sentence for chapter in edition.chapters for sentence in re.findall(r"[^。\n]+。", chapter.text)]
    chapters = []
    for chapter in edition.chapters:
        lines = chapter.text.split("\n")
        length = len(chapter.text)
        while length < times * len(chapter.text):
            line = "".join(random_source.choice(sentences) for _ in range(8))
            lines.append(line)
            length += len(line) + 1
        paragraphs, offset = [], 0
        for number, line in enumerate(lines, 1):
            paragraphs.append(Paragraph(number, offset, offset + len(line)))
            offset += len(line) + 1
        chapters.append(Chapter(chapter.number, chapter.title, "\n".join(lines), tuple(paragraphs), chapter.kind))
    made = tuple(chapters)
    return Edition(edition_id(made), f"{edition.title}×{times}", "other", edition.script, "synthetic", made)


def memory() -> float:
    """Resident memory of this process in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmRSS:\s+(\d+)", status.read_text()).group(1)) / 1024  # type: ignore[union-attr]
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def table(rows: dict[str, dict[str, float]]) -> str:
    columns = list(next(iter(rows.values())))
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[c]:.1f}" if "ms" in c else f"{row[c]:.3f}" for c in columns) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    parser.add_argument("--misses", action="store_true", help="list the questions whose evidence is not among the first ten")
    parser.add_argument("--no-tenfold", action="store_true")
    arguments = parser.parse_args()
    from xiyou_tui.corpus.importer import import_text

    edition = import_text(arguments.corpus).edition
    questions = load_questions(arguments.questions)
    halves = {"tuning half": [q for q in questions if not q.held_out], "held-out half": [q for q in questions if q.held_out]}

    gc.collect()
    before = memory()
    started = time.perf_counter()
    retriever = Retriever(edition)
    seconds = time.perf_counter() - started
    gc.collect()
    print(f"{edition.characters} characters, {len(retriever.passages)} passages, {len(retriever.events)} events anchored")
    print(f"index: {seconds:.2f} s, {memory() - before:.0f} MiB more than the open text ({memory():.0f} MiB in all)")

    def search(text: str) -> list[Place]:
        return retriever.search(text, top=DEPTH)

    reachable = [any(holds(passage, question) for passage in retriever.passages) for question in questions]
    print(f"{len(questions)} questions; the evidence of {sum(reachable)} lies within one passage\n")
    plain = PlainBM25(retriever.passages)
    rows = {}
    for name, half in halves.items():
        rows[f"BM25, {name} ({len(half)})"] = measure(plain.search, half)
        rows[f"xiyou, {name} ({len(half)})"] = measure(search, half)
    passages = [question for question in questions if question.kind != "count"]
    rows[f"xiyou, all but counting ({len(passages)})"] = measure(search, passages)
    for kind in sorted({question.kind for question in questions}):
        chosen = [question for question in questions if question.kind == kind]
        rows[f"xiyou, {kind} ({len(chosen)})"] = measure(search, chosen)
    print(table(rows))
    if arguments.misses:
        for question in questions:
            rank = rank_of(search(question.text), question)
            if rank is None or rank > 10:
                print(f"{question.id} {'held out' if question.held_out else 'tuning'} rank {rank}: {question.text}")
    if arguments.no_tenfold:
        return
    del plain
    big = tenfold(edition)
    started = time.perf_counter()
    cut_passages(big)
    cut = time.perf_counter() - started
    gc.collect()
    before = memory()
    started = time.perf_counter()
    larger = Retriever(big)
    print(f"\nten novels ({big.characters} characters, {len(larger.passages)} passages): cut in {cut:.1f} s, ", end="")
    print(f"indexed in {time.perf_counter() - started:.1f} s, {memory() - before:.0f} MiB more")
    print(table({f"xiyou, ten novels ({len(questions)})": measure(lambda text: larger.search(text, top=DEPTH), questions)}))


if __name__ == "__main__":
    main()
