"""The dialog that fetches a text, driven by keys against a server on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.corpus.conftest import make_book
from tests.corpus.server import PORTAL, Server, chapter_path, hang_up, make_page, running, status, whole
from tests.tui.waiting import until
from xiyou_tui.storage.places import Places
from xiyou_tui.tui.app import XiyouApp
from xiyou_tui.tui.screens.corpus import CorpusScreen
from xiyou_tui.tui.screens.fetch import FetchDialog

SIZES = [(80, 24), (120, 40)]
# Reached through the server as a proxy, so that pictures and places don't hold its changing port.
HOST = "http://books.invalid"


@pytest.fixture
def server(places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Two sources of the user's own: three chapters, and one file."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (places.config / "sources.toml").write_text(
        f"""
[[source]]
id = "wikisource"
hidden = true
[[source]]
id = "gutenberg"
hidden = true
[[source]]
id = "wiki"
name = "小文库"
about = "三回，自己写的句子。"
addresses = ["{HOST}/w?title=西遊記/第{{chapter:03}}回&action=raw"]
chapters = "1-3"
format = "text"
pause = 0
[[source]]
id = "book"
name = "一个文件"
addresses = ["{HOST}/book.txt", "{HOST}/other/book.txt"]
""",
        "utf-8",
    )
    with running() as made:
        monkeypatch.setenv("http_proxy", made.address)
        for number in (1, 2, 3):
            made.on(HOST + chapter_path(number), whole(make_page(number).encode()))
        made.on(HOST + "/book.txt", whole(make_book().encode()))
        yield made


def told(app: XiyouApp) -> str:
    return str(app.screen.query_one("#told", Static).render())


def subtitle(app: XiyouApp) -> str:
    return str(app.screen.query_one(".dialog").border_subtitle)


async def test_nothing_is_asked_before_yes(app: XiyouApp, server: Server) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w")
        assert isinstance(app.screen, FetchDialog)
        await pilot.pause()
        assert f"{HOST}/w?title=西遊記/第001回&action=raw" in told(app) and "还没有发出任何请求" in told(app)
        await pilot.press("down")
        await pilot.pause()
        assert f"{HOST}/other/book.txt" in told(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "发请求吗" in told(app) and server.address in told(app)
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert isinstance(app.screen, CorpusScreen) and not server.asked


async def test_a_text_arrives_and_is_accepted(app: XiyouApp, server: Server) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f11", "enter", "enter")
        await until(pilot, lambda: "收下" in subtitle(app))
        assert "3 回" in told(app) and app.study.library.current().is_synopsis
        await pilot.press("enter")
        await pilot.pause()
        edition = app.study.library.current()
        assert isinstance(app.screen, CorpusScreen) and not edition.is_synopsis and edition.source == "小文库（books.invalid）"
        # Once there, it is there: reading it again asks nobody, except when wished.
        await pilot.press("w", "enter")
        await pilot.pause()
        assert "不用再发请求" in told(app)
        await pilot.press("enter")
        await until(pilot, lambda: "收下" in subtitle(app))
        assert len(server.asked) == 3
        await pilot.press("escape", "w", "enter", "a")
        await until(pilot, lambda: "收下" in subtitle(app))
        assert len(server.asked) == 6


async def test_escape_stops_and_keeps(app: XiyouApp, server: Server) -> None:
    path = HOST + chapter_path(2)
    server.on(path, whole(make_page(2).encode(), stall=4000))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w", "enter", "enter")
        await until(pilot, lambda: path in server.paths() and "1 / 3 回" in told(app))
        await pilot.press("escape")
        await until(pilot, lambda: "已停下" in told(app))
        assert "取到的 1 回" in told(app)
        server.on(path, whole(make_page(2).encode()))
        await pilot.press("enter")
        await until(pilot, lambda: "收下" in subtitle(app))
        assert server.asked[-2].headers.get("Range", "").startswith("bytes=") and server.paths().count(HOST + chapter_path(1)) == 1


async def test_a_failure_names_ways_out_and_what_came_can_be_used(app: XiyouApp, server: Server) -> None:
    server.on(HOST + chapter_path(2), status(404))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w", "enter", "enter")
        await until(pilot, lambda: "没有取全" in told(app))
        assert all(word in told(app) for word in ("第 2 回", "换一个来源", "代理", "镜像", "导入文件"))
        await pilot.press("u")
        await until(pilot, lambda: "收下" in subtitle(app))
        assert "2 回" in told(app)


async def test_a_login_page_is_explained(app: XiyouApp, server: Server) -> None:
    server.on(HOST + "/book.txt", whole(PORTAL))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("w", "down", "enter", "enter")
        await until(pilot, lambda: "没有取到" in told(app))
        assert "登录页" in told(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "选来源" in subtitle(app)


async def test_an_address_typed_by_hand(app: XiyouApp, server: Server) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w", "end", "enter")
        box = app.screen.query_one("#address", Input)
        box.value = "file:///etc/passwd"
        await pilot.press("enter")
        await pilot.pause()
        assert "不是能取的网址" in told(app)
        box.value = HOST + "/book.txt"
        await pilot.press("enter")
        await pilot.pause()
        assert "发请求吗" in told(app) and not server.asked
        await pilot.press("enter")
        await until(pilot, lambda: "收下" in subtitle(app))
        assert "100 回" in told(app)


async def test_a_bad_proxy_is_told_before_anything(app: XiyouApp, server: Server) -> None:
    app.study.change_setting("network.proxy", "socks5://127.0.0.1:1080")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w", "enter", "enter")
        await pilot.pause()
        assert "只支持 HTTP 代理" in told(app) and not server.asked


async def test_leaving_while_it_waits_ends_the_fetch(app: XiyouApp, server: Server) -> None:
    server.on(HOST + chapter_path(1), hang_up)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("w", "enter", "enter")
        await until(pilot, lambda: "再试" in told(app))
        for _ in range(3):
            if not isinstance(app.screen, CorpusScreen):
                await pilot.press("escape")
        assert isinstance(app.screen, CorpusScreen)
        asked = len(server.asked)
        await pilot.pause(1.5)
        assert len(server.asked) == asked


async def test_the_first_page_names_the_key(app: XiyouApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        from xiyou_tui.tui.widgets.reader import Reader

        reader = app.screen.query_one(Reader)
        assert "w 从" in "".join(reader.render_line(y).text for y in range(8))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("stage", ["choosing", "asking", "going", "failed", "read"])
def test_pictures(snap_compare: Any, app: XiyouApp, server: Server, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], stage: str) -> None:
    async def before(pilot: Pilot[None]) -> None:
        # What lies behind the dialog is another test's picture.
        for widget in app.screen.children:
            widget.display = False
        if stage == "going":
            server.on(HOST + chapter_path(3), whole(make_page(3).encode(), stall=4096))
        if stage == "failed":
            server.on(HOST + chapter_path(2), status(404))
        if stage == "asking":
            monkeypatch.delenv("http_proxy")
        await pilot.press("w")
        if stage == "choosing":
            await pilot.press("down")
        else:
            await pilot.press("enter")
        if stage in ("going", "failed", "read"):
            await pilot.press("enter")
        words = {"going": "4 KB", "failed": "没有取全", "read": "要留意"}
        if stage in words:
            await until(pilot, lambda: words[stage] in told(app))
        if stage == "failed":
            # The place of the cache is another one in every run.
            shown = app.screen.query_one("#told", Static)
            shown.update(told(app).replace(str(app.study.places.cache), "~/cache"))
        if stage == "choosing":
            shown = app.screen.query_one("#told", Static)
            shown.update(told(app).replace(str(app.study.places.config), "~/config"))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
