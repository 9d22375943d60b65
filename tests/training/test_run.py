"""Runs as files: state from events alone, reading by offset, names, the bin."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from xiyou_tui.errors import TrainingError
from xiyou_tui.storage.places import Places
from xiyou_tui.training import events as happened
from xiyou_tui.training.curves import Curves, smooth, to_csv
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.run import RunDirectory, RunMeta, RunTail, find_run, list_runs, name_adapter


def make_run(places: Places, id: str = "20260101-000000-dapt-aaaa") -> RunDirectory:
    path = places.runs / id
    path.mkdir()
    model = {"name": "练手模型", "path": "/nowhere", "hash": "h", "base_hash": "h", "parameters": 1}
    meta = RunMeta(id, 1.0, Recipe(), {"hash": "d", "source": "提要卷"}, model, {"mlx": "0"}, 7)
    (path / "meta.json").write_text(json.dumps(meta.as_record()), "utf-8")
    return RunDirectory(path)


def write(run: RunDirectory, *events: happened.Event, tail: str = "") -> None:
    with run.metrics.open("a", encoding="utf-8") as file:
        for event in events:
            file.write(json.dumps(event.as_record(), ensure_ascii=False) + "\n")
        file.write(tail)


def step(number: int, loss: float = 3.0) -> happened.Stepped:
    return happened.Stepped(10.0 + number, number, 10, number / 10, loss, 1e-3, 0.5, number * 100, 50.0, 1000, 5.0)


def test_meta_comes_back_as_it_was(places: Places) -> None:
    run = make_run(places)
    assert run.meta() == RunMeta.from_record(json.loads((run.path / "meta.json").read_text("utf-8")))
    assert run.name == "通读 DAPT · 练手模型"


def test_every_kind_of_event_survives_its_line() -> None:
    for event in (
        happened.Started(1.0, 10), step(3), happened.Evaluated(1.0, 3, "held_out", 2.0, 7.4, 100, True), happened.Sampled(1.0, 3, "问", "答\n"),
        happened.Checkpointed(1.0, 3, "checkpoints/step-3"), happened.Warned(1.0, "nan", "话"), happened.Paused(1.0, 3), happened.Resumed(1.0, 3),
        happened.Finished(1.0, 10, "done", 2.0, 5.0), happened.Failed(1.0, 3, "nan", "a", "b", "c"), happened.Calibrated(1.0, 1, 1.0, 1, 1.0),
    ):  # fmt: skip
        assert happened.parse_event(json.dumps(event.as_record(), ensure_ascii=False)) == event
    assert happened.parse_event('{"event": "from-the-future", "time": 1}') is None
    assert happened.parse_event('{"event": "step", "time"') is None


def test_events_are_read_from_an_offset_and_half_lines_wait(places: Places) -> None:
    run = make_run(places)
    write(run, step(1), tail='{"event": "warning", "ti')
    page = run.events()
    assert [event.kind for event in page.events] == ["step"]
    write(run, tail='me": 1.0, "code": "x", "message": "话"}\n')
    again = run.events(page.offset)
    assert again.events == (happened.Warned(1.0, "x", "话"),)
    assert run.events(again.offset).events == ()


def test_the_state_follows_from_the_files(places: Places) -> None:
    run = make_run(places)
    assert run.state().status == "interrupted"
    write(run, happened.Started(5.0, 10), step(1), happened.Evaluated(6.0, 1, "held_out", 2.5, 12.0, 50, True))
    state = run.state()
    assert (state.status, state.step, state.of, state.perplexity, state.best_step) == ("interrupted", 1, 10, 12.0, 1)
    assert state.resumable
    lock = os.open(run.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    state = run.state()
    assert (state.status, state.alive, state.resumable) == ("running", True, False)
    assert state.stale_for(now=10_000.0) > 60
    write(run, happened.Paused(20.0, 1))
    assert run.state().status == "paused"
    with pytest.raises(TrainingError, match="还在训练"):
        run.delete(places.bin)
    os.close(lock)
    write(run, happened.Finished(30.0, 10, "done", 2.0, 25.0))
    assert run.state().status == "finished"
    assert not run.state().resumable


def test_a_tail_sees_each_event_once(places: Places) -> None:
    run = make_run(places)
    tail = RunTail(run)
    write(run, happened.Started(5.0, 10), step(1))
    assert [event.kind for event in tail.poll()] == ["started", "step"]
    write(run, step(2, 2.0))
    assert tail.poll() == (step(2, 2.0),)
    assert tail.state.loss == 2.0
    assert tail.poll() == ()


def test_curves_drop_what_a_resumed_run_repeats(places: Places) -> None:
    curves = Curves()
    curves.add([happened.Started(1.0, 10), step(1, 5.0), step(2, 4.0), step(3, 9.0)])
    curves.add([happened.Started(2.0, 10, resumed_from=2), step(3, 3.0)])
    assert curves.series["loss"] == [(1, 5.0), (2, 4.0), (3, 3.0)]
    assert to_csv(curves).splitlines()[1].startswith("1,5,")
    assert smooth(curves.series["loss"], 0.0) == curves.series["loss"]
    assert [round(value, 3) for _, value in smooth([(1, 4.0), (2, 4.0)], 0.9)] == [4.0, 4.0]


def test_names_tags_and_the_bin(places: Places) -> None:
    run, other = make_run(places), make_run(places, "20260102-000000-sft-bbbb")
    run.rename("  夜里 那次 ")
    run.tag(["好", " 好 ", ""])
    assert (run.name, run.tags) == ("夜里 那次", ("好",))
    assert list_runs(places) == [other, run]
    assert find_run(places, "last") == other
    assert find_run(places, "夜里 那次") == find_run(places, "20260101") == run
    with pytest.raises(TrainingError, match="2 次"):
        find_run(places, "2026")
    moved = run.delete(places.bin)
    assert (moved / "meta.json").exists()
    assert list_runs(places) == [other]


def test_a_broken_record_does_not_hide_the_run(places: Places) -> None:
    run = make_run(places)
    (run.path / "meta.json").write_text("{", "utf-8")
    assert run.as_record()["status"] == "interrupted"
    assert run.name == run.id
    with pytest.raises(TrainingError, match="读不了"):
        run.meta()


def test_the_best_checkpoint_is_one_that_is_there(places: Places) -> None:
    run = make_run(places)
    assert run.best_step() is None
    with pytest.raises(TrainingError, match="还没有存下"):
        run.trained()
    for number in (10, 20):
        run.checkpoint(number).mkdir(parents=True)
        (run.checkpoint(number) / "state.json").write_text("{}")
    (run.checkpoints / "step-0000030").mkdir()
    assert run.checkpoint_steps() == (10, 20)
    assert run.best_step() == 20
    (run.checkpoints / "best.json").write_text('{"step": 10, "loss": 1.0}')
    assert run.best_step() == 10
    assert run.trained().adapter == run.checkpoint(10)
    assert run.trained().model == Path("/nowhere")


def test_an_adapter_is_called_by_its_run(tmp_path: Path) -> None:
    run = tmp_path / "20260101-000000-ab12"
    adapter = run / "checkpoints" / "step-0000120"
    adapter.mkdir(parents=True)
    assert name_adapter(adapter) == "step-0000120"
    (run / "meta.json").write_text("{}", "utf-8")
    RunDirectory(run).rename("夜里练的")
    assert name_adapter(adapter) == "夜里练的 · 第 120 步"
    assert name_adapter(tmp_path / "my-lora") == "my-lora"
