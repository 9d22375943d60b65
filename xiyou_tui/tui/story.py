"""What the Train pane knows of one run: its curves, answers and troubles, folded out of its events. Knows no widget."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from xiyou_tui.training.curves import Curve, Curves
from xiyou_tui.training.events import Calibrated, Event, Sampled, Started, Stepped, Warned
from xiyou_tui.training.run import RunDirectory
from xiyou_tui.training.state import RunState

# So many evaluations running, each worse than the one before it, and the model no longer learns what it should.
RISES = 3


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to look at, in plain words. `grave`: the run is lost or stands still, or may."""

    text: str
    grave: bool = False


@dataclass
class RunStory:
    """One run as read so far. Grows with `add`; belongs to one thread at a time."""

    run: RunDirectory
    state: RunState = field(default_factory=RunState)
    curves: Curves = field(default_factory=Curves)
    answers: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    warnings: list[Warned] = field(default_factory=list)
    started: Started | None = None
    calibrated: Calibrated | None = None
    broken_at: int | None = None
    log: tuple[str, ...] = ()

    @property
    def validation(self) -> Curve:
        return self.curves.series["validation"]

    def add(self, events: Iterable[Event]) -> None:
        """Take in more events, oldest first. `state` is not touched: it needs a look at the process too."""
        events = tuple(events)
        self.curves.add(events)
        for event in events:
            match event:
                case Started():
                    self.started = event
                    self.broken_at = None
                    self._forget_after(event.resumed_from)
                case Calibrated():
                    self.calibrated = event
                case Stepped() if not math.isfinite(event.loss) and self.broken_at is None:
                    self.broken_at = event.step
                case Sampled():
                    self.answers.setdefault(event.prompt, []).append((event.step, event.answer))
                case Warned():
                    self.warnings.append(event)

    def _forget_after(self, step: int) -> None:
        # A resumed run goes through these steps again and answers again.
        for prompt, given in self.answers.items():
            self.answers[prompt] = [answer for answer in given if answer[0] <= step]

    def rising(self) -> int:
        """How many evaluations in a row, the last ones, were each worse than the one before."""
        count = 0
        for (_, before), (_, after) in zip(reversed(self.validation[:-1]), reversed(self.validation), strict=False):
            if after <= before:
                break
            count += 1
        return count

    def alerts(self, *, available: int = 0, now: float | None = None) -> tuple[Alert, ...]:
        """What a person should see at once, gravest first. `available` is the memory in bytes that the machine can give."""
        state, found = self.state, []
        if state.error is not None:
            lines = [state.error.what, state.error.kept and f"已保留：{state.error.kept}", state.error.next_step and f"下一步：{state.error.next_step}"]
            found.append(Alert(" ".join(line for line in lines if line), grave=True))
        if state.status == "interrupted":
            kept = f"最后存在第 {state.checkpoint_step} 步，按 R 从那里继续，结果和没断过一样。" if state.checkpoint_step else "还没有存过，按 R 从头再来。"
            found.append(Alert(f"训练进程没有留话就不在了（断电、被结束或内存不足）。{kept}", grave=True))
        if self.broken_at is not None:
            found.append(Alert(f"第 {self.broken_at} 步起损失不是数字（NaN）：权重已坏。停下它，把学习率降到三分之一再练。", grave=True))
        silent = state.stale_for(now)
        if silent:
            found.append(Alert(f"{silent:.0f} 秒没有消息：训练可能卡住了，或电脑睡过。看日志；不动就按 k 放弃，再按 R 从上次存的地方继续。", grave=True))
        if self.rising() >= RISES and not self._warned("rising"):
            best = f"最好的是第 {state.best_step} 步，已经留着。" if state.best_step is not None else ""
            found.append(Alert(f"验证损失连升 {self.rising()} 次：开始死记了。{best}可以按 s 停下。"))
        if available and state.alive and state.memory and state.memory > 0.9 * available and not self._warned("memory"):
            found.append(Alert("内存快用满了：系统可能会结束训练。下次把批大小或窗口长度降一半。"))
        seen: set[str] = set()
        for warning in reversed(self.warnings):
            if warning.message not in seen:
                seen.add(warning.message)
                found.append(Alert(warning.message))
        return tuple(sorted(found, key=lambda alert: not alert.grave))

    def _warned(self, about: str) -> bool:
        return any(about in warning.code for warning in self.warnings)

    def troubles(self) -> tuple[str, ...]:
        """The lines of the log that speak of errors, oldest first; the last five of them."""
        return tuple(line for line in self.log if _is_trouble(line))[-5:]


# An error by its name (RuntimeError: …), not any sentence with the word in it.
TROUBLE = re.compile(r"\w*(?:Error|Exception)\b\s*[:(]|^Traceback|\bKilled\b|\b[Oo]ut of memory\b|错误|失败|意外停下")


def _is_trouble(line: str) -> bool:
    return TROUBLE.search(line) is not None


def show_bytes(size: float) -> str:
    """A size as people write it: 640 MB, 1.25 GB."""
    if size >= 2**30:
        return f"{size / 2**30:.2f} GB"
    return f"{size / 2**20:.0f} MB" if size >= 2**20 else f"{size / 2**10:.0f} KB"


def show_seconds(seconds: float) -> str:
    """A duration in Chinese, to the precision that matters: 8 秒, 3 分 05 秒, 2 小时 10 分."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} 秒"
    if whole < 3600:
        return f"{whole // 60} 分 {whole % 60:02d} 秒"
    return f"{whole // 3600} 小时 {whole % 3600 // 60:02d} 分"


def show_time(moment: float) -> str:
    """A moment in local time, as the list of runs shows it: 09-03 14:05."""
    return time.strftime("%m-%d %H:%M", time.localtime(moment))
