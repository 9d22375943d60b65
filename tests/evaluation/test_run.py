"""Runs: written as they go, stopped and taken up anywhere, honest about what failed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.errors import ChatError, EvaluationError, ModelError
from xiyou_tui.evaluation import run as running
from xiyou_tui.evaluation.judging import Reply
from xiyou_tui.evaluation.plain import PlainBM25, read_reply
from xiyou_tui.evaluation.questions import find_set, load_questions
from xiyou_tui.evaluation.records import Evaluation, find_evaluation, list_evaluations
from xiyou_tui.evaluation.report import as_markdown, as_report, write_report
from xiyou_tui.evaluation.run import prepare_evaluation, run_evaluation, start_worker
from xiyou_tui.evaluation.systems import MODES, SystemSpec, parse_modes, plan_systems
from xiyou_tui.study import Study

from .conftest import quoting


@pytest.fixture
def small(study: Study, edition: Edition) -> Study:
    study.library.add(edition)
    return study


def begin(study: Study, path: Path, **more: object) -> Evaluation:
    return prepare_evaluation(study, load_questions(path), ("extract",), **{"seed": 7, **more})  # type: ignore[arg-type]


def wait_for(what: object, seconds: float = 30.0) -> None:
    started = time.monotonic()
    while not what():  # type: ignore[operator]
        assert time.monotonic() - started < seconds
        time.sleep(0.05)


def test_a_run_keeps_outcomes_answers_and_figures(small: Study, set_file: Path, edition: Edition) -> None:
    evaluation = begin(small, set_file)
    told: list[int] = []
    run_evaluation(evaluation, small, lambda progress: told.append(progress.done))
    assert told == [1, 2, 3, 4, 5]
    outcomes = evaluation.outcomes().outcomes
    assert [outcome.id for outcome in outcomes] == ["T1", "T2", "T3", "T4", "T5"]
    assert evaluation.state().status == "finished" and not evaluation.is_alive()
    summary = evaluation.summaries()["extract"]
    assert summary.all.figures["verbatim"].value in (1.0, None) and summary.bugs == 0
    for outcome in outcomes:
        answer = evaluation.answer(outcome)
        assert answer is not None and answer.refused == outcome.refused
        assert all(edition.resolve(cited.citation) == cited.quote for cited in answer.citations)
    assert next(outcome for outcome in outcomes if outcome.id == "T4").verdict == "refused"


def test_kept_figures_are_those_of_the_outcomes(small: Study, set_file: Path) -> None:
    evaluation = begin(small, set_file)
    run_evaluation(evaluation, small)
    kept = evaluation.summaries()
    (evaluation.path / "summary.json").unlink()
    made = evaluation.summaries()
    assert kept["extract"].as_record() == made["extract"].as_record()


def test_a_stop_and_a_torn_line_are_taken_up_where_they_were(small: Study, set_file: Path) -> None:
    whole = begin(small, set_file)
    run_evaluation(whole, small)
    evaluation = begin(small, set_file)

    def stop_at_two(progress: running.Progress) -> None:
        if progress.done == 2:
            (evaluation.path / "stop").touch()

    run_evaluation(evaluation, small, stop_at_two)
    assert evaluation.state().status == "stopped" and evaluation.state().done == 2
    with evaluation.outcomes_file.open("ab") as file:
        file.write(b'{"system":"extract","id":"T3","ki')
    with evaluation.answers_file.open("ab") as file:
        file.write(b"half an answer")
    run_evaluation(evaluation, small)
    assert evaluation.state().status == "finished"

    def stripped(item: Evaluation) -> list[dict[str, object]]:
        return [{**o.as_record(), "milliseconds": 0, "at": 0, "size": 0} for o in item.outcomes().outcomes]

    assert stripped(evaluation) == stripped(whole)
    assert all(evaluation.answer(outcome) is not None for outcome in evaluation.outcomes().outcomes)
    run_evaluation(evaluation, small)
    assert evaluation.state().done == 5


def test_a_killed_worker_leaves_whole_outcomes_and_another_goes_on(study: Study) -> None:
    evaluation = prepare_evaluation(study, find_set(study.places, "dev"), ("extract",), limit=60, seed=7)
    first = start_worker(evaluation)
    assert evaluation.is_alive(), "held before the child has even started"
    with pytest.raises(EvaluationError):
        start_worker(evaluation)
    with pytest.raises(EvaluationError):
        evaluation.delete(study.places.bin)
    wait_for(lambda: len(evaluation.outcomes().outcomes) >= 5)
    first.kill()
    first.wait()
    done = len(evaluation.outcomes().outcomes)
    assert evaluation.state().status == ("interrupted" if done < 60 else "finished")
    second = start_worker(evaluation)
    assert second.wait(60) == 0, evaluation.log.read_text()
    ids = [outcome.id for outcome in evaluation.outcomes().outcomes]
    assert len(ids) == len(set(ids)) == 60
    assert evaluation.state().status == "finished"
    assert evaluation.meta().notice, "on the synopsis volume it says what the evidence is for"
    figures = evaluation.summaries()["extract"].all.figures
    assert figures["verbatim"].value == figures["resolvable"].value == 1.0


def test_a_terminated_worker_says_that_it_was_stopped(study: Study) -> None:
    evaluation = prepare_evaluation(study, find_set(study.places, "dev"), ("extract",), seed=7)
    child = start_worker(evaluation)
    wait_for(lambda: len(evaluation.outcomes().outcomes) >= 2)
    os.kill(child.pid, signal.SIGTERM)
    child.wait(20)
    assert evaluation.state().status == "stopped"


class Failing:
    """A system of which some questions fail."""

    def __init__(self, edition: Edition, bad: set[str]) -> None:
        self._edition, self._bad = edition, bad
        self.asked: list[str] = []

    async def answer(self, question: str) -> Reply:
        await asyncio.sleep(0)
        self.asked.append(question)
        if any(word in question for word in self._bad):
            return Reply(None, 1.0, error=ChatError("模型没有答成。", next_step="换一个。"))
        return Reply(quoting(self._edition, question, "众猴拜他"), 1.0)

    async def close(self) -> None:
        return None


def test_single_failures_are_counted_and_a_failing_system_ends_the_run(
    small: Study, set_file: Path, edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = begin(small, set_file)
    system = Failing(edition, {"金箍棒"})
    monkeypatch.setattr(running, "open_system", lambda *_, **__: system)
    run_evaluation(evaluation, small)
    assert [outcome.verdict for outcome in evaluation.outcomes().outcomes][:2] == ["wrong", "failed"]
    assert evaluation.summaries()["extract"].all.figures["failed"].numerator == 1

    broken = begin(small, set_file)
    system = Failing(edition, {"？"})
    monkeypatch.setattr(running, "open_system", lambda *_, **__: system)
    with pytest.raises(ChatError):
        run_evaluation(broken, small)
    state = broken.state()
    assert (state.status, state.done, len(system.asked)) == ("failed", 0, running.FAILURES)
    assert "没有答成" in state.what


def test_a_hanging_system_is_left_when_a_stop_is_asked_for(
    small: Study, set_file: Path, edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = begin(small, set_file)

    class Hanging(Failing):
        async def answer(self, question: str) -> Reply:
            (evaluation.path / "stop").touch()
            await asyncio.sleep(3600)
            raise AssertionError

    monkeypatch.setattr(running, "open_system", lambda *_, **__: Hanging(edition, set()))
    started = time.monotonic()
    run_evaluation(evaluation, small)
    assert time.monotonic() - started < 3 and evaluation.state().status == "stopped"


def test_deleting_goes_to_the_bin_and_names_are_found(small: Study, set_file: Path) -> None:
    first, second = begin(small, set_file, name="前一次"), begin(small, set_file)
    assert set(list_evaluations(small.places)) == {first, second}
    assert find_evaluation(small.places, "前一次") == first
    assert find_evaluation(small.places, second.id) == second
    assert second.name == "small · 摘引"
    lies = first.delete(small.places.bin)
    assert (lies / "meta.json").exists() and list_evaluations(small.places) == [second]
    with pytest.raises(EvaluationError):
        find_evaluation(small.places, "前一次")


def test_damaged_records_are_told_and_never_fatal(small: Study, set_file: Path) -> None:
    evaluation = begin(small, set_file)
    run_evaluation(evaluation, small)
    evaluation.outcomes_file.write_bytes(b"\x00garbage\n{}\n[]\n" + evaluation.outcomes_file.read_bytes())
    outcomes = evaluation.outcomes().outcomes
    assert len(outcomes) == 5
    (evaluation.path / "summary.json").write_text("{")
    assert evaluation.summaries()["extract"].all.questions == 5
    evaluation.answers_file.write_bytes(b"not packed at all")
    with pytest.raises(EvaluationError):
        evaluation.answer(outcomes[0])
    (evaluation.path / "meta.json").write_text("{}")
    with pytest.raises(EvaluationError):
        evaluation.meta()
    assert evaluation.name == evaluation.id


def test_a_report_holds_the_figures_and_no_text_of_the_edition(small: Study, set_file: Path, tmp_path: Path) -> None:
    evaluation = begin(small, set_file, name="小测")
    run_evaluation(evaluation, small)
    markdown, record = write_report(evaluation, tmp_path / "out")
    text = markdown.read_text("utf-8")
    assert text == as_markdown(evaluation) and "# 评测：小测" in text and "| 逐字率 |" in text
    assert "石中生出一个石猴" not in text and "石中生出一个石猴" not in record.read_text("utf-8")
    report = as_report(evaluation)
    assert json.loads(record.read_text("utf-8")) == report
    assert len(report["questions"]) == 5 and report["measures"] == report["systems"]["extract"]["measures"]


def test_a_broken_promise_stands_at_the_top_of_the_report(small: Study, set_file: Path) -> None:
    evaluation = begin(small, set_file)
    run_evaluation(evaluation, small)
    lines = evaluation.outcomes_file.read_text("utf-8").splitlines()
    first = {**json.loads(lines[0]), "bugs": ["引文和底本不同：「甲」"], "verbatim": 0, "quotes": 1}
    evaluation.outcomes_file.write_text("\n".join([json.dumps(first), *lines[1:], ""]), "utf-8")
    evaluation.keep_summaries()
    assert "**保证被破坏：1 处，这是程序缺陷。**" in as_markdown(evaluation)
    assert as_report(evaluation)["bugs"] == [{"system": "extract", "id": "T1", "what": "引文和底本不同：「甲」"}]


def test_modes_and_models_are_checked_before_anything_starts(small: Study, tmp_path: Path) -> None:
    assert parse_modes("retrieve，extract") == ("extract", "retrieve") and parse_modes("all") == tuple(MODES)
    with pytest.raises(EvaluationError):
        parse_modes("magic")
    assert plan_systems(small, ("extract",)) == (SystemSpec("extract"),)
    with pytest.raises(EvaluationError) as failure:
        plan_systems(small, ("retrieve",))
    assert failure.value.code == "no-model"
    with pytest.raises(ModelError):
        plan_systems(small, ("rag",), str(tmp_path))


def test_the_baseline_ranks_by_common_characters(edition: Edition) -> None:
    places = [Place(chapter.number, 1, 0, len(chapter.text), chapter.text) for chapter in edition.chapters]
    found = PlainBM25(places).search("金箍棒有多重")
    assert found[0].chapter == 3
    assert PlainBM25(places).search("") == [] and PlainBM25([]).search("金箍棒") == []


def test_a_baselines_words_are_taken_as_a_reader_takes_them(edition: Edition) -> None:
    from xiyou_tui.corpus.find import find

    shown = [find(edition, "众猴拜他")[0], find(edition, "玉帝差天兵")[0]]
    answer, quotes = read_reply("问", "玉帝派兵来拿他[2]，“众猴拜他为王”[9]。", shown, edition, "rag", "普通 RAG")
    assert [cited.quote for cited in answer.citations] == ["玉帝差天兵"] and quotes == ("众猴拜他为王",) and not answer.refused
    for raw in ("", "原著未提及。", "资料中没有提到这件事。", "<think>x</think>"):
        assert read_reply("问", raw, shown, edition, "rag", "")[0].refused
    hostile, _ = read_reply("问", "\x1b[2J〔1·1〕[1]\u202e坏", shown, edition, "bare", "")
    assert "\x1b" not in hostile.text and "\u202e" not in hostile.text


def test_the_worker_module_runs_alone(small: Study, set_file: Path) -> None:
    evaluation = begin(small, set_file)
    done = subprocess.run([sys.executable, "-m", "xiyou_tui.evaluation.worker", str(evaluation.path)], capture_output=True, timeout=60)
    assert done.returncode == 0 and evaluation.state().status == "finished"
    assert evaluation.state(0).seconds > 0


@pytest.mark.slow
def test_five_systems_side_by_side_on_a_real_tiny_model(study: Study, tmp_path: Path) -> None:
    from xiyou_tui.corpus.synopsis import load_synopsis
    from xiyou_tui.models.practice import Shape, make_practice_model

    texts = [chapter.text for chapter in load_synopsis().chapters]
    model = make_practice_model(texts, tmp_path / "practice", shape=Shape(vocabulary=1200, layers=2, hidden=32, intermediate=64))
    study.change_setting("chat.max_tokens", 24)
    evaluation = prepare_evaluation(study, find_set(study.places, "dev"), parse_modes("all"), model=str(model), limit=4, seed=7)
    run_evaluation(evaluation, study)
    summaries = evaluation.summaries()
    assert set(summaries) == set(MODES) and all(summary.all.questions == 4 for summary in summaries.values())
    for mode in ("extract", "retrieve", "closed"):
        assert summaries[mode].bugs == 0
        assert summaries[mode].all.figures["verbatim"].value in (1.0, None)
    report = as_report(evaluation)
    assert [(item["left"], item["right"]) for item in report["comparisons"]] == [("extract", mode) for mode in ("retrieve", "closed", "rag", "bare")]
    assert "## 裸模型" in as_markdown(evaluation)


def test_on_the_novel_the_promise_holds_and_the_figures_are_sane(study: Study, novel: Edition) -> None:
    study.library.add(novel)
    evaluation = prepare_evaluation(study, find_set(study.places, "dev"), ("extract",), limit=80, seed=3)
    run_evaluation(evaluation, study)
    summary = evaluation.summaries()["extract"]
    figures = summary.all.figures
    assert figures["verbatim"].value == figures["resolvable"].value == 1.0 and summary.bugs == 0
    assert (figures["right"].value or 0) > 0.5 and (figures["refusal_recall"].value or 0) > 0.5 and not evaluation.meta().notice
