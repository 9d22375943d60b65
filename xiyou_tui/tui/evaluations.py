"""What the Evaluate pane knows of the evaluations on disk: read in a thread, again only where files changed. Knows no widget."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.message import Message

from xiyou_tui.chat.model import Answer
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.errors import EvaluationError, XiyouError
from xiyou_tui.evaluation.compare import Comparison, compare
from xiyou_tui.evaluation.judging import Outcome
from xiyou_tui.evaluation.matching import locate_evidence, printed
from xiyou_tui.evaluation.measures import Summary
from xiyou_tui.evaluation.perplexity import Reading, kept_readings
from xiyou_tui.evaluation.questions import Question
from xiyou_tui.evaluation.records import Evaluation, EvaluationMeta, EvaluationState, list_evaluations, summarise_all
from xiyou_tui.evaluation.systems import SystemSpec
from xiyou_tui.storage.places import Places


@dataclass(frozen=True, slots=True)
class EvaluationEntry:
    """One line of the list. `meta` is None for an evaluation whose record can't be read; `wrong` counts what was not done right."""

    evaluation: Evaluation
    name: str
    meta: EvaluationMeta | None
    state: EvaluationState
    summaries: Mapping[str, Summary]
    wrong: int = 0
    readings: tuple[Reading, ...] = ()

    @property
    def id(self) -> str:
        return self.evaluation.id

    @property
    def running(self) -> bool:
        return self.state.status == "running"


@dataclass(frozen=True)
class Column:
    """One system of one evaluation, with everything the pane shows of it. `against` compares it with the first column."""

    entry: EvaluationEntry
    spec: SystemSpec
    summary: Summary | None
    outcomes: Mapping[str, Outcome]
    against: Comparison | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.entry.id, self.spec.mode


@dataclass
class EvaluationsListed(Message):
    """The evaluations on disk, newest first, as far as something about them changed."""

    entries: tuple[EvaluationEntry, ...]


@dataclass
class ColumnsRead(Message):
    """The columns that were asked for, with the questions of the first evaluation that has them."""

    columns: tuple[Column, ...]
    questions: tuple[Question, ...]


@dataclass
class QuestionOpened(Message):
    """One question with the whole answers of the columns, where its evidence stands, and which citations hold the answer."""

    question: Question
    evidence: Place | None
    edition: str
    answers: tuple[tuple[Column, Outcome, Answer | None, tuple[str, ...]], ...]


class EvaluationReader:
    """Reads for the pane; every method may take tenths of a second and belongs in a thread. One works at a time, others wait."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._lock = threading.RLock()
        self._entries: dict[str, tuple[Any, EvaluationEntry]] = {}
        self._outcomes: dict[str, tuple[int, list[Outcome]]] = {}
        self._questions: dict[str, tuple[Question, ...]] = {}
        self._comparisons: dict[Any, Comparison | None] = {}

    def look(self) -> tuple[EvaluationEntry, ...]:
        """All evaluations, newest first."""
        with self._lock:
            self._entries = {item.id: self._entry(item) for item in list_evaluations(self._places)}
            return tuple(entry for _, entry in self._entries.values())

    def _entry(self, evaluation: Evaluation) -> tuple[Any, EvaluationEntry]:
        running = evaluation.is_alive()
        stamp = (running, *(_stamp(evaluation.path / name) for name in ("outcomes.jsonl", "state.json", "summary.json", "labels.json", "perplexity.json")))
        known = self._entries.get(evaluation.id)
        if known is not None and known[0] == stamp:
            return known
        meta = None
        with contextlib.suppress(EvaluationError):
            meta = evaluation.meta()
        outcomes = self._read_outcomes(evaluation)
        state = evaluation.state(len(outcomes))
        if running or state.status == "running":
            summaries = summarise_all(outcomes, rounds=0)
        else:
            summaries = evaluation.summaries(rounds=0)
        wrong = sum(not item.good for item in outcomes)
        return stamp, EvaluationEntry(evaluation, evaluation.name, meta, state, summaries, wrong, kept_readings(evaluation.path))

    def _read_outcomes(self, evaluation: Evaluation) -> list[Outcome]:
        """The outcomes so far; only what is new is read."""
        offset, known = self._outcomes.get(evaluation.id, (0, []))
        if _stamp(evaluation.outcomes_file)[1] < offset:
            offset, known = 0, []
        page = evaluation.outcomes(offset)
        self._outcomes[evaluation.id] = (page.offset, [*known, *page.outcomes] if page.outcomes else known)
        return self._outcomes[evaluation.id][1]

    def _read_questions(self, evaluation: Evaluation) -> tuple[Question, ...]:
        """The questions of an evaluation; () when they can't be read."""
        if evaluation.id not in self._questions:
            try:
                self._questions[evaluation.id] = evaluation.questions()
            except EvaluationError:
                return ()
        return self._questions[evaluation.id]

    def columns(self, entries: Sequence[EvaluationEntry]) -> ColumnsRead:
        """The systems of some evaluations side by side, with intervals where they have ended, all against the first."""
        with self._lock:
            return self._read_columns(entries)

    def _read_columns(self, entries: Sequence[EvaluationEntry]) -> ColumnsRead:
        made: list[Column] = []
        questions: tuple[Question, ...] = ()
        for entry in entries:
            if entry.meta is None:
                continue
            outcomes = self._read_outcomes(entry.evaluation)
            summaries = entry.summaries
            if not entry.running and any(summary.all.figures["coverage"].low is None for summary in summaries.values() if summary.all.questions):
                # It broke off without a last word: what is there is summed up now, once.
                with contextlib.suppress(XiyouError):
                    summaries = entry.evaluation.keep_summaries()
            known = {question.id for question in questions}
            questions = (*questions, *(question for question in self._read_questions(entry.evaluation) if question.id not in known))
            for spec in entry.meta.systems:
                mine = {outcome.id: outcome for outcome in outcomes if outcome.system == spec.mode}
                against = self._against(made[0], entry, spec, mine) if made else None
                made.append(Column(entry, spec, summaries.get(spec.mode), mine, against))
        return ColumnsRead(tuple(made), questions)

    def _against(self, first: Column, entry: EvaluationEntry, spec: SystemSpec, outcomes: Mapping[str, Outcome]) -> Comparison | None:
        key = (first.key, len(first.outcomes), entry.id, spec.mode, len(outcomes))
        if entry.running or first.entry.running:
            return None
        if key not in self._comparisons:
            self._comparisons[key] = None
            with contextlib.suppress(EvaluationError):
                self._comparisons[key] = compare(list(first.outcomes.values()), list(outcomes.values()))
        return self._comparisons[key]

    def open_question(self, question: Question, columns: Sequence[Column], edition: Edition | None) -> QuestionOpened:
        """A question with the whole answers of those columns that have one. Raises EvaluationError when a record is broken."""
        answers = []
        for column in columns:
            outcome = column.outcomes.get(question.id)
            if outcome is None:
                continue
            answer = column.entry.evaluation.answer(outcome)
            answers.append((column, outcome, answer, _holding(question, answer, edition)))
        evidence = None
        if edition is not None and question.evidence:
            evidence = locate_evidence(edition, question.gold, question.chapters)
        return QuestionOpened(question, evidence, edition.id if edition is not None else "", tuple(answers))


def _holding(question: Question, answer: Answer | None, edition: Edition | None) -> tuple[str, ...]:
    """The marks of the citations that hold the answer or its evidence."""
    if answer is None or edition is None or answer.edition != edition.id:
        return ()
    return tuple(dict.fromkeys(cited.mark for cited in answer.citations if question.gold.holds(printed(edition, cited.place))))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
