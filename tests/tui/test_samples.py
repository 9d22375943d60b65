"""The sample pane, driven by keys as a person drives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static, TextArea

from tests.tui.waiting import until
from xiyou_tui.corpus.model import Edition
from xiyou_tui.samples.citations import cite_paragraph
from xiyou_tui.samples.journal import DraftJournal
from xiyou_tui.samples.model import Turn, new_sample
from xiyou_tui.samples.starters import starters
from xiyou_tui.samples.store import SampleFilter
from xiyou_tui.study import Study, open_study
from xiyou_tui.tui.app import XiyouApp
from xiyou_tui.tui.messages import SampleRequested
from xiyou_tui.tui.screens.sample_dialogs import DraftDialog, ImportDialog, OutcomeDialog, ReasonDialog
from xiyou_tui.tui.screens.samples import SamplesScreen
from xiyou_tui.tui.widgets.sample_editor import SampleEditor
from xiyou_tui.tui.widgets.sample_review import SampleReview
from xiyou_tui.tui.widgets.sample_table import SampleTable, fit

SIZES = [(80, 24), (120, 40)]


async def opened(app: XiyouApp, pilot: Pilot[None]) -> SamplesScreen:
    await pilot.press("f2")
    await pilot.pause()
    assert isinstance(app.screen, SamplesScreen)
    return app.screen


async def typed(pilot: Pilot[None], text: str) -> None:
    """Type as an input method commits (`press` knows no full-width punctuation)."""
    for character in text:
        pilot.app.post_message(events.Key(_character_to_key(character), character))
    await pilot.pause()


async def settle(pilot: Pilot[None], seconds: float = 0.4) -> None:
    """Wait until pauses of the pane are over and no worker runs."""
    await pilot.pause(seconds)
    for _ in range(200):
        if not any(worker.is_running for worker in pilot.app.workers):
            break
        await pilot.pause(0.02)
    await pilot.pause()


def text_of(screen: SamplesScreen, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())


def fill(study: Study, edition: Edition, count: int = 3, status: str = "review") -> list[str]:
    """Some samples with a fixed date, so that pictures of them stay the same."""
    made = []
    for number in range(count):
        sample = new_sample(
            ("fact", "quote", "explain")[number % 3], f"第 {number + 1} 个问题：石猴从石头里出来以后，先在哪里住，后来又到哪里去？", "在“花果山上”（第一回）。",
            citations=[cite_paragraph(edition, "1.1")], status=status, id=f"sample-{number + 1:02}", now=1_600_000_000 + number * 60,
        )  # fmt: skip
        made.append(study.samples.save(sample, now=sample.changed).id)
    return made


async def test_the_empty_pane_says_what_to_do_and_offers_the_starters(app: XiyouApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        assert "还没有样本" in text_of(screen, "#empty") and screen.query_one("#empty").display
        await pilot.press("l")
        await pilot.pause()
        assert len(screen.query_one(SampleTable).rows) == len(starters())
        assert not screen.query_one("#empty").display
        await pilot.press("u")
        await pilot.pause()
        assert app.study.samples.count() == 0


async def test_a_sample_is_written_with_a_citation_and_found_again(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("n")
        await typed(pilot, "石猴在哪里出生？")
        await pilot.press("tab")
        await typed(pilot, "在“花果山上”。")
        await settle(pilot)
        assert "没有引文" in text_of(screen, "#findings")
        await pilot.press("ctrl+g")
        await typed(pilot, "1.1")
        await pilot.pause()
        assert "花果山上有块仙石" in text_of(screen, "#cite-told")
        await pilot.press("enter", "enter")
        await settle(pilot)
        assert text_of(screen, "#findings") == "检查通过"
        await pilot.press("ctrl+t", "ctrl+l", "ctrl+s")
        await pilot.pause()
        [sample] = app.study.samples.list()
        assert (sample.question, sample.kind, sample.status) == ("石猴在哪里出生？", "explain", "review")
        assert small.resolve(sample.citations[0]) == small.chapter(1).paragraph_text(1)
        await pilot.press("escape")
        await pilot.pause()
        assert screen.view == "list" and screen.query_one(SampleTable).chosen.id == sample.id  # type: ignore[union-attr]
        assert screen.journal.read_all() == []


async def test_one_key_makes_a_refusal_and_asks_why(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("n")
        await typed(pilot, "诸葛亮是谁？")
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert isinstance(app.screen, ReasonDialog)
        await pilot.press("1")
        await pilot.pause()
        assert app.screen is screen and screen.query_one("#answer", TextArea).text == "原著未提及。"
        await pilot.press("escape")
        await pilot.pause()
        [sample] = app.study.samples.list()
        assert (sample.kind, sample.refusal, sample.reason) == ("refusal", True, "书外之事")
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("f7", "escape")
        await pilot.pause()
        [sample] = app.study.samples.list()
        assert (sample.kind, sample.refusal, sample.reason, sample.answer) == ("fact", False, "", "")


async def test_a_reason_of_ones_own_can_be_typed(app: XiyouApp) -> None:
    async with app.run_test() as pilot:
        await opened(app, pilot)
        await pilot.press("n")
        await typed(pilot, "问")
        await pilot.press("ctrl+r", "tab")
        await typed(pilot, "1 我的理由")
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert app.study.samples.list()[0].reason == "1 我的理由"


async def test_turns_are_added_and_walked_through(app: XiyouApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("n")
        await typed(pilot, "甲")
        await pilot.press("tab")
        await typed(pilot, "乙")
        await pilot.press("ctrl+n")
        await typed(pilot, "丙")
        await pilot.press("tab")
        await typed(pilot, "丁")
        await pilot.press("ctrl+n", "ctrl+p", "ctrl+p")
        await pilot.pause()
        assert screen.query_one("#question", TextArea).text == "甲" and "第 1/2 轮" in text_of(screen, "#editor-heading")
        await pilot.press("escape")
        await pilot.pause()
        assert app.study.samples.list()[0].exchanges == (("甲", "乙"), ("丙", "丁"))


async def test_a_blank_sample_leaves_no_trace(app: XiyouApp) -> None:
    async with app.run_test() as pilot:
        screen = await opened(app, pilot)
        await pilot.press("n", "space", "escape")
        await pilot.pause()
        assert screen.view == "list" and app.study.samples.count() == 0 and screen.journal.read_all() == []


async def test_filtering_as_one_types_and_by_single_keys(app: XiyouApp, study: Study, small: Edition) -> None:
    fill(study, small, 6)
    study.samples.change(["sample-02"], action="通过", status="approved")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        table = screen.query_one(SampleTable)
        await pilot.press("slash")
        await typed(pilot, "引文 第 2")
        await settle(pilot, 0.2)
        assert [row.id for row in table.rows] == ["sample-02"]
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert len(table.rows) == 6
        await pilot.press("s", "s", "s")
        assert screen.query_one("#filter", Input).value == "通过" and len(table.rows) == 1
        await pilot.press("s", "s", "t")
        assert screen.query_one("#filter", Input).value == "事实" and len(table.rows) == 2


async def test_ticked_rows_are_approved_deleted_restored_and_undone_together(app: XiyouApp, study: Study, small: Edition) -> None:
    fill(study, small, 4)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("space", "space", "a")
        await pilot.pause()
        assert study.samples.count(SampleFilter(status=("approved",))) == 2
        await pilot.press("u")
        await pilot.pause()
        assert study.samples.count(SampleFilter(status=("approved",))) == 0
        await pilot.press("m", "m", "m", "d")
        await pilot.pause()
        assert study.samples.count() == 0
        await pilot.press("b")
        await pilot.pause()
        assert len(screen.query_one(SampleTable).rows) == 4
        await pilot.press("m", "d")
        await pilot.pause()
        assert study.samples.count() == 4


async def test_review_on_single_keys(app: XiyouApp, study: Study, small: Edition) -> None:
    ids = fill(study, small, 4)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("r")
        await pilot.pause()
        assert screen.view == "review" and "审阅 1/4" in text_of(screen, "#review-progress")
        assert "花果山上有块仙石" in text_of(screen, "#review-text")
        await pilot.press("a", "r", "x")
        await pilot.pause()
        assert isinstance(app.screen, ReasonDialog)
        await pilot.press("3")
        await pilot.pause()
        status = [study.samples.get(id).status for id in ids]
        assert status == ["approved", "returned", "approved", "review"]
        third = study.samples.get(ids[2])
        assert (third.kind, third.answer, third.reason) == ("refusal", "原著未提及。", "书中没有交代")
        await pilot.press("u")
        await pilot.pause()
        assert study.samples.get(ids[2]).answer == "在“花果山上”（第一回）。" and "审阅 3/4" in text_of(
            screen, "#review-progress"
        )
        await pilot.press("e")
        await pilot.pause()
        assert screen.view == "editor" and screen.query_one(SampleEditor).sample_id == ids[2]
        await typed(pilot, "改")
        await pilot.press("escape")
        await pilot.pause()
        assert screen.view == "review" and study.samples.get(ids[2]).answer.endswith("改")
        await pilot.press("s", "s")
        await pilot.pause()
        assert "审完了" in text_of(screen, "#review-progress")
        await pilot.press("a", "escape")
        await pilot.pause()
        assert screen.view == "list" and screen.query_one(SampleTable).has_focus


async def test_review_without_anything_to_review_says_so(app: XiyouApp, study: Study, small: Edition) -> None:
    fill(study, small, 1, "draft")
    async with app.run_test() as pilot:
        screen = await opened(app, pilot)
        await pilot.press("r")
        assert screen.view == "list"
        await pilot.press("space", "r")
        await pilot.pause()
        assert screen.view == "review" and screen.query_one(SampleReview).sample_id == "sample-01"


async def test_a_passage_picked_in_the_reader_comes_back_to_the_sample(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("n")
        await typed(pilot, "问")
        await pilot.press("ctrl+o")
        await settle(pilot, 0.1)
        assert app.current_mode == "corpus"
        await pilot.press("down", "a")
        await settle(pilot, 0.1)
        assert app.current_mode == "samples" and screen.query_one("#question", TextArea).text == "问"
        assert screen.query_one("#citations", OptionList).option_count == 1
        await pilot.press("escape")
        await pilot.pause()
        [sample] = app.study.samples.list()
        assert sample.question == "问" and len(sample.citations) == 1


async def test_a_passage_from_the_reader_begins_a_new_sample(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("a")
        await settle(pilot, 0.1)
        screen = app.screen
        assert isinstance(screen, SamplesScreen) and screen.view == "editor"
        await typed(pilot, "一")
        app.post_message(SampleRequested(question="对话里问的", answer="对话里答的"))
        await settle(pilot, 0.1)
        assert [sample.question for sample in app.study.samples.list()] == ["一"], "what was open is saved first"
        await pilot.press("ctrl+s")
        await pilot.pause()
        newest = app.study.samples.list()[0]
        assert (newest.question, newest.status, newest.source) == ("对话里问的", "review", "chat")


async def test_citations_are_opened_and_taken_out(app: XiyouApp, study: Study, small: Edition) -> None:
    fill(study, small, 1)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("enter")
        await pilot.pause()
        screen.query_one("#citations", OptionList).focus()
        await pilot.press("home", "enter")
        await settle(pilot, 0.1)
        assert app.current_mode == "corpus"
        await pilot.press("f2", "delete", "ctrl+s")
        await pilot.pause()
        assert study.samples.get("sample-01").citations == ()


async def test_import_lists_broken_lines_and_can_be_undone(app: XiyouApp, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    good = json.dumps({"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]})
    file.write_text(f"{good}\n坏行\n", "utf-8")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("i")
        await pilot.pause()
        assert isinstance(app.screen, ImportDialog)
        app.screen.query_one(Input).value = str(tmp_path / "missing")
        await pilot.press("enter")
        assert isinstance(app.screen, ImportDialog)
        app.screen.query_one(Input).value = str(file)
        await pilot.press("enter")
        await settle(pilot, 0.2)
        assert isinstance(app.screen, OutcomeDialog)
        await pilot.press("escape")
        await pilot.pause()
        assert [row.question for row in screen.query_one(SampleTable).rows] == ["问"]
        await pilot.press("u")
        await pilot.pause()
        assert app.study.samples.count() == 0


async def test_export_writes_what_is_listed_and_never_over_a_file(app: XiyouApp, study: Study, small: Edition) -> None:
    fill(study, small, 3)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press("x", "x", "space", "x")
        await pilot.pause()
        files = sorted(study.places.exports.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        assert [len(file.read_text("utf-8").splitlines()) for file in files] == [3, 3, 1]


async def test_statistics_count_in_their_own_thread(app: XiyouApp, study: Study, small: Edition) -> None:
    fill(study, small, 3)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("g")
        await settle(pilot)
        assert "样本 3 条" in text_of(screen, "#figures") and screen.query_one("#duplicates", OptionList).option_count == 3
        await pilot.press("tab", "enter")
        await pilot.pause()
        assert screen.view == "editor"
        await pilot.press("escape")
        await settle(pilot)
        assert screen.view == "statistics"
        await pilot.press("escape")
        assert screen.view == "list"


async def test_a_draft_left_behind_is_offered_and_written_on(app: XiyouApp, study: Study) -> None:
    journal = DraftJournal(study.places.journal / "samples")
    left = new_sample("fact", "没写完的", "半")
    journal.write(left.id, left.as_record())
    journal.close()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        assert "没写完的" in text_of(screen, "#drafts") and screen.query_one("#drafts").display
        await pilot.press("w")
        await pilot.pause()
        assert screen.query_one("#answer", TextArea).text == "半"
        await typed(pilot, "句")
        await pilot.press("escape")
        await pilot.pause()
        assert study.samples.get(left.id).answer == "半句" and not screen.query_one("#drafts").display


async def test_a_stored_sample_opens_with_its_draft(app: XiyouApp, study: Study, small: Edition) -> None:
    [id] = fill(study, small, 1)
    journal = DraftJournal(study.places.journal / "samples")
    journal.write(id, study.samples.get(id).with_exchanges([("问", "草稿里的")]).as_record())
    journal.close()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert screen.query_one("#answer", TextArea).text == "草稿里的"


def test_kill_9_while_typing_in_the_app_loses_nothing(home: Path) -> None:
    """The real app in a child process types on and on; it is killed; the next start finds the text."""
    script = textwrap.dedent("""
        import asyncio
        from xiyou_tui.study import open_study
        from xiyou_tui.tui.app import XiyouApp
        async def main():
            app = XiyouApp(open_study())
            async with app.run_test(size=(80, 24)) as pilot:
                await pilot.press("f2", "n")
                for count in range(1, 10_000):
                    await pilot.press("字")
                    await pilot.pause()
                    print("typed", len(app.screen.query_one("#question").text), flush=True)
        asyncio.run(main())
    """)
    environment = {**os.environ, "XIYOU_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    told, begun = 0, time.monotonic()
    while told < 15 and time.monotonic() - begun < 30:
        line = child.stdout.readline()
        told = int(line.split()[1]) if line.startswith("typed") else told
    os.kill(child.pid, signal.SIGKILL)
    told = max([told, *(int(line.split()[1]) for line in child.stdout.read().splitlines() if line.startswith("typed"))])
    child.wait()
    [draft] = DraftJournal(open_study().places.journal / "samples").read_all()
    assert told >= 15 and len(draft.record["messages"][0]["content"]) >= told


async def test_ten_thousand_rows_are_drawn_as_they_come_into_view(app: XiyouApp, study: Study) -> None:
    with study.samples.batch():
        for number in range(10_000):
            study.samples.save(new_sample("fact", f"第 {number} 个问题", "答"))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        table = screen.query_one(SampleTable)
        drawn: list[int] = []
        draw = table.render_line

        def counting(y: int) -> Any:
            drawn.append(y)
            return draw(y)

        table.render_line = counting  # type: ignore[method-assign]
        await pilot.press("end")
        await pilot.pause()
        assert table.chosen is table.rows[-1] and 0 < len(drawn) <= 4 * 40
        assert "问题" in draw(int(table.size.height) - 1).text


async def test_other_instances_write_too(app: XiyouApp, study: Study, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("f1")
        fill(study, small, 2)
        await pilot.press("f2")
        await pilot.pause()
        assert len(screen.query_one(SampleTable).rows) == 2


async def test_when_the_novel_comes_the_starters_get_their_citations(app: XiyouApp, novel: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press("l")
        await pilot.pause()
        assert app.study.samples.get("starter-001").citations == ()
        app.study.library.add(novel)
        from xiyou_tui.tui.messages import EditionChanged

        app.tell_all(EditionChanged(novel.id))
        await pilot.pause()
        assert app.study.samples.get("starter-001").citations != ()


async def test_a_tiny_terminal_still_works(app: XiyouApp) -> None:
    async with app.run_test(size=(40, 12)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("l", "enter")
        await pilot.pause()
        assert screen.query_one("#answer", TextArea).size.height >= 3
        await pilot.press("escape", "g", "escape")
        await pilot.pause()
        assert screen.view == "list"


def test_a_cell_holds_exactly_its_width() -> None:
    assert (
        fit("白骨夫人", 8) == "白骨夫人"
        and fit("白骨夫人", 7) == "白骨夫…"
        and fit("白骨夫人", 6) == "白骨… "
        and fit("a", 3) == "a  "
    )


# Pictures.


def _shown(study: Study, small: Edition) -> None:
    fill(study, small, 3)
    refusal = new_sample(
        "refusal",
        "诸葛亮怎样借东风？",
        "原著未提及。诸葛亮不是书里的人物。",
        reason="书外之事",
        id="sample-90",
        status="approved",
        now=1_600_001_000,
    )
    study.samples.save(refusal, now=1_600_001_000)
    talk = [
        Turn("user", "石猴叫什么？"),
        Turn("assistant", "叫悟空。"),
        Turn("user", "谁取的名？"),
        Turn("assistant", "“祖师遂取名悟空”（第二回）。"),
    ]
    multi = new_sample(
        "multi",
        turns=talk,
        citations=[cite_paragraph(small, "2.2")],
        id="sample-91",
        tags=["悟空"],
        status="returned",
        now=1_600_002_000,
    )
    study.samples.save(multi, now=1_600_002_000)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("list", ["f2"]),
        ("editor", ["f2", "enter", "ctrl+g", *"石头"]),
        ("reason", ["f2", "down", "down", "enter", "ctrl+r"]),
        ("review", ["f2", "r", "s"]),
        ("statistics", ["f2", "g"]),
        ("filter", ["f2", "slash", *"拒答"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_pictures(
    snap_compare: Any, app: XiyouApp, study: Study, small: Edition, size: tuple[int, int], name: str, keys: list[str]
) -> None:
    _shown(study, small)

    async def wait(pilot: Pilot[None]) -> None:
        await pilot.press(*keys)
        for box in app.screen.query(Input):
            box.cursor_blink = False
        for area in app.screen.query(TextArea):
            area.cursor_blink = False
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=wait)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_the_empty_pane(snap_compare: Any, app: XiyouApp, size: tuple[int, int]) -> None:
    async def wait(pilot: Pilot[None]) -> None:
        await pilot.press("f2")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=wait)


async def test_candidates_are_drafted_and_reviewed_by_single_keys(app: XiyouApp, novel: Edition) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        app.study.library.add(novel)
        await pilot.press("c")
        await pilot.pause()
        dialog = app.screen
        assert isinstance(dialog, DraftDialog)
        dialog.query_one("#count", Input).value = "0"
        await pilot.press("enter")
        assert app.screen is dialog
        dialog.query_one("#count", Input).value = "6"
        dialog.query_one("#chapters", Input).value = "27"
        await pilot.press("enter")
        await until(pilot, lambda: app.study.samples.count() == 6)
        await until(pilot, lambda: len(screen.query_one(SampleTable).rows) == 6)
        await pilot.press("r", "a")
        await until(pilot, lambda: app.study.samples.count(SampleFilter(status=("approved",))) == 1)
