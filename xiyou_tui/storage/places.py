"""The per-user directories. Everything the program writes lies under one of them; `xiyou where` prints them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from xiyou_tui.errors import StorageError

APP = "xiyou"


@dataclass(frozen=True, slots=True)
class Places:
    """Four roots: `data` (what people make), `config` (settings), `cache` (can be made again), `log`."""

    data: Path
    config: Path
    cache: Path
    log: Path

    @property
    def database(self) -> Path:
        return self.data / "xiyou.db"

    @property
    def editions(self) -> Path:
        return self.data / "editions"

    @property
    def runs(self) -> Path:
        return self.data / "runs"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def journal(self) -> Path:
        return self.data / "journal"

    @property
    def bin(self) -> Path:
        return self.data / "bin"

    @property
    def exports(self) -> Path:
        return self.data / "exports"

    @property
    def settings(self) -> Path:
        return self.config / "settings.toml"

    def as_record(self) -> dict[str, str]:
        """Every place by name, as strings, in the order in which `xiyou where` prints them."""
        names = ("data", "config", "cache", "log", "database", "settings", "editions", "runs", "models", "journal", "bin", "exports")
        return {name: str(getattr(self, name)) for name in names}

    def prepare(self) -> Places:
        """Create the directories, private to the user; raises StorageError where one can't be written."""
        for path in (self.data, self.config, self.cache, self.log, self.editions, self.runs, self.models, self.journal, self.bin):
            try:
                path.mkdir(parents=True, exist_ok=True, mode=0o700)
                writable = os.access(path, os.W_OK | os.X_OK)
            except OSError as error:
                raise _unwritable(path, error.strerror or str(error)) from error
            if not writable:
                raise _unwritable(path, "没有写权限")
        return self


def _unwritable(path: Path, reason: str) -> StorageError:
    return StorageError(
        f"目录不能写入：{path}（{reason}）。",
        kept="已有的文件都没有改动。",
        next_step="修正目录权限，或用环境变量 XIYOU_HOME 指定另一个可写的目录，再启动。",
        code="unwritable",
    )


def find_places() -> Places:
    """The places of this user: below `XIYOU_HOME` when it is set, else where the platform keeps such things."""
    home = os.environ.get("XIYOU_HOME", "").strip()
    if home:
        root = Path(home).expanduser().absolute()
        return Places(root / "data", root / "config", root / "cache", root / "log")
    import platformdirs

    dirs = platformdirs.PlatformDirs(APP, appauthor=False)
    return Places(
        Path(dirs.user_data_dir),
        # On a Mac data and config share one directory; a folder of its own keeps the settings apart.
        Path(dirs.user_config_dir) / "config" if sys.platform == "darwin" else Path(dirs.user_config_dir),
        Path(dirs.user_cache_dir),
        Path(dirs.user_log_dir),
    )


def find_assets() -> Path:
    """The directory of files that ship with the program: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "assets", package.parent / "assets"):
        if candidate.is_dir():
            return candidate
    raise StorageError("程序自带的 assets 目录不见了。", kept="你的数据没有改动。", next_step="重新安装：pipx reinstall xiyou-tui。", code="assets")
