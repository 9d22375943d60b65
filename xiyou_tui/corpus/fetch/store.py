"""What has arrived of a source: whole pages, and the beginning of one that broke off, in a folder of the cache that a later fetch goes on with."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from xiyou_tui.corpus.fetch.failures import FetchError
from xiyou_tui.storage.files import explained, write_bytes, write_json
from xiyou_tui.storage.locks import LockedFolder


@dataclass(frozen=True, slots=True)
class Trail:
    """Which version of which address a partial file is the beginning of, by what the server said of it (RFC 9110, sections 8.8 and 14)."""

    address: str
    etag: str = ""
    modified: str = ""
    total: int | None = None
    encoding: str = ""

    @property
    def validator(self) -> str:
        """What If-Range may name: a strong ETag, else the date of the last change; "" when the server gave neither."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class Partial:
    """A file that may have arrived in part. Its size is the truth of how much there is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(path.name + ".json")

    @property
    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def trail(self) -> Trail | None:
        """Where the bytes came from; None when there are none, or nobody knows."""
        if not self.size:
            return None
        try:
            return Trail(**json.loads(self._note.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, trail: Trail) -> None:
        """Start anew, with nothing in it."""
        self.discard()
        write_json(self._note, asdict(trail))

    def append(self, data: bytes) -> None:
        """Add bytes; raises StorageError when the disk is full."""
        with explained(self.path):
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(data)

    def read(self) -> bytes:
        return self.path.read_bytes() if self.size else b""

    def discard(self) -> None:
        """Forget what has come."""
        with explained(self.path):
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)


class FetchFolder(LockedFolder):
    """The folder of one source below the cache. `with` keeps other processes out while it is being filled."""

    def __init__(self, cache: Path, source: str) -> None:
        super().__init__(cache / "fetch" / source)

    def busy(self) -> FetchError:
        return FetchError("另一个 xiyou 正在取这个来源。", next_step="等它取完，或停掉它再试。", code="fetch-busy")

    def page(self, name: str) -> Path:
        return self.path / name

    def has(self, name: str) -> bool:
        return self.page(name).is_file()

    def partial(self, name: str) -> Partial:
        return Partial(self.path / f"{name}.part")

    def keep(self, name: str, data: bytes) -> None:
        """A page is whole: put it in its place."""
        write_bytes(self.page(name), data)
        self.partial(name).discard()

    def clear(self) -> None:
        """Throw away everything that has come; the lock stays."""
        with explained(self.path):
            for item in self.path.iterdir():
                if item.is_dir():
                    shutil.rmtree(item)
                elif item.name != ".lock":
                    item.unlink()
