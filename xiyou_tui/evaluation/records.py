"""An evaluation as files below `evaluations/<id>/`: what was asked of whom, the outcomes, the answers. Light: screens call it.

The runner writes, everyone else only reads. An answer is written (packed, one after the other) before the outcome that points
at it, so whatever breaks off leaves whole outcomes; a torn last line is cut off when the run is taken up again.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from xiyou_tui.chat.model import Answer
from xiyou_tui.corpus.model import Edition
from xiyou_tui.errors import ChatError, EvaluationError
from xiyou_tui.evaluation import measures
from xiyou_tui.evaluation.judging import Outcome
from xiyou_tui.evaluation.measures import Summary, summarise
from xiyou_tui.evaluation.questions import Question, QuestionSet, parse_question
from xiyou_tui.evaluation.systems import MODES, SystemSpec
from xiyou_tui.storage.files import discard, explained, write_json, write_text
from xiyou_tui.storage.locks import is_held, take
from xiyou_tui.storage.names import find_named, list_directories
from xiyou_tui.storage.places import Places

Status = Literal["running", "finished", "stopped", "failed", "interrupted"]
STATUSES: dict[Status, str] = {"running": "评测中", "finished": "已完成", "stopped": "已停止", "failed": "失败", "interrupted": "中断"}
SYNOPSIS_NOTICE = "底本是提要卷：题集的依据按原著写，引文类的数字偏低是正常的；导入原著再评测才算数。"
OTHER_NOTICE = "底本不是《西游记》原著：题集的依据对不上它。"


@dataclass(frozen=True, slots=True)
class EvaluationMeta:
    """What an evaluation was started with; never changes. `questions` is how many are asked of each system."""

    id: str
    created: float
    set_name: str
    set_hash: str
    edition: str
    edition_title: str
    edition_kind: str
    systems: tuple[SystemSpec, ...]
    questions: int
    limit: int = 0
    seed: int = measures.SEED
    version: str = ""
    noise: int = 0

    @property
    def notice(self) -> str:
        """What is to be known before reading the figures; empty when there is nothing."""
        return {"novel": "", "synopsis": SYNOPSIS_NOTICE}.get(self.edition_kind, OTHER_NOTICE)

    @property
    def total(self) -> int:
        """How many answers the whole evaluation asks for."""
        return self.questions * len(self.systems)

    @property
    def adapted(self) -> bool:
        """Whether an adapter is among the systems."""
        return any(spec.adapter for spec in self.systems)

    @property
    def system_names(self) -> tuple[str, ...]:
        return tuple(spec.mode for spec in self.systems)

    def system(self, name: str) -> SystemSpec:
        return next(spec for spec in self.systems if spec.mode == name)

    def as_record(self) -> dict[str, Any]:
        names = ("id", "created", "set_name", "set_hash", "edition", "edition_title", "edition_kind", "questions", "limit", "seed", "version", "noise")
        return {name: getattr(self, name) for name in names} | {"systems": [spec.as_record() for spec in self.systems]}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> EvaluationMeta:
        texts = ("id", "set_name", "set_hash", "edition", "edition_title", "edition_kind", "version")
        return cls(
            created=float(record["created"]),
            systems=tuple(SystemSpec.from_record(item) for item in record["systems"]),
            questions=int(record["questions"]),
            limit=int(record.get("limit", 0)),
            seed=int(record.get("seed", measures.SEED)),
            noise=int(record.get("noise", 0)),
            **{name: str(record.get(name, "")) for name in texts},
        )


@dataclass(frozen=True, slots=True)
class EvaluationState:
    """Where an evaluation stands. `seconds` is the time asking took, over all the times it was taken up."""

    status: Status
    done: int = 0
    seconds: float = 0.0
    what: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class OutcomePage:
    """Whole outcomes from one byte offset on, and the offset at which to read next."""

    outcomes: tuple[Outcome, ...]
    offset: int


class Evaluation:
    """One evaluation. Reading never fails for one that is running or broken off, except for what it was started with."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evaluation) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def outcomes_file(self) -> Path:
        return self.path / "outcomes.jsonl"

    @property
    def answers_file(self) -> Path:
        return self.path / "answers.zlib"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def name(self) -> str:
        """What the user called it, else set and systems."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            named = str(json.loads((self.path / "labels.json").read_text("utf-8")).get("name", ""))
            if named:
                return named
        try:
            meta = self.meta()
        except EvaluationError:
            return self.id
        modes = "、".join(MODES[spec.mode] for spec in meta.systems)
        models = dict.fromkeys(f" · {spec.backing}" for spec in meta.systems if spec.backing and (spec.adapter or not meta.adapted))
        return f"{meta.set_name} · {modes}{''.join(models)}"

    def rename(self, name: str) -> None:
        """Give it another name (empty: back to the one it makes itself)."""
        write_json(self.path / "labels.json", {"name": " ".join(name.split())})

    def meta(self) -> EvaluationMeta:
        """What it was started with; raises EvaluationError when the record is missing or broken."""
        try:
            return EvaluationMeta.from_record(json.loads((self.path / "meta.json").read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._broken(error) from error

    def questions(self) -> tuple[Question, ...]:
        """The questions asked, in order, as they were when it was started; raises EvaluationError when they can't be read."""
        try:
            lines = (self.path / "questions.jsonl").read_text("utf-8").splitlines()
            return tuple(parse_question(json.loads(line)) for line in lines if line)
        except (OSError, ValueError) as error:
            raise self._broken(error) from error

    def outcomes(self, offset: int = 0) -> OutcomePage:
        """Outcomes from byte `offset` on. A line still being written is left for the next call; what is no outcome is skipped."""
        try:
            with self.outcomes_file.open("rb") as file:
                file.seek(offset)
                content = file.read()
        except OSError:
            return OutcomePage((), offset)
        whole = content[: content.rfind(b"\n") + 1]
        found = []
        for line in whole.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                found.append(Outcome.from_record(json.loads(line)))
        return OutcomePage(tuple(found), offset + len(whole))

    def answer(self, outcome: Outcome) -> Answer | None:
        """The whole answer of an outcome; None where none was given. Raises EvaluationError when its record can't be read."""
        if not outcome.size:
            return None
        try:
            with self.answers_file.open("rb") as file:
                file.seek(outcome.at)
                return unpack_answer(file.read(outcome.size))
        except (OSError, ValueError, ChatError, zlib.error) as error:
            raise self._broken(error) from error

    def state(self, done: int | None = None) -> EvaluationState:
        """Where it stands now. `done` saves counting the outcomes when the caller knows how many there are."""
        if done is None:
            done = len(self.outcomes().outcomes)
        told: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            told = json.loads((self.path / "state.json").read_text("utf-8"))
        seconds = float(told.get("seconds", 0.0))
        if self.is_alive():
            return EvaluationState("running", done, seconds)
        status = told.get("status")
        if status not in ("finished", "stopped", "failed"):
            return EvaluationState("interrupted", done, seconds)
        return EvaluationState(status, done, seconds, str(told.get("what", "")), str(told.get("next_step", "")))

    def summaries(self, *, rounds: int = measures.ROUNDS) -> dict[str, Summary]:
        """The figures of every system, as kept when it ended, else made from the outcomes; with `rounds` 0 without intervals."""
        kept = self._kept_summaries()
        return kept if kept is not None else summarise_all(self.outcomes().outcomes, rounds=rounds)

    def _kept_summaries(self) -> dict[str, Summary] | None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads((self.path / "summary.json").read_text("utf-8"))
            if record["version"] == measures.VERSION and record["size"] == self.outcomes_file.stat().st_size:
                return {name: Summary.from_record(name, item) for name, item in record["systems"].items()}
        return None

    def keep_summaries(self) -> dict[str, Summary]:
        """Make the figures with intervals and keep them."""
        size = self.outcomes_file.stat().st_size if self.outcomes_file.exists() else 0
        made = summarise_all(self.outcomes().outcomes)
        record = {"version": measures.VERSION, "size": size, "systems": {name: item.as_record() for name, item in made.items()}}
        write_json(self.path / "summary.json", record)
        return made

    def is_alive(self) -> bool:
        """Whether a runner holds this evaluation's lock; the system drops the lock however the process ends."""
        return is_held(self.path / "lock")

    def hold(self) -> int | None:
        """Take the lock for a runner and return its handle; None when another runner has it."""
        return take(self.path / "lock")

    def ask_to_stop(self) -> None:
        """Tell the runner to stop after the question it is at; what is done is kept. Nothing happens when none runs."""
        if self.is_alive():
            with explained(self.path):
                (self.path / "stop").touch()

    @property
    def stop_asked(self) -> bool:
        return (self.path / "stop").exists()

    def delete(self, bin_directory: Path) -> Path:
        """Move it to the bin and return where it lies; raises EvaluationError while it runs."""
        if self.is_alive():
            raise EvaluationError(f"「{self.name}」还在评测，不能删除。", next_step="先停止它。", code="evaluation-alive")
        return discard(self.path, bin_directory)

    def _broken(self, error: Exception) -> EvaluationError:
        return EvaluationError(
            f"评测 {self.id} 的记录读不了（{error}）。", kept="目录里的文件没有改动。", next_step="可以把它删到回收站，重新评测。", code="broken-evaluation"
        )


def pack_answer(answer: Answer) -> bytes:
    """An answer as it is kept; the passages it cites make it a third of its size."""
    return zlib.compress(json.dumps(answer.as_detail(), ensure_ascii=False).encode("utf-8", "replace"))


def unpack_answer(content: bytes) -> Answer:
    """The answer that `pack_answer` packed; raises zlib.error, ValueError or ChatError when it is none."""
    return Answer.from_detail(json.loads(zlib.decompress(content)))


def summarise_all(outcomes: Sequence[Outcome], *, rounds: int = measures.ROUNDS) -> dict[str, Summary]:
    """The figures of every system that has outcomes."""
    systems: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        systems.setdefault(outcome.system, []).append(outcome)
    return {name: summarise(name, members, rounds=rounds) for name, members in systems.items()}


def evaluations_directory(places: Places) -> Path:
    """Where all evaluations are kept."""
    return places.data / "evaluations"


def create_evaluation(
    places: Places,
    questions: QuestionSet,
    chosen: Sequence[Question],
    edition: Edition,
    systems: Sequence[SystemSpec],
    *,
    limit: int = 0,
    seed: int = measures.SEED,
    name: str = "",
    noise: int = 0,
) -> Evaluation:
    """Write down a new evaluation, in one step; nothing is asked yet. Raises StorageError."""
    from xiyou_tui import __version__

    created = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(created))
    evaluation = Evaluation(evaluations_directory(places) / f"{stamp}-{secrets.token_hex(2)}")
    meta = EvaluationMeta(
        evaluation.id,
        created,
        questions.name,
        questions.hash,
        edition.id,
        edition.title,
        edition.kind,
        tuple(systems),
        len(chosen),
        limit,
        seed,
        __version__,
        noise,
    )
    draft = evaluation.path.with_name(f".{evaluation.id}")
    with explained(draft):
        try:
            draft.mkdir(parents=True, mode=0o700)
            write_json(draft / "meta.json", meta.as_record())
            write_text(draft / "questions.jsonl", "".join(json.dumps(q.as_record(), ensure_ascii=False) + "\n" for q in chosen))
            draft.rename(evaluation.path)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    if name:
        evaluation.rename(name)
    return evaluation


def list_evaluations(places: Places) -> list[Evaluation]:
    """All evaluations, newest first."""
    return [Evaluation(path) for path in list_directories(evaluations_directory(places))]


def find_evaluation(places: Places, name: str) -> Evaluation:
    """The evaluation with this id, its beginning, or this name; `last` is the newest. Raises EvaluationError unless just one fits."""

    def failure(what: str) -> EvaluationError:
        return EvaluationError(what, next_step="用 xiyou eval list 看有哪些。", code="no-evaluation")

    return find_named(list_evaluations(places), name, "评测", failure)
