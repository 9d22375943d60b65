"""The reading pane, driven by keys as a person drives it."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from xiyou_tui.corpus.model import Edition
from xiyou_tui.storage.state import read_state
from xiyou_tui.study import Study, open_study
from xiyou_tui.tui.app import XiyouApp
from xiyou_tui.tui.screens.corpus import CorpusScreen
from xiyou_tui.tui.screens.dialogs import GoDialog
from xiyou_tui.tui.screens.help import HelpScreen
from xiyou_tui.tui.screens.imports import ImportDialog
from xiyou_tui.tui.widgets.reader import Reader
from xiyou_tui.tui.widgets.search import SearchPanel


def reader_of(app: XiyouApp) -> Reader:
    return app.screen.query_one(Reader)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until nothing is being searched or loaded any more."""
    for _ in range(200):
        await pilot.pause(0.02)
        if not any(worker.is_running for worker in pilot.app.workers):
            break
    await pilot.pause()


async def test_the_synopsis_volume_is_there_and_marked(app: XiyouApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, CorpusScreen)
        reader = reader_of(app)
        assert reader.chapter is not None and reader.chapter.number == 1
        shown = "\n".join(reader.render_line(y).text for y in range(12))
        assert "提要，非原文" in shown


async def test_moving_by_sentence_and_paragraph(app: XiyouApp, small: Edition) -> None:
    async with app.run_test() as pilot:
        reader = reader_of(app)
        chapter = small.chapter(1)
        assert reader.offset_here == chapter.body
        await pilot.press("right")
        assert chapter.text[reader.offset_here :].startswith("石中生出")
        await pilot.press("down")
        assert chapter.paragraph_at(reader.offset_here).number == 2
        await pilot.press("v", "right", "right")
        start, end = reader.selection()
        assert chapter.text[start:end] == chapter.paragraph_text(2)
        await pilot.press("escape")
        assert not reader.selecting


async def test_past_the_end_the_next_chapter_opens(app: XiyouApp, small: Edition) -> None:
    async with app.run_test() as pilot:
        await pilot.press("end", "right")
        assert reader_of(app).chapter.number == 2  # type: ignore[union-attr]
        await pilot.press("up")
        assert reader_of(app).chapter.number == 1  # type: ignore[union-attr]
        await pilot.press("right_square_bracket")
        assert reader_of(app).chapter.number == 2  # type: ignore[union-attr]
        await pilot.press("left_black_lenticular_bracket")
        assert reader_of(app).chapter.number == 1  # type: ignore[union-attr]


async def test_the_place_survives_a_restart(home: Path, study: Study, small: Edition) -> None:
    first = XiyouApp(open_study())
    async with first.run_test() as pilot:
        await pilot.press("right_square_bracket", "down")
        place = reader_of(first).offset_here
    second = XiyouApp(open_study())
    async with second.run_test() as pilot:
        await pilot.pause()
        assert reader_of(second).chapter.number == 2  # type: ignore[union-attr]
        assert reader_of(second).offset_here == place
    assert read_state(study.connection, f"reading.{small.id}") == [2, place]


async def test_going_to_a_place_and_back(app: XiyouApp, small: Edition) -> None:
    async with app.run_test() as pilot:
        await pilot.press("g")
        assert isinstance(app.screen, GoDialog)
        await pilot.press(*"2.2", "enter")
        await pilot.pause()
        reader = reader_of(app)
        assert reader.chapter is not None and reader.chapter.number == 2
        assert reader.chapter.paragraph_at(reader.offset_here).number == 2
        await pilot.press("less_than_sign")
        assert reader.chapter.number == 1


async def test_a_wrong_place_is_explained_and_the_dialog_stays(app: XiyouApp, small: Edition) -> None:
    async with app.run_test() as pilot:
        await pilot.press("g", *"99", "enter")
        await pilot.pause()
        assert isinstance(app.screen, GoDialog)
        assert "没有第 99 回" in str(app.screen.query_one("#told").render())


async def test_search_as_one_types_moves_the_reader(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("slash")
        panel = app.screen.query_one(SearchPanel)
        assert panel.has_class("open")
        await pilot.press(*"祖师")
        await settle(pilot)
        reader = reader_of(app)
        assert reader.chapter is not None and reader.chapter.number == 2
        assert "共 3 处 · 1 回" in str(panel.query_one("#search-count").render())
        await pilot.press("down", "enter")
        await pilot.pause()
        assert not panel.has_class("open") and reader.has_focus
        await pilot.press("full_stop")
        await pilot.pause()
        place = small.chapter(2).text.index("祖师", small.chapter(2).text.index("祖师问") + 1)
        assert reader.offset_here <= place


async def test_tab_changes_the_way_of_searching(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n", *"渡海", "enter")
        await settle(pilot)
        await pilot.press("slash", *"祖师(问|遂)", "tab", "tab")
        await settle(pilot)
        panel = app.screen.query_one(SearchPanel)
        assert "共 2 处 · 1 回" in str(panel.query_one("#search-count").render())
        await pilot.press("backspace")
        await settle(pilot)
        assert "正则表达式写得不对" in str(panel.query_one("#search-count").render())
        await pilot.press("tab", "ctrl+u", *"渡海")
        await settle(pilot)
        assert "共 1 处" in str(panel.query_one("#search-count").render())


async def test_words_of_a_title_are_found(app: XiyouApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ideographic_comma", *"尸魔")
        await settle(pilot)
        assert reader_of(app).chapter.number == 27  # type: ignore[union-attr]


async def test_the_script_changes_and_the_place_stays(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("down", "t", "t")
        await pilot.pause()
        reader = reader_of(app)
        text = "\n".join(reader.render_line(y).text for y in range(20))
        assert "衆猴" in text and app.study.settings["interface.script"] == "traditional"
        assert small.chapter(1).paragraph_at(reader.offset_here).number == 2


async def test_bookmarks_can_be_set_listed_and_removed(app: XiyouApp, small: Edition) -> None:
    async with app.run_test() as pilot:
        await pilot.press("down", "m", "home", "apostrophe")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert small.chapter(1).paragraph_at(reader_of(app).offset_here).number == 2
        await pilot.press("m", "apostrophe")
        await pilot.pause()
        assert "还没有书签" in str(app.screen.query("Label").first().render())


async def test_a_text_is_imported_only_when_accepted(app: XiyouApp, tmp_path: Path, novel_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("o")
        assert isinstance(app.screen, ImportDialog)
        app.screen.query_one("#path").value = str(novel_path)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await settle(pilot)
        assert app.study.library.current().is_synopsis
        await pilot.press("enter")
        await pilot.pause()
        assert not app.study.library.current().is_synopsis
        assert isinstance(app.screen, CorpusScreen)


@pytest.mark.parametrize("content, words", [(b"", "空"), (bytes(range(256)) * 40, "文本"), (None, "没有")])
async def test_a_bad_file_is_explained(app: XiyouApp, tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "x.txt"
    if content is not None:
        path.write_bytes(content)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("o")
        app.screen.query_one("#path").value = str(path)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await settle(pilot)
        told = str(app.screen.query_one("#told").render())
        assert words in told and "下一步" in told
        assert isinstance(app.screen, ImportDialog)


async def test_a_note_is_written_and_shown_beside_the_text(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("n", "enter")
        await pilot.pause()
        assert "空的" in str(app.screen.query_one("#told").render())
        await pilot.press(*"仙石的来历", "enter")
        await settle(pilot)
        facts = str(app.screen.query_one("#facts").render())
        assert "仙石的来历" in facts and "自注" in facts and "不是原文" in facts


async def test_the_common_scenes_of_two_are_listed_and_opened(app: XiyouApp, small: Edition) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p", *"孙悟空")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        reader = reader_of(app)
        assert isinstance(app.screen, CorpusScreen) and reader.chapter is not None and reader.chapter.number == 1
        assert reader.chapter.paragraph_at(reader.offset_here).number == 1


async def test_two_editions_are_compared(app: XiyouApp, study: Study, small: Edition) -> None:
    from xiyou_tui.corpus.model import Chapter, edition_id

    changed = tuple(
        Chapter.compose(c.number, c.title, [(c.text[p.start : p.end].replace("仙石", "大石"), p.kind, False) for p in c.paragraphs]) for c in small.chapters
    )
    study.library.add(Edition(edition_id(changed), "别本", "novel", "simplified", "别本.txt", changed), make_current=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("d")
        await settle(pilot)
        shown = str(app.screen.query_one("#compared").render())
        assert "别本.txt" in shown and "1 处不同" in shown and "仙大石" in shown
        await pilot.press("escape")


async def test_help_lists_every_key_and_closes(app: XiyouApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, CorpusScreen)


async def test_settings_change_from_the_screen_and_from_outside(app: XiyouApp) -> None:
    from xiyou_tui.storage.settings import load_settings, save_settings

    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("f9", "enter")
        await pilot.pause()
        assert load_settings(app.study.places.settings)["interface.script"] == "simplified"
        await pilot.press("escape")
        save_settings(app.study.places.settings, app.study.settings.changed("interface.width", 40))
        for _ in range(50):
            await pilot.pause(0.1)
            if app.study.settings["interface.width"] == 40:
                break
        assert app.study.settings["interface.width"] == 40


@pytest.mark.parametrize("size", [(40, 12), (20, 6), (80, 24), (200, 60)])
async def test_any_size_of_terminal_works(app: XiyouApp, small: Edition, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.press("down", "right", "i", "c", "c", "slash", *"猴", "escape", "pagedown", "pageup")
        await pilot.pause()


async def test_a_bug_ends_in_one_sentence_with_the_details_in_the_log(home: Path, small: Edition) -> None:
    app = XiyouApp(open_study())
    with pytest.raises(ZeroDivisionError):
        async with app.run_test() as pilot:
            app.call_later(lambda: 1 // 0)
            await pilot.pause()
    assert app.return_code == 2
    (log,) = (home / "log").glob("bug-*.txt")
    assert "ZeroDivisionError" in log.read_text("utf-8")


async def test_without_a_study_the_cover_comes_first_and_then_the_reader(home: Path) -> None:
    app = XiyouApp()
    async with app.run_test() as pilot:
        for _ in range(100):
            await pilot.pause(0.02)
            if isinstance(app.screen, CorpusScreen):
                break
        assert isinstance(app.screen, CorpusScreen)


async def test_a_workplace_that_cannot_be_opened_is_told_after_the_screen_is_gone(home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    home.write_text("in the way")
    app = XiyouApp()
    async with app.run_test() as pilot:
        await pilot.pause(0.3)
    assert app.failure is not None and "XIYOU_HOME" in app.failure.next_step


def test_snapshot_narrow(snap_compare, study: Study, small: Edition) -> None:  # type: ignore[no-untyped-def]
    async def before(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("down", "v", "right")

    assert snap_compare(XiyouApp(open_study()), terminal_size=(80, 24), run_before=before)


def test_snapshot_wide(snap_compare, study: Study, small: Edition) -> None:  # type: ignore[no-untyped-def]
    async def before(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("slash", *"祖师")
        await settle(pilot)

    assert snap_compare(XiyouApp(open_study()), terminal_size=(120, 40), run_before=before)


def test_snapshot_help(snap_compare, study: Study) -> None:  # type: ignore[no-untyped-def]
    assert snap_compare(XiyouApp(open_study()), terminal_size=(100, 40), press=["f10"])
