"""A run thought through before it begins: which model, from which earlier stage, on which data. Light."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from xiyou_tui.errors import ModelError, TrainingError
from xiyou_tui.models.making import practice_path
from xiyou_tui.models.registry import ModelCard, inspect_model, model_hash
from xiyou_tui.storage.places import Places
from xiyou_tui.storage.settings import Settings
from xiyou_tui.training.recipe import PRACTICE, STAGES, Recipe
from xiyou_tui.training.run import RunDirectory, find_run, list_runs
from xiyou_tui.training.source import TrainingData, Workplace, gather

# What a later stage takes over from an adapter it goes on with.
SHAPE = ("adapter.kind", "adapter.rank", "adapter.alpha", "adapter.layers", "adapter.targets")

# Products of matrices this small gain nothing from a second thread: waiting for one another costs more (CPU only).
ONE_THREAD_BELOW = 5_000_000


class Workshop(Workplace, Protocol):
    """The open workplace as planning needs it; `Study` fits."""

    @property
    def places(self) -> Places: ...
    @property
    def settings(self) -> Settings: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A run that has not begun: what it would train, on what, from where. `launch.start_plan` begins it.

    `after` is the run it waits for; with `waits_for_start` what it starts from is that run's result, looked up when its turn comes.
    """

    recipe: Recipe
    card: ModelCard
    data: TrainingData
    adapter: Path | None
    start_from: str
    base_hash: str
    threads: int
    after: str = ""
    waits_for_start: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know before the start."""
        return (*self.recipe.cautions(), *self.data.warnings)


def plan_run(study: Workshop, recipe: Recipe, *, after: RunDirectory | None = None) -> Plan:
    """Resolve model, earlier stage and data of a recipe. Raises TrainingError or ModelError for what can't be trained.

    With `after`, the run waits for that one to end; when it starts from it too, what it starts from is looked up then.
    """
    base = inspect_model(model_path(study, recipe))
    if recipe.adapter == "full" and base.bits < 16:
        raise TrainingError(
            f"{base.name} 是 {base.bits} 位量化的，不能练全部权重。",
            next_step="改练 LoRA，或用没有量化的模型。",
            code="quantised",
        )
    base_hash = model_hash(base.path)
    threads = study.settings.whole("train.threads") or (1 if base.parameters < ONE_THREAD_BELOW else 0)
    if after is not None and recipe.start_from in ("last", after.id):
        recipe = _inherit_shape(dataclasses.replace(recipe, start_from=after.id), after.meta().recipe)
        return Plan(recipe, base, gather(recipe, study), None, after.id, base_hash, threads, after.id, waits_for_start=True)
    card, adapter, start_from = _resolve_start(study.places, recipe, base, base_hash)
    if adapter is not None:
        recipe = _inherit_adapter(recipe, adapter)
    data = gather(recipe, study)
    if recipe.start_from == "last" and not start_from:
        data = dataclasses.replace(data, warnings=("没有更早的运行可接，从模型本身开始。", *data.warnings))
    return Plan(recipe, card, data, adapter, start_from, base_hash, threads, after.id if after else "")


def model_path(study: Workshop, recipe: Recipe) -> Path:
    """Where the recipe's model lies; raises ModelError when the recipe names none."""
    if recipe.model == PRACTICE:
        return practice_path(study.places, study.library.current())
    if not recipe.model:
        raise ModelError(
            "还没有选模型。", next_step="在「模型」里写一个 MLX 模型目录，或写 practice 用练手模型。", code="no-model"
        )
    path = Path(recipe.model).expanduser()
    return path if path.is_absolute() or path.exists() else study.places.models / recipe.model


def _resolve_start(places: Places, recipe: Recipe, base: ModelCard, base_hash: str) -> tuple[ModelCard, Path | None, str]:
    """Model to load, adapter to load on it, and the run (or directory) they come from."""
    wish = recipe.start_from
    if not wish:
        return base, None, ""
    directory = Path(wish).expanduser()
    if (directory / "adapter_config.json").exists():
        _check_base(directory, base_hash)
        return base, directory.absolute(), str(directory)
    run = _last_of(places, base_hash, recipe.stage) if wish == "last" else find_run(places, wish)
    if run is None:
        return base, None, ""
    meta = run.meta()
    if meta.model.get("base_hash") != base_hash:
        raise TrainingError(
            f"运行「{run.name}」练的是另一个模型（{meta.model.get('name')}），不能接到 {base.name} 上。",
            kept="两边都没有改动。",
            next_step="换回那个模型，或选别的起点。",
            code="other-model",
        )
    trained = run.trained()
    if trained.adapter is None:
        return inspect_model(trained.model), None, run.id
    if meta.recipe.adapter == "full":
        raise TrainingError(
            f"运行「{run.name}」还没有存成完整的模型。",
            kept="它的检查点都在。",
            next_step="先继续它，练完或停止保存后再接着练。",
            code="no-checkpoint",
        )
    return inspect_model(trained.model), trained.adapter, run.id


def _last_of(places: Places, base_hash: str, stage: str) -> RunDirectory | None:
    """The newest run of the nearest earlier stage that has something to go on with (for DAPT, of DAPT itself)."""
    order = list(STAGES)
    found: dict[str, RunDirectory] = {}
    for run in list_runs(places):
        with contextlib.suppress(TrainingError):
            meta = run.meta()
            if meta.model.get("base_hash") == base_hash and run.state().status in ("finished", "stopped") and run.trained():
                found.setdefault(meta.recipe.stage, run)
    earlier = order[: order.index(stage)][::-1] or order[:1]
    return next((found[name] for name in earlier if name in found), None)


def _check_base(adapter: Path, base_hash: str) -> None:
    if _read_shape(adapter).get("base_hash") != base_hash:
        raise TrainingError(
            "这个适配器是为另一个模型练的。", kept="没有改动。", next_step="选它原来的模型，或换起点。", code="other-model"
        )


def _inherit_adapter(recipe: Recipe, adapter: Path) -> Recipe:
    return _take_shape(recipe, _read_shape(adapter))


def _inherit_shape(recipe: Recipe, earlier: Recipe) -> Recipe:
    if earlier.adapter == "full":
        return recipe
    return _take_shape(recipe, {key: earlier.value(key) for key in SHAPE})


def _take_shape(recipe: Recipe, shape: Mapping[str, object]) -> Recipe:
    # Going on with an adapter means keeping its rank, alpha and layers, whatever the recipe says.
    if recipe.adapter == "full":
        raise TrainingError(
            "练全部权重不能接在适配器后面。", next_step="把「练哪些权重」改成 LoRA，或从模型本身开始。", code="recipe"
        )
    for key in SHAPE:
        recipe = recipe.changed(key, shape[key])
    return recipe


def _read_shape(adapter: Path) -> dict[str, object]:
    try:
        shape: dict[str, object] = json.loads((adapter / "adapter_config.json").read_text("utf-8"))["xiyou"]
        missing = [key for key in SHAPE if key not in shape]
        if missing:
            raise ValueError(f"缺 {missing[0]}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{adapter} 不是本程序练出的适配器（{error}）。",
            kept="目录没有改动。",
            next_step="选一次运行作起点，或把「接着谁练」留空。",
            code="no-adapter",
        ) from error
    return shape
