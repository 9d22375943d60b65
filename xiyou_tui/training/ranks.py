"""Ranks of one run: processes that train together, each on its share of every batch. A process alone is the only rank. Uses MLX."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xiyou_tui.errors import TrainingError
from xiyou_tui.training.reporting import Commands

if TYPE_CHECKING:
    import mlx.core as mx

# The order in which commands that came together count: a save loses nothing, and an end outranks a pause.
AGREED = ("save", "abort", "stop", "resume", "pause")
WATCH_SECONDS = 0.1


class Ranks:
    """This process among those that train together. Every rank must call the same methods in the same order: each one waits for all."""

    def __init__(self, group: Any = None) -> None:
        self._group = group
        self.rank: int = group.rank() if group else 0
        self.size: int = group.size() if group else 1

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes events and checkpoints and reads commands."""
        return self.rank == 0

    def sum(self, arrays: Sequence[mx.array]) -> list[mx.array]:
        """The sum over all ranks of each array; the same bits on every rank."""
        if self.size == 1:
            return list(arrays)
        import mlx.core as mx

        found: dict[int, mx.array] = {}
        # One message for each type: a run has hundreds of small arrays, and a message costs its latency.
        for dtype in dict.fromkeys(array.dtype for array in arrays):
            chosen = [index for index, array in enumerate(arrays) if array.dtype == dtype]
            message = mx.concatenate([arrays[index].reshape(-1) for index in chosen])
            # Evaluated before and after, so that messages go out in the same order everywhere.
            mx.eval(message)
            message = mx.distributed.all_sum(message, group=self._group)
            mx.eval(message)
            start = 0
            for index in chosen:
                size = arrays[index].size
                found[index] = message[start : start + size].reshape(arrays[index].shape)
                start += size
        return [found[index] for index in range(len(arrays))]

    def total(self, *numbers: int) -> tuple[int, ...]:
        """The sum over all ranks of each whole number (below 2**31)."""
        if self.size == 1:
            return numbers
        import mlx.core as mx

        return tuple(int(str(value)) for value in self.sum([mx.array(numbers, dtype=mx.int32)])[0].tolist())  # type: ignore[union-attr]

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank."""
        return self.total(int(flag))[0] > 0


class AgreedCommands(Commands):
    """Commands and signals as all ranks see them, so that they all stop, save and pause at the same step."""

    def __init__(self, path: Path, ranks: Ranks) -> None:
        # The file is the first rank's alone to read; a signal counts wherever it comes in.
        super().__init__(path if ranks.first else Path(os.devnull))
        self._ranks = ranks

    def poll(self) -> list[str]:
        """Commands that any rank got since the last call; waits for all ranks."""
        own = super().poll()
        if self._ranks.size == 1:
            return own
        counts = self._ranks.total(*(own.count(name) for name in AGREED))
        return [name for name, count in zip(AGREED, counts, strict=True) if count]


def is_follower() -> bool:
    """Whether this process was started as a rank other than the first."""
    return is_launched() and os.environ["MLX_RANK"] != "0"


def is_launched() -> bool:
    """Whether `mlx.launch` started this process as one of several."""
    return bool(os.environ.get("MLX_HOSTFILE")) and bool(os.environ.get("MLX_RANK"))


def join_ranks() -> Ranks:
    """Meet the other ranks, if `mlx.launch` started us with any. Raises TrainingError when they can't be reached."""
    if not is_launched():
        return Ranks()
    threading.Thread(target=_end_with_launcher, args=(os.getppid(),), daemon=True).start()
    import mlx.core as mx

    try:
        return Ranks(mx.distributed.init(strict=True, backend="ring"))
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"连不上一起训练的别的进程（{error}）。",
            kept="没有改动任何东西，已存的检查点都在。",
            next_step="检查主机文件里的地址、防火墙和端口，再继续这次运行。",
            code="ranks",
        ) from error


def _end_with_launcher(launcher: int) -> None:
    # The launcher holds the run's lock; without it somebody could take the run up while we still write.
    while os.getppid() == launcher:
        time.sleep(WATCH_SECONDS)
    os._exit(1)
