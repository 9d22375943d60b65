"""Where a model or an adapter comes from, for fusing and exporting it: found by name, with what it was trained on. Light."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xiyou_tui.corpus.model import Edition
from xiyou_tui.errors import ModelError, TrainingError
from xiyou_tui.models.adapters import AdapterCard, inspect_adapter, is_adapter
from xiyou_tui.models.conversion import Probe, Speech, Training
from xiyou_tui.models.registry import ModelCard, inspect_model, list_models
from xiyou_tui.storage.places import Places
from xiyou_tui.training.plan import Workshop
from xiyou_tui.training.run import RunDirectory, find_run, list_runs
from xiyou_tui.training.source import choose_held_out

# First questions whose answers begin differently: a fact, a quotation, a refusal, a count.
QUESTIONS = ("孙悟空的师父是谁？", "菩提祖师给石猴取了什么名字？", "孙悟空有没有用过手机？", "取经路上一共有几个人？")
PASSAGES, SHORTEST, LONGEST = 8, 40, 400


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, or an adapter with its base, and the trainings that made it, the first one first."""

    item: ModelCard | AdapterCard
    trained_on: tuple[Training, ...]

    @property
    def adapter(self) -> AdapterCard | None:
        return self.item if isinstance(self.item, AdapterCard) else None

    @property
    def model(self) -> ModelCard:
        """The model itself, or the base of the adapter."""
        return self.item.base if isinstance(self.item, AdapterCard) else self.item


def find_subject(places: Places, name: str) -> Subject:
    """What `name` means: a directory, one of our models by its name, or a run (its best checkpoint). Raises ModelError or TrainingError."""
    directory = Path(name).expanduser()
    for path in (directory, places.models / name):
        if name and path.is_dir():
            return _of_directory(places, path.absolute())
    for card in list_models(places):
        if card.name == name:
            return Subject(card, _of_run_path(card.path))
    try:
        run = find_run(places, name)
    except TrainingError as error:
        if "/" in name:
            raise ModelError(f"没有这个目录：{name}。", next_step="检查路径；xiyou model list 看有哪些模型和适配器。", code="no-model") from error
        raise ModelError(
            f"没有叫「{name}」的模型、适配器或运行。", next_step="用 xiyou model list 或 xiyou train list 看有哪些；也可以写目录。", code="no-model"
        ) from error
    made = run.trained()
    if made.adapter is None:
        return Subject(inspect_model(made.model), trainings(run))
    return Subject(inspect_adapter(made.adapter), trainings(run))


def trainings(run: RunDirectory) -> tuple[Training, ...]:
    """What went into a run's result: the run itself and the runs it started from, the first one first."""
    found: list[Training] = []
    seen: set[str] = set()
    while run.id not in seen:
        seen.add(run.id)
        try:
            meta = run.meta()
        except TrainingError:
            break
        rows = dict(meta.data.get("rows") or {})
        count = sum(int(number) for split, number in rows.items() if split in ("train", "general"))
        steps = run.best_step() or run.state().step
        found.append(Training(run.id, run.name, meta.recipe.stage_label, str(meta.data.get("source", "")), count, steps))
        if not meta.start_from:
            break
        run = RunDirectory(run.path.parent / Path(meta.start_from).name)
    return tuple(reversed(found))


def make_probe(study: Workshop) -> Probe:
    """What to measure a conversion on: fixed questions as the chat sends them, passages of the open edition that runs hold out."""
    edition = study.library.current()
    questions = tuple(tuple(dict(turn) for turn in study.chat_messages(question)) for question in QUESTIONS)
    return Probe(edition.title, questions, choose_passages(edition))


def choose_passages(edition: Edition) -> tuple[str, ...]:
    """Passages of the chapters that training holds out by default, spread evenly; of all chapters where none are held out."""
    held_out = choose_held_out("auto", edition)
    chapters = [chapter for chapter in edition.chapters if chapter.number in held_out] or list(edition.chapters)
    found = [text[:LONGEST] for chapter in chapters for text in chapter.text.split("\n") if len(text) >= SHORTEST]
    found = found or [chapter.text[:LONGEST] for chapter in chapters]
    return tuple(_spread(found, PASSAGES))


def make_speech(study: Workshop) -> Speech:
    """How the app speaks to a model, for a Modelfile."""
    settings = study.settings
    turns = {turn["role"]: turn["content"] for turn in study.chat_messages(QUESTIONS[0])}
    numbers = settings.number("chat.temperature"), settings.number("chat.top_p"), settings.whole("chat.max_tokens")
    return Speech(turns.get("system", ""), *numbers, example=turns.get("user", ""))


def export_target(places: Places, subject: Subject, form: str) -> Path:
    """A new place for an export below our exports directory."""
    name = subject.adapter.path.parent.parent.name if subject.adapter and subject.adapter.run else subject.item.path.name
    number, target = 2, places.exports / f"{name}-{form}"
    while target.exists():
        target, number = places.exports / f"{name}-{form}-{number}", number + 1
    return target


def check_no_training(places: Places, memory: int) -> None:
    """Raise ModelError while a run holds a model and this would hold another: on 16 GB the two do not fit side by side."""
    if memory < 2**30:
        return
    for run in list_runs(places):
        if run.is_alive() and run.state().status in ("starting", "running"):
            raise ModelError(
                f"「{run.name}」正在训练，两个模型一起装不下。", kept="训练照常进行。", next_step="等它练完，或先暂停它再来。", code="training-alive"
            )


def _of_directory(places: Places, path: Path) -> Subject:
    if not is_adapter(path):
        return Subject(inspect_model(path), _of_run_path(path))
    card = inspect_adapter(path)
    run = _run_of(path) or (RunDirectory(places.runs / card.run) if card.run else None)
    return Subject(card, trainings(run) if run else ())


def _of_run_path(path: Path) -> tuple[Training, ...]:
    run = _run_of(path)
    return trainings(run) if run else ()


def _run_of(path: Path) -> RunDirectory | None:
    """The run whose directory `path` lies in: its model, or one of its checkpoints."""
    for parent in (path.parent, path.parent.parent):
        with contextlib.suppress(OSError, ValueError):
            if "recipe" in json.loads((parent / "meta.json").read_text("utf-8")):
                return RunDirectory(parent)
    return None


def _spread(items: Sequence[str], limit: int) -> list[str]:
    if len(items) <= limit:
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]
