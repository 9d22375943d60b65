"""Fusing, quantising and exporting in the Models pane, over real small models: what it will cost, how it goes, what came of it."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from tests.models.made import an_adapter
from tests.tui.runs import a_model, a_past, a_run
from tests.tui.test_models import details, make_app, names, open_models
from tests.tui.waiting import until
from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.models.practice import Shape, make_practice_model
from xiyou_tui.models.registry import inspect_model
from xiyou_tui.storage.files import write_json
from xiyou_tui.storage.places import Places
from xiyou_tui.tui.screens.model_making import ModelMaking
from xiyou_tui.tui.screens.model_making_dialogs import MadeDialog, MakingDialog
from xiyou_tui.tui.screens.models import ModelsScreen
from xiyou_tui.tui.screens.train_dialogs import AskDialog

pytestmark = [pytest.mark.usefixtures("utc"), pytest.mark.slow]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small model and an adapter on it."""
    root = tmp_path_factory.mktemp("made")
    texts = [chapter.text for chapter in load_synopsis().chapters]
    base = make_practice_model(texts, root / "小千问", title="提要", shape=Shape(vocabulary=600, hidden=64, layers=2, intermediate=128))
    return base, an_adapter(root / "adapter", base)


@pytest.fixture
def shelf(places: Places, made_once: tuple[Path, Path]) -> tuple[Path, Path]:
    """The model in our models directory, the adapter as the result of a run."""
    base = Path(shutil.copytree(made_once[0], places.models / "小千问"))
    run = a_run(places, "问答那次", events=a_past())
    adapter = Path(shutil.copytree(made_once[1], run.checkpoint(240)))
    write_json(adapter / "state.json", {"step": 240})
    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    write_json(adapter / "adapter_config.json", {**config, "model": str(base)})
    meta = run.meta().as_record()
    meta["model"]["path"] = str(base)
    write_json(run.path / "meta.json", meta)
    return base, adapter


async def choose(pilot: Pilot[None], path: Path) -> ModelsScreen:
    """The pane with the cursor on the item that lies at `path`."""
    screen = await open_models(pilot)
    await until(pilot, lambda: str(path) in names(screen))
    place = [option.id for option in screen.query_one("#shelf", OptionList).options].index(str(path))
    screen.query_one("#shelf", OptionList).highlighted = place
    await pilot.pause()
    return screen


async def planned(pilot: Pilot[None]) -> MakingDialog:
    """The dialog, once it knows what the choice costs or why it can't be."""
    await until(pilot, lambda: isinstance(pilot.app.screen, MakingDialog) and bool(told(pilot)))
    dialog = pilot.app.screen
    assert isinstance(dialog, MakingDialog)
    return dialog


def told(pilot: Pilot[None]) -> str:
    found = pilot.app.screen.query("#told")
    return str(found.first(Static).content).replace("\n", "").replace(" ", "") if found else ""


async def made(pilot: Pilot[None]) -> str:
    def text() -> str:
        found = pilot.app.screen.query("#made") if isinstance(pilot.app.screen, MadeDialog) else ()
        return "".join(str(place.content) for place in found if isinstance(place, Static))

    await until(pilot, lambda: bool(text()), 60)
    return text()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_an_adapter_is_fused_and_the_result_selected(size: tuple[int, int], shelf: tuple[Path, Path], places: Places) -> None:
    steps: list[str] = []

    def listen(message: Message) -> None:
        if isinstance(message, ModelMaking.ConversionWentOn):
            steps.append(message.what)

    app = make_app()
    async with app.run_test(size=size, message_hook=listen) as pilot:
        screen = await choose(pilot, shelf[1])
        await pilot.press("f")
        await planned(pilot)
        assert "没有量化" in told(pilot) and "磁盘" in told(pilot) and "内存" in told(pilot)
        await pilot.press("tab")
        await pilot.press(*"小千问")
        await until(pilot, lambda: "已经有「小千问」" in told(pilot))
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, MakingDialog), "nothing begins while the name is taken"
        app.screen.query_one(Input).value = "我的专家"
        await until(pilot, lambda: "我的专家" in told(pilot))
        await pilot.press("ctrl+s")
        text = await made(pilot)
        assert "困惑度" in text and "适配器" in text and "几乎没有丢" in text
        await pilot.press("escape")
        await until(pilot, lambda: "合并自「练手模型」" in details(screen).replace("\n", "").replace(" ", ""))
        assert "我的专家" in details(screen) and "困惑度" in details(screen) and not screen.has_class("busy")
        assert inspect_model(places.models / "我的专家").marker["trained_on"][0]["name"] == "问答那次"
        assert "打开底座" in steps and "写入磁盘" in steps


async def test_a_model_is_quantised_as_chosen(shelf: tuple[Path, Path], places: Places) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await choose(pilot, shelf[0])
        await pilot.press("z")
        await planned(pilot)
        assert "4位" in told(pilot)
        await pilot.press("right", "down", "right")
        await until(pilot, lambda: "8位、每组32个" in told(pilot))
        await pilot.press("down", "enter")
        assert "困惑度" in await made(pilot)
        assert inspect_model(places.models / "小千问-8bit").bits == 8


async def test_what_can_not_be_exported_says_what_to_do_instead(shelf: tuple[Path, Path], places: Places, tmp_path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        # A structure that is not written as GGUF here, and that Ollama reads as it is.
        config = json.loads((shelf[0] / "config.json").read_text("utf-8"))
        write_json(shelf[0] / "config.json", {**config, "model_type": "phi3", "architectures": ["Phi3ForCausalLM"]})
        await choose(pilot, shelf[0])
        await pilot.press("e")
        await planned(pilot)
        await pilot.press("right")
        await until(pilot, lambda: "convert_hf_to_gguf.py" in told(pilot))
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, MakingDialog)
        await pilot.press("right")
        await until(pilot, lambda: "Modelfile" in told(pilot))
        app.screen.query_one(Input).value = str(tmp_path / "给人")
        await until(pilot, lambda: "给人" in told(pilot))
        await pilot.press("ctrl+s")
        assert "ollama create" in await made(pilot)
        assert (tmp_path / "给人" / "Modelfile").exists()


async def test_it_can_be_stopped_and_only_one_is_made_at_a_time(shelf: tuple[Path, Path], places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    from xiyou_tui.models import converting

    # A child that begins and never ends, as a large model's does for a while.
    real = converting.child_command
    waiting = "import os,sys;os.write(1,b'{\"what\":\"x\",\"share\":0.5}\\n');sys.stdin.read();sys.exit(3)"
    monkeypatch.setattr(converting, "child_command", lambda *arguments: [real("x")[0], "-c", waiting])
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await choose(pilot, shelf[0])
        await pilot.press("z")
        await planned(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "x" in str(screen.query_one("#making", Static).content))
        await pilot.press("e")
        await until(pilot, lambda: any("做完再来" in notice.message for notice in app._notifications))
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("down", "enter")
        await until(pilot, lambda: not screen.has_class("busy"))
        assert any("停下了" in notice.message for notice in app._notifications)
        assert names(screen)[0] == str(shelf[0]) and len(list(places.models.iterdir())) == 1


async def test_leaving_the_app_ends_what_is_being_made(shelf: tuple[Path, Path], places: Places) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await choose(pilot, shelf[1])
        await pilot.press("f")
        await planned(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(list(places.models.glob(".making-*"))))
    # Its thread ends with the loop of the real app; here it takes a moment.
    until_then = time.monotonic() + 20
    while [path.name for path in places.models.iterdir()] != ["小千问"]:
        assert time.monotonic() < until_then
        time.sleep(0.05)


async def test_what_a_dead_child_left_is_swept_and_bad_adapters_are_told(shelf: tuple[Path, Path], places: Places) -> None:
    left = places.models / ".making-half.1"
    left.mkdir()
    (left / "model.safetensors").write_bytes(b"half")
    (shelf[0] / "config.json").rename(places.models / "gone.json")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await choose(pilot, shelf[1])
        assert not left.exists()
        await pilot.press("f")
        await until(pilot, lambda: any("config.json" in notice.message for notice in app._notifications))
        assert not isinstance(app.screen, MakingDialog)


async def test_keys_say_what_they_are_for(places: Places, tmp_path: Path) -> None:
    base = a_model(places.models / "Qwen-mini")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await choose(pilot, base)
        await pilot.press("f", "k")
        await until(pilot, lambda: {"要合并的是适配器：选「训练所得」里的一个。这是完整的模型。", "没有要停的。"} <= {notice.message for notice in app._notifications})


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_snapshot_of_the_choice(size: tuple[int, int], snap_compare, shelf: tuple[Path, Path]) -> None:  # type: ignore[no-untyped-def]
    app = make_app()

    async def before(pilot: Pilot[None]) -> None:
        config = json.loads((shelf[0] / "config.json").read_text("utf-8"))
        write_json(shelf[0] / "config.json", {**config, "model_type": "phi3"})
        screen = await choose(pilot, shelf[0])
        await pilot.press("e")
        dialog = await planned(pilot)
        await pilot.press("right")
        await until(pilot, lambda: "convert_hf_to_gguf.py" in told(pilot))
        # The path of a temporary directory is different every time, and so is the time.
        screen.query_one("#details", Static).update("")
        assert dialog is pilot.app.screen

    assert snap_compare(app, terminal_size=size, run_before=before)
