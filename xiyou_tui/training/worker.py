"""The trainer: a process of its own that works on one run directory. Nothing else imports it.

python -m xiyou_tui.training.worker RUN_DIRECTORY
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

from xiyou_tui.errors import TrainingError, XiyouError
from xiyou_tui.models.registry import model_hash
from xiyou_tui.storage.files import write_bytes, write_json
from xiyou_tui.training import events as happened
from xiyou_tui.training.general import ensure_general
from xiyou_tui.training.ranks import AgreedCommands, Ranks, is_follower, is_launched, join_ranks
from xiyou_tui.training.reporting import Commands, EventWriter
from xiyou_tui.training.run import RunDirectory, RunMeta

POLL_SECONDS = 0.2


def main(arguments: list[str]) -> int:
    """Train the run in the given directory to its end; returns 0 when it ended as it should, 1 when it failed."""
    run = RunDirectory(Path(arguments[0]).resolve())
    if is_follower():
        return _follow(run)
    lock = _hold(run)
    if lock is None:
        sys.stderr.write(f"另一个训练进程正在用 {run.path}\n")
        return 1
    if not is_launched():
        # Of several ranks the launcher's number stands there: the first may run on another machine.
        write_bytes(run.path / "pid", str(os.getpid()).encode())
    writer = EventWriter(run.metrics)
    _stay_awake()
    started = time.monotonic()
    try:
        writer.write(happened.Launched(time.time()))
        ranks = join_ranks()
        commands = AgreedCommands(run.control, ranks)
        commands.listen()
        if ranks.first:
            ensure_general(run, run.meta().recipe)
        if "--measure" in arguments:
            _measure(run, writer)
            return 0
        if "--rows" in arguments:
            _show_rows(run, int(arguments[-1]))
            return 0
        ended = _queue(run, commands, ranks)
        writer.write(ended or _work(run, run.meta(), writer, commands, started, ranks))
        return 0
    except XiyouError as error:
        writer.write(_failed(run, error))
        sys.stderr.write(error.render() + "\n")
        return 1
    except Exception as error:
        traceback.print_exc()
        writer.write(_failed(run, _explain(error)))
        return 1
    finally:
        writer.close(patience=600)
        (run.path / "pid").unlink(missing_ok=True)


def _follow(run: RunDirectory) -> int:
    """Train as a rank other than the first: the same work in the same order, but what happens is the first rank's to tell."""
    _stay_awake()
    writer = EventWriter(Path(os.devnull))
    try:
        ranks = join_ranks()
        commands = AgreedCommands(run.control, ranks)
        commands.listen()
        if _queue(run, commands, ranks) is None:
            _work(run, run.meta(), writer, commands, time.monotonic(), ranks)
        return 0
    except XiyouError as error:
        sys.stderr.write(error.render() + "\n")
        return 1
    finally:
        writer.close()


def _queue(run: RunDirectory, commands: Commands, ranks: Ranks) -> happened.Finished | None:
    """Wait, holding no model, for the run before this one; returns an end when told to stop. Raises TrainingError when that one failed."""
    if not ranks.any(run.is_queued()):
        return None
    meta = run.meta()
    before = RunDirectory(run.path.parent / meta.after)
    while ranks.any(before.is_alive()):
        if any(command in ("stop", "abort") for command in commands.poll()):
            return happened.Finished(time.time(), 0, "aborted", None, 0.0)
        time.sleep(POLL_SECONDS)
    if meta.model.get("from_run"):
        if before.state().status not in ("finished", "stopped"):
            raise TrainingError(
                "排在前面的那次运行没有做完，接不上。",
                kept="两边都没有改动。",
                next_step="先继续那一次，再继续这一次。",
                code="queue",
            )
        trained = before.trained()
        start = {"path": str(trained.model), "adapter": str(trained.adapter or ""), "hash": model_hash(trained.model)}
        if ranks.first:
            write_json(run.path / "start.json", start)
    if ranks.first:
        (run.path / "queued").unlink()
    # Nobody reads what it starts from before it is written.
    ranks.any(False)
    return None


def _work(
    run: RunDirectory, meta: RunMeta, writer: EventWriter, commands: Commands, started: float, ranks: Ranks
) -> happened.Finished:
    while True:
        outcome_reason, step, loss = _stretch(run, meta, writer, commands, ranks)
        if outcome_reason != "paused":
            break
        writer.write(happened.Paused(time.time(), step))
        told = _wait(commands)
        if told != "resume":
            outcome_reason = "stopped" if told == "stop" else "aborted"
            break
        writer.write(happened.Resumed(time.time(), step))
    if ranks.first and meta.recipe.adapter == "full" and outcome_reason != "aborted" and (best := run.best_step()) is not None:
        from xiyou_tui.training.session import export_model

        export_model(run, meta, run.checkpoint(best))
    return happened.Finished(time.time(), step, outcome_reason, loss, time.monotonic() - started)


def _stretch(
    run: RunDirectory, meta: RunMeta, writer: EventWriter, commands: Commands, ranks: Ranks
) -> tuple[str, int, float | None]:
    """One stretch of training; when it returns, the model is out of memory again."""
    import mlx.core as mx

    from xiyou_tui.training.loop import Loop
    from xiyou_tui.training.session import open_session

    session = open_session(run, meta, ranks)
    outcome = Loop(run, meta, session, writer, commands).train()
    found = (outcome.reason, outcome.position.step, outcome.loss)
    del session, outcome
    gc.collect()
    mx.clear_cache()
    return found


def _measure(run: RunDirectory, writer: EventWriter) -> None:
    from xiyou_tui.training.loop import Loop
    from xiyou_tui.training.session import open_session

    meta = run.meta()
    Loop(run, meta, open_session(run, meta, Ranks()), writer, Commands(run.control)).measure()


def _show_rows(run: RunDirectory, limit: int) -> None:
    from xiyou_tui.training.inspect import write_views
    from xiyou_tui.training.session import load_tokenizer

    meta = run.meta()
    write_views(run, meta, load_tokenizer(Path(meta.model["path"])), limit)


def _wait(commands: Commands) -> str:
    while True:
        for command in commands.poll():
            if command in ("resume", "stop", "abort"):
                return command
        time.sleep(POLL_SECONDS)


def _hold(run: RunDirectory) -> int | None:
    """The run's lock: handed down by the launcher, or taken here when started by hand. None when another trainer has it.

    The first of several ranks has none: `mlx.launch`, which lives as long as they, holds it for all (and is no handle of ours).
    """
    inherited = os.environ.pop("XIYOU_RUN_LOCK", "")
    if inherited and is_launched():
        return -1
    if inherited:
        with contextlib.suppress(OSError, ValueError):
            os.set_inheritable(int(inherited), False)
            return int(inherited)
    handle = os.open(run.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _stay_awake() -> None:
    # A Mac that falls asleep stops training over night; caffeinate ends with us.
    if sys.platform == "darwin" and (tool := shutil.which("caffeinate")):
        subprocess.Popen([tool, "-i", "-w", str(os.getpid())], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _failed(run: RunDirectory, error: XiyouError) -> happened.Failed:
    return happened.Failed(time.time(), run.state().step, error.code, error.what, error.kept, error.next_step)


def _explain(error: Exception) -> XiyouError:
    text = str(error)
    if text.startswith("[ring]"):
        return TrainingError(
            "一起训练的另一个进程断了。", kept="已存的检查点都在。", next_step="原因在运行目录的 log.txt；各台机器都在了，再从检查点继续。",
            code="ranks",
        )  # fmt: skip
    if (
        isinstance(error, MemoryError)
        or "Unable to allocate" in text
        or "Attempting to allocate" in text
        or "Insufficient Memory" in text
    ):
        return TrainingError(
            "内存不够，训练停下了。", kept="已存的检查点都在。", next_step="把批大小降到 1、打开「重算省内存」、缩短窗口长度，再从检查点继续。",
            code="out-of-memory",
        )  # fmt: skip
    return TrainingError(
        f"训练意外停下：{type(error).__name__}: {text[:300]}。", kept="已存的检查点都在。", next_step="详情在运行目录的 log.txt；可以从检查点继续。",
        code="bug",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
