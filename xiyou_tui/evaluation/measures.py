"""The one definition of every measure. Benchmarks, reports and screens take their figures from here.

Every measure is a ratio of two sums over questions, so that one bootstrap serves all of them: questions are drawn with
replacement, both sums are taken over the drawn ones (Efron and Tibshirani, 1993; percentile intervals).
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xiyou_tui.evaluation.judging import Outcome

# Raised when a definition below changes: kept figures of another version are made anew.
VERSION = 2
ROUNDS = 1000
SEED = 7
ALL = "all"
# Shares of one question are counted in parts of this.
PARTS = 1000

Pair = tuple[int, int]
NONE: Pair = (0, 0)


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: what a question adds to its numerator and denominator. `better` is 1 when high is good, -1 when low is."""

    name: str
    label: str
    help: str
    count: Callable[[Outcome], Pair]
    better: int = 1
    guaranteed: bool = False
    group: str = "回答"


def _share(found: bool | None) -> Pair:
    return NONE if found is None else (int(found), 1)


def _found(outcome: Outcome, flag: bool | None) -> Pair:
    return _share(flag) if outcome.answerable else NONE


def _f1(outcome: Outcome) -> Pair:
    if outcome.refused and not outcome.answerable:
        return 2, 2
    return (0, 1) if outcome.refused or not outcome.answerable else NONE


def _at(rank: str, depth: int) -> Callable[[Outcome], Pair]:
    def count(outcome: Outcome) -> Pair:
        if not outcome.ranked or (rank == "chapter_rank" and outcome.chapter is None):
            return NONE
        found = getattr(outcome, rank)
        return int(found is not None and found <= depth), 1

    return count


def _precision(outcome: Outcome) -> Pair:
    return NONE if outcome.precision is None else (round(outcome.precision * PARTS), PARTS)


MEASURES: tuple[Measure, ...] = (
    Measure("verbatim", "逐字率", "引号里的话与底本一字不差的占比；必须是 100%，不到就是程序缺陷", lambda o: (o.verbatim, o.quotes), 1, True, "保证"),
    Measure("resolvable", "可定位率", "出处能打开、且正是那几个字的占比；必须是 100%", lambda o: (o.resolved, o.citations), 1, True, "保证"),
    Measure("contained", "引文含答案", "能答的题里，引文写着答案或依据的占比；拒答算没有", lambda o: _found(o, o.contained)),
    Measure("told", "概述含答案", "能答的题里，概述写着答案的占比", lambda o: _found(o, o.told)),
    Measure("right", "答对率", "能答的题里，引文或概述写着答案的占比", lambda o: _found(o, o.verdict == "right")),
    Measure("evidence", "依据命中", "能答的题里，引到指定依据的占比", lambda o: _found(o, o.evidence)),
    Measure("chapter", "回目命中", "能答的题里，引到正确那一回的占比", lambda o: _found(o, o.chapter)),
    Measure("precision", "引文精度", "每个回答的引文里，写着答案或依据的占比（按题平均）", _precision),
    Measure("supported", "概述有据率", "模型自己的话里，逐句核对在原著有依据的占比；对照系统用同一把尺子", lambda o: (o.supported, o.claims)),
    Measure("wrong", "答错率", "作答的题里，答错的和该拒未拒的占比", lambda o: (int(not o.good), 1) if o.answered else NONE, -1),
    Measure("coverage", "作答率", "全部题里作答（没有拒答）的占比", lambda o: (int(o.answered), 1), 0),
    Measure("failed", "没答成", "因出错而没有回答的占比", lambda o: (int(o.verdict == "failed"), 1), -1),
    Measure("refusal_recall", "拒答召回", "答不了的题里，拒答的占比", lambda o: NONE if o.answerable else (int(o.refused), 1), 1, False, "拒答"),
    Measure("refusal_precision", "拒答精度", "拒答的题里，确实答不了的占比", lambda o: (int(not o.answerable), 1) if o.refused else NONE, 1, False, "拒答"),
    Measure("refusal_f1", "拒答 F1", "拒答召回与精度的调和平均", _f1, 1, False, "拒答"),
    Measure("over_refusal", "误拒率", "能答的题里，拒答的占比", lambda o: _found(o, o.refused), -1, False, "拒答"),
    *(
        Measure(f"{unit}_r{depth}", f"{word} R@{depth}", f"能答的题里，检索前 {depth} 段有{told}的占比", _at(f"{unit}_rank", depth), 1, False, "检索")
        for unit, word, told in (("passage", "段落", "依据"), ("chapter", "回目", "正确那一回"))
        for depth in (1, 5, 10)
    ),
)  # fmt: skip
BY_NAME: Mapping[str, Measure] = {measure.name: measure for measure in MEASURES}
# What a list of runs shows in a line.
KEY_MEASURES = ("contained", "refusal_recall", "over_refusal")


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure's value with its 95 % interval; all None where nothing was counted. The interval is None too when none was asked for."""

    value: float | None
    low: float | None
    high: float | None
    numerator: int
    denominator: int

    def as_record(self) -> dict[str, Any]:
        return {"value": _round(self.value), "low": _round(self.low), "high": _round(self.high), "n": self.denominator, "hits": self.numerator}


@dataclass(frozen=True, slots=True)
class Group:
    """All measures over some questions. Times are in milliseconds, None where there is no question."""

    name: str
    questions: int
    figures: Mapping[str, Figure]
    median: float | None
    p95: float | None
    longest: float | None

    def as_record(self) -> dict[str, Any]:
        measures = {name: figure.as_record() for name, figure in self.figures.items()}
        latency = {"median": self.median, "p95": self.p95, "longest": self.longest}
        return {"questions": self.questions, "measures": measures, "latency_ms": latency}


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one system: over all questions, and by kind in the order in which the kinds came."""

    system: str
    groups: Mapping[str, Group]
    bugs: int

    @property
    def all(self) -> Group:
        return self.groups[ALL]

    def as_record(self) -> dict[str, Any]:
        kinds = {name: group.as_record() for name, group in self.groups.items() if name != ALL}
        return {**self.all.as_record(), "by_kind": kinds, "bugs": self.bugs}

    @classmethod
    def from_record(cls, system: str, record: Mapping[str, Any]) -> Summary:
        """The summary that `as_record` wrote; raises KeyError, TypeError or ValueError when it is none."""

        def group(name: str, item: Mapping[str, Any]) -> Group:
            figures = {
                key: Figure(found["value"], found["low"], found["high"], int(found["hits"]), int(found["n"]))
                for key, found in item["measures"].items()
            }
            if set(figures) != set(BY_NAME):
                raise ValueError("measures")
            latency = item["latency_ms"]
            return Group(name, int(item["questions"]), figures, latency["median"], latency["p95"], latency["longest"])

        groups = {ALL: group(ALL, record)} | {name: group(name, item) for name, item in record["by_kind"].items()}
        return cls(system, groups, int(record["bugs"]))


def summarise(system: str, outcomes: Sequence[Outcome], *, rounds: int = ROUNDS, seed: int = SEED) -> Summary:
    """The figures of one system's outcomes. With `rounds` 0 there are no intervals, and it takes no time to speak of."""
    kinds: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        kinds.setdefault(outcome.kind, []).append(outcome)
    groups = {ALL: _group(ALL, outcomes, rounds, seed)}
    groups.update((name, _group(name, members, rounds, seed)) for name, members in kinds.items())
    return Summary(system, groups, sum(bool(outcome.bugs) for outcome in outcomes))


def _group(name: str, outcomes: Sequence[Outcome], rounds: int, seed: int) -> Group:
    rows = [[measure.count(outcome) for measure in MEASURES] for outcome in outcomes]
    totals = _Packed(rows).sums(range(len(rows)))
    drawn = resample([rows], rounds, seed)
    figures = {}
    for index, measure in enumerate(MEASURES):
        numerator, denominator = totals[index]
        low, high = interval(_ratios(sums[0][index] for sums in drawn))
        figures[measure.name] = Figure(numerator / denominator if denominator else None, low, high, *_counts(measure, numerator, denominator))
    times = sorted(outcome.milliseconds for outcome in outcomes)
    return Group(name, len(rows), figures, _quantile(times, 0.5), _quantile(times, 0.95), times[-1] if times else None)


def _counts(measure: Measure, numerator: int, denominator: int) -> Pair:
    return (round(numerator / PARTS), denominator // PARTS) if measure.name == "precision" else (numerator, denominator)


def resample(sides: Sequence[Sequence[Sequence[Pair]]], rounds: int, seed: int) -> list[list[list[Pair]]]:
    """Bootstrap: for each round and side the sums of every measure over questions drawn with replacement.

    All sides have the same questions in the same order and are drawn alike, so that differences between them are paired.
    """
    if not rounds or not sides or not sides[0]:
        return []
    packed = [_Packed(side) for side in sides]
    numbers, generator = range(len(sides[0])), random.Random(seed)
    return [[side.sums(chosen) for side in packed] for chosen in (generator.choices(numbers, k=len(numbers)) for _ in range(rounds))]


def interval(values: Iterable[float]) -> tuple[float | None, float | None]:
    """The 2.5th and the 97.5th percentile; None when there are no values."""
    ordered = sorted(values)
    if not ordered:
        return None, None
    last = len(ordered) - 1
    return ordered[round(0.025 * last)], ordered[round(0.975 * last)]


class _Packed:
    """The pairs of each question as one long integer, so that a thousand sums of forty columns are a thousand additions a question."""

    LAYOUT = struct.Struct(f"<{2 * len(MEASURES)}Q")

    def __init__(self, rows: Sequence[Sequence[Pair]]) -> None:
        self._rows = [int.from_bytes(self.LAYOUT.pack(*(value for pair in row for value in pair)), "little") for row in rows]

    def sums(self, chosen: Iterable[int]) -> list[Pair]:
        """The sums of every measure over the questions with these numbers. No column reaches 2**64, so none runs into the next."""
        total = sum(map(self._rows.__getitem__, chosen))
        values = self.LAYOUT.unpack(total.to_bytes(self.LAYOUT.size, "little"))
        return list(zip(values[::2], values[1::2], strict=True))


def _ratios(pairs: Iterable[Pair]) -> Iterable[float]:
    return (numerator / denominator for numerator, denominator in pairs if denominator)


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def show_share(value: float | None) -> str:
    """A share as people read it: 84.2%, 100%, or a dash."""
    if value is None:
        return "—"
    return "100%" if value == 1 else f"{value:.1%}"
