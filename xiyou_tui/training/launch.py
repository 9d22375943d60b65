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
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Protocol

from xiyou_tui import __version__
from xiyou_tui.errors import TrainingError
from xiyou_tui.models.child import child_command, child_environment, find_openblas
from xiyou_tui.models.making import practice_path
from xiyou_tui.models.registry import ModelCard, inspect_model, model_hash
from xiyou_tui.storage.files import discard, explained, write_bytes, write_json
from xiyou_tui.storage.places import Places
from xiyou_tui.training.recipe import PRACTICE, Recipe, save_recipe
from xiyou_tui.training.run import RunDirectory, RunMeta, find_run, list_runs
from xiyou_tui.training.source import TrainingData, Workplace, gather

Command = Literal["pause", "resume", "save", "stop", "abort"]
COMMANDS = {"pause": "暂停", "resume": "继续", "save": "存一次", "stop": "停止并保存", "abort": "放弃"}


class Workshop(Workplace, Protocol):
    """The open workplace as launching needs it; `Study` fits."""

    @property
    def places(self) -> Places: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A run thought through but not begun: what it would train, on what, from where. `start_plan` begins it."""

    recipe: Recipe
    card: ModelCard
    data: TrainingData
    adapter: Path | None
    start_from: str
    base_hash: str
    threads: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know before the start."""
        return (*self.recipe.cautions(), *self.data.warnings)


def plan_run(study: Workshop, recipe: Recipe) -> Plan:
    """Resolve model, earlier stage and data of a recipe. Raises TrainingError or ModelError for what can't be trained."""
    base = inspect_model(_model_path(study, recipe))
    base_hash = model_hash(base.path)
    card, adapter, start_from = _resolve_start(study.places, recipe, base, base_hash)
    if adapter is not None:
        recipe = inherit_adapter(recipe, adapter)
    return Plan(recipe, card, gather(recipe, study), adapter, start_from, base_hash, study.settings.whole("train.threads"))


def start_run(study: Workshop, recipe: Recipe, *, name: str = "", after: str = "") -> RunDirectory:
    """Start a run and return its directory; the trainer lives on when the caller ends.

    `after` queues it behind another run (its id). Raises TrainingError, ModelError or StorageError before anything is started.
    """
    return start_plan(study.places, plan_run(study, recipe), name=name, after=after)


def start_plan(places: Places, plan: Plan, *, name: str = "", after: str = "") -> RunDirectory:
    """Begin a plan: write the run directory in one step, then start its trainer."""
    created = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(created))
    run = RunDirectory(places.runs / f"{stamp}-{plan.recipe.stage}-{secrets.token_hex(2)}")
    model = {
        "name": plan.card.name,
        "path": str(plan.card.path),
        "hash": model_hash(plan.card.path),
        "base_hash": plan.base_hash,
        "adapter": str(plan.adapter) if plan.adapter else "",
        "parameters": plan.card.parameters,
    }
    recipe = dataclasses.replace(plan.recipe, name=name or plan.recipe.name)
    meta = RunMeta(
        run.id,
        created,
        recipe,
        plan.data.as_record(),
        model,
        {**_versions(), "threads": str(plan.threads)},
        recipe.seed,
        plan.start_from,
        after,
    )
    draft = places.runs / f".{run.id}"
    with explained(draft):
        try:
            draft.mkdir(parents=True, mode=0o700)
            write_json(draft / "meta.json", meta.as_record())
            save_recipe(draft / "recipe.toml", recipe)
            write_bytes(draft / "data.jsonl", plan.data.dump())
            if after:
                write_bytes(draft / "queued", after.encode())
            draft.rename(run.path)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    try:
        _spawn(run, plan.threads)
    except BaseException:
        discard(run.path, places.bin)
        raise
    return run


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
    _spawn(run, int(meta.versions.get("threads", 0)))
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
        if run.is_alive():
            os.kill(pid, signal.SIGKILL)


def inherit_adapter(recipe: Recipe, adapter: Path) -> Recipe:
    """The recipe with the adapter shape of an earlier stage: going on with an adapter means keeping its rank, alpha and layers."""
    try:
        config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
        shape = config["xiyou"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{adapter} 不是本程序练出的适配器（{error}）。",
            kept="目录没有改动。",
            next_step="选一次运行作起点，或把「接着谁练」留空。",
            code="no-adapter",
        ) from error
    if recipe.adapter == "full":
        raise TrainingError(
            "练全部权重不能接在适配器后面。", next_step="把「练哪些权重」改成 LoRA，或从模型本身开始。", code="recipe"
        )
    for key in ("adapter.kind", "adapter.rank", "adapter.alpha", "adapter.layers", "adapter.targets"):
        recipe = recipe.changed(key, shape[key])
    return recipe


def _model_path(study: Workshop, recipe: Recipe) -> Path:
    if recipe.model == PRACTICE:
        return practice_path(study.places, study.library.current())
    path = Path(recipe.model).expanduser()
    return path if path.is_absolute() or path.exists() else study.places.models / recipe.model


def _resolve_start(places: Places, recipe: Recipe, base: ModelCard, base_hash: str) -> tuple[ModelCard, Path | None, str]:
    """Model to load, adapter to load on it, and the id of the run they come from."""
    wish = recipe.start_from
    if not wish:
        return base, None, ""
    directory = Path(wish).expanduser()
    if (directory / "adapter_config.json").exists():
        _check_base(directory, base_hash)
        return base, directory, str(directory)
    run = _last_of(places, base_hash) if wish == "last" else find_run(places, wish)
    meta = run.meta()
    if meta.model.get("base_hash") != base_hash:
        raise TrainingError(
            f"运行「{run.name}」练的是另一个模型（{meta.model.get('name')}），不能接到 {base.name} 上。",
            kept="两边都没有改动。", next_step="换回那个模型，或选别的起点。", code="other-model",
        )  # fmt: skip
    trained = run.trained()
    if trained.adapter is None:
        return inspect_model(trained.model), None, run.id
    if meta.recipe.adapter == "full":
        raise TrainingError(
            f"运行「{run.name}」还没有存成完整的模型。", next_step="先继续它，练完或停止保存后再接着练。", code="no-checkpoint"
        )
    return inspect_model(trained.model), trained.adapter, run.id


def _last_of(places: Places, base_hash: str) -> RunDirectory:
    for run in list_runs(places):
        with contextlib.suppress(TrainingError):
            if run.meta().model.get("base_hash") == base_hash and run.state().status in ("finished", "stopped") and run.trained():
                return run
    raise TrainingError("这个模型还没有练完的运行可接。", next_step="先做上一阶段，或把「接着谁练」留空。", code="no-run")


def _check_base(adapter: Path, base_hash: str) -> None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        made_for = json.loads((adapter / "adapter_config.json").read_text("utf-8"))["xiyou"]["base_hash"]
        if made_for != base_hash:
            raise TrainingError(
                "这个适配器是为另一个模型练的。", kept="没有改动。", next_step="选它原来的模型，或换起点。", code="other-model"
            )


def _spawn(run: RunDirectory, threads: int) -> None:
    """Start the trainer of a run with the run's lock already in its hands, so that no moment looks like a dead run."""
    lock = os.open(run.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(lock, run)
        run.control.unlink(missing_ok=True)
        environment = child_environment(threads)
        environment["XIYOU_RUN_LOCK"] = str(lock)
        with run.log.open("ab") as log:
            child = subprocess.Popen(
                child_command("xiyou_tui.training.worker", str(run.path)),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True, pass_fds=(lock,),
            )  # fmt: skip
        write_bytes(run.path / "pid", str(child.pid).encode())
    finally:
        os.close(lock)


def _take(lock: int, run: RunDirectory) -> None:
    # Somebody who only looks holds the lock for a moment; a trainer holds it for good.
    for attempt in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if attempt == 19:
                raise TrainingError(
                    f"「{run.name}」已有一个训练进程。", next_step="等它结束，或先停止它。", code="run-alive"
                ) from None
            time.sleep(0.01)


def _versions() -> dict[str, Any]:
    found = {"xiyou": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for name in ("mlx", "mlx-lm", "transformers"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    found["blas"] = str(find_openblas() or "")
    return found
