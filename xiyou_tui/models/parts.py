"""What has arrived of a model: whole files and beginnings in `models/.part/<repository>/`, until all of it moves to its place."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from xiyou_tui.corpus.fetch.store import Partial
from xiyou_tui.errors import ModelError
from xiyou_tui.models.hubs import Hub, RemoteFile, Source
from xiyou_tui.storage.files import explained, write_json
from xiyou_tui.storage.locks import LockedFolder, is_held
from xiyou_tui.storage.places import Places

FOLDER, PLAN, LOCK, FILES = ".part", "download.json", ".lock", "files"
_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What is being fetched, as written beside it. `revision` is what was asked for, `commit` what it was then ("" where unknown)."""

    repo: str
    source: Source
    endpoint: str
    revision: str
    commit: str
    name: str
    started: float
    licence: str = ""
    files: tuple[RemoteFile, ...] = ()

    @property
    def hub(self) -> Hub:
        return Hub(self.source, self.endpoint)

    @property
    def total(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)

    def as_record(self) -> dict[str, Any]:
        return {**asdict(self), "files": [file.as_record() for file in self.files]}


@dataclass(frozen=True, slots=True)
class Pending:
    """A download that is not whole yet: `received` of `plan.total` bytes are there. `running`: some process is at it now."""

    folder: Path
    plan: DownloadPlan
    received: int
    running: bool = field(default=False, compare=False)

    @property
    def key(self) -> str:
        return self.folder.name

    def as_record(self) -> dict[str, Any]:
        return {**self.plan.as_record(), "folder": str(self.folder), "received": self.received, "total": self.plan.total, "running": self.running}


def folder_of(places: Places, repo: str) -> Path:
    """The folder of a repository's download, whatever place it comes from: another source goes on with the same files."""
    return places.models / FOLDER / repo.replace("/", "--")


def list_pending(places: Places) -> tuple[Pending, ...]:
    """All downloads that are not whole, in the order of their names."""
    root = places.models / FOLDER
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if pending := read_pending(folder):
            found.append(pending)
    return tuple(found)


def read_pending(folder: Path) -> Pending | None:
    """The download in a folder, or None when there is none that can be read."""
    if not (folder / FILES).is_dir():
        # All of it has moved to its place already.
        return None
    try:
        record = json.loads((folder / PLAN).read_text("utf-8"))
        files = tuple(RemoteFile(**entry) for entry in record.pop("files"))
        plan = DownloadPlan(**{**record, "source": cast(Source, record["source"])}, files=files)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return Pending(folder, plan, sum(arrived(folder, file) for file in plan.files), is_busy(folder))


def arrived(folder: Path, file: RemoteFile) -> int:
    """How many bytes of a file are there."""
    for path in (folder / FILES / file.path, folder / f"{file.path}.part"):
        with contextlib.suppress(OSError):
            return min(path.stat().st_size, file.size)
    return 0


def is_busy(folder: Path) -> bool:
    """Whether a process holds the folder."""
    return is_held(folder / LOCK)


def discard_pending(folder: Path) -> None:
    """Throw away what has come; it can be fetched again, so it doesn't go to the bin. Raises ModelError while a process is at it."""
    if is_busy(folder):
        raise busy()
    with explained(folder):
        shutil.rmtree(folder)


def busy() -> ModelError:
    return ModelError("另一个 xiyou 正在下载这个模型。", kept="它下到的都在。", next_step="等它下完，或停掉它再试。", code="download-busy")


class PartFolder(LockedFolder):
    """The folder of one download. `with` keeps other processes out while it is being filled."""

    LOCK, INSIDE = LOCK, FILES

    def busy(self) -> ModelError:
        return busy()

    @property
    def files(self) -> Path:
        """The folder of what is whole and checked; in the end it becomes the model."""
        return self.path / FILES

    def partial(self, name: str) -> Partial:
        return Partial(self.path / f"{name}.part")

    def has(self, file: RemoteFile) -> bool:
        try:
            return (self.files / file.path).stat().st_size == file.size
        except OSError:
            return False

    def write_plan(self, plan: DownloadPlan) -> None:
        write_json(self.path / PLAN, plan.as_record())

    def reconcile(self, files: Iterable[RemoteFile]) -> None:
        """Throw away what does not belong to these files any more: other names, and beginnings of what has another hash now."""
        wanted = {file.path: file for file in files}
        before = read_pending(self.path)
        known = {file.path: file for file in before.plan.files} if before else {}
        with explained(self.path):
            for path in self.files.iterdir():
                file = wanted.get(path.name)
                if file is None or not self.has(file) or (not _same(known.get(file.path), file) and not matches(path, file)):
                    path.unlink()
            for path in self.path.glob("*.part"):
                name = path.name.removesuffix(".part")
                if name not in wanted or not _same(known.get(name), wanted[name]):
                    Partial(path).discard()

    def keep(self, file: RemoteFile) -> None:
        """A file is whole and checked: put it in its place, safe from a power cut."""
        partial = self.partial(file.path)
        with explained(partial.path):
            if not file.size:
                partial.path.touch(0o600)
            handle = os.open(partial.path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            partial.path.replace(self.files / file.path)
        partial.discard()

    def clear(self) -> None:
        """Throw away everything that has come; the lock stays."""
        with explained(self.path):
            for item in self.path.iterdir():
                if item.is_dir():
                    shutil.rmtree(item)
                elif item.name != LOCK:
                    item.unlink()
            self.files.mkdir(mode=0o700)

    def remove_unplanned(self) -> None:
        """Nothing is left to do here, unless there is a plan."""
        if self.path.is_dir() and not (self.path / PLAN).exists():
            self.remove()

    def remove(self) -> None:
        """Nothing is left to do here."""
        with explained(self.path):
            shutil.rmtree(self.path)
        with contextlib.suppress(OSError):
            # Only when it was the last one.
            self.path.parent.rmdir()


def matches(path: Path, file: RemoteFile, told: Callable[[int], None] = lambda count: None) -> bool:
    """Whether the file at `path` is the one listed, by its SHA-256 or its name in git. `told` hears the bytes read; it may raise."""
    digest = hashlib.sha256() if file.sha256 or not file.git else hashlib.sha1(usedforsecurity=False)
    if file.git and not file.sha256:
        digest.update(f"blob {file.size}\0".encode())
    count = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            count += len(block)
            told(count)
    wanted = file.sha256 or file.git
    return count == file.size and (not wanted or digest.hexdigest() == wanted)


def _same(one: RemoteFile | None, other: RemoteFile) -> bool:
    """Whether two places list the same content under this name, as far as both tell a hash of the same kind."""
    if one is None or one.size != other.size:
        return False
    return bool((one.sha256 and one.sha256 == other.sha256) or (one.git and one.git == other.git))
