"""The models pane over directories that are models as far as their headers say, and some that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, Label, OptionList, Static

from tests.tui.runs import a_checkpoint, a_model, a_past, a_run, write_arrays
from tests.tui.waiting import until
from xiyou_tui.errors import ModelError
from xiyou_tui.models.making import practice_path
from xiyou_tui.storage.files import write_json
from xiyou_tui.storage.places import Places
from xiyou_tui.study import Study, open_study
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.tui.app import XiyouApp
from xiyou_tui.tui.screens.add_model import AddDialog
from xiyou_tui.tui.screens.models import ModelsScreen
from xiyou_tui.tui.screens.train_dialogs import AskDialog
from xiyou_tui.tui.screens.train_form import RecipeForm
from xiyou_tui.tui.shelf import inspect_directory, known_directories, list_shelf, remember_directory

pytestmark = pytest.mark.usefixtures("utc")


async def open_models(pilot: Pilot[None]) -> ModelsScreen:
    await pilot.press("f6")
    screen = pilot.app.screen
    assert isinstance(screen, ModelsScreen)
    await until(pilot, lambda: bool(details(screen)))
    return screen


def details(screen: ModelsScreen) -> str:
    return str(screen.query_one("#details", Static).content)


def names(screen: ModelsScreen) -> list[str]:
    shelf = screen.query_one("#shelf", OptionList)
    return [str(option.id) for option in shelf.options if option.id]


def make_app() -> XiyouApp:
    return XiyouApp(open_study())


def an_adapter(path: Path, base: Path) -> Path:
    path.mkdir(parents=True)
    write_arrays(path / "adapters.safetensors", {"a": (8, 2), "b": (2, 8)})
    write_json(path / "adapter_config.json", {"model": str(base)})
    return path


def test_the_shelf_holds_models_results_of_runs_and_added_directories(places: Places, tmp_path: Path) -> None:
    base = a_model(places.models / "Qwen-mini")
    practice = a_model(places.models / "practice-abc", name="练手模型", kind="practice", title="小书")
    (places.models / "half").mkdir()
    tuned = a_run(places, "问答那次", number=1, events=a_past())
    a_checkpoint(tuned, 200)
    a_checkpoint(tuned, 240)
    whole = a_run(places, "通读那次", number=2, recipe=Recipe().changed("adapter.kind", "full"), events=a_past())
    a_model(whole.path / "model")
    a_run(places, "还没存的", number=3)
    outside = an_adapter(tmp_path / "lora", base)
    gone = tmp_path / "gone"
    items = {item.name: item for item in list_shelf(places, [str(outside), str(gone)])}
    assert list(items) == ["练手模型", "Qwen-mini", "通读那次", "问答那次", "lora", "gone"]
    assert [item.kind for item in items.values()] == ["practice", "base", "full", "adapter", "adapter", "base"]
    assert items["练手模型"].path == practice and items["Qwen-mini"].parameters == 64 * 8 + 8
    assert items["问答那次"].adapter == tuned.checkpoint(240) and items["问答那次"].parameters == 32
    assert "底座不在" in items["问答那次"].trouble and "gone" in items["gone"].trouble
    assert items["lora"].model == base and not items["lora"].trouble


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "没有这个模型目录"),
        (lambda path: path.mkdir(), "没有 config.json"),
        (lambda path: a_model(path, architecture="no-such-model"), "不认识这种模型结构"),
        (lambda path: (a_model(path) / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{"), "权重文件不完整"),
        (lambda path: (an_adapter(path, path) / "adapters.safetensors").unlink(), "没有权重文件 adapters.safetensors"),
        (lambda path: (an_adapter(path, path) / "adapter_config.json").write_text("["), "读不懂"),
    ],
)
def test_a_directory_that_is_no_model_is_refused_in_chinese(make: Callable[[Path], object], told: str, tmp_path: Path) -> None:
    make(tmp_path / "model")
    with pytest.raises(ModelError) as caught:
        inspect_directory(tmp_path / "model")
    assert told in caught.value.what and caught.value.next_step


async def test_an_empty_shelf_says_what_to_do(app: XiyouApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        assert "还没有模型" in details(screen) and "按 n" in details(screen)
        # Nothing to act on: no key may do harm.
        await pilot.press("enter", "t", "d", "y")
        assert app.screen is screen


async def test_a_model_is_chosen_for_the_chat_and_let_go(places: Places) -> None:
    base = a_model(places.models / "Qwen-mini")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        assert "qwen2" in details(screen) and "520" in details(screen) and str(base) in details(screen).replace("\n", "").replace(" ", "")
        await pilot.press("enter")
        await until(pilot, lambda: "对话正用着它" in details(screen))
        assert app.study.settings.text("chat.model") == str(base)
        assert f'model = "{base}"' in places.settings.read_text("utf-8")
        await pilot.press("x")
        await until(pilot, lambda: "对话正用着它" not in details(screen))
        assert app.study.settings.text("chat.model") == ""


async def test_an_adapter_brings_its_base(study: Study, places: Places, tmp_path: Path) -> None:
    base = a_model(places.models / "Qwen-mini")
    adapter = an_adapter(tmp_path / "lora", base)
    remember_directory(study.connection, adapter)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        await pilot.press("down")
        await until(pilot, lambda: "适配器" in details(screen))
        await pilot.press("enter")
        assert (app.study.settings.text("chat.model"), app.study.settings.text("chat.adapter")) == (str(base), str(adapter))
        # Taken off the list: the files stay, and the chat no longer names it.
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("down", "enter")
        await until(pilot, lambda: names(screen) == [str(base)])
        assert adapter.exists() and app.study.settings.text("chat.adapter") == ""


async def test_a_directory_is_added_by_its_path(app: XiyouApp, tmp_path: Path) -> None:
    directory = a_model(tmp_path / "模型" / "Qwen mini")
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, AddDialog))
        app.screen.query_one(Input).value = str(tmp_path)
        await pilot.press("enter")
        await until(pilot, lambda: "没有 config.json" in str(app.screen.query_one("#told", Label).content))
        # As dragging it into the terminal types it.
        app.screen.query_one(Input).value = str(directory).replace(" ", "\\ ")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen and names(screen) == [str(directory)])
        assert known_directories(app.study.connection) == (str(directory),)


async def test_only_our_own_models_go_to_the_bin(places: Places) -> None:
    mine = a_model(places.models / "Qwen-mini")
    run = a_run(places, "通读那次", recipe=Recipe().changed("adapter.kind", "full"), events=a_past())
    a_model(run.path / "model")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        await pilot.press("down", "d")
        await until(pilot, lambda: any("在训练里" in notice.message or "到训练里" in notice.message for notice in app._notifications))
        await pilot.press("up", "d")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("down", "enter")
        await until(pilot, lambda: names(screen) == [str(run.path / "model")])
        assert not mine.exists() and len(list(places.bin.glob("*Qwen-mini"))) == 1


async def test_training_opens_with_the_model_filled_in(places: Places) -> None:
    base = a_model(places.models / "Qwen-7B-mini")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_models(pilot)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, RecipeForm))
        assert isinstance(app.screen, RecipeForm)
        assert app.screen.recipe.model == str(base) and app.screen.recipe.stage == "dapt"
        assert app.current_mode == "train"


async def test_a_practice_model_is_not_remade_without_asking(study: Study, places: Places) -> None:
    path = a_model(practice_path(places, study.library.current()), name="练手模型", kind="practice", title="提要卷", made=1788415500.0)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        assert "09-03 06:05" in details(screen)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("escape")
        assert path.exists() and not list(places.bin.iterdir())


@pytest.mark.slow
async def test_one_key_makes_the_practice_model(app: XiyouApp, places: Places) -> None:
    told: list[str] = []

    def listen(message: Message) -> None:
        if isinstance(message, ModelsScreen.MakingWentOn):
            told.append(message.what)

    async with app.run_test(size=(100, 30), message_hook=listen) as pilot:
        screen = await open_models(pilot)
        await pilot.press("n")
        await until(pilot, lambda: "提要卷" in details(screen) and not screen.has_class("busy"), 60)
        assert list_shelf(places)[0].kind == "practice"
        assert any("学词表" in what for what in told)


def test_snapshot_narrow(snap_compare, study: Study, places: Places) -> None:  # type: ignore[no-untyped-def]
    a_model(practice_path(places, study.library.current()), name="练手模型", kind="practice", title="提要卷", made=1788415500.0, note="很小。")
    a_model(places.models / "Qwen-mini")
    a_model(a_run(places, "通读那次", recipe=Recipe().changed("adapter.kind", "full"), events=a_past()).path / "model")
    app = make_app()

    async def before(pilot: Pilot[None]) -> None:
        screen = await open_models(pilot)
        # The path of a temporary directory is different every time.
        await pilot.press("down")
        await until(pilot, lambda: "Qwen-mini" in details(screen))
        kept = [line for line in details(screen).splitlines() if "/" not in line]
        screen.query_one("#details", Static).update("\n".join(kept[:12]))

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
