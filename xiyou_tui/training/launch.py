"""Starting, resuming and commanding runs from a light process. The trainer is a detached child that outlives the caller."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import platform
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal

from xiyou_tui import __version__
from xiyou_tui.errors import TrainingError
from xiyou_tui.models.child import child_command, child_environment, find_openblas
from xiyou_tui.models.registry import inspect_model, model_hash
from xiyou_tui.storage.files import discard, explained, write_bytes, write_json
from xiyou_tui.storage.places import Places
from xiyou_tui.training.hosts import Host, ranks_command
from xiyou_tui.training.plan import Plan as Plan
from xiyou_tui.training.plan import Workshop as Workshop
from xiyou_tui.training.plan import plan_run as plan_run
from xiyou_tui.training.recipe import Recipe, save_recipe
from xiyou_tui.training.run import RunDirectory, RunMeta

Command = Literal["pause", "resume", "save", "stop", "abort"]
COMMANDS = {"pause": "暂停", "resume": "继续", "save": "存一次", "stop": "停止并保存", "abort": "放弃"}


def start_run(
    study: Workshop, recipe: Recipe, *, name: str = "", after: RunDirectory | None = None, hosts: Sequence[Host] = ()
) -> RunDirectory:
    """Start a run and return its directory; the trainer lives on when the caller ends.

    `after` queues it behind another run; with `hosts` it trains on all of them at once. Raises TrainingError, ModelError or StorageError before anything is started.
    """
    return start_plan(study.places, plan_run(study, recipe, after=after), name=name, hosts=hosts)


def start_chain(study: Workshop, recipes: Sequence[Recipe], hosts: Sequence[Host] = ()) -> list[RunDirectory]:
    """Start the first recipe and queue the others behind it, each starting from what the one before it made."""
    runs: list[RunDirectory] = []
    for recipe in recipes:
        before = runs[-1] if runs else None
        chosen = dataclasses.replace(recipe, start_from="last") if before else recipe
        runs.append(start_run(study, chosen, after=before, hosts=hosts))
    return runs


def start_plan(places: Places, plan: Plan, *, name: str = "", hosts: Sequence[Host] = ()) -> RunDirectory:
    """Begin a plan: write the run directory in one step, then start its trainer."""
    run, lock = write_run(places.runs, plan, name, hosts)
    try:
        spawn_trainer(run, plan.threads, lock)
    except BaseException:
        discard(run.path, places.bin)
        raise
    finally:
        os.close(lock)
    return run


def write_run(directory: Path, plan: Plan, name: str, hosts: Sequence[Host] = ()) -> tuple[RunDirectory, int]:
    """The run's directory, written in one step, and its lock, already held: no moment looks like a dead run."""
    created = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(created))
    run = RunDirectory(directory / f"{stamp}-{plan.recipe.stage}-{secrets.token_hex(2)}")
    model = {
        "name": plan.card.name,
        "path": str(plan.card.path),
        "hash": model_hash(plan.card.path),
        "base_hash": plan.base_hash,
        "adapter": str(plan.adapter) if plan.adapter else "",
        "from_run": plan.start_from if plan.waits_for_start else "",
        "parameters": plan.card.parameters,
    }
    recipe = dataclasses.replace(plan.recipe, name=name or plan.recipe.name)
    versions = {**_versions(), "threads": str(plan.threads)}
    meta = RunMeta(run.id, created, recipe, plan.data.as_record(), model, versions, recipe.seed, plan.start_from, plan.after)
    draft = RunDirectory(directory / f".{run.id}")
    with explained(draft.path):
        try:
            draft.path.mkdir(parents=True, mode=0o700)
            write_json(draft.path / "meta.json", meta.as_record())
            save_recipe(draft.path / "recipe.toml", recipe)
            write_bytes(draft.data, plan.data.dump())
            if len(hosts) > 1:
                write_json(draft.hosts, list(hosts))
            if plan.after:
                write_bytes(draft.path / "queued", plan.after.encode())
            lock = _take_lock(draft)
            draft.path.rename(run.path)
        except BaseException:
            shutil.rmtree(draft.path, ignore_errors=True)
            raise
    return run, lock


def resume_run(run: RunDirectory) -> RunDirectory:
    """Take up a run that was stopped, interrupted or failed, from its last checkpoint. Raises TrainingError when it can't be."""
    state = run.state()
    if state.alive:
        raise TrainingError(f"「{run.name}」正在训练。", next_step="不用再继续它。", code="run-alive")
    if not state.resumable:
        raise TrainingError(
            f"「{run.name}」已经做完，没有可继续的。", next_step="要接着练，用它作起点新开一次。", code="run-finished"
        )
    meta = run.meta()
    inspect_model(Path(meta.model["path"]))
    lock = _take_lock(run)
    try:
        spawn_trainer(run, int(meta.versions.get("threads", 0)), lock)
    finally:
        os.close(lock)
    return run


def send_command(run: RunDirectory, command: Command) -> None:
    """Tell a running trainer to pause, resume, save, stop (and save) or abort; it looks at every step.

    The command is a line in a file, so it works from any process, also after the interface was closed and opened again. `resume` on a
    run whose trainer is gone starts a new one. Raises TrainingError when there is nobody to tell.
    """
    if command not in COMMANDS:
        raise TrainingError(f"没有「{command}」这个指令。", next_step="可用：" + "、".join(COMMANDS), code="no-command")
    if not run.is_alive():
        if command == "resume":
            resume_run(run)
            return
        raise TrainingError(f"「{run.name}」没有在训练。", next_step="用 xiyou train resume 继续它。", code="run-not-alive")
    line = json.dumps({"command": command, "time": time.time()}) + "\n"
    with explained(run.control):
        handle = os.open(run.control, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)


def kill_run(run: RunDirectory) -> None:
    """End a trainer that no longer listens, at once; its last checkpoint stays. For when `stop` is not answered."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((run.path / "pid").read_text("utf-8"))
        if not run.is_alive():
            return
        if run.hosts.exists():
            # The process is the launcher of the ranks; what it started here (ranks, connections to other machines) shares its group.
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def spawn_trainer(run: RunDirectory, threads: int, lock: int, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the trainer of a run, on all its hosts, and hand it (with several ranks: their launcher) the run's lock."""
    run.control.unlink(missing_ok=True)
    environment = child_environment(threads)
    environment["XIYOU_RUN_LOCK"] = str(lock)
    command = child_command("xiyou_tui.training.worker", str(run.path), *arguments)
    if run.hosts.exists():
        command = ranks_command(run.hosts, command, environment)
    with run.log.open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True, pass_fds=(lock,)
        )
    write_bytes(run.path / "pid", str(child.pid).encode())
    return child


def _take_lock(run: RunDirectory) -> int:
    lock = os.open(run.lock, os.O_RDWR | os.O_CREAT, 0o600)
    # Somebody who only looks holds the lock for a moment; a trainer holds it for good.
    for _ in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError:
            time.sleep(0.01)
    os.close(lock)
    raise TrainingError(f"「{run.name}」已有一个训练进程。", next_step="等它结束，或先停止它。", code="run-alive")


def _versions() -> dict[str, str]:
    found = {"xiyou": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for name in ("mlx", "mlx-lm", "transformers"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    found["blas"] = str(find_openblas() or "")
    return found
