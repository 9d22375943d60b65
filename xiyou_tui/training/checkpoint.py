"""Checkpoints that are whole or not there: trained weights, optimizer, and the few numbers from which a run goes on exactly. Uses MLX."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_flatten, tree_map_with_path

from xiyou_tui.errors import TrainingError
from xiyou_tui.storage.files import explained, sync, write_json
from xiyou_tui.training.run import RunDirectory

KEPT = 2
WEIGHTS, OPTIMIZER, CONFIG, STATE = "adapters.safetensors", "optimizer.safetensors", "adapter_config.json", "state.json"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run stands. The data position and the random state of a step follow from its number and the seed."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    best_step: int | None = None
    # Evaluations since the best one, for early stopping.
    worse: int = 0
    rising: int = 0
    last_evaluation: float | None = None
    data_hash: str = ""


def save_checkpoint(
    run: RunDirectory, model: nn.Module, optimizer: optim.Optimizer, position: Position, config: dict[str, Any]
) -> Path:
    """Write a checkpoint in one step and drop the ones no longer needed. Raises StorageError, leaving the former ones, when it can't."""
    target = run.checkpoint(position.step)
    draft = run.checkpoints / f".{target.name}.{os.getpid()}"
    with explained(target):
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True, mode=0o700)
            save_arrays(draft / WEIGHTS, dict(tree_flatten(model.trainable_parameters())))
            save_arrays(draft / OPTIMIZER, dict(tree_flatten(optimizer.state)))
            (draft / CONFIG).write_text(json.dumps({**config, "step": position.step}, indent=1), "utf-8")
            (draft / STATE).write_text(json.dumps(asdict(position), indent=1), "utf-8")
            for path in [*draft.iterdir(), draft]:
                sync(path)
            if target.exists():
                # The same step again, after a resume: the same bytes, so the old one serves until the moment it is swapped.
                shutil.rmtree(target)
            draft.rename(target)
            sync(run.checkpoints)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        if position.best_step is not None:
            write_json(run.checkpoints / "best.json", {"step": position.best_step, "loss": position.best_loss})
    _prune(run, position.best_step)
    return target


def load_checkpoint(run: RunDirectory, model: nn.Module, optimizer: optim.Optimizer, data_hash: str) -> Position:
    """Put the newest whole checkpoint into model and optimizer and return its position; a fresh position when there is none.

    A damaged checkpoint is passed over for the one before it. Raises TrainingError when one fits neither the model nor the data.
    """
    for leftover in run.checkpoints.glob(".step-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for step in reversed(run.checkpoint_steps()):
        path = run.checkpoint(step)
        try:
            position = Position(**json.loads((path / STATE).read_text("utf-8")))
            weights, state = load_arrays(path / WEIGHTS), load_arrays(path / OPTIMIZER)
        except (OSError, ValueError, TypeError, RuntimeError):
            continue
        if position.data_hash != data_hash:
            raise TrainingError(
                "训练数据和检查点对不上：数据变了。",
                kept="检查点还在。",
                next_step="用现在的数据新开一次运行。",
                code="other-data",
            )
        load_weights(model, weights)
        optimizer.init(model.trainable_parameters())
        expected = {name: array.shape for name, array in tree_flatten(optimizer.state)}
        if expected != {name: array.shape for name, array in state.items()}:
            raise _misfit("优化器状态")
        optimizer.state = tree_map_with_path(lambda name, _, state=state: state[name], optimizer.state)
        return position
    optimizer.init(model.trainable_parameters())
    return Position(data_hash=data_hash)


def load_weights(model: nn.Module, weights: dict[str, mx.array]) -> None:
    """Put trained weights into the model: all of them, and no others. Raises TrainingError otherwise (mlx-lm lets wrong keys pass)."""
    expected = {name: array.shape for name, array in tree_flatten(model.trainable_parameters())}
    if expected != {name: array.shape for name, array in weights.items()}:
        raise _misfit("权重")
    model.load_weights(list(weights.items()), strict=False)
    mx.eval(model.parameters())


def load_arrays(path: Path) -> dict[str, mx.array]:
    """Name → array of a safetensors file, read now; raises RuntimeError when the file is damaged."""
    arrays = cast(dict[str, mx.array], mx.load(str(path)))
    mx.eval(list(arrays.values()))
    return arrays


def _misfit(what: str) -> TrainingError:
    return TrainingError(
        f"检查点里的{what}和这个模型对不上。",
        kept="检查点还在。",
        next_step="确认模型没有换过；换过就新开一次运行。",
        code="other-model",
    )


def save_arrays(path: Path, arrays: dict[str, mx.array]) -> None:
    """Write arrays as safetensors; raises OSError when the disk does not take them (MLX says that without a number)."""
    mx.eval(list(arrays.values()))
    try:
        mx.save_safetensors(str(path), arrays, metadata={"format": "mlx"})
    except RuntimeError as error:
        full = shutil.disk_usage(path.parent).free < 2 * sum(array.nbytes for array in arrays.values())
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from error


def _prune(run: RunDirectory, best: int | None) -> None:
    steps = run.checkpoint_steps()
    for step in steps[:-KEPT]:
        if step != best:
            # The state goes first: a directory without it is no checkpoint, however the removal ends.
            with contextlib.suppress(OSError):
                (run.checkpoint(step) / STATE).unlink()
            shutil.rmtree(run.checkpoint(step), ignore_errors=True)
