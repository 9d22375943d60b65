"""The evaluation pane, driven by keys as a person drives it, over evaluations written down beforehand."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static, TextArea

from tests.tui.waiting import until
from xiyou_tui.chat.model import Answer, Part, cite_places
from xiyou_tui.corpus.find import find
from xiyou_tui.corpus.model import Edition
from xiyou_tui.evaluation.judging import Reply, judge
from xiyou_tui.evaluation.questions import QuestionSet, load_questions
from xiyou_tui.evaluation.records import Evaluation, create_evaluation, list_evaluations
from xiyou_tui.evaluation.run import OutcomeWriter
from xiyou_tui.evaluation.systems import SystemSpec
from xiyou_tui.storage.files import write_json
from xiyou_tui.study import Study, open_study
from xiyou_tui.tui.app import XiyouApp
from xiyou_tui.tui.screens.corpus import CorpusScreen
from xiyou_tui.tui.screens.evaluate import EvaluateScreen
from xiyou_tui.tui.screens.evaluate_dialogs import NewEvaluation
from xiyou_tui.tui.screens.samples import SamplesScreen
from xiyou_tui.tui.widgets.reader import Reader
from xiyou_tui.tui.widgets.sample_editor import SampleEditor

pytestmark = pytest.mark.usefixtures("utc")

SIZES = [(80, 24), (120, 40)]

RECORDS = [
    {"id": "T1", "kind": "fact", "question": "石猴从哪里来？", "answerable": True, "answers": ["石头里", "石中生出"], "evidence": ["石中生出一个石猴"], "chapters": [1]},
    {"id": "T2", "kind": "fact", "question": "众猴为什么称石猴为大王，他先做了一件什么事？", "answerable": True, "answers": ["进洞"], "evidence": ["谁敢进洞"], "chapters": [1]},
    {"id": "T3", "kind": "explain", "question": "悟空这个名字是怎么来的？", "answerable": True, "answers": ["祖师取的"], "evidence": ["遂取名悟空"], "chapters": [2]},
    {"id": "T4", "kind": "quote", "question": "祖师第一句问了什么？", "answerable": True, "answers": ["你姓甚么"], "evidence": ["你姓甚么"], "chapters": [2]},
    {"id": "T5", "kind": "out_of_scope", "question": "诸葛亮借了什么风？", "answerable": False, "note": "三国演义"},
    {"id": "T6", "kind": "not_told", "question": "石猴那天吃了几个桃子？", "answerable": False, "note": "原著没写"},
]  # fmt: skip
# What each system quotes for each question; "" is a refusal, None a failure.
EXTRACT = {"T1": "石中生出一个石猴", "T2": "有诗为证", "T3": "遂取名悟空", "T4": "", "T5": "", "T6": "众猴见了欢喜"}
RETRIEVE = {"T1": "石中生出一个石猴", "T2": "谁敢进洞", "T3": "遂取名悟空", "T4": "你姓甚么", "T5": "", "T6": ""}


def write_questions(path: Path, times: int) -> QuestionSet:
    """The questions, each of them `times` times under numbers of its own: T1, T1-2, …"""
    records = [{**record, "id": f"{record['id']}-{n}" if n > 1 else record["id"]} for n in range(1, times + 1) for record in RECORDS]
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return load_questions(path)


def answer_with(edition: Edition, question: str, phrase: str, mode: str) -> Answer:
    if not phrase:
        return Answer(question, mode, "", True, "原著没有写到。", (Part("notice", "原著未提及。没有一段写到它。"),), (), edition.id)  # type: ignore[arg-type]
    citations = cite_places(edition, find(edition, phrase))
    return Answer(question, mode, "", False, "", tuple(Part("evidence", cited.quote, n) for n, cited in enumerate(citations)), citations, edition.id)  # type: ignore[arg-type]


def evaluated(
    study: Study, edition: Edition, path: Path, systems: dict[str, dict[str, str]], *, at: float = 1_600_000_000.0, name: str = "", upto: int = 0, times: int = 1
) -> Evaluation:
    """An evaluation with fixed answers, times and dates, as a runner would have left it."""
    questions = write_questions(path / "small.jsonl", times)
    specs = [SystemSpec(mode, "" if mode == "extract" else "/models/practice", "", "" if mode == "extract" else "练手模型") for mode in systems]  # type: ignore[arg-type]
    made = create_evaluation(study.places, questions, questions.questions, edition, specs, name=name)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(at))
    target = made.path.with_name(f"{stamp}-{len(list_evaluations(study.places)):04x}")
    made.path.rename(target)
    evaluation = Evaluation(target)
    record = json.loads((target / "meta.json").read_text("utf-8"))
    write_json(target / "meta.json", {**record, "id": target.name, "created": at})
    with OutcomeWriter(evaluation) as writer:
        for mode, phrases in systems.items():
            for question in questions.questions[: upto or None]:
                reply = Reply(answer_with(edition, question.text, phrases[question.id[:2]], mode), 12.0, tuple(find(edition, "石猴")))
                writer.add(judge(mode, question, reply, edition), reply, 0)
    evaluation.keep_summaries()
    write_json(target / "state.json", {"status": "stopped" if upto else "finished", "seconds": 3.0})
    return evaluation


@pytest.fixture
def one(study: Study, small: Edition, tmp_path: Path) -> Evaluation:
    return evaluated(study, small, tmp_path, {"extract": EXTRACT})


async def opened(pilot: Pilot[None]) -> EvaluateScreen:
    await pilot.press("f5")
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, EvaluateScreen)
    if list_evaluations(screen.study.places):
        await until(pilot, lambda: screen.table.row_count and screen.outcomes.row_count)
    else:
        await until(pilot, lambda: screen.has_class("empty"))
    return screen


def text_of(screen: EvaluateScreen, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())


def rows(widget: object) -> list[str]:
    return ["".join(span.text for span in widget.row_at(n).spans) for n in range(widget.row_count)]  # type: ignore[attr-defined]


async def test_with_nothing_there_two_sentences_and_one_key(app: XiyouApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        told = text_of(screen, "#empty")
        assert told.count("。") == 2 and "Enter" in told and screen.query_one("#empty").has_focus


async def test_the_shipped_set_runs_stops_and_goes_on(app: XiyouApp) -> None:
    """Over the synopsis volume, in a real child process: nothing is imported and no model is there."""
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: screen.entries and screen.entries[0].state.done > 3)
        assert screen.entries[0].running and "评测中" in text_of(screen, "#head") and "提要卷" in text_of(screen, "#head")
        await pilot.press("s")
        await until(pilot, lambda: not screen.entries[0].running)
        done = screen.entries[0].state.done
        assert screen.entries[0].state.status == "stopped" and 3 < done < 480
        await until(pilot, lambda: "按 R" in text_of(screen, "#head"))
        await pilot.press("R")
        await until(pilot, lambda: screen.entries[0].state.done > done)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not screen.entries[0].running)
        assert any("100%" in row for row in rows(screen.table) if "逐字率" in row)


async def test_the_table_unfolds_into_kinds_and_explains_itself(app: XiyouApp, one: Evaluation) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        assert screen.evaluations.has_focus
        contained = next(row for row in rows(screen.table) if "引文含答案" in row)
        assert "50.0%" in contained and "–" in contained, "with its interval"
        await pilot.press("tab", "down", "down")
        await pilot.pause()
        assert text_of(screen, "#help").startswith("引文含答案")
        await pilot.press("enter")
        await pilot.pause()
        unfolded = rows(screen.table)
        assert any(row.strip().startswith("解释 1") and "100%" in row for row in unfolded)
        assert any(row.strip().startswith("事实 2") for row in unfolded)
        await pilot.press("down", "enter")
        assert len(rows(screen.table)) < len(unfolded)
        await pilot.press("e")
        assert len(rows(screen.table)) > len(unfolded)


async def test_filters_by_key(app: XiyouApp, one: Evaluation) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        seen = {}
        for _ in range(6):
            seen[screen.outcomes.filter] = [row.split()[2] for row in rows(screen.outcomes)]
            await pilot.press("f")
        assert seen["all"] == ["T1", "T2", "T3", "T4", "T5", "T6"]
        assert seen["bad"] == ["T2", "T4", "T6"]
        assert (seen["wrong"], seen["over_refused"], seen["under_refused"], seen["failed"]) == (["T2"], ["T4"], ["T6"], [])
        assert screen.outcomes.filter == "all"
        await pilot.press("ctrl+t")
        assert [row.split()[2] for row in rows(screen.outcomes)] == ["T1", "T2"]
        assert "题型 事实" in text_of(screen, "#filter")


async def test_a_question_opens_and_its_citation_leads_into_the_text(app: XiyouApp, one: Evaluation, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: screen.drilling and screen.drill.has_focus)
        shown = "\n".join(rows(screen.drill))
        assert "众猴为什么称石猴为大王" in shown and "答案 进洞" in shown and "答错" in shown and "引到了正确的那一回" in shown
        assert "有诗为证" in shown and int(screen.drill.scroll_offset.y) == 0
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, CorpusScreen))
        place = find(small, "谁敢进洞")[0]
        await until(pilot, lambda: app.screen.query_one(Reader).offset_here >= small.chapter(1).paragraph_at(place.start).start)
        await pilot.press("f5", "tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, CorpusScreen))
        await pilot.press("f5")
        assert app.screen is screen and screen.drilling
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "悟空这个名字" in "\n".join(rows(screen.drill)))
        assert "有答案的引文 〔2·" in "\n".join(rows(screen.drill))
        await pilot.press("escape")
        assert not screen.drilling and screen.outcomes.here is not None and screen.outcomes.here.id == "T3"
        await pilot.press("escape")
        assert screen.evaluations.has_focus


async def test_a_question_becomes_a_sample_with_its_evidence(app: XiyouApp, one: Evaluation) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("enter", "down", "a")
        await until(pilot, lambda: isinstance(app.screen, SamplesScreen))
        editor = app.screen.query_one(SampleEditor)
        await until(pilot, lambda: editor.query_one("#question", TextArea).text.startswith("众猴为什么"))
        assert editor.query_one("#answer", TextArea).text == "进洞"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.study.samples.count() == 1)
        sample = app.study.samples.get(editor.sample_id)
        assert sample.status == "review" and [citation.chapter for citation in sample.citations] == [1]


async def test_two_evaluations_side_by_side(app: XiyouApp, study: Study, small: Edition, tmp_path: Path) -> None:
    evaluated(study, small, tmp_path, {"extract": EXTRACT}, name="前一次", times=4)
    evaluated(study, small, tmp_path, {"retrieve": RETRIEVE}, at=1_600_003_600.0, name="后一次", times=4)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("down")
        await until(pilot, lambda: "前一次" in text_of(screen, "#head"))
        await pilot.press("space", "up")
        await until(pilot, lambda: "后一次" in text_of(screen, "#head") and "100%" in next(row for row in rows(screen.table) if "答对率" in row))
        right = next(row for row in rows(screen.table) if "答对率" in row)
        assert "50.0%" in right and "▲" in right, "the first column is what the second is held against"
        await pilot.press("F")
        assert screen.outcomes.filter == "changed" and [row.split()[2] for row in rows(screen.outcomes)][:4] == ["T2", "T4", "T6", "T2-2"]
        assert "按 检索" in text_of(screen, "#filter")
        await pilot.press("c")
        assert "按 摘引" in text_of(screen, "#filter")
        await pilot.press("enter", "enter")
        await until(pilot, lambda: screen.drilling)
        shown = "\n".join(rows(screen.drill))
        assert shown.index("✗ 答错") < shown.index("✓ 答对"), "the column that is meant comes first"


async def test_a_broken_promise_can_not_be_overlooked(app: XiyouApp, one: Evaluation) -> None:
    outcomes = [replace(outcome, bugs=("引文和底本不同：「甲」",), verbatim=0) if outcome.id == "T1" else outcome for outcome in one.outcomes().outcomes]
    one.outcomes_file.write_text("".join(json.dumps(outcome.as_record()) + "\n" for outcome in outcomes), "utf-8")
    one.keep_summaries()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        assert "保证被破坏：1 题" in text_of(screen, "#head")
        assert "✗" in next(row for row in rows(screen.table) if "逐字率" in row)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: screen.drilling)
        assert any(row.strip().startswith("缺陷：引文和底本不同") for row in rows(screen.drill))


async def test_deleting_asks_goes_to_the_bin_and_can_be_undone(app: XiyouApp, one: Evaluation) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("d")
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.has_class("empty"))
        assert not one.path.exists() and any(app.study.places.bin.iterdir())
        await pilot.press("u")
        await until(pilot, lambda: screen.entries and not screen.has_class("empty"))
        assert one.path.exists()


async def test_a_report_is_written_and_a_name_given(app: XiyouApp, one: Evaluation) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("x")
        await until(pilot, lambda: len(list(app.study.places.exports.glob("评测-*"))) == 2)
        await pilot.press("r")
        await pilot.pause()
        app.screen.query_one(Input).value = "微调之前"
        await pilot.press("enter")
        await until(pilot, lambda: "微调之前" in text_of(screen, "#head"))


async def test_an_evaluation_that_cannot_be_read_is_told_and_can_be_deleted(app: XiyouApp, one: Evaluation) -> None:
    (one.path / "meta.json").write_text("{")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f5")
        screen = app.screen
        assert isinstance(screen, EvaluateScreen)
        await until(pilot, lambda: "读不了" in text_of(screen, "#head"))
        await pilot.press("d")
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.has_class("empty"))


async def test_the_dialog_chooses_set_modes_and_number(app: XiyouApp, one: Evaluation, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press("n")
        await pilot.pause()
        dialog = app.screen
        assert isinstance(dialog, NewEvaluation)
        await pilot.press("enter")
        await pilot.pause()
        box = app.screen.query_one(Input)
        box.focus()
        box.value = str(tmp_path / "small.jsonl")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is dialog)
        assert "6 题 × 1 种方式" in str(dialog.query_one("#told", Static).render())
        await pilot.press("down", "space")
        await pilot.press("ctrl+s")
        assert app.screen is dialog, "without a mode nothing starts"
        await pilot.press("space", "ctrl+s")
        await until(pilot, lambda: len(screen.entries) == 2 and not screen.entries[0].running and screen.entries[0].state.done == 6)
        assert screen.entries[0].meta is not None and screen.entries[0].meta.set_name == "small"


async def test_a_set_with_wrong_lines_stays_in_the_dialog_with_the_reason(app: XiyouApp, one: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"id": "1"}\n')
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("n")
        await pilot.pause()
        dialog = app.screen
        await pilot.press("enter")
        await pilot.pause()
        app.screen.query_one(Input).value = str(tmp_path / "bad.jsonl")
        app.screen.query_one(Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: "第 1 行" in str(dialog.query_one("#told", Static).render()))
        await pilot.press("ctrl+s")
        assert app.screen is dialog


async def test_small_terminals_hold(app: XiyouApp, one: Evaluation) -> None:
    async with app.run_test(size=(40, 12)) as pilot:
        screen = await opened(pilot)
        for key in ("tab", "tab", "enter", "tab", "escape", "e", "f"):
            await pilot.press(key)
            await pilot.pause()
        assert screen.outcomes.row_count
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert isinstance(screen.evaluations, OptionList)


@pytest.mark.parametrize("size", SIZES, ids=["narrow", "wide"])
def test_snapshot_empty(snap_compare, study: Study, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    async def before(pilot: Pilot[None]) -> None:
        await opened(pilot)

    assert snap_compare(XiyouApp(open_study()), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["narrow", "wide"])
def test_snapshot_side_by_side(snap_compare, study: Study, small: Edition, tmp_path: Path, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    evaluated(study, small, tmp_path, {"extract": EXTRACT}, name="前一次", upto=4)
    evaluated(study, small, tmp_path, {"extract": EXTRACT, "retrieve": RETRIEVE}, at=1_600_003_600.0)

    async def before(pilot: Pilot[None]) -> None:
        screen = await opened(pilot)
        await until(pilot, lambda: len(rows(screen.outcomes)) == 6)
        await pilot.press("tab", "down", "down", "enter", "down")
        await pilot.pause()

    assert snap_compare(XiyouApp(open_study()), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["narrow", "wide"])
def test_snapshot_question(snap_compare, study: Study, small: Edition, tmp_path: Path, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    evaluated(study, small, tmp_path, {"extract": EXTRACT, "retrieve": RETRIEVE})

    async def before(pilot: Pilot[None]) -> None:
        screen = await opened(pilot)
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: screen.drilling and screen.drill.has_focus)
        await pilot.press("tab", "tab")
        await pilot.pause()

    assert snap_compare(XiyouApp(open_study()), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["narrow", "wide"])
def test_snapshot_dialog(snap_compare, study: Study, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    async def before(pilot: Pilot[None]) -> None:
        await opened(pilot)
        await pilot.press("n")
        await pilot.pause()
        await pilot.press("down", "down", "space")
        await pilot.pause()

    assert snap_compare(XiyouApp(open_study()), terminal_size=size, run_before=before)
