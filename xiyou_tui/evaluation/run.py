"""Running an evaluation: each question to each system, judged and written down at once, so that it can stop and go on anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from xiyou_tui.errors import EvaluationError, XiyouError
from xiyou_tui.evaluation.judging import Outcome, Reply, judge
from xiyou_tui.evaluation.perplexity import Reading, choose_passages, keep_readings, kept_readings, read_held_out
from xiyou_tui.evaluation.questions import Question, QuestionSet, choose_questions
from xiyou_tui.evaluation.records import Evaluation, EvaluationMeta, create_evaluation, pack_answer
from xiyou_tui.evaluation.systems import System, SystemMode, open_system, plan_systems
from xiyou_tui.storage.files import explained, write_json

if TYPE_CHECKING:
    from xiyou_tui.corpus.model import Edition
    from xiyou_tui.corpus.retrieval import Retriever
    from xiyou_tui.study import Study

Result = TypeVar("Result")

# So many failures in a row, and it is the system that fails, not the questions.
FAILURES = 3
# How often a running answer is looked up from to see whether a stop was asked for, seconds.
LOOK = 0.25


@dataclass(frozen=True, slots=True)
class Progress:
    """One more outcome: how many there are now, of how many."""

    done: int
    total: int
    outcome: Outcome


def prepare_evaluation(
    study: Study,
    questions: QuestionSet,
    modes: Sequence[SystemMode],
    *,
    model: str = "",
    adapter: str = "",
    limit: int = 0,
    seed: int,
    name: str = "",
    noise: int = 0,
) -> Evaluation:
    """Write down an evaluation of the current edition; raises EvaluationError, ModelError or StorageError and leaves nothing then."""
    systems = plan_systems(study, modes, model, adapter)
    chosen = choose_questions(questions.questions, limit, seed)
    return create_evaluation(
        study.places, questions, chosen, study.library.current(), systems, limit=limit, seed=seed, name=name, noise=noise
    )


def start_worker(evaluation: Evaluation) -> subprocess.Popen[bytes]:
    """Run or take up an evaluation in a child process that outlives the caller. Raises EvaluationError or StorageError."""
    from xiyou_tui.models.child import child_command, child_environment

    handle = _hold(evaluation)
    try:
        (evaluation.path / "stop").unlink(missing_ok=True)
        with explained(evaluation.log), evaluation.log.open("ab") as log:
            # The lock goes along, so that nobody sees a run that was started and is not held yet.
            return subprocess.Popen(
                child_command("xiyou_tui.evaluation.worker", str(evaluation.path), str(handle)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=child_environment(),
                pass_fds=(handle,),
                start_new_session=True,
            )
    finally:
        os.close(handle)


def run_evaluation(
    evaluation: Evaluation, study: Study, tell: Callable[[Progress], None] = lambda progress: None, *, lock: int | None = None
) -> None:
    """Ask what has not been asked yet, until all is done or a stop is asked for. Raises the error that ended it, if one did.

    The state file says how it ended in any case, KeyboardInterrupt included. `lock` is the handle of a lock already held.
    """
    handle = _hold(evaluation) if lock is None else lock
    seconds, started = evaluation.state(0).seconds, time.monotonic()
    (evaluation.path / "stop").unlink(missing_ok=True)

    def note(status: str, error: XiyouError | None = None) -> None:
        told = {} if error is None else {"what": error.what, "next_step": error.next_step, "code": error.code}
        write_json(evaluation.path / "state.json", {"status": status, "seconds": seconds + time.monotonic() - started, **told})

    try:
        note("running")
        try:
            finished = asyncio.run(_ask_all(evaluation, study, tell))
        except XiyouError as error:
            note("failed", error)
            raise
        except (KeyboardInterrupt, SystemExit):
            note("stopped")
            raise
        except Exception as error:
            note("failed", EvaluationError(f"程序出了意外的错误：{type(error).__name__} {error}"[:300], next_step=f"详情见 {evaluation.log}。", code="bug"))
            raise
        finally:
            with contextlib.suppress(XiyouError):
                evaluation.keep_summaries()
        note("finished" if finished else "stopped")
    finally:
        os.close(handle)


def _hold(evaluation: Evaluation) -> int:
    handle = evaluation.hold()
    if handle is None:
        raise EvaluationError(f"「{evaluation.name}」正在评测。", next_step="等它做完，或先停止它。", code="evaluation-alive")
    return handle


async def _ask_all(evaluation: Evaluation, study: Study, tell: Callable[[Progress], None]) -> bool:
    meta, questions = evaluation.meta(), evaluation.questions()
    # The synopsis volume is no file: asking for it puts it among the open editions.
    study.library.synopsis()
    edition = study.library.open(meta.edition)
    retriever = study.retriever(edition)
    with OutcomeWriter(evaluation) as writer:
        done = {(outcome.system, outcome.id) for outcome in evaluation.outcomes().outcomes}
        for spec in meta.systems:
            waiting = [question for question in questions if (spec.mode, question.id) not in done]
            if not waiting:
                continue
            system = open_system(spec, study, retriever, seed=meta.seed, noise=meta.noise, log=evaluation.path / "engine.log")
            try:
                if not await _ask_system(spec.mode, system, waiting, edition, writer, meta, tell):
                    return False
            finally:
                await system.close()
    return await _read_held_out(evaluation, retriever)


async def _read_held_out(evaluation: Evaluation, retriever: Retriever) -> bool:
    """Let every model of the evaluation read the held-out chapters once; False when a stop was asked for.

    What fails here costs the perplexity, not the evaluation.
    """
    from xiyou_tui.chat.client import EngineClient
    from xiyou_tui.training.source import choose_held_out

    edition = retriever.edition
    passages = choose_passages(retriever.passages, choose_held_out("auto", edition))
    readings = list(kept_readings(evaluation.path))
    read = {(reading.model, reading.adapter) for reading in readings}
    specs = {(spec.model, spec.adapter): spec for spec in evaluation.meta().systems if spec.model}
    if not passages or edition.is_synopsis or not specs.keys() - read:
        return True
    engine = EngineClient(log=evaluation.path / "engine.log")
    try:
        for key in [key for key in specs if key not in read]:
            reading: Reading | None = None
            with contextlib.suppress(XiyouError):
                reading = await _unless_stopped(partial(read_held_out, engine, specs[key], passages), evaluation)
            if reading is not None:
                readings.append(reading)
                keep_readings(evaluation.path, readings)
            elif evaluation.stop_asked:
                return False
    finally:
        await engine.close()
    return True


async def _ask_system(
    name: str,
    system: System,
    waiting: Sequence[Question],
    edition: Edition,
    writer: OutcomeWriter,
    meta: EvaluationMeta,
    tell: Callable[[Progress], None],
) -> bool:
    """False when a stop was asked for."""
    # Failures are written down only when an answer follows them: a system that fails altogether is asked again another time.
    replies: list[tuple[Question, Reply]] = []

    def write_down() -> None:
        for asked, given in replies:
            tell(writer.add(judge(name, asked, given, edition), given, meta.total))
        replies.clear()

    for question in waiting:
        reply = await _unless_stopped(partial(system.answer, question.text), writer.evaluation)
        if reply is None:
            return False
        replies.append((question, reply))
        if reply.error is None:
            write_down()
        elif len(replies) >= FAILURES:
            raise reply.error
    write_down()
    return True


async def _unless_stopped(work: Callable[[], Awaitable[Result]], evaluation: Evaluation) -> Result | None:
    """What comes of the work; None when a stop is asked for before it came."""
    if evaluation.stop_asked:
        return None
    task = asyncio.ensure_future(work())
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK)
        if not task.done() and evaluation.stop_asked:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            return None
    return task.result()


class OutcomeWriter:
    """Appends answers and outcomes. Opening cuts off what a former runner left half written."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self._done = 0

    def __enter__(self) -> OutcomeWriter:
        with explained(self.evaluation.path):
            for path in (self.evaluation.answers_file, self.evaluation.outcomes_file):
                path.touch(mode=0o600)
            content = self.evaluation.outcomes_file.read_bytes()
            os.truncate(self.evaluation.outcomes_file, content.rfind(b"\n") + 1)
            self._answers = self.evaluation.answers_file.open("ab")
            self._outcomes = self.evaluation.outcomes_file.open("ab")
        self._done = len(self.evaluation.outcomes().outcomes)
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._outcomes.close()

    def add(self, outcome: Outcome, reply: Reply, total: int) -> Progress:
        """Write down an outcome with its answer."""
        with explained(self.evaluation.path):
            if reply.answer is not None:
                record = pack_answer(reply.answer)
                outcome = outcome.placed(self._answers.tell(), len(record))
                self._answers.write(record)
                self._answers.flush()
            line = json.dumps(outcome.as_record(), ensure_ascii=False, separators=(",", ":"))
            self._outcomes.write(line.encode("utf-8", "replace") + b"\n")
            self._outcomes.flush()
        self._done += 1
        return Progress(self._done, total, outcome)
