"""A run as files: reading its events, its state, its results; renaming and deleting it. Light: screens and commands call it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xiyou_tui.errors import TrainingError
from xiyou_tui.storage.files import discard, write_json
from xiyou_tui.storage.locks import is_held
from xiyou_tui.storage.names import find_named, list_directories
from xiyou_tui.storage.places import Places
from xiyou_tui.training.events import Event, parse_event
from xiyou_tui.training.recipe import Recipe, make_recipe
from xiyou_tui.training.state import RunState


@dataclass(frozen=True, slots=True)
class RunMeta:
    """What a run was started with; never changes. `data` and `model` are records with at least `hash` each."""

    id: str
    created: float
    recipe: Recipe
    data: dict[str, Any]
    model: dict[str, Any]
    versions: dict[str, str]
    seed: int
    start_from: str = ""
    after: str = ""

    def as_record(self) -> dict[str, Any]:
        record = {
            name: getattr(self, name) for name in ("id", "created", "data", "model", "versions", "seed", "start_from", "after")
        }
        return {**record, "recipe": self.recipe.as_tables()}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> RunMeta:
        return cls(
            id=str(record["id"]),
            created=float(record["created"]),
            recipe=make_recipe(record["recipe"]),
            data=dict(record["data"]),
            model=dict(record["model"]),
            versions=dict(record["versions"]),
            seed=int(record["seed"]),
            start_from=str(record.get("start_from", "")),
            after=str(record.get("after", "")),
        )


@dataclass(frozen=True, slots=True)
class EventPage:
    """Whole events from one byte offset on, and the offset at which to read next."""

    events: tuple[Event, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run made: a model directory, and the adapter directory to load with it (None: the model is whole in itself)."""

    model: Path
    adapter: Path | None


class RunDirectory:
    """One run below `runs/`. Reading never fails for a run that is half made, running, or broken off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunDirectory) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def control(self) -> Path:
        return self.path / "control.jsonl"

    @property
    def data(self) -> Path:
        return self.path / "data.jsonl"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def general(self) -> Path:
        """General text that the trainer drew from a data set; runs without such have no such file."""
        return self.path / "general.jsonl"

    @property
    def hosts(self) -> Path:
        """The hosts of a run with several ranks; others have no such file."""
        return self.path / "hosts.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def name(self) -> str:
        """What the user called the run, else stage and model."""
        return str(self._labels().get("name") or self._default_name())

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self._labels().get("tags", ()))

    def meta(self) -> RunMeta:
        """What the run was started with; raises TrainingError when its record is missing or broken."""
        try:
            record = json.loads((self.path / "meta.json").read_text("utf-8"))
            # A queued run learns what it starts from when its turn comes.
            with contextlib.suppress(FileNotFoundError):
                record["model"] |= json.loads((self.path / "start.json").read_text("utf-8"))
            return RunMeta.from_record(record)
        except (OSError, ValueError, KeyError, TypeError, TrainingError) as error:
            raise TrainingError(
                f"运行 {self.id} 的记录读不了（{error}）。",
                kept="目录里的文件没有改动。",
                next_step="可以把它删到回收站。",
                code="broken-run",
            ) from error

    def events(self, offset: int = 0) -> EventPage:
        """Events from byte `offset` on. A line still being written is left for the next call."""
        try:
            with self.metrics.open("rb") as file:
                file.seek(offset)
                content = file.read()
        except OSError:
            return EventPage((), offset)
        whole = content[: content.rfind(b"\n") + 1]
        parsed = (parse_event(line) for line in whole.splitlines())
        return EventPage(tuple(event for event in parsed if event is not None), offset + len(whole))

    def state(self) -> RunState:
        """Where the run stands now."""
        state = RunState()
        for event in self.events().events:
            state = state.after(event)
        return self.settle(state)

    def settle(self, state: RunState) -> RunState:
        """`state` with what only the process tells: one whose trainer died without a last word was interrupted."""
        alive = self.is_alive()
        if alive and state.status in ("finished", "stopped", "failed"):
            # The last event was written a moment ago, or a new trainer has just taken the run up.
            alive = self._pid() is not None
        if not alive and state.status in ("starting", "running", "paused"):
            state = replace(state, status="interrupted", eta=None)
        elif alive and state.status == "starting" and self.is_queued():
            state = replace(state, status="queued")
        return replace(state, alive=alive)

    def is_alive(self) -> bool:
        """Whether a trainer holds this run's lock; the system drops the lock however the process ends."""
        return is_held(self.lock)

    def is_queued(self) -> bool:
        """Whether the run waits for another one to end."""
        return (self.path / "queued").exists()

    def log_tail(self, lines: int = 200) -> tuple[str, ...]:
        """The last lines that the trainer and its libraries printed."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 400 * lines))
                return tuple(file.read().decode("utf-8", "replace").splitlines()[-lines:])
        except OSError:
            return ()

    def checkpoint_steps(self) -> tuple[int, ...]:
        """Steps of the whole checkpoints on disk, oldest first."""
        found = []
        with contextlib.suppress(OSError):
            for path in self.checkpoints.glob("step-*"):
                if (path / "state.json").exists() and path.name[5:].isdigit():
                    found.append(int(path.name[5:]))
        return tuple(sorted(found))

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"step-{step:07d}"

    def best_step(self) -> int | None:
        """The step with the lowest validation loss that is still on disk, else the newest checkpoint; None when there is none."""
        steps = self.checkpoint_steps()
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            best = int(json.loads((self.checkpoints / "best.json").read_text("utf-8"))["step"])
            if best in steps:
                return best
        return steps[-1] if steps else None

    def trained(self, step: int | None = None) -> Trained:
        """What the run made: at `step`, else its best checkpoint. Raises TrainingError when it has no checkpoint yet."""
        meta = self.meta()
        whole = self.path / "model"
        if step is None and (whole / "config.json").exists():
            return Trained(whole, None)
        chosen = self.best_step() if step is None else step
        if chosen is None or chosen not in self.checkpoint_steps():
            raise TrainingError(
                f"运行「{self.name}」还没有存下结果。", next_step="等它存下第一个检查点，或继续训练。", code="no-checkpoint"
            )
        return Trained(Path(meta.model["path"]), self.checkpoint(chosen))

    def rename(self, name: str) -> None:
        """Give the run another name (empty: back to the one it makes itself)."""
        self._write_labels(name=" ".join(name.split()))

    def tag(self, tags: Iterable[str]) -> None:
        """Replace the run's tags."""
        self._write_labels(tags=sorted({tag.strip() for tag in tags} - {""}))

    def delete(self, bin_directory: Path) -> Path:
        """Move the run to the bin and return where it lies; raises TrainingError while its trainer lives."""
        if self.is_alive():
            raise TrainingError(f"「{self.name}」还在训练，不能删除。", next_step="先停止它。", code="run-alive")
        return discard(self.path, bin_directory)

    def as_record(self) -> dict[str, Any]:
        """The run for a list: what it was started with and where it stands."""
        record: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "tags": list(self.tags),
            "path": str(self.path),
            **self.state().as_record(),
        }
        try:
            meta = self.meta()
        except TrainingError:
            return {**record, "stage": "", "model": "", "created": None}
        return {**record, "stage": meta.recipe.stage, "model": meta.model.get("name", ""), "created": meta.created}

    def _default_name(self) -> str:
        try:
            meta = self.meta()
        except TrainingError:
            return self.id
        return meta.recipe.name or f"{meta.recipe.stage_label} · {meta.model.get('name', '')}"

    def _pid(self) -> int | None:
        try:
            return int((self.path / "pid").read_text("utf-8"))
        except (OSError, ValueError):
            return None

    def _labels(self) -> dict[str, Any]:
        try:
            labels = json.loads((self.path / "labels.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return labels if isinstance(labels, dict) else {}

    def _write_labels(self, **changes: Any) -> None:
        write_json(self.path / "labels.json", {**self._labels(), **changes})


class RunTail:
    """Follows one run: every `poll` returns what is new and brings `state` up to date. For a timer of the Train pane."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.state = RunState()
        self._folded = RunState()
        self._offset = 0

    def poll(self) -> tuple[Event, ...]:
        """New events since the last call, oldest first."""
        page = self.run.events(self._offset)
        self._offset = page.offset
        for event in page.events:
            self._folded = self._folded.after(event)
        self.state = self.run.settle(self._folded)
        return page.events


def list_runs(places: Places) -> list[RunDirectory]:
    """All runs, newest first."""
    return [RunDirectory(path) for path in list_directories(places.runs) if (path / "meta.json").exists()]


def name_adapter(adapter: Path) -> str:
    """What to call an adapter directory: a run's checkpoint by the run's name and step, another one by its own name."""
    run = RunDirectory(adapter.parent.parent)
    if adapter.parent.name != "checkpoints" or not (run.path / "meta.json").exists():
        return adapter.name
    step = adapter.name.removeprefix("step-").lstrip("0") or "0"
    return f"{run.name} · 第 {step} 步" if step.isdigit() else run.name


def find_run(places: Places, name: str) -> RunDirectory:
    """The run with this id, its beginning, or this name; `last` is the newest. Raises TrainingError unless just one fits."""

    def failure(what: str) -> TrainingError:
        return TrainingError(what, next_step="用 xiyou train list 看有哪些运行。", code="no-run")

    return find_named(list_runs(places), name, "运行", failure)
