"""Questions that every reader asks first, and the events that answer them: who the companions are, where the mountain lies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from xiyou_tui.storage.places import find_assets


@dataclass(frozen=True, slots=True)
class Popular:
    """One such question: ways to ask it, and the ids of the events that answer it, the best first."""

    asks: tuple[str, ...]
    events: tuple[str, ...]


@cache
def load_popular() -> tuple[Popular, ...]:
    """The questions that ship with the program."""
    records = map(json.loads, (find_assets() / "popular.jsonl").read_text("utf-8").splitlines())
    return tuple(Popular(tuple(record["asks"]), tuple(record["events"])) for record in records)
