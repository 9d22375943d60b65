"""Running a conversion from a light process: starts the child, hands on its progress, stops it, sweeps what dead ones left."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xiyou_tui.errors import ModelError
from xiyou_tui.models.child import child_command, child_environment
from xiyou_tui.models.conversion import Job, Plan
from xiyou_tui.models.drafts import sweep_drafts
from xiyou_tui.storage.places import Places

Progress = Callable[[str, float], None]
# How long a child that was told to stop may take before it is ended.
GRACE = 5.0


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion made: a directory, what was measured on the way, what to know about it."""

    path: Path
    bytes: int
    seconds: float
    measured: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        return {
            "path": str(self.path), "bytes": self.bytes, "seconds": self.seconds, "measured": self.measured, "notes": list(self.notes),
        }  # fmt: skip


def convert(
    places: Places,
    plan: Plan,
    *,
    anyway: bool = False,
    progress: Progress = lambda what, share: None,
    stop: threading.Event | None = None,
) -> Converted:
    """Carry out a plan in a child process; `progress` gets what is being done and how much of all is (0 to 1).

    Set `stop` from another thread to give it up. Raises ModelError or StorageError when it can't be done, ModelError with the code
    `cancelled` when it was given up; in either case there is nothing at the target.
    """
    sweep_drafts(plan.job.target.parent)
    plan.check(anyway=anyway)
    places.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="convert-", dir=places.cache) as scratch:
        job, errors = Path(scratch) / "job.json", Path(scratch) / "stderr.txt"
        job.write_text(json.dumps(plan.job.as_record(), ensure_ascii=False), "utf-8")
        try:
            return _run(job, errors, plan.job, progress, stop or threading.Event())
        finally:
            sweep_drafts(plan.job.target.parent)


def _run(file: Path, errors: Path, job: Job, progress: Progress, stop: threading.Event) -> Converted:
    with errors.open("wb") as stderr:
        child = subprocess.Popen(
            child_command("xiyou_tui.models.converter", str(file)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
            env=child_environment(),
        )  # fmt: skip
    ended = threading.Event()
    assert child.stdin is not None and child.stdout is not None
    told_to = child.stdin

    def give_up() -> None:
        while not ended.is_set():
            if stop.wait(0.1):
                told_to.close()
                if not ended.wait(GRACE):
                    child.kill()
                return

    watcher = threading.Thread(target=give_up, daemon=True)
    watcher.start()
    made: dict[str, Any] = {}
    said: dict[str, Any] = {}
    try:
        for line in child.stdout:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            made, said = record.get("made", made), record.get("error", said)
            if "share" in record:
                progress(str(record["what"]), float(record["share"]))
        code = child.wait()
    except BaseException:
        child.kill()
        child.wait()
        raise
    finally:
        ended.set()
        watcher.join()
        told_to.close()
        child.stdout.close()
    if code == 0 and made:
        return Converted(Path(made["path"]), made["bytes"], made["seconds"], made["measured"], tuple(made["notes"]))
    if stop.is_set():
        raise ModelError("停下了。", kept="原来的模型没有动；做到一半的已经清掉。", next_step="想做时再开始，要从头做。", code="cancelled")
    raise ModelError(
        said.get("what") or f"没有做成：子进程中途没了（退出码 {code}）{_last_line(errors)}。",
        kept=said.get("kept") or "原来的模型和适配器都没有动；做到一半的已经清掉。",
        next_step=said.get("next") or ("多半是内存不够，系统结束了它：关掉别的程序再试。" if code in (-9, 137) else "用 xiyou doctor 检查 MLX 能不能用，再试一次。"),
        code=said.get("code") or ("killed" if code < 0 else "conversion"),
    )


def _last_line(path: Path) -> str:
    lines = path.read_text("utf-8", "replace").strip().splitlines()
    return f"：{lines[-1][:200]}" if lines else ""
