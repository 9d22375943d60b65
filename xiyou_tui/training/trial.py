"""Trying a plan in a child process without keeping anything: measure its costliest step, look at its rows. Light."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from xiyou_tui.errors import TrainingError
from xiyou_tui.storage.places import Places
from xiyou_tui.training.events import Calibrated, Failed
from xiyou_tui.training.launch import spawn_trainer, write_run
from xiyou_tui.training.plan import Plan
from xiyou_tui.training.run import RunDirectory


@dataclass(frozen=True, slots=True)
class RowView:
    """A training row as a person reads it: pieces of text, one a token (or one a character that takes several), and which are targets."""

    name: str
    split: str
    pieces: tuple[tuple[str, bool], ...]
    tokens: int
    targets: int


def measure_plan(places: Places, plan: Plan) -> Calibrated:
    """Do one worst-case step of a plan and return what it took; the model is not changed and nothing is kept.

    Takes as long as loading the model and a few steps. Raises TrainingError with the child's words when it can't be done.
    """
    with _tried(places, plan, "--measure") as run:
        for event in run.events().events:
            if isinstance(event, Calibrated):
                return event
    raise TrainingError(
        "没有量成：试走一步的进程没有回话。",
        kept="没有改动任何东西。",
        next_step="多半是内存不够：降低批大小和窗口长度再试。",
        code="measure",
    )


def preview_rows(places: Places, plan: Plan, limit: int = 20) -> list[RowView]:
    """The first `limit` rows of a plan as the model will see them, in the order of the data.

    Encodes all of them, so rows that are too long or do not fit the template raise TrainingError by name, before any run.
    """
    with _tried(places, plan, "--rows", str(limit)) as run:
        lines = (run.path / "rows.jsonl").read_text("utf-8").splitlines()
    records = map(json.loads, lines)
    return [
        RowView(
            record["name"],
            record["split"],
            tuple((text, bool(target)) for text, target in record["pieces"]),
            record["tokens"],
            record["targets"],
        )
        for record in records
    ]


@contextlib.contextmanager
def _tried(places: Places, plan: Plan, *arguments: str) -> Iterator[RunDirectory]:
    """A run directory in the cache in which a child did what `arguments` say; gone afterwards."""
    run, lock = write_run(places.cache / "trial", plan, "")
    try:
        child = spawn_trainer(run, plan.threads, lock, *arguments)
        try:
            child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
        for event in run.events().events:
            if isinstance(event, Failed):
                raise TrainingError(event.what, kept=event.kept, next_step=event.next_step, code=event.code)
        yield run
    finally:
        os.close(lock)
        shutil.rmtree(run.path, ignore_errors=True)
