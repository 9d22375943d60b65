"""Fetching a model from the Models pane, driven by keys against a model site on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from tests.corpus.server import status, whole
from tests.models.conftest import content as content
from tests.models.conftest import server as server
from tests.models.hub import COMMIT, Site, slowly
from tests.tui.runs import a_model
from tests.tui.test_models import details, names, open_models
from tests.tui.waiting import until
from xiyou_tui.models.download import Downloader, Order
from xiyou_tui.models.hubs import Hub
from xiyou_tui.models.parts import folder_of, list_pending
from xiyou_tui.models.troubles import DownloadError
from xiyou_tui.storage.places import Places
from xiyou_tui.study import open_study
from xiyou_tui.tui.app import XiyouApp
from xiyou_tui.tui.screens import get_model
from xiyou_tui.tui.screens.get_model import GetDialog
from xiyou_tui.tui.screens.models import ModelsScreen
from xiyou_tui.tui.screens.train_dialogs import AskDialog
from xiyou_tui.tui.widgets.choice import Choice
from xiyou_tui.tui.widgets.download_card import DownloadCard

SIZES = [(80, 24), (120, 40)]
WEIGHTS = "model.safetensors"
REPO = "mlx-community/Qwen3-4B-Instruct-2507-4bit"
HOST = "http://models.invalid"
pytestmark = pytest.mark.usefixtures("utc")


@pytest.fixture
def site(server, content, places: Places, monkeypatch: pytest.MonkeyPatch) -> Site:  # type: ignore[no-untyped-def]
    """A mirror that the settings name, with a suggested model; reached through the server as a proxy, so that pictures don't hold its port."""
    monkeypatch.setenv("http_proxy", server.address)
    monkeypatch.setattr(get_model, "available_memory", lambda: 9_600_000_000)
    places.settings.parent.mkdir(parents=True, exist_ok=True)
    places.settings.write_text(f'[network]\nmirror = "{HOST}"\n', "utf-8")
    made = Site(server, dict(content), repo=REPO)
    made.serve()
    for path, answers in list(server.answers.items()):
        server.answers[HOST + path] = answers
    for name in made.large:
        server.on(HOST + made.file_path(name), status(302, b"", Location=f"{HOST}{made.data_path(name)}"))
    return made


@pytest.fixture
def app(site: Site) -> XiyouApp:
    return XiyouApp(open_study())


def card(screen: ModelsScreen) -> str:
    found = screen.query_one(DownloadCard)
    return str(found.content) if found.display else ""


def told(app: XiyouApp) -> str:
    return str(app.screen.query_one("#told", Static).content)


def on(site: Site, name: str, *answers) -> None:  # type: ignore[no-untyped-def]
    site.server.on(HOST + site.data_path(name), *answers)


def asked(site: Site, name: str) -> list[str]:
    return [asked.headers.get("Range", "") for asked in site.server.asked if asked.path == HOST + site.data_path(name)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_suggested_model_is_fetched_and_used(app: XiyouApp, site: Site, places: Places, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        screen = await open_models(pilot)
        assert "按 g" in details(screen)
        await pilot.press("g")
        await until(pilot, lambda: isinstance(app.screen, GetDialog) and HOST in told(app))
        # Nothing is asked before Enter, and what fits this machine is chosen already.
        assert f"{HOST}/{REPO}" in told(app) and "还没有发出任何请求" in told(app) and "9.60 GB" in told(app) and not site.server.asked
        box = app.screen.query_one(".dialog").region
        assert box.height <= size[1] and app.screen.query_one("#told").region.bottom <= box.bottom
        await pilot.press("enter")
        place = places.models / REPO.rpartition("/")[2]
        await until(pilot, lambda: app.screen is screen and names(screen) == [str(place)])
        assert card(screen) == "" and "下载所得" in details(screen) and REPO in details(screen).replace("\n", "").replace(" ", "") and "apache-2.0" in details(screen) and not list_pending(places)
        assert any("按 Enter 就用它对话" in notice.message for notice in app._notifications)
        await pilot.press("enter")
        await until(pilot, lambda: app.study.settings.text("chat.model") == str(place))
        await pilot.press("g")
        await until(pilot, lambda: isinstance(app.screen, GetDialog))
        assert any("有了" in str(option.prompt) for option in app.screen.query_one("#models", OptionList).options)
        await pilot.press("escape")


async def test_the_place_is_chosen_and_a_name_is_typed(app: XiyouApp, site: Site) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await open_models(pilot)
        await pilot.press("ctrl+g")
        await until(pilot, lambda: isinstance(app.screen, GetDialog))
        await pilot.press("tab", "right")
        await until(pilot, lambda: f"https://modelscope.cn/models/{REPO}" in told(app))
        await pilot.press("right")
        await until(pilot, lambda: f"https://huggingface.co/{REPO}" in told(app))
        await pilot.press("shift+tab", "end", "enter")
        await until(pilot, lambda: app.screen.query_one("#repo").has_focus)
        await pilot.press("enter")
        assert isinstance(app.screen, GetDialog)
        app.screen.query_one("#repo", Input).value = "qwen"
        await pilot.press("enter")
        await until(pilot, lambda: "不像一个模型的名字" in told(app))
        app.screen.query_one("#repo", Input).value = "https://www.modelscope.cn/models/a/b"
        await until(pilot, lambda: "https://modelscope.cn/models/a/b" in told(app))
        assert app.screen.query_one(Choice).value == "modelscope"
        await pilot.press("escape")
        assert isinstance(app.screen, GetDialog)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, ModelsScreen) and not site.server.asked


async def test_it_is_paused_gone_on_with_and_goes_on_elsewhere(app: XiyouApp, site: Site, content: dict[str, bytes], places: Places) -> None:
    on(site, WEIGHTS, slowly(content[WEIGHTS], piece=2048, rest=0.08))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_models(pilot)
        await pilot.press("g")
        await until(pilot, lambda: isinstance(app.screen, GetDialog))
        await pilot.press("enter")
        folder = str(folder_of(places, REPO))
        await until(pilot, lambda: WEIGHTS in card(screen) and names(screen) == [folder])
        assert "正在下载" in card(screen) and "p 暂停" in card(screen)
        # One at a time, and what is being fetched can be neither thrown away nor trained.
        await pilot.press("g", "d", "t", "enter")
        await pilot.pause()
        assert app.screen is screen
        await pilot.press("p")
        await until(pilot, lambda: "已暂停" in card(screen))
        size = (Path(folder) / f"{WEIGHTS}.part").stat().st_size
        assert 0 < size < len(content[WEIGHTS]) and "按 Enter" in details(screen)
        await pilot.press("enter")
        await until(pilot, lambda: asked(site, WEIGHTS)[-1] == f"bytes={size}-")
        await pilot.press("f1")
        await until(pilot, lambda: app.current_mode == "corpus")
        on(site, WEIGHTS, whole(content[WEIGHTS]))
        app.downloads.pause()
        await until(pilot, lambda: not app.downloads.live)
        assert app.downloads.state is not None
        app.downloads.start(app.downloads.state.order)
        await until(pilot, lambda: any("在模型里" in notice.message and notice.title == "下好了" for notice in app._notifications))
        await pilot.press("f6")
        await until(pilot, lambda: names(screen) == [str(places.models / REPO.rpartition("/")[2])] and card(screen) == "")


async def test_what_was_left_the_last_time_is_listed(app: XiyouApp, site: Site, content: dict[str, bytes], places: Places) -> None:
    on(site, WEIGHTS, whole(content[WEIGHTS], cut=9000), status(404))
    with pytest.raises(DownloadError):
        Downloader(Order(Hub("mirror", HOST), REPO), places, sleep=lambda seconds: None).run()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        await until(pilot, lambda: "按 Enter" in details(screen) and COMMIT[:12] in details(screen))
        on(site, WEIGHTS, whole(content[WEIGHTS]))
        await pilot.press("enter")
        await until(pilot, lambda: names(screen) == [str(places.models / REPO.rpartition("/")[2])])
        assert asked(site, WEIGHTS)[-1] == "bytes=9000-"


async def test_a_failure_stands_on_the_pane_with_what_to_do(app: XiyouApp, site: Site, places: Places) -> None:
    on(site, WEIGHTS, status(404))
    async with app.run_test(size=(100, 36)) as pilot:
        screen = await open_models(pilot)
        await pilot.press("g")
        await until(pilot, lambda: isinstance(app.screen, GetDialog))
        await pilot.press("enter")
        await until(pilot, lambda: "没有下完" in card(screen))
        assert "下一步" in card(screen) and "ModelScope" in card(screen) and not app._notifications
        await until(pilot, lambda: names(screen) == [str(folder_of(places, REPO))])
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("down", "enter")
        await until(pilot, lambda: not names(screen) and card(screen) == "")
        assert not list_pending(places) and "按 g" in details(screen)


async def test_what_is_begun_is_under_the_cursor_and_a_small_window_still_tells(app: XiyouApp, site: Site, content: dict[str, bytes], places: Places) -> None:
    a_model(places.models / "Qwen-mini")
    on(site, WEIGHTS, slowly(content[WEIGHTS], piece=2048, rest=0.08))
    async with app.run_test(size=(50, 20)) as pilot:
        await pilot.press("f6")
        screen = app.screen
        assert isinstance(screen, ModelsScreen)
        await until(pilot, lambda: len(names(screen)) == 1)
        await pilot.press("g")
        await until(pilot, lambda: isinstance(app.screen, GetDialog))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen and len(names(screen)) == 2 and "正在下" in str(screen.shelf.get_option(str(folder_of(places, REPO))).prompt))
        assert (item := screen._here()) is not None and item.kind == "part"
        on(site, WEIGHTS, status(404))
        await pilot.press("p")
        await until(pilot, lambda: not app.downloads.live)
        await pilot.press("p")
        await until(pilot, lambda: any(notice.title == "没有下完" for notice in app._notifications))


async def test_p_without_a_download_says_so(app: XiyouApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await open_models(pilot)
        await pilot.press("p")
        await until(pilot, lambda: any("按 g 下载" in notice.message for notice in app._notifications))


@pytest.mark.parametrize("size", SIZES)
def test_snapshot_of_the_dialog(snap_compare, app: XiyouApp, places: Places, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(get_model, "free_space", lambda path: 78_000_000_000)
    a_model(places.models / "Qwen-mini")

    async def before(pilot: Pilot[None]) -> None:
        await open_models(pilot)
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.screen, GetDialog) and HOST in str(pilot.app.screen.query_one("#told", Static).content))
        pilot.app.screen_stack[0].query_one("#details", Static).update("")

    assert snap_compare(app, terminal_size=size, run_before=before)
