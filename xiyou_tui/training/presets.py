"""Recipes that ship with the program, and the chains of them. The Train pane and the command line list them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from xiyou_tui.errors import TrainingError
from xiyou_tui.storage.places import find_assets
from xiyou_tui.training.recipe import Recipe, make_recipe


@dataclass(frozen=True, slots=True)
class Preset:
    """A named recipe with one line on what it is for. `size` groups the presets (practice, 0.5b, 3b, 7b)."""

    name: str
    label: str
    help: str
    size: str
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Chain:
    """Presets to run one after another, each starting from what the one before it made."""

    name: str
    label: str
    presets: tuple[Preset, ...]


SIZES = {"practice": "练手模型", "0.5b": "0.5B", "3b": "3B", "7b": "7B"}
ORDER = tuple(f"{size}-{stage}" for size in SIZES for stage in ("dapt", "sft", "dpo"))


@cache
def list_presets() -> tuple[Preset, ...]:
    """All presets, smallest model first and in the order of the stages."""
    found = []
    for path in (find_assets() / "recipes").glob("*.toml"):
        tables = tomllib.loads(path.read_text("utf-8"))
        about = tables.pop("preset")
        found.append(Preset(path.stem, about["label"], about["help"], about["size"], make_recipe(tables)))
    rank = {name: index for index, name in enumerate(ORDER)}
    return tuple(sorted(found, key=lambda preset: (rank.get(preset.name, len(rank)), preset.name)))


def find_preset(name: str) -> Preset:
    """The preset with this name; raises TrainingError that lists the names when there is none."""
    for preset in list_presets():
        if preset.name == name:
            return preset
    names = "、".join(preset.name for preset in list_presets())
    raise TrainingError(f"没有「{name}」这个预设配方。", next_step=f"可选：{names}。", code="recipe")


def default_preset(stage: str, model: str) -> Preset:
    """The preset for a stage that suits a model: by the size in its name, practice otherwise smallest."""
    lowered = model.lower()
    size = next((size for size in SIZES if size in lowered), "0.5b" if lowered not in ("", "practice") else "practice")
    return find_preset(f"{size}-{stage}")


def list_chains() -> tuple[Chain, ...]:
    """For each model size, all its stages in order."""
    return tuple(
        Chain(size, f"{label}：三个阶段依次做", tuple(preset for preset in list_presets() if preset.size == size))
        for size, label in SIZES.items()
    )
