"""Files that are never half written: every file of ours goes through here, private to the user."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xiyou_tui.errors import StorageError


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` with `content` in one step (mode 0600); the old file stays whole when anything fails.

    Raises StorageError when the disk is full or the place can't be written.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)


def write_text(path: Path, content: str) -> None:
    """Like write_bytes, in UTF-8."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Like write_bytes, as readable JSON with Chinese kept as it is."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def discard(path: Path, bin_directory: Path) -> Path:
    """Move a file or directory to the bin under a dated name, and return where it lies now."""
    with explained(path):
        bin_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = bin_directory / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000:06d}-{path.name}"
        shutil.move(path, target)
        return target


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError met while writing `path` into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"磁盘满了，没有写成：{path}。", kept="原来的文件完好。", next_step="腾出一些空间后再试一次。", code="disk-full"
            ) from error
        raise StorageError(
            f"没有写成：{path}（{error.strerror or error}）。", kept="原来的文件完好。", next_step="检查这个目录的权限，再试一次。", code="unwritable"
        ) from error


def sync(path: Path) -> None:
    """Have a file's content, or the names in a directory, on the disk before going on. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_directory(path: Path) -> None:
    with contextlib.suppress(OSError):
        sync(path)
