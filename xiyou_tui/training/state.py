"""Where a run stands, folded out of its events. `run` adds what only the process tells. Light: no MLX."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from xiyou_tui.training import events as happened
from xiyou_tui.training.events import Event

STATUSES = {
    "starting": "准备中", "queued": "排队", "running": "训练中", "paused": "已暂停", "finished": "已完成", "stopped": "已停止",
    "failed": "失败", "interrupted": "中断",
}  # fmt: skip
# No event for this long while the trainer lives: something may hang.
STALE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run stands, derived from its files alone. Memory in bytes; eta and seconds in seconds; None: not known yet."""

    status: str = "starting"
    step: int = 0
    of: int = 0
    epoch: float = 0.0
    loss: float | None = None
    lr: float | None = None
    tokens: int = 0
    tokens_per_second: float | None = None
    memory: int | None = None
    eta: float | None = None
    evaluation_loss: float | None = None
    perplexity: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    checkpoint_step: int | None = None
    started: float | None = None
    last_time: float | None = None
    seconds: float | None = None
    reason: str = ""
    warnings: tuple[str, ...] = ()
    error: happened.Failed | None = None
    alive: bool = False

    @property
    def label(self) -> str:
        return STATUSES[self.status]

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return self.step / self.of if self.of else 0.0

    @property
    def resumable(self) -> bool:
        """Whether `resume_run` can take it up again."""
        return not self.alive and self.status in ("interrupted", "stopped", "failed")

    def stale_for(self, now: float | None = None) -> float:
        """Seconds without an event beyond what is usual; 0 when the run is not expected to report."""
        if self.status != "running" or self.last_time is None:
            return 0.0
        silent = (time.time() if now is None else now) - self.last_time
        return silent if silent > STALE_SECONDS else 0.0

    def after(self, event: Event) -> RunState:
        """The state once `event` has happened (liveness is not an event: see RunDirectory.state)."""
        state = replace(self, last_time=event.time)
        match event:
            case happened.Launched():
                state = replace(state, status="starting", error=None, reason="", eta=None)
            case happened.Started():
                state = replace(
                    state, status="running", of=event.of, step=event.resumed_from, started=self.started or event.time, error=None
                )
            case happened.Stepped():
                same = ("step", "of", "epoch", "loss", "lr", "tokens", "tokens_per_second", "memory", "eta")
                state = replace(state, status="running", **{name: getattr(event, name) for name in same})
            case happened.Evaluated() if event.name != "general":
                state = replace(state, evaluation_loss=event.loss, perplexity=event.perplexity)
                if event.best:
                    state = replace(state, best_loss=event.loss, best_step=event.step)
            case happened.Checkpointed():
                state = replace(state, checkpoint_step=event.step)
            case happened.Warned():
                state = replace(state, warnings=(*self.warnings, event.message))
            case happened.Paused():
                state = replace(state, status="paused", step=event.step, eta=None)
            case happened.Resumed():
                state = replace(state, status="running")
            case happened.Finished():
                ended = "finished" if event.reason in ("done", "early") else "stopped"
                state = replace(state, status=ended, step=event.step, reason=event.reason, seconds=event.seconds, eta=None)
            case happened.Failed():
                state = replace(state, status="failed", error=event, eta=None)
        return state

    def as_record(self) -> dict[str, Any]:
        record = {name: getattr(self, name) for name in self.__slots__ if name not in ("error", "warnings")}
        return {**record, "warnings": list(self.warnings), "error": self.error.as_record() if self.error else None}
