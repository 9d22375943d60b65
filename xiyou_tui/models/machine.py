"""What this machine can give: memory for a model, room on a disk. Light; planning calls it before anything heavy starts."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

from xiyou_tui.errors import StorageError

# What is left free on a disk beside what is written.
SPARE = 256 * 2**20


def available_memory() -> int:
    """Bytes a model may use here: on a Mac 60 % of memory (the GPU's share, with room for the rest), else what is free now."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if sys.platform == "darwin":
        return int(total * 0.6)
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return total // 2


def free_space(path: Path) -> int:
    """Bytes free where `path` is or would be."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def check_space(path: Path, need: int) -> None:
    """Raise StorageError unless `need` bytes, and some to spare, fit where `path` would be written."""
    free = free_space(path)
    if free < need + SPARE:
        raise StorageError(
            f"磁盘放不下：要写 {in_gigabytes(need)}，{path.parent} 那里只剩 {in_gigabytes(free)}。",
            kept="还没有动手，什么都没有改。",
            next_step="腾出一些空间，或换一个磁盘上的目录。",
            code="disk-full",
        )


def in_gigabytes(size: float) -> str:
    """A size in one unit a reader can compare: 15.2 GB, 38 MB."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{max(1, round(size / 2**20))} MB"
