"""Directories that are named by their date, and finding one of many by what people type. Runs and evaluations call it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from xiyou_tui.errors import XiyouError


class Named(Protocol):
    """What has an id and a name that its user may have given it."""

    id: str

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def list_directories(parent: Path) -> list[Path]:
    """The directories in `parent`, newest first as their names tell; hidden ones are still being made and left out."""
    with contextlib.suppress(OSError):
        return sorted((path for path in parent.iterdir() if not path.name.startswith(".") and path.is_dir()), reverse=True)
    return []


def find_named(known: Sequence[T], name: str, kind: str, failure: Callable[[str], XiyouError]) -> T:
    """The one of `known` (newest first) with this id, else with this beginning of an id or this name; `last` is the newest.

    Unless just one fits, raises what `failure` makes of the reason; `kind` is what the reason calls them.
    """
    if name == "last" and known:
        return known[0]
    fitting = [item for item in known if item.id == name] or [item for item in known if item.id.startswith(name) or item.name == name]
    if not name or not fitting:
        raise failure(f"没有{kind}「{name}」。")
    if len(fitting) > 1:
        raise failure(f"「{name}」对得上 {len(fitting)} 次{kind}。")
    return fitting[0]
