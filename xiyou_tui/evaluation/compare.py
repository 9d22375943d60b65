"""Two systems on the same questions: paired differences with intervals, and the questions on which they part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xiyou_tui.errors import EvaluationError
from xiyou_tui.evaluation.judging import Outcome
from xiyou_tui.evaluation.measures import MEASURES, ROUNDS, SEED, Measure, interval, resample


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure: both values, right minus left, and the 95 % interval of that over paired draws."""

    measure: Measure
    left: float | None
    right: float | None
    low: float | None
    high: float | None

    @property
    def delta(self) -> float | None:
        return None if self.left is None or self.right is None else self.right - self.left

    @property
    def direction(self) -> int:
        """1: surely better, -1: surely worse, 0: the interval holds no difference (or the measure has no better side)."""
        if self.low is None or self.high is None or self.low <= 0 <= self.high:
            return 0
        return self.measure.better * (1 if self.low > 0 else -1)

    def as_record(self) -> dict[str, Any]:
        return {
            name: None if value is None else round(value, 4)
            for name, value in (("left", self.left), ("right", self.right), ("delta", self.delta), ("low", self.low), ("high", self.high))
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from left to right on the questions both were asked: `gained` are right now and were not, `lost` the reverse."""

    questions: int
    differences: Mapping[str, Difference]
    gained: tuple[str, ...]
    lost: tuple[str, ...]

    def as_record(self) -> dict[str, Any]:
        measures = {name: difference.as_record() for name, difference in self.differences.items()}
        return {"questions": self.questions, "measures": measures, "gained": list(self.gained), "lost": list(self.lost)}


def compare(left: Sequence[Outcome], right: Sequence[Outcome], *, rounds: int = ROUNDS, seed: int = SEED) -> Comparison:
    """Compare the outcomes of two systems, question by question. Raises EvaluationError when they share no question."""
    before = {outcome.id: outcome for outcome in left}
    pairs = [(before[outcome.id], outcome) for outcome in right if outcome.id in before]
    if not pairs:
        raise EvaluationError("这两次评测没有共同的题。", next_step="选用同一个题集的两次评测。", code="no-common")
    sides = [[[measure.count(pair[side]) for measure in MEASURES] for pair in pairs] for side in (0, 1)]
    drawn = resample(sides, rounds, seed)
    differences = {}
    for index, measure in enumerate(MEASURES):
        values = [_ratio([row[index] for row in side]) for side in sides]
        deltas = [after[index][0] / after[index][1] - old[index][0] / old[index][1] for old, after in drawn if old[index][1] and after[index][1]]
        differences[measure.name] = Difference(measure, values[0], values[1], *interval(deltas))
    gained = tuple(after.id for old, after in pairs if after.good and not old.good)
    lost = tuple(after.id for old, after in pairs if old.good and not after.good)
    return Comparison(len(pairs), differences, gained, lost)


def _ratio(pairs: Sequence[tuple[int, int]]) -> float | None:
    numerator, denominator = (sum(column) for column in zip(*pairs, strict=True))
    return numerator / denominator if denominator else None
