"""The Train pane over run directories as the trainer writes them, and once with a real trainer."""

from __future__ import annotations

import fcntl
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from tests.tui.runs import BEGUN, a_checkpoint, a_model, a_past, a_run, append
from tests.tui.waiting import until
from xiyou_tui.corpus.model import Chapter, Edition, edition_id
from xiyou_tui.storage.places import Places
from xiyou_tui.study import Study, open_study
from xiyou_tui.training import events as happened
from xiyou_tui.training.recipe import Recipe, fields_for
from xiyou_tui.training.run import RunDirectory, list_runs
from xiyou_tui.tui.app import XiyouApp
from xiyou_tui.tui.follow import RunEnded, RunFollower, RunsListed, StoryContinued, StoryOpened
from xiyou_tui.tui.notices import describe_end
from xiyou_tui.tui.screens.train import TrainScreen
from xiyou_tui.tui.screens.train_dialogs import AskDialog, CompareDialog, NameDialog, PresetDialog
from xiyou_tui.tui.screens.train_form import RecipeForm
from xiyou_tui.tui.story import RunStory
from xiyou_tui.tui.terminal import announce
from xiyou_tui.tui.widgets.plot import Plot
from xiyou_tui.tui.widgets.run_list import RunList
from xiyou_tui.tui.widgets.run_view import RunView

pytestmark = pytest.mark.usefixtures("utc")


async def open_train(pilot: Pilot[None]) -> TrainScreen:
    """Go to the pane and wait until the chosen run has been read."""
    await pilot.press("f3")
    app = pilot.app
    assert isinstance(app, XiyouApp)
    if any(app.study.places.runs.iterdir()):
        await until(pilot, lambda: isinstance(app.screen, TrainScreen) and bool(app.screen.query_one(RunList).chosen) and bool(head(app)))
        await until(pilot, lambda: "还没有数据" not in plot_text(app))
    await pilot.pause()
    assert isinstance(app.screen, TrainScreen)
    return app.screen


def text_of(app: XiyouApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


def head(app: XiyouApp) -> str:
    return text_of(app, "#head")


def plot_text(app: XiyouApp, name: str = "main") -> str:
    plot = app.screen.query_one(f"#{name}", Plot)
    return "\n".join(plot.render_line(y).text for y in range(plot.size.height))


def make_app() -> XiyouApp:
    return XiyouApp(open_study())


def hold(run: RunDirectory) -> int:
    """Hold a run's lock as its trainer would; the handle to close."""
    handle = os.open(run.lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


# What a run's events come to.


def told(run: RunDirectory, *events: happened.Event) -> RunStory:
    story = RunStory(run)
    story.add(events)
    for event in events:
        story.state = story.state.after(event)
    return story


def evaluated(step: int, loss: float) -> happened.Evaluated:
    return happened.Evaluated(BEGUN + step, step, "held_out", loss, 10.0, 100)


def test_three_rising_evaluations_are_told_in_plain_words(places: Places) -> None:
    run = a_run(places)
    falling = [evaluated(0, 5.0), evaluated(10, 4.0), evaluated(20, 4.1), evaluated(30, 4.2)]
    assert told(run, *falling).alerts() == ()
    (alert,) = told(run, *falling, evaluated(40, 4.3)).alerts()
    assert "连升 3 次" in alert.text
    # The trainer says it too: once is enough.
    warned = told(run, *falling, evaluated(40, 4.3), happened.Warned(BEGUN, "rising", "验证损失连升三次：在死记。"))
    assert [alert.text for alert in warned.alerts()] == ["验证损失连升三次：在死记。"]


def test_a_loss_that_is_no_number_is_told(places: Places) -> None:
    run = a_run(places)
    steps = [happened.Stepped(BEGUN + n, n, 9, 0.1, loss, 1e-3, 1.0, 10, 100.0, 2**20, 1.0) for n, loss in ((1, 4.0), (2, float("nan")), (3, float("nan")))]
    story = told(run, happened.Started(BEGUN, 9), *steps)
    assert "第 2 步" in story.alerts(now=BEGUN + 3)[0].text
    assert [step for step, _ in story.curves.series["loss"]] == [1]


def test_silence_is_told_with_what_to_do(places: Places) -> None:
    story = told(a_run(places), *a_past(ends=False, until=10))
    assert story.alerts(now=BEGUN + 10) == ()
    (alert,) = story.alerts(now=BEGUN + 100)
    assert alert.grave and "95 秒没有消息" in alert.text and "按 k" in alert.text


def test_an_interrupted_run_says_from_where_it_goes_on(places: Places) -> None:
    run = a_run(places, events=a_past(ends=False, until=100))
    story = told(run, *run.events().events)
    story.state = run.settle(story.state)
    assert story.state.status == "interrupted"
    assert "第 80 步" in story.alerts()[0].text


def test_a_failure_says_what_was_kept(places: Places) -> None:
    failure = happened.Failed(BEGUN, 7, "out-of-memory", "内存不够。", "第 5 步的检查点还在。", "把批大小降到 1。")
    story = told(a_run(places), failure)
    assert story.alerts()[0].text == "内存不够。 已保留：第 5 步的检查点还在。 下一步：把批大小降到 1。"


def test_a_resumed_run_forgets_what_it_does_again(places: Places) -> None:
    story = told(a_run(places), *a_past(ends=False, until=100), happened.Started(BEGUN + 99, 240, 40))
    assert [step for step, _ in story.answers["话说孙悟空"]] == [0, 40]
    assert story.curves.series["loss"][-1][0] == 40


def test_memory_near_the_ceiling_is_told_while_it_runs(places: Places) -> None:
    run = a_run(places, events=a_past(ends=False, until=10))
    handle = hold(run)
    try:
        story = told(run, *run.events().events)
        story.state = run.settle(story.state)
        assert story.alerts(available=2**40, now=BEGUN + 5) == ()
        assert "内存" in story.alerts(available=50_331_648, now=BEGUN + 5)[0].text
    finally:
        os.close(handle)


# Following.


def test_the_follower_tells_what_is_new_and_the_end_once(places: Places) -> None:
    posted: list[Message] = []
    follower = RunFollower(places, posted.append)
    run = a_run(places, events=a_past(ends=False, until=50))
    handle = hold(run)
    follower.listen(posted.append)
    follower.want([run.id])
    follower.look()
    listed, opened = posted
    assert isinstance(listed, RunsListed) and listed.entries[0].state.status == "running"
    assert isinstance(opened, StoryOpened) and opened.story.state.step == 50
    posted.clear()
    follower.look()
    assert posted == []
    append(run, [event for event in a_past(ends=False, until=52) if isinstance(event, happened.Stepped) and event.step > 50])
    follower.look()
    assert [type(message) for message in posted] == [RunsListed, StoryContinued]
    assert isinstance(posted[1], StoryContinued) and [event.step for event in posted[1].events if isinstance(event, happened.Stepped)] == [51, 52]
    posted.clear()
    # The trainer is killed: nobody wrote a last word, but the lock is gone.
    os.close(handle)
    follower.look()
    follower.look()
    ended = [message for message in posted if isinstance(message, RunEnded)]
    assert len(ended) == 1 and ended[0].entry.state.status == "interrupted"
    assert "按 R" in describe_end(ended[0].entry)


def test_a_line_still_being_written_waits_for_its_end(places: Places) -> None:
    posted: list[Message] = []
    follower = RunFollower(places, lambda message: None)
    run = a_run(places, events=a_past(ends=False, until=3))
    follower.listen(posted.append)
    follower.want([run.id])
    follower.look()
    with run.metrics.open("ab") as file:
        file.write(b'{"event": "paused", "time": 17')
    posted.clear()
    follower.look()
    assert posted == []
    with run.metrics.open("ab") as file:
        file.write(b'88415510.0, "step": 3}\n')
    follower.look()
    assert isinstance(posted[-1], StoryContinued) and isinstance(posted[-1].events[0], happened.Paused)


# The pane.


async def test_without_runs_the_pane_says_what_to_do(app: XiyouApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_train(pilot)
        notice = screen.query_one("#empty", Static)
        assert notice.display and notice.has_focus
        assert "按 Enter" in str(notice.content) and "练手模型" in str(notice.content)
        assert not screen.query_one(RunView).display


async def test_a_run_is_shown_with_its_numbers_and_its_answers(places: Places) -> None:
    a_run(places, events=a_past())
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot)
        assert "第一次" in head(app) and "已完成" in head(app)
        assert "第 240 / 240 步" in head(app) and "已用 2 分 00 秒" in head(app) and "48 MB" in head(app)
        assert "训练" in plot_text(app) and "验证" in plot_text(app)
        answers = text_of(app, "#told")
        assert "问 话说孙悟空" in answers and answers.index("240 步") < answers.index("200 步")
        assert not app.screen.query_one("#alerts").display


async def test_new_events_reach_the_screen_by_themselves(places: Places) -> None:
    run = a_run(places, events=a_past(ends=False, until=50))
    handle = hold(run)
    app = make_app()
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            await open_train(pilot)
            assert "第 50 / 240 步" in head(app) and "训练中" in head(app)
            append(run, [event for event in a_past(ends=False, until=90) if isinstance(event, happened.Stepped) and event.step > 50])
            await until(pilot, lambda: "第 90 / 240 步" in head(app))
            # Long past, nothing since: the badge says how long.
            assert "没有消息" in head(app)
            os.close(handle)
            handle = -1
            await until(pilot, lambda: "中断" in head(app))
            assert "按 R" in text_of(app, "#alerts")
    finally:
        if handle >= 0:
            os.close(handle)


async def test_the_end_of_a_run_is_told_in_any_mode(places: Places) -> None:
    run = a_run(places, "夜里那次", events=a_past(ends=False, until=50))
    handle = hold(run)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: bool(app.follower.entries))
        append(run, a_past()[-1:])
        os.close(handle)
        await until(pilot, lambda: any("夜里那次" in notice.message for notice in app._notifications))
        assert app.current_mode == "corpus"


async def test_keys_change_what_the_plot_shows(places: Places) -> None:
    a_run(places, events=a_past())
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_train(pilot)
        whole = plot_text(app)
        await pilot.press("plus", "plus")
        assert "放大" in plot_text(app) and plot_text(app).splitlines()[-1].split()[0] != whole.splitlines()[-1].split()[0]
        at_the_end = plot_text(app).splitlines()[-1]
        await pilot.press("left_square_bracket")
        assert plot_text(app).splitlines()[-1] != at_the_end
        await pilot.press("0")
        assert plot_text(app) == whole
        await pilot.press("l")
        assert "对数" in plot_text(app)
        await pilot.press("m")
        assert "平滑 0.9" in plot_text(app)
        for title in ("困惑度", "学习率", "词元/秒", "内存", "梯度范数", "损失"):
            await pilot.press("v")
            assert plot_text(app).startswith(title)
        for tab in ("log", "facts", "answers"):
            await pilot.press("t")
            assert screen.view.look.tab == tab


async def test_runs_are_laid_over_each_other_and_compared(places: Places) -> None:
    a_run(places, "慢的", number=1, events=a_past())
    a_run(places, "快的", number=2, recipe=Recipe().changed("optimizer.learning_rate", 3e-4), events=a_past(faster=3))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_train(pilot)
        assert screen.query_one(RunList).chosen.endswith("0002")
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: "快的" in plot_text(app) and "慢的" in plot_text(app))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CompareDialog) and "学习率" in text_of(app, "#table"))
        table = text_of(app, "#table")
        assert "0.0003" in table and "1e-05" in table
        assert "批大小" not in table
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "快的" not in plot_text(app))


async def test_a_run_gets_another_name_and_tags(places: Places) -> None:
    run = a_run(places, events=a_past())
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_train(pilot)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, NameDialog))
        app.screen.query_one("#name", Input).value = "取经[第一夜]"
        await pilot.press("tab", *"夜里", "enter")
        await until(pilot, lambda: "取经[第一夜]" in head(app))
        assert "#夜里" in head(app)
        assert run.name == "取经[第一夜]" and run.tags == ("夜里",)


async def test_a_deleted_run_lies_in_the_bin_and_comes_back(places: Places) -> None:
    a_run(places, "留着的", number=1, events=a_past())
    run = a_run(places, "不要的", number=2, events=a_past())
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_train(pilot)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("enter")
        assert run.path.exists(), "the first answer keeps it"
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "留着的" in head(app) and not run.path.exists())
        assert [path.name for path in places.bin.iterdir()] == [path.name for path in places.bin.glob(f"*{run.id}")]
        await pilot.press("u")
        await until(pilot, lambda: screen.query_one(RunList).chosen == run.id)
        assert run.path.exists() and "不要的" in head(app)


async def test_curves_are_exported_as_csv_and_svg(places: Places) -> None:
    a_run(places, "甲/乙 <b>", events=a_past())
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_train(pilot)
        await pilot.press("x")
        await until(pilot, lambda: len(list(places.exports.glob("*"))) == 2)
    (table,) = places.exports.glob("*.csv")
    lines = table.read_text("utf-8").splitlines()
    assert lines[0].startswith("step,loss,validation") and len(lines) == 242
    (picture,) = places.exports.glob("*.svg")
    tree = ElementTree.fromstring(picture.read_text("utf-8"))
    assert tree.findtext("{http://www.w3.org/2000/svg}title") == "甲/乙 <b>"
    assert len(tree.findall("{http://www.w3.org/2000/svg}polyline")) == 5


async def test_errors_in_the_log_are_pinned_above_it(places: Places) -> None:
    log = "Running this will result in indexing errors\nRuntimeError: [metal] 出错了\n" + "\n".join(f"第 {n} 行" for n in range(60))
    a_run(places, events=a_past(), log=log)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_train(pilot)
        await pilot.press("t")
        assert text_of(app, "#told").startswith("✗ RuntimeError: [metal] 出错了")
        assert text_of(app, "#told").endswith("第 59 行")


async def test_a_broken_run_is_listed_and_can_be_deleted(places: Places) -> None:
    a_run(places, "好的", number=1, events=a_past())
    broken = places.runs / "20260903-140599-dapt-ffff"
    broken.mkdir()
    (broken / "meta.json").write_text("{", "utf-8")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen) and app.screen.query_one(RunList).chosen == broken.name)
        await pilot.press("t", "t", "x", "v")
        await until(pilot, lambda: "记录" in text_of(app, "#told"))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("down", "enter")
        await until(pilot, lambda: not broken.exists() and "好的" in head(app))


async def test_commands_reach_the_trainer_of_a_live_run_only(places: Places) -> None:
    run = a_run(places, events=a_past(ends=False, until=50))
    handle = hold(run)
    app = make_app()
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            await open_train(pilot)
            await pilot.press("p", "s", "k")
            await until(pilot, lambda: isinstance(app.screen, AskDialog))
            await pilot.press("down", "down", "enter")
            await until(pilot, lambda: isinstance(app.screen, TrainScreen))
            await until(pilot, lambda: run.control.read_text().count("\n") == 3)
            assert [word for word in ("pause", "stop", "abort") if f'"{word}"' in run.control.read_text()] == ["pause", "stop", "abort"]
            # A live run is not deleted.
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, AskDialog))
            await pilot.press("down", "enter")
            await until(pilot, lambda: any("还在训练" in notice.message for notice in app._notifications))
            assert run.path.exists()
    finally:
        os.close(handle)


# The form.


async def open_form(pilot: Pilot[None], preset: int = 0) -> RecipeForm:
    app = pilot.app
    await pilot.press("n")
    await until(pilot, lambda: isinstance(app.screen, PresetDialog))
    await pilot.press(*["down"] * preset, "enter")
    await until(pilot, lambda: isinstance(app.screen, RecipeForm))
    form = app.screen
    assert isinstance(form, RecipeForm)
    await until(pilot, lambda: bool(str(form.query_one("#verdict", Static).content)))
    return form


async def test_the_form_holds_every_field_of_the_stage_and_no_other(app: XiyouApp) -> None:
    async with app.run_test(size=(120, 50)) as pilot:
        await open_train(pilot)
        form = await open_form(pilot)
        fields = form.query_one("#fields", OptionList)
        keys = [fields.get_option_at_index(index).id for index in range(fields.option_count)]
        assert [key for key in keys if key] == [field.key for field in fields_for("dapt")]
        assert "练手模型还没有做" in str(form.query_one("#verdict", Static).content)
        # Another stage has other fields.
        await pilot.press("down", "right")
        keys = [fields.get_option_at_index(index).id for index in range(fields.option_count)]
        assert form.recipe.stage == "sft"
        assert [key for key in keys if key] == [field.key for field in fields_for("sft")]


async def test_a_wrong_value_is_refused_beside_its_field(app: XiyouApp) -> None:
    async with app.run_test(size=(120, 50)) as pilot:
        await open_train(pilot)
        form = await open_form(pilot)
        fields = form.query_one("#fields", OptionList)
        fields.highlighted = fields.get_option_index("loop.batch")
        await pilot.pause()
        about = form.query_one("#about", Static)
        assert "内存不够时先降它" in str(about.content) and "范围 1–1024" in str(about.content)
        before = form.recipe.batch
        await pilot.press("enter")
        form.query_one("#value", Input).value = "两千"
        await pilot.press("enter")
        assert "要写整数" in str(about.content) and form.recipe.batch == before
        form.query_one("#value", Input).value = "2"
        await pilot.press("enter")
        assert form.recipe.batch == 2 and fields.has_focus
        await pilot.press("ctrl+r")
        assert form.recipe.batch == Recipe().batch


async def test_a_preset_for_a_real_model_asks_for_one_first(app: XiyouApp) -> None:
    async with app.run_test(size=(120, 50)) as pilot:
        await open_train(pilot)
        form = await open_form(pilot, preset=3)
        assert "选一个模型目录" in str(form.query_one("#verdict", Static).content)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert app.screen is form


async def test_the_estimate_says_whether_it_fits_and_follows_the_fields(app: XiyouApp, places: Places, tmp_path: Path) -> None:
    directory = a_model(tmp_path / "Qwen-mini")
    async with app.run_test(size=(120, 50)) as pilot:
        screen = await open_train(pilot)
        screen.new_run_with(str(directory))
        await until(pilot, lambda: isinstance(app.screen, RecipeForm))
        form = app.screen
        assert isinstance(form, RecipeForm)

        def verdict() -> str:
            return str(form.query_one("#verdict", Static).content)

        await until(pilot, lambda: "约需" in verdict())
        assert verdict().startswith("够用") and "提要卷" in verdict() and "时间还不知道" in verdict()
        fields = form.query_one("#fields", OptionList)
        fields.highlighted = fields.get_option_index("loop.batch")
        await pilot.press("enter")
        form.query_one("#value", Input).value = "1024"
        await pilot.press("enter")
        fields.highlighted = fields.get_option_index("data.max_length")
        await pilot.press("enter")
        form.query_one("#value", Input).value = "32768"
        await pilot.press("enter")
        await until(pilot, lambda: verdict().startswith("放不下"))
        assert "批大小从 1024 降到 1" in verdict()


# Pictures.


def test_snapshot_empty(snap_compare, study: Study) -> None:  # type: ignore[no-untyped-def]
    async def before(pilot: Pilot[None]) -> None:
        await open_train(pilot)

    assert snap_compare(make_app(), terminal_size=(80, 24), run_before=before)


def test_snapshot_narrow(snap_compare, places: Places) -> None:  # type: ignore[no-untyped-def]
    a_run(places, "第一次", number=1, events=a_past())
    a_run(places, "断了的", number=2, events=a_past(ends=False, until=100))

    async def before(pilot: Pilot[None]) -> None:
        await open_train(pilot)

    assert snap_compare(make_app(), terminal_size=(80, 24), run_before=before)


def test_snapshot_wide(snap_compare, places: Places) -> None:  # type: ignore[no-untyped-def]
    a_run(places, "第一次", number=1, events=a_past())
    a_run(places, "学习率高的", number=2, events=a_past(faster=3))

    async def before(pilot: Pilot[None]) -> None:
        await open_train(pilot)
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: "第一次" in plot_text(pilot.app) and "学习率高的" in plot_text(pilot.app))  # type: ignore[arg-type]

    assert snap_compare(make_app(), terminal_size=(120, 40), run_before=before)


# With a real trainer.

TEXT = "却说花果山上有一块仙石，受日月精华，忽一日迸裂，产一石卵，见风化作一个石猴。那猴会行走跳跃，食草木，饮涧泉，与狼虫为伴，虎豹为群。"


def a_small_book(paragraphs: int = 3) -> Edition:
    chapters = tuple(
        Chapter.compose(number, f"石猴第{number}事 仙山第{number}春", [(f"{TEXT}第{number}日，{TEXT}", "prose", False) for _ in range(paragraphs)])  # type: ignore[list-item]
        for number in range(1, 9)
    )
    return Edition(edition_id(chapters), "小书", "novel", "simplified", "tests", chapters)


@pytest.mark.slow
async def test_the_chat_lets_go_of_its_model_before_a_run_starts(study: Study) -> None:
    from xiyou_tui.chat.protocol import GenerateRequest
    from xiyou_tui.tui.launching import make_model, silent
    from xiyou_tui.tui.screens.chat import ChatScreen

    study.library.add(a_small_book())
    card = make_model(study, again=True, progress=silent)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f4")
        chat = app.screen
        assert isinstance(chat, ChatScreen)
        engine = chat.responder.engine
        request = GenerateRequest(id="1", model=str(card.path), messages=({"role": "user", "content": "石猴"},), max_tokens=2)
        async for _ in engine.ask(request):
            pass
        assert engine.loaded
        await app.release_engine()
        assert not engine.loaded


@pytest.mark.slow
async def test_one_key_makes_a_model_and_trains_it_to_the_end(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    # Long enough that a busy machine does not find it finished between two looks.
    study.library.add(a_small_book(24))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: bool(list_runs(study.places)), 60)
        (run,) = list_runs(study.places)
        await until(pilot, lambda: "训练中" in head(app) and run.state().step >= 3, 60)
        await pilot.press("p")
        await until(pilot, lambda: "已暂停" in head(app), 60)
        await pilot.press("p")
        await until(pilot, lambda: "训练中" in head(app), 60)
        await pilot.press("s")
        await until(pilot, lambda: "已停止" in head(app), 60)
        stopped_at = run.state().step
        assert run.checkpoint_steps()[-1:] == (stopped_at,)
    # Another interface takes it up where it was.
    again = make_app()
    async with again.run_test(size=(120, 40)) as pilot:
        await open_train(pilot)
        assert "已停止" in head(again)
        await pilot.press("R")
        await until(pilot, lambda: run.state().alive and run.state().step > stopped_at, 60)
        await pilot.press("k")
        await until(pilot, lambda: isinstance(again.screen, AskDialog))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: not run.is_alive(), 60)
        await until(pilot, lambda: any("停止" in (notice.title or "") for notice in again._notifications))


async def test_a_started_run_needs_no_interface(places: Places) -> None:
    """A checkpoint made meanwhile is seen by the next interface, and offered as a start."""
    from xiyou_tui.tui.shelf import start_picks

    run = a_run(places, "昨夜", events=a_past())
    a_checkpoint(run, 240)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_train(pilot)
        picks = start_picks(app.follower.entries)
        assert [pick.value for pick in picks] == ["", "last", run.id]


def test_a_terminal_is_told_in_a_title_that_can_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setenv("TERM_PROGRAM", "Apple_Terminal")
    monkeypatch.delenv("KITTY_WINDOW_ID", raising=False)
    announce(written.append, "xiyou · 训练完成", "「夜里」")
    assert written == ["\x1b]2;xiyou · 训练完成\a"]
    monkeypatch.setenv("TERM_PROGRAM", "ghostty")
    announce(written.append, "xiyou", "「\x1b]0;坏\a名字」")
    assert written[-1] == "\x1b]9;xiyou：「]0坏名字」\a"


async def test_a_name_with_brackets_breaks_no_message(places: Places) -> None:
    run = a_run(places, "[/b] [夜]", events=a_past())
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_train(pilot)
        await pilot.press("s", "R", "u", "c")
        await until(pilot, lambda: len(app._notifications) >= 3)
        app.post_message(RunEnded(app.follower.entries[0]))
        await until(pilot, lambda: any("训练完成" in notice.title for notice in app._notifications))
        assert "[/b] [夜]" in head(app) and run.path.exists()
