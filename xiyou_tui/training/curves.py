"""Curves out of events: what a plot, a table or an export of a run needs. Light."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from xiyou_tui.training.events import Evaluated, Event, Started, Stepped

Curve = list[tuple[int, float]]

NAMES = {
    "loss": "训练损失", "validation": "验证损失", "perplexity": "困惑度", "general": "通用文本损失", "lr": "学习率",
    "tokens_per_second": "词元/秒", "memory": "内存", "norm": "梯度范数", "margin": "偏好差", "accuracy": "偏好正确率",
}  # fmt: skip


class Curves:
    """Grows with the events of one run. A resumed run repeats the steps after its checkpoint: new points replace the old."""

    def __init__(self) -> None:
        self.series: dict[str, Curve] = {name: [] for name in NAMES}

    def add(self, events: Iterable[Event]) -> None:
        """Take in more events, oldest first."""
        for event in events:
            if isinstance(event, Started):
                for curve in self.series.values():
                    while curve and curve[-1][0] > event.resumed_from:
                        curve.pop()
            elif isinstance(event, Stepped):
                self._put("loss", event.step, event.loss)
                self._put("lr", event.step, event.lr)
                self._put("norm", event.step, event.norm)
                self._put("tokens_per_second", event.step, event.tokens_per_second)
                self._put("memory", event.step, event.memory)
                self._put("margin", event.step, event.margin)
                self._put("accuracy", event.step, event.accuracy)
            elif isinstance(event, Evaluated):
                self._put("general" if event.name == "general" else "validation", event.step, event.loss)
                if event.name != "general":
                    self._put("perplexity", event.step, event.perplexity)

    def _put(self, name: str, step: int, value: float | None) -> None:
        if value is None or not math.isfinite(value):
            return
        curve = self.series[name]
        if curve and curve[-1][0] == step:
            curve[-1] = (step, float(value))
        else:
            curve.append((step, float(value)))


def smooth(curve: Sequence[tuple[int, float]], weight: float) -> Curve:
    """Exponential moving average, corrected for its start; `weight` 0 leaves the curve as it is, towards 1 smooths more."""
    found: Curve = []
    average, norm = 0.0, 0.0
    for step, value in curve:
        average = weight * average + (1 - weight) * value
        norm = weight * norm + (1 - weight)
        found.append((step, average / norm))
    return found


def to_csv(curves: Curves) -> str:
    """All curves as one CSV table, one line a step; empty where a curve has no point."""
    names = [name for name, curve in curves.series.items() if curve]
    columns = [dict(curves.series[name]) for name in names]
    steps = sorted({step for column in columns for step in column})
    lines = [",".join(["step", *names])]
    lines += [",".join([str(step), *(f"{column[step]:.8g}" if step in column else "" for column in columns)]) for step in steps]
    return "\n".join(lines) + "\n"
