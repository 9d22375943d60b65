"""The short list of base models that are worth fetching (assets/models.toml). Opens no connection."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from xiyou_tui.models.hubs import Source
from xiyou_tui.storage.places import find_assets

Fit = Literal["fits", "tight", "too-big"]
FITS: dict[Fit, str] = {"fits": "够", "tight": "紧", "too-big": "不够"}
GB = 10**9


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One model of the list. `size`, `chat` and `train` are bytes, about: on disk, in memory for chatting and for training with LoRA."""

    id: str
    name: str
    repo: str
    modelscope: str
    size: int
    chat: int
    train: int
    licence: str
    why: str

    def repo_at(self, source: Source) -> str:
        """What it is called there."""
        return self.modelscope if source == "modelscope" else self.repo

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


@cache
def load_suggestions() -> tuple[Suggestion, ...]:
    """The list, smallest first."""
    entries = tomllib.loads((find_assets() / "models.toml").read_text("utf-8"))["model"]
    return tuple(
        Suggestion(
            entry["id"], entry["name"], entry["repo"], entry.get("modelscope", entry["repo"]),
            int(entry["size"] * GB), int(entry["chat"] * GB), int(entry["train"] * GB), entry["licence"], entry["why"],
        )
        for entry in entries
    )  # fmt: skip


def find_suggestion(name: str) -> Suggestion | None:
    """The model of the list with this id, repository or last part of it; None when there is none."""
    wanted = name.strip().lower()
    for suggestion in load_suggestions():
        names = (suggestion.id, suggestion.repo, suggestion.modelscope, suggestion.repo.partition("/")[2])
        if wanted in (known.lower() for known in names):
            return suggestion
    return None


def judge(need: int, available: int) -> Fit:
    """Whether `need` bytes of memory go into `available` ones; above 85 % it gets tight, as in the estimate of a training."""
    return "too-big" if need > available else "tight" if need > 0.85 * available else "fits"
