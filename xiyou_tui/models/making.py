"""Asking for the practice model from a light process: writes the text down, runs the child, reports its progress."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from xiyou_tui.corpus.model import Edition
from xiyou_tui.errors import ModelError
from xiyou_tui.models.child import child_command, child_environment
from xiyou_tui.models.registry import ModelCard, inspect_model
from xiyou_tui.storage.files import write_bytes
from xiyou_tui.storage.places import Places

Progress = Callable[[dict[str, Any]], None]


def practice_path(places: Places, edition: Edition) -> Path:
    """Where the practice model made from this edition lies: each edition has its own, so that adapters keep their base."""
    return places.models / f"practice-{edition.id[:8]}"


def ensure_practice(places: Places, edition: Edition, texts: Iterable[str] = (), progress: Progress | None = None) -> ModelCard:
    """The practice model for an edition, made now if it is not there. Some seconds. Raises ModelError when it can't be made."""
    path = practice_path(places, edition)
    try:
        return inspect_model(path)
    except ModelError:
        return make_practice(places, edition, texts, progress)


def make_practice(places: Places, edition: Edition, texts: Iterable[str] = (), progress: Progress | None = None) -> ModelCard:
    """Make the practice model from an edition and more `texts` (samples), in a child process; a former one moves to the bin.

    `progress` gets the child's records: {step, of, what, …}. Raises ModelError with what the child said when it fails.
    """
    path = practice_path(places, edition)
    with tempfile.TemporaryDirectory(prefix="practice-", dir=_ensure(places.cache)) as scratch:
        source = Path(scratch) / "text.jsonl"
        rows: list[dict[str, Any]] = [{"edition": edition.id, "title": edition.title}]
        rows += [{"text": chapter.text} for chapter in edition.chapters] + [{"text": text, "extra": True} for text in texts]
        write_bytes(source, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8"))
        command = child_command(
            "xiyou_tui.models.practice", "--edition-file", str(source), "--out", str(path), "--bin", str(places.bin)
        )
        last: dict[str, Any] = {}
        errors = Path(scratch) / "stderr.txt"
        with errors.open("wb") as stderr:
            child = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, stdin=subprocess.DEVNULL, env=child_environment()
            )
            assert child.stdout is not None
            try:
                for line in child.stdout:
                    try:
                        last = json.loads(line)
                    except ValueError:
                        continue
                    if progress is not None and "error" not in last:
                        progress(last)
                code = child.wait()
            except BaseException:
                child.kill()
                child.wait()
                raise
        if code != 0:
            said = last.get("error") or {}
            raise ModelError(
                said.get("what") or f"练手模型没有做成（子进程退出码 {code}）：{_last_line(errors)}",
                kept=said.get("kept") or "原有的文件没有改动。",
                next_step=said.get("next") or "用 xiyou doctor 检查 MLX 能不能用，再试一次。",
                code=said.get("code") or "practice",
            )
    return inspect_model(path)


def _ensure(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def _last_line(path: Path) -> str:
    lines = path.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "没有说明"
