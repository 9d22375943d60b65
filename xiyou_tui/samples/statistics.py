"""Figures about all samples: what the statistics view shows and `xiyou sample stats` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from xiyou_tui.samples.duplicates import Duplicate, find_duplicates
from xiyou_tui.samples.model import KINDS, SPLITS, STATUSES, Sample
from xiyou_tui.samples.store import SampleFilter, SampleStore

# The recipe asks for at least this share of refusals among what trains.
REFUSAL_TARGET = 0.2
CHAPTERS = 100


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts over all samples outside the bin. Shares lie between 0 and 1; `chapters` counts samples citing each chapter."""

    total: int
    by_status: dict[str, int]
    by_kind: dict[str, int]
    by_split: dict[str, int]
    by_source: dict[str, int]
    refusals: int
    approved: int
    approved_refusals: int
    cited: int
    citations: int
    chapters: dict[int, int]
    question_length: float
    answer_length: float
    duplicates: tuple[Duplicate, ...]
    in_bin: int

    @property
    def refusal_share(self) -> float:
        return self.refusals / self.total if self.total else 0.0

    @property
    def approved_refusal_share(self) -> float:
        """The share among approved samples, which are the ones that train."""
        return self.approved_refusals / self.approved if self.approved else 0.0

    @property
    def covered(self) -> int:
        """How many of the 100 chapters are cited at least once."""
        return sum(1 for number in self.chapters if number <= CHAPTERS)

    @property
    def refusals_missing(self) -> int:
        """How many more approved refusals bring their share to the target."""
        missing = 0
        while self.approved and (self.approved_refusals + missing) / (self.approved + missing) < REFUSAL_TARGET - 1e-9:
            missing += 1
        return missing

    def as_record(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "by_status": self.by_status,
            "by_kind": self.by_kind,
            "by_split": self.by_split,
            "by_source": self.by_source,
            "refusals": self.refusals,
            "refusal_share": round(self.refusal_share, 4),
            "refusal_target": REFUSAL_TARGET,
            "approved": self.approved,
            "approved_refusals": self.approved_refusals,
            "approved_refusal_share": round(self.approved_refusal_share, 4),
            "refusals_missing": self.refusals_missing,
            "cited": self.cited,
            "citations": self.citations,
            "chapters_covered": self.covered,
            "chapters": {str(number): count for number, count in self.chapters.items()},
            "question_length": round(self.question_length, 1),
            "answer_length": round(self.answer_length, 1),
            "duplicates": [{"first": d.first, "second": d.second, "similarity": round(d.similarity, 3)} for d in self.duplicates],
            "in_bin": self.in_bin,
        }


def summarise(store: SampleStore) -> Statistics:
    """The figures of all samples in a store. Some 0.5 s for 10,000 samples, most of it the near-duplicates."""
    return summarise_samples(store.list(), in_bin=store.count(SampleFilter(deleted=True)))


def summarise_samples(samples: Iterable[Sample], *, in_bin: int = 0) -> Statistics:
    """The figures of the given samples; touches no database, so a thread may do it."""
    kept = list(samples)
    approved = [sample for sample in kept if sample.status == "approved"]
    chapters = Counter(number for sample in kept for number in {citation.chapter for citation in sample.citations})
    return Statistics(
        total=len(kept),
        by_status=_count((sample.status for sample in kept), STATUSES),
        by_kind=_count((sample.kind for sample in kept), KINDS),
        by_split=_count((sample.split for sample in kept), SPLITS),
        by_source=dict(sorted(Counter(sample.source for sample in kept).items())),
        refusals=sum(sample.refusal for sample in kept),
        approved=len(approved),
        approved_refusals=sum(sample.refusal for sample in approved),
        cited=sum(bool(sample.citations) for sample in kept),
        citations=sum(len(sample.citations) for sample in kept),
        chapters=dict(sorted(chapters.items())),
        question_length=_mean(len(sample.question) for sample in kept),
        answer_length=_mean(len(sample.answer) for sample in kept),
        duplicates=tuple(find_duplicates((sample.id, sample.question) for sample in kept)),
        in_bin=in_bin,
    )


def _count(values: Iterable[str], known: dict[str, str]) -> dict[str, int]:
    counted = Counter(values)
    return {name: counted[name] for name in known}


def _mean(lengths: Iterable[int]) -> float:
    kept = list(lengths)
    return sum(kept) / len(kept) if kept else 0.0
