"""The chat pane, driven by keys as a person drives it."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.tui.talks import cited_answer, keep
from xiyou_tui.chat.client import EngineClient, Patience
from xiyou_tui.chat.preferences import PreferenceStore
from xiyou_tui.chat.responder import open_responder
from xiyou_tui.corpus.find import find
from xiyou_tui.corpus.model import Edition
from xiyou_tui.samples.store import SampleFilter
from xiyou_tui.storage.places import Places
from xiyou_tui.study import Study, open_study
from xiyou_tui.tui.app import XiyouApp
from xiyou_tui.tui.screens.chat import ChatScreen
from xiyou_tui.tui.screens.chat_compare import CompareScreen, PickDialog
from xiyou_tui.tui.screens.chat_dialogs import CorrectDialog, PlacesDialog, RenameDialog
from xiyou_tui.tui.screens.corpus import CorpusScreen
from xiyou_tui.tui.shelf import remember_directory
from xiyou_tui.tui.terminal import OPENERS
from xiyou_tui.tui.widgets.answer import Answered, Failed, Question, Suggestions, Unanswered
from xiyou_tui.tui.widgets.conversations import ConversationList
from xiyou_tui.tui.widgets.lines import LineView, Span, flow
from xiyou_tui.tui.widgets.passage import PassagePanel
from xiyou_tui.tui.widgets.question import QuestionInput
from xiyou_tui.tui.widgets.transcript import Transcript

SIZES = [(80, 24), (120, 40)]


async def opened(app: XiyouApp, pilot: Pilot[None]) -> ChatScreen:
    await pilot.press("f4")
    await pilot.pause()
    assert isinstance(app.screen, ChatScreen)
    return app.screen


async def settle(pilot: Pilot[None]) -> None:
    # With nothing to wait for, Textual would wait for every worker, dialogs included.
    running = [worker for worker in pilot.app.workers if worker.group in ("answer", "compare")]
    if running:
        await pilot.app.workers.wait_for_complete(running)
    await pilot.pause()


async def ask(screen: ChatScreen, pilot: Pilot[None], text: str) -> Answered:
    screen.question.put(text)
    await pilot.press("enter")
    await pilot.pause()
    await settle(pilot)
    last = screen.transcript.entries[-1]
    assert isinstance(last, Answered)
    return last


def seen(view: LineView) -> str:
    """What a view shows at this moment, without the spaces that fill the lines."""
    return "\n".join(view.render_line(y).text.rstrip() for y in range(view.size.height))


def everything(view: LineView) -> str:
    rows = [view.row_at(index) for index in range(view.row_count)]
    return "\n".join("".join(span.text for span in row.spans) for row in rows if row is not None)


async def test_an_empty_talk_suggests_questions_and_asks_the_chosen_one(app: XiyouApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        assert screen.question.has_focus
        assert "提要卷" in seen(screen.transcript)
        start = screen.transcript.entries[0]
        assert isinstance(start, Suggestions) and len(start.questions) == 4
        await pilot.press("tab", "down", "enter")
        await pilot.pause()
        await settle(pilot)
        first = screen.transcript.entries[0]
        assert isinstance(first, Question) and first.text == start.questions[1]


async def test_every_suggestion_gets_an_answer_on_the_synopsis_volume(app: XiyouApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        start = screen.transcript.entries[0]
        assert isinstance(start, Suggestions)
        answers = [await ask(screen, pilot, question) for question in start.questions]
        assert [answer.answer.refused for answer in answers] == [False, False, False, True]
        shown = everything(screen.transcript)
        assert "提要 非原文" in shown and "依据 原文" not in shown
        assert "原著未提及" in shown


async def test_an_answer_quotes_and_its_citation_opens_at_the_side_and_in_the_reader(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        entry = await ask(screen, pilot, "石猴是从哪里生出来的？")
        assert not entry.answer.refused and entry.places
        assert screen.question.text == ""
        shown = everything(screen.transcript)
        assert "依据 原文" in shown and "┃ 「" in shown and entry.places[0].mark in shown
        await pilot.press("tab")
        assert screen.transcript.has_focus
        assert screen.transcript.cursor == (entry, 1)
        await pilot.press("enter")
        panel = screen.query_one(PassagePanel)
        assert panel.display and panel.cited == entry.cited(1)
        lit = [row for index in range(panel.row_count) if (row := panel.row_at(index)) is not None and row.target == 1]
        quoted = "".join(span.text for row in lit for span in row.spans if span.style == "quote")
        assert quoted and quoted in entry.places[0].quote.replace("\n", "")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, CorpusScreen)
        chapter = app.screen.reader.chapter
        assert chapter is not None and chapter.number == entry.places[0].place.chapter
        await pilot.press("f4")
        await pilot.pause()
        assert app.screen is screen and panel.display and screen.transcript.cursor == (entry, 1)
        await pilot.press("escape")
        assert not panel.display
        await pilot.press("escape")
        assert screen.question.has_focus
        await pilot.press("escape", "1")
        await pilot.pause()
        assert isinstance(app.screen, CorpusScreen)


async def test_every_quote_on_the_screen_stands_in_the_text(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        for question in ("石猴是从哪里生出来的？", "谁给猴王取名悟空？", "第一回讲了什么？"):
            entry = await ask(screen, pilot, question)
            assert entry.answer.citations
            for cited in entry.answer.citations:
                assert small.resolve(cited.citation) == cited.quote


async def test_a_refusal_says_why(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        entry = await ask(screen, pilot, "林黛玉为什么哭？")
        assert entry.answer.refused
        rows = entry.rows(70)
        assert any(span.style == "refusal-head" and "原著未提及" in span.text for row in rows for span in row.spans)
        assert entry.answer.reason in everything(screen.transcript).replace("\n", "").replace("   ┃ ", "")
        assert screen.store.refused()[0].text == entry.answer.text


async def test_the_citation_keys_walk_through_all_answers_and_end_at_the_question(app: XiyouApp, study: Study, small: Edition) -> None:
    keep(study, cited_answer(small, "石猴在哪里？", ["仙石", "水帘洞"]), cited_answer(small, "谁取名？", ["取名悟空"]))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        first, second = (entry for entry in screen.transcript.entries if isinstance(entry, Answered))
        await pilot.press("right_square_bracket")
        assert screen.transcript.cursor == (second, 1)
        await pilot.press("left_square_bracket")
        assert screen.transcript.cursor == (first, 2)
        await pilot.press("ctrl+k")
        assert screen.transcript.cursor == (first, 1)
        await pilot.press("f8", "ctrl+j", "ctrl+j")
        assert screen.question.has_focus
        await pilot.press("f7")
        assert screen.transcript.cursor == (second, 1)


async def test_what_is_typed_before_the_pane_stands_is_not_lost(app: XiyouApp) -> None:
    async with app.run_test() as pilot:
        await pilot.press("f4", *"猴王是谁")
        await pilot.pause()
        assert isinstance(app.screen, ChatScreen) and app.screen.question.text == "猴王是谁"


async def test_clearing_the_question_keeps_it_within_reach(app: XiyouApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        text = "沙僧原来在天上做什么官，为什么被贬到流沙河，他用的兵器又叫什么名字，请一一说来"
        screen.question.put(text)
        await pilot.press("ctrl+u")
        assert screen.question.text == ""
        await pilot.press("up")
        assert screen.question.text == text


async def test_brackets_are_typed_once_there_is_text(app: XiyouApp) -> None:
    async with app.run_test() as pilot:
        screen = await opened(app, pilot)
        screen.question.put("第")
        await pilot.press("left_square_bracket", "1")
        assert screen.question.text == "第[1"
        assert app.screen is screen


async def test_the_mode_goes_round_and_shows(app: XiyouApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("ctrl+e")
        assert app.study.settings.text("chat.mode") == "retrieve"
        assert "检索" in screen.query_one("#bar").render().plain  # type: ignore[union-attr]
        assert "没有模型" in screen.query_one("#bar").render().plain  # type: ignore[union-attr]
        await pilot.press("ctrl+e", "ctrl+e")
        assert app.study.settings.text("chat.mode") == "extract"


async def test_without_a_model_the_question_is_kept_and_the_next_step_named(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("ctrl+e")
        screen.question.put("石猴是从哪里生出来的？")
        await pilot.press("enter")
        await pilot.pause()
        await settle(pilot)
        failed = screen.transcript.entries[-1]
        assert isinstance(failed, Failed) and failed.error.next_step
        assert screen.question.text == "石猴是从哪里生出来的？"
        await pilot.press("ctrl+e", "ctrl+e", "enter")
        await pilot.pause()
        await settle(pilot)
        # The same question again takes the place of the one that failed.
        assert [type(entry) for entry in screen.transcript.entries] == [Question, Answered]
        assert [message.role for message in screen.store.messages(screen.conversation)] == ["user", "assistant"]


async def test_rating_is_kept_and_taken_back(app: XiyouApp, study: Study, small: Edition) -> None:
    talk = keep(study, cited_answer(small, "石猴在哪里？", ["仙石"]))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("ctrl+g")
        assert study.conversations.messages(talk)[1].rating == 1
        assert "不用模型   赞" in seen(screen.transcript)
        await pilot.press("tab", "minus")
        assert study.conversations.messages(talk)[1].rating == -1
        await pilot.press("minus")
        assert study.conversations.messages(talk)[1].rating == 0


async def test_a_corrected_answer_becomes_a_sample_in_review_once(app: XiyouApp, study: Study, small: Edition) -> None:
    keep(study, cited_answer(small, "石猴在哪里？", ["仙石", "水帘洞"]))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        for text in ("在花果山上的「仙石」〔1·1〕里。", "在花果山的「仙石」〔1·1〕里。"):
            await pilot.press("ctrl+s")
            await pilot.pause()
            assert isinstance(app.screen, CorrectDialog)
            app.screen.query_one(TextArea).text = text
            await pilot.press("ctrl+s")
            await pilot.pause()
        samples = study.samples.list(SampleFilter(source="chat"))
        assert [(sample.status, sample.question, sample.answer) for sample in samples] == [("review", "石猴在哪里？", text)]
        assert [small.resolve(citation) for citation in samples[0].citations] == ["仙石"]
        assert len(study.samples.history(samples[0].id)) == 2


async def test_a_corrected_answer_becomes_a_preference_pair(app: XiyouApp, study: Study, small: Edition) -> None:
    answer = cited_answer(small, "石猴在哪里？", ["仙石"])
    keep(study, answer)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press("ctrl+s")
        await pilot.pause()
        # Unchanged it is no pair.
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert PreferenceStore(study.connection).list() == ()
        await pilot.press("ctrl+s")
        await pilot.pause()
        app.screen.query_one(TextArea).text = "石猴出自「仙石」〔1·1〕。"
        await pilot.press("ctrl+t")
        await pilot.pause()
        (pair,) = PreferenceStore(study.connection).list()
        assert (pair.prompt, pair.chosen, pair.rejected, pair.status) == ("石猴在哪里？", "石猴出自「仙石」〔1·1〕。", answer.text, "review")


async def test_refusals_and_pairs_wait_to_be_worked_through(app: XiyouApp, study: Study, small: Edition) -> None:
    keep(study, cited_answer(small, "猪八戒被贬到哪里？", ["洞府"], refused=True))
    pairs = PreferenceStore(study.connection)
    pairs.add("谁取名？", "祖师。", "猴王。")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("ctrl+n", "ctrl+w")
        await pilot.pause()
        await pilot.press("down", "enter")
        assert [pair.status for pair in pairs.list()] == ["approved"]
        await pilot.press("d")
        assert pairs.list() == ()
        await pilot.press("enter")
        await pilot.pause()
        cursor = screen.transcript.cursor
        assert cursor is not None and isinstance(cursor[0], Answered) and cursor[0].answer.refused


async def test_conversations_are_switched_searched_renamed_deleted_and_restored(app: XiyouApp, study: Study, small: Edition) -> None:
    older = keep(study, cited_answer(small, "石猴在哪里？", ["仙石"]))
    newer = keep(study, cited_answer(small, "谁取名？", ["取名悟空"]))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        assert screen.conversation == newer
        await pilot.press("ctrl+l")
        await pilot.pause()
        listing = screen.query_one(ConversationList)
        assert listing.has_focus_within and listing.highlighted == newer
        await pilot.press("down", "enter")
        assert screen.conversation == older and screen.question.has_focus
        assert "石猴在哪里" in seen(screen.transcript)
        await pilot.press("ctrl+f")
        await pilot.pause()
        await pilot.pause()
        listing.query_one(Input).value = "取名悟空"
        await pilot.pause()
        assert listing.highlighted == newer
        await pilot.press("enter", "r")
        await pilot.pause()
        assert isinstance(app.screen, RenameDialog)
        app.screen.query_one(Input).value = "名字的来历"
        await pilot.press("enter")
        await pilot.pause()
        assert study.conversations.get(newer).title == "名字的来历"
        listing.enter()
        await pilot.press("d")
        assert [talk.id for talk in study.conversations.list()] == [older]
        await pilot.press("u")
        assert {talk.id for talk in study.conversations.list()} == {older, newer}


async def test_export_writes_markdown_and_json(app: XiyouApp, study: Study, small: Edition) -> None:
    answer = cited_answer(small, "石猴/在哪里？", ["仙石"], summary="石猴出自仙石")
    talk = keep(study, answer)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press("ctrl+l")
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
    files = sorted(study.places.exports.iterdir())
    assert [path.suffix for path in files] == [".json", ".md"]
    assert files[0].stem.startswith("石猴在哪里-")
    assert json.loads(files[0].read_text("utf-8"))["id"] == talk
    assert "> 「仙石」〔1·1〕" in files[1].read_text("utf-8")


async def test_editing_the_last_question_replaces_it_and_its_answer(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await ask(screen, pilot, "石猴是从哪里生出来的？")
        await ask(screen, pilot, "谁给猴王取名？")
        await pilot.press("ctrl+p")
        assert screen.question.text == "谁给猴王取名？"
        await ask(screen, pilot, "谁给猴王取名悟空？")
        asked = [entry.text for entry in screen.transcript.entries if isinstance(entry, Question)]
        assert asked == ["石猴是从哪里生出来的？", "谁给猴王取名悟空？"]
        assert [message.role for message in screen.store.messages(screen.conversation)] == ["user", "assistant"] * 2


async def test_asking_again_replaces_the_answer_in_its_place(app: XiyouApp, study: Study, small: Edition) -> None:
    talk = keep(study, cited_answer(small, "石猴是从哪里生出来的？", ["毕竟"]), cited_answer(small, "谁取名？", ["取名悟空"]))
    before = [message.number for message in study.conversations.messages(talk)]
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("tab", "left_square_bracket", "ctrl+r")
        await pilot.pause()
        await settle(pilot)
        messages = study.conversations.messages(talk)
        assert [message.number for message in messages] == before
        assert messages[1].answer is not None and "毕竟" not in [cited.quote for cited in messages[1].answer.citations]
        assert screen.transcript.entries[1].stops


async def test_up_brings_back_questions_and_down_the_draft(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await ask(screen, pilot, "谁取名？")
        await ask(screen, pilot, "石猴在哪里？")
        screen.question.put("没写完的")
        await pilot.press("up", "up")
        assert screen.question.text == "谁取名？"
        await pilot.press("down", "down")
        assert screen.question.text == "没写完的"


async def test_what_is_typed_survives_the_program(app: XiyouApp, small: Edition) -> None:
    async with app.run_test() as pilot:
        screen = await opened(app, pilot)
        screen.question.put("没写完的问题")
    again = XiyouApp(open_study())
    async with again.run_test() as pilot:
        screen = await opened(again, pilot)
        assert screen.question.text == "没写完的问题"


async def test_a_count_lists_all_places(app: XiyouApp, study: Study, small: Edition) -> None:
    keep(study, cited_answer(small, "石猴在哪里出现？", ["石猴！"], more="石猴"))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        entry = screen.transcript.entries[-1]
        assert isinstance(entry, Answered) and len(entry.more) == len(find(small, "石猴"))
        await pilot.press("f7", "enter")
        await pilot.pause()
        assert isinstance(app.screen, PlacesDialog)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert screen.query_one(PassagePanel).cited == entry.more[1]


async def test_how_an_answer_came_about(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        entry = await ask(screen, pilot, "石猴是从哪里生出来的？")
        await pilot.press("ctrl+t")
        panel = screen.query_one(PassagePanel)
        shown = everything(panel)
        assert entry.answer.stages and all(stage.name in shown for stage in entry.answer.stages)
        await pilot.press("ctrl+t")
        assert not panel.display


async def test_copying_takes_the_sources_along(app: XiyouApp, study: Study, small: Edition, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(study, cited_answer(small, "石猴在哪里？", ["仙石"]))
    copied: list[str] = []
    monkeypatch.setattr(XiyouApp, "copy_with_notice", lambda self, text, what: copied.append(text))
    async with app.run_test() as pilot:
        await opened(app, pilot)
        await pilot.press("ctrl+y")
    assert copied == ["问：石猴在哪里？\n答（摘引）：\n「仙石」〔1·1〕\n出处（小本西游）：\n〔1·1〕 第一回　灵石生猴出世 石猴入洞称王"]


async def test_chinese_typed_among_the_answers_goes_into_the_question(app: XiyouApp, study: Study, small: Edition) -> None:
    keep(study, cited_answer(small, "石猴在哪里？", ["仙石"]))
    async with app.run_test() as pilot:
        screen = await opened(app, pilot)
        await pilot.press("tab", "猴", "王")
        await pilot.pause()
        assert screen.question.has_focus and screen.question.text == "猴王"


async def test_a_citation_of_a_lost_edition_says_so(app: XiyouApp, study: Study, small: Edition) -> None:
    keep(study, cited_answer(small, "石猴在哪里？", ["仙石"]))
    app.study.library.remove(small.id)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        assert "仙石" in seen(screen.transcript)
        await pilot.press("tab", "enter")
        await pilot.pause()
        assert not screen.query_one(PassagePanel).display


# The engine.

SCRIPT = """
import json, sys, time
def say(**event):
    sys.stdout.write(json.dumps(event) + "\\n"); sys.stdout.flush()
say(type="ready")
for line in sys.stdin:
    request = json.loads(line)
    if request["type"] != "generate":
        continue
    id = request["id"]
    {body}
"""


def scripted(screen: ChatScreen, tmp_path: Path, body: str) -> None:
    """Give the pane an engine process that behaves as `body` says."""
    path = tmp_path / "engine.py"
    path.write_text(SCRIPT.replace("{body}", textwrap.indent(textwrap.dedent(body), "    ").strip()), "utf-8")
    engine = EngineClient(command=[sys.executable, str(path)], patience=Patience(start=10, load=10, token=10, stop=1))
    screen._responder = open_responder(screen.study, engine=engine)


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A practice model made from the synopsis volume, once for all tests here."""
    from xiyou_tui.corpus.synopsis import load_synopsis
    from xiyou_tui.models.making import ensure_practice

    root = tmp_path_factory.mktemp("practice")
    places = Places(root / "data", root / "config", root / "cache", root / "log").prepare()
    return ensure_practice(places, load_synopsis()).path


@pytest.fixture
def model(study: Study, small: Edition, practice: Path) -> Path:
    """The practice model, chosen for 内化."""
    study.change_setting("chat.model", str(practice))
    study.change_setting("chat.mode", "closed")
    return practice


@pytest.mark.slow
async def test_a_model_streams_and_stops_on_escape(study: Study, model: Path, tmp_path: Path) -> None:
    app = XiyouApp(open_study())
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        scripted(screen, tmp_path, """
            for number in range(2000):
                say(type="token", id=id, text=f"字{number}")
                time.sleep(0.01)
        """)
        screen.question.put("石猴是从哪里生出来的？")
        await pilot.press("enter")
        for _ in range(200):
            await pilot.pause(0.02)
            if "字9" in seen(screen.transcript):
                break
        assert "正在说" in seen(screen.transcript)
        await pilot.press("escape")
        await settle(pilot)
        entry = screen.transcript.entries[-1]
        assert isinstance(entry, Answered) and entry.answer.stopped
        assert screen.question.text == "石猴是从哪里生出来的？"
        assert not screen.answering


@pytest.mark.slow
@pytest.mark.parametrize("body", ["sys.exit(3)", 'say(type="token", id=id, text="半句"); sys.exit(3)'])
async def test_an_engine_that_dies_keeps_the_question(study: Study, model: Path, tmp_path: Path, body: str) -> None:
    app = XiyouApp(open_study())
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        scripted(screen, tmp_path, body)
        screen.question.put("石猴是从哪里生出来的？")
        await pilot.press("enter")
        await pilot.pause()
        await settle(pilot)
        failed = screen.transcript.entries[-1]
        assert isinstance(failed, Failed) and failed.error.code == "engine-died"
        assert screen.question.text == "石猴是从哪里生出来的？"


@pytest.mark.slow
async def test_escape_before_the_first_word_gives_the_question_back_at_once(study: Study, model: Path, tmp_path: Path) -> None:
    app = XiyouApp(open_study())
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        scripted(screen, tmp_path, "time.sleep(60)")
        screen.question.put("石猴是从哪里生出来的？")
        await pilot.press("enter")
        await pilot.pause(0.5)
        assert screen.answering
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(screen.transcript.entries[-1], Unanswered)
        assert screen.question.text == "石猴是从哪里生出来的？" and not screen.answering


@pytest.mark.slow
async def test_two_sides_are_compared_blind_and_the_better_makes_a_pair(study: Study, model: Path, tmp_path: Path) -> None:
    app = XiyouApp(open_study())
    remember_directory(app.study.connection, model)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        scripted(screen, tmp_path, """
            say(type="token", id=id, text="石猴生自花果山的仙石。")
            say(type="done", id=id, text="石猴生自花果山的仙石。", data=dict(finish="stop", tokens=9, seconds=0.1))
        """)
        screen.question.put("石猴是从哪里生出来的？")
        await pilot.press("f12")
        await pilot.pause(0.2)
        assert isinstance(app.screen, PickDialog)
        await pilot.press("enter", "down", "enter")
        await pilot.pause()
        compare = app.screen
        assert isinstance(compare, CompareScreen)
        await settle(pilot)
        shown = [everything(view) for view in compare.query(Transcript)]
        assert "答 左" in shown[0] and "答 右" in shown[1] and not any("摘引" in text for text in shown)
        await pilot.press("2")
        assert any("答 摘引" in everything(view) for view in compare.query(Transcript))
        (pair,) = PreferenceStore(study.connection).list()
        right = compare.query_one("#right", Transcript).entries[0]
        assert isinstance(right, Answered) and pair.chosen == right.answer.text
        await pilot.press("escape")
        assert app.screen is screen


@pytest.mark.slow
async def test_the_practice_model_answers_and_nothing_unfounded_is_shown_as_evidence(study: Study, model: Path, small: Edition) -> None:
    app = XiyouApp(open_study())
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        entry = await ask(screen, pilot, "石猴是从哪里生出来的？")
        assert entry.answer.mode == "closed"
        for part in entry.answer.parts:
            cited = entry.answer.cited(part)
            if part.kind == "evidence":
                assert cited is not None and part.text == small.resolve(cited.citation)


# Rows.


@settings(max_examples=120, deadline=None)
@given(
    texts=st.lists(st.tuples(st.text(max_size=60), st.sampled_from(["text", "evidence", "dim"])), max_size=5),
    mark=st.sampled_from(["〔27·12〕", "〔提要27·2〕", "〔附·3〕"]),
    width=st.integers(16, 90),
)
def test_rows_fit_keep_the_text_and_never_break_a_mark(texts: list[tuple[str, str]], mark: str, width: int) -> None:
    # An opening bracket would cling to the mark and could make it too long for the line.
    spans = [Span(text.translate({ord(known): None for known in OPENERS}), style) for text, style in texts]
    rows = flow([*spans, Span(mark, "mark")], width, lead=(Span("┃ "),), hang=(Span("┃ "),))
    whole = [span.text for row in rows for span in row.spans if span.style == "mark"]
    assert whole == [mark]
    for row in rows:
        line = "".join(span.text for span in row.spans)
        assert cell_len(line.rstrip()) <= width
        assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 or 0x202A <= ord(character) <= 0x202E for character in line)


def test_hostile_text_is_shown_as_text() -> None:
    rows = flow([Span("\x1b[31m红[/]\x9b2J[bold]粗[/bold]\u202e反\ud800")], 40)
    assert "".join(span.text for row in rows for span in row.spans) == "[31m红[/]2J[bold]粗[/bold]反"


# Pictures.


def talk(study: Study, small: Edition) -> None:
    keep(
        study,
        cited_answer(small, "石猴是从哪里生出来的？", ["花果山上有块仙石。石中生出一个石猴！", "花果山中无岁月，"], summary="花果山的仙石生出石猴"),
        cited_answer(small, "猪八戒在第几回被贬？", ["石猴离了花果山，渡过大海，来到一座洞府。"], refused=True),
    )


async def still(pilot: Pilot[None]) -> None:
    await pilot.press("f4")
    await pilot.pause()
    assert isinstance(pilot.app.screen, ChatScreen)
    pilot.app.screen.query_one(QuestionInput).cursor_blink = False


@pytest.mark.parametrize("size", SIZES)
def test_picture_empty(snap_compare: Any, app: XiyouApp, size: tuple[int, int]) -> None:
    assert snap_compare(app, terminal_size=size, run_before=still)


@pytest.mark.parametrize("size", SIZES)
def test_picture_talk(snap_compare: Any, app: XiyouApp, study: Study, small: Edition, size: tuple[int, int]) -> None:
    talk(study, small)
    assert snap_compare(app, terminal_size=size, run_before=still)


@pytest.mark.parametrize("size", SIZES)
def test_picture_passage(snap_compare: Any, app: XiyouApp, study: Study, small: Edition, size: tuple[int, int]) -> None:
    talk(study, small)

    async def before(pilot: Pilot[None]) -> None:
        await still(pilot)
        await pilot.press("f7", "left_square_bracket", "enter")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_picture_typing(snap_compare: Any, app: XiyouApp, study: Study, small: Edition, size: tuple[int, int]) -> None:
    talk(study, small)

    async def before(pilot: Pilot[None]) -> None:
        await still(pilot)
        await pilot.press(*"孙悟空为什么大闹天宫", "，", *"后来又怎样了？")
        await pilot.press("ctrl+t")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
