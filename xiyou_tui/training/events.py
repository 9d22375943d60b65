"""The events of a run, as the trainer appends them to `metrics.jsonl` and every reader gets them back. Light: no MLX."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run; `time` is seconds since the epoch."""

    kind: ClassVar[str] = ""
    time: float

    def as_record(self) -> dict[str, Any]:
        return {"event": self.kind, **dataclasses.asdict(self)}


@dataclass(frozen=True, slots=True)
class Launched(Event):
    """A trainer took the run up and makes it ready; whatever ended it before counts no more."""

    kind: ClassVar[str] = "launched"


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The trainer is ready to take steps. `resumed_from` is the step it goes on from; points after it are void."""

    kind: ClassVar[str] = "started"
    of: int
    resumed_from: int = 0
    rows: int = 0
    validation_rows: int = 0
    tokens: int = 0
    padding: float = 0.0
    parameters: int = 0
    trainable: int = 0
    device: str = ""


@dataclass(frozen=True, slots=True)
class Calibrated(Event):
    """One worst-case step was measured: peak memory in bytes, seconds it took, and the seconds the whole run may take."""

    kind: ClassVar[str] = "calibrated"
    memory: int
    seconds: float
    tokens: int
    total_seconds: float


@dataclass(frozen=True, slots=True)
class Stepped(Event):
    """One optimizer step: mean loss per supervised token, tokens so far, tokens per second, bytes of memory, seconds left."""

    kind: ClassVar[str] = "step"
    step: int
    of: int
    epoch: float
    loss: float
    lr: float
    norm: float
    tokens: int
    tokens_per_second: float
    memory: int
    eta: float
    margin: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluated(Event):
    """Loss and perplexity (none for DPO) on one data set that was not trained on (`held_out`, `validation`, `general`)."""

    kind: ClassVar[str] = "evaluation"
    step: int
    name: str
    loss: float
    perplexity: float | None
    tokens: int
    best: bool = False
    margin: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Sampled(Event):
    """What the model answers to a fixed prompt at this step."""

    kind: ClassVar[str] = "sample"
    step: int
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Checkpointed(Event):
    """A checkpoint stands on disk, whole."""

    kind: ClassVar[str] = "checkpoint"
    step: int
    path: str
    best: bool = False


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something a person should look at, in plain words; the run goes on."""

    kind: ClassVar[str] = "warning"
    code: str
    message: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """The run waits and holds no model in memory."""

    kind: ClassVar[str] = "paused"
    step: int


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """The run goes on after a pause."""

    kind: ClassVar[str] = "resumed"
    step: int


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The run ended as it should. `reason`: done, early (early stopping), stopped (saved on request), aborted (not saved)."""

    kind: ClassVar[str] = "finished"
    step: int
    reason: str
    loss: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """The run ended with an error: what happened, what was kept, what to do next."""

    kind: ClassVar[str] = "failed"
    step: int
    code: str
    what: str
    kept: str
    next_step: str


KINDS: dict[str, type[Event]] = {
    kind.kind: kind
    for kind in (
        Launched,
        Started,
        Calibrated,
        Stepped,
        Evaluated,
        Sampled,
        Checkpointed,
        Warned,
        Paused,
        Resumed,
        Finished,
        Failed,
    )
}


def parse_event(line: str | bytes) -> Event | None:
    """The event in one line of `metrics.jsonl`; None for a line that is no event of a kind we know."""
    try:
        record = json.loads(line)
        kind = KINDS[record.pop("event")]
        names = {field.name for field in dataclasses.fields(kind)}
        return kind(**{name: value for name, value in record.items() if name in names})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
