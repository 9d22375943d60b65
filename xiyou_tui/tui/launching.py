"""Starting a run from the interface: what has to be done in a thread, off the screen's own database connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xiyou_tui.errors import ModelError, XiyouError
from xiyou_tui.models.making import ensure_practice, make_practice, practice_path
from xiyou_tui.models.registry import ModelCard, inspect_model
from xiyou_tui.storage.places import Places
from xiyou_tui.study import Study, open_study
from xiyou_tui.training.estimate import Estimate, estimate_plan
from xiyou_tui.training.launch import start_plan, start_run
from xiyou_tui.training.plan import plan_run
from xiyou_tui.training.presets import Chain
from xiyou_tui.training.recipe import PRACTICE, Recipe
from xiyou_tui.training.run import RunDirectory

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a recipe would come to: the estimate and the warnings, or, for a practice model not made yet, neither."""

    estimate: Estimate | None
    warnings: tuple[str, ...]
    trained_on: str


@dataclass(frozen=True, slots=True)
class Begun:
    """The runs of a chain that were started or queued, and why the next one was not ("" when all were)."""

    runs: tuple[RunDirectory, ...]
    missing: str


def look_ahead(places: Places, recipe: Recipe) -> Outlook:
    """Plan a recipe without starting it. Raises TrainingError or ModelError for what can't be trained. Some tenths of a second."""
    study = open_study(places)
    try:
        if recipe.model == PRACTICE and not has_practice(study):
            return Outlook(None, recipe.cautions(), study.library.current().title)
        plan = plan_run(study, recipe)
        return Outlook(estimate_plan(plan, places), plan.warnings, plan.data.source)
    finally:
        study.close()


def has_practice(study: Study) -> bool:
    """Whether the practice model of the current edition is there and whole."""
    try:
        inspect_model(practice_path(study.places, study.library.current()))
    except ModelError:
        return False
    return True


def silent(what: str, share: float) -> None:
    """Progress that nobody looks at."""


def begin_run(places: Places, recipe: Recipe, *, after: RunDirectory | None = None, progress: Progress = silent) -> RunDirectory:
    """Start a run, making the practice model first where it is wanted and missing; `after` queues it behind another run.

    Raises XiyouError before anything is started. `progress` gets what is being done and how much of it is (0 to 1).
    """
    study = open_study(places)
    try:
        if recipe.model == PRACTICE and not has_practice(study):
            make_model(study, again=False, progress=progress)
        progress("准备数据", 1.0)
        return start_plan(places, plan_run(study, recipe, after=after))
    finally:
        study.close()


def begin_chain(places: Places, chain: Chain, model: str, *, after: RunDirectory | None = None, progress: Progress = silent) -> Begun:
    """Start the first stage of a chain on `model` and queue the others. Raises XiyouError when not even the first can start."""
    study = open_study(places)
    runs: list[RunDirectory] = []
    try:
        if model == PRACTICE and not has_practice(study):
            make_model(study, again=False, progress=progress)
        for preset in chain.presets:
            progress(preset.label, len(runs) / len(chain.presets))
            recipe = preset.recipe.changed("run.model", model)
            if runs:
                recipe = recipe.changed("run.start_from", "last")
            try:
                runs.append(start_run(study, recipe, after=runs[-1] if runs else after))
            except XiyouError as error:
                if not runs:
                    raise
                return Begun(tuple(runs), f"{preset.label}没有排上：{error.what}{error.next_step}")
        return Begun(tuple(runs), "")
    finally:
        study.close()


def make_model(study: Study, *, again: bool, progress: Progress) -> ModelCard:
    """Make the practice model of the current edition, from it and the samples; `again` replaces the one that is there."""

    def told(record: dict[str, object]) -> None:
        step, of = record.get("step"), record.get("of")
        share = step / of if isinstance(step, (int, float)) and isinstance(of, (int, float)) and of else 0.0
        progress(f"做练手模型：{record.get('what') or '……'}", share)

    progress("做练手模型", 0.0)
    texts = [turn.text for sample in study.samples.list() for turn in sample.turns]
    make = make_practice if again else ensure_practice
    return make(study.places, study.library.current(), texts, told)
