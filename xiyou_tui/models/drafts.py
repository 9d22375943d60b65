"""Directories that are whole or not there: filled under a hidden name, renamed at the end, swept when whoever filled them died. Light."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from xiyou_tui.errors import ModelError
from xiyou_tui.storage.files import explained, sync

PREFIX = ".making-"


@contextlib.contextmanager
def drafting(target: Path) -> Iterator[Path]:
    """A hidden directory beside `target`; when the block ends well it becomes `target`, in one step, else it is removed.

    The process that fills it holds a lock on it, which the system drops however that process ends. Raises ModelError when `target` is
    there by then, StorageError when the disk does not take it.
    """
    draft = target.parent / f"{PREFIX}{target.name}.{os.getpid()}"
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        lock = os.open(draft, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield draft
            for path in [*(found for found in draft.rglob("*") if found.is_file()), draft]:
                sync(path)
            refuse_existing(target)
            draft.rename(target)
            sync(target.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            os.close(lock)


def refuse_existing(target: Path) -> None:
    """Raise ModelError when there is something at `target`: nothing is ever written over."""
    if target.exists() or target.is_symlink():
        raise ModelError(f"已经有「{target.name}」了：{target}。", kept="没有覆盖它。", next_step="换一个名字。", code="exists")


def sweep_drafts(directory: Path) -> tuple[Path, ...]:
    """Remove the drafts in `directory` that nobody fills any more; returns those removed."""
    removed = []
    with contextlib.suppress(OSError):
        for draft in sorted(directory.glob(f"{PREFIX}*")):
            with contextlib.suppress(OSError):
                lock = os.open(draft, os.O_RDONLY)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(draft, ignore_errors=True)
                    removed.append(draft)
                finally:
                    os.close(lock)
    return tuple(removed)
