"""Real runs in real trainer processes: they learn, resume exactly after kill -9, pause, stop, chain, and fail in plain words."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.training.waiting import wait_for
from xiyou_tui.cli.train_telling import tell
from xiyou_tui.errors import ModelError, TrainingError
from xiyou_tui.models.making import practice_path
from xiyou_tui.samples.model import new_sample
from xiyou_tui.study import Study
from xiyou_tui.training import events as happened
from xiyou_tui.training.estimate import estimate_plan
from xiyou_tui.training.launch import (
    kill_run,
    plan_run,
    resume_run,
    send_command,
    spawn_trainer,
    start_chain,
    start_run,
    write_run,
)
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.run import RunDirectory, list_runs
from xiyou_tui.training.trial import measure_plan, preview_rows

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_trainer_is_left(study: Study) -> Iterator[None]:
    """Trainers outlive whoever starts them; a test that fails must not leave one."""
    yield
    for run in list_runs(study.places):
        kill_run(run)


def wait_end(run: RunDirectory) -> None:
    wait_for(run, lambda: not run.is_alive())


def steps(run: RunDirectory) -> dict[int, float]:
    """Loss by step; a repeated step must have the loss it had before."""
    found: dict[int, float] = {}
    for event in run.events().events:
        if isinstance(event, happened.Stepped):
            assert found.setdefault(event.step, event.loss) == event.loss
    return found


def weights(run: RunDirectory, step: int) -> bytes:
    return (run.checkpoint(step) / "adapters.safetensors").read_bytes()


LORA = {
    "adapter__dropout": 0.1,
    "adapter__rank": 4,
    "loop__max_steps": 24,
    "check__evaluate_every": 8,
    "check__checkpoint_every": 4,
}


def test_a_run_learns_and_leaves_a_model_behind(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    recipe = recipe_of(
        adapter__kind="full", loop__max_steps=40, check__evaluate_every=20, check__prompts=["悟空"], check__answer_tokens=8
    )
    run = start_run(tiny, recipe, name="头一次")
    wait_end(run)
    state = run.state()
    assert (state.status, state.step, state.reason) == ("finished", 40, "done"), run.log_tail()
    losses = steps(run)
    assert losses[40] < losses[1] - 0.4
    events = run.events().events
    evaluations = [event for event in events if isinstance(event, happened.Evaluated)]
    assert [event.step for event in evaluations] == [0, 20, 40]
    assert evaluations[-1].loss < evaluations[0].loss
    assert [event.step for event in events if isinstance(event, happened.Sampled)] == [0, 20, 40]
    assert any(isinstance(event, happened.Calibrated) and event.memory > 0 for event in events)
    trained = run.trained()
    assert trained.adapter is None
    import mlx_lm

    model, tokenizer = mlx_lm.load(str(trained.model))[:2]
    assert model is not None
    assert tokenizer.encode("孙悟空")
    assert run.name == "头一次"


def test_a_killed_run_goes_on_bit_for_bit(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    recipe = recipe_of(run__stage="sft", data__max_length=384, loop__accumulate=2, **LORA)
    quiet = start_run(tiny, recipe)
    wait_end(quiet)
    assert quiet.state().status == "finished", quiet.log_tail()
    broken = start_run(tiny, recipe)
    for at in (3, 6, 13, 20):
        wait_for(broken, lambda at=at: broken.state().step >= at)  # type: ignore[misc]
        os.kill(int((broken.path / "pid").read_text()), signal.SIGKILL)
        wait_end(broken)
        state = broken.state()
        if state.status == "finished":
            break
        assert state.status == "interrupted"
        assert state.resumable
        resume_run(broken)
    wait_end(broken)
    assert broken.state().status == "finished", broken.log_tail()
    assert steps(broken) == steps(quiet)
    assert weights(broken, 24) == weights(quiet, 24)


def test_pause_frees_the_model_and_changes_nothing(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    recipe = recipe_of(run__stage="sft", data__max_length=384, **LORA)
    quiet = start_run(tiny, recipe)
    wait_end(quiet)
    run = start_run(tiny, recipe)
    wait_for(run, lambda: run.state().step >= 5)
    send_command(run, "pause")
    wait_for(run, lambda: run.state().status == "paused")
    assert run.is_alive()
    send_command(run, "resume")
    wait_for(run, lambda: run.state().status != "paused")
    wait_end(run)
    assert run.state().status == "finished", run.log_tail()
    assert steps(run) == steps(quiet)


def test_stop_saves_and_a_later_resume_finishes(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    run = start_run(tiny, recipe_of(loop__max_steps=60, check__evaluate_every=60))
    wait_for(run, lambda: run.state().step >= 4)
    os.kill(int((run.path / "pid").read_text()), signal.SIGTERM)
    wait_end(run)
    state = run.state()
    assert (state.status, state.reason) == ("stopped", "stopped")
    assert run.checkpoint_steps() == (state.step,)
    with pytest.raises(TrainingError, match="没有在训练"):
        send_command(run, "pause")
    send_command(run, "resume")
    wait_end(run)
    assert run.state().status == "finished", run.log_tail()
    assert sorted(steps(run)) == list(range(1, 61))
    with pytest.raises(TrainingError, match="已经做完"):
        resume_run(run)


def test_abort_keeps_what_was_saved_before(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    run = start_run(tiny, recipe_of(loop__max_steps=400, check__checkpoint_every=2))
    wait_for(run, lambda: len(run.checkpoint_steps()) >= 1)
    send_command(run, "abort")
    wait_end(run)
    assert (run.state().status, run.state().reason) == ("stopped", "aborted")
    assert run.checkpoint_steps()


def test_stages_follow_one_another(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    for id in "abcdef":
        tiny.connection.execute(
            "INSERT INTO preference (id, prompt, chosen, rejected, status, created) VALUES (?, ?, ?, ?, 'approved', 0)",
            (id, f"问{id}？", "是孙悟空。", "不知道，不知道。"),
        )
    common: dict[str, Any] = {"data__max_length": 384, "loop__max_steps": 6, "check__evaluate_every": 6}
    runs = start_chain(tiny, [
        recipe_of(adapter__kind="full", **common), recipe_of(run__stage="sft", adapter__rank=4, **common),
        recipe_of(run__stage="dpo", adapter__rank=99, loop__epochs=50.0, **{**common, "loop__max_steps": 12}),
    ])  # fmt: skip
    assert runs[1].state().status in ("queued", "starting")
    for run in runs:
        wait_end(run)
        assert run.state().status == "finished", (run.state().error, run.log_tail())
    assert runs[1].meta().model["path"] == str(runs[0].path / "model")
    assert runs[2].meta().model["adapter"] == str(runs[1].trained().adapter)
    assert runs[2].meta().recipe.rank == 4
    found = [event for event in runs[2].events().events if isinstance(event, happened.Stepped)]
    # With the reference as policy the loss is log 2; training then prefers the chosen answers.
    assert abs(found[0].loss - 0.6931) < 1e-3
    assert found[-1].loss < found[0].loss
    assert found[-1].accuracy == 1.0
    # Tokens are those of both answers, and pairs have no perplexity.
    assert found[0].tokens > 2 * len("是孙悟空")
    checked = [event for event in runs[2].events().events if isinstance(event, happened.Evaluated)]
    assert all(event.perplexity is None and "分对" in tell(event) for event in checked)
    assert checked
    import mlx_lm

    trained = runs[2].trained()
    assert mlx_lm.load(str(trained.model), adapter_path=str(trained.adapter))


@pytest.mark.parametrize("kind", ["lora", "dora", "full"])
def test_recomputing_and_accumulating_change_no_result(tiny: Study, recipe_of: Callable[..., Recipe], kind: str) -> None:
    common = {
        "adapter__kind": kind,
        "loop__max_steps": 4,
        "check__evaluate_every": 100,
        "data__held_out": "none",
        "adapter__rank": 4,
    }
    runs = [
        start_run(tiny, recipe_of(loop__batch=8, loop__loss_chunk=0, **common)),
        start_run(tiny, recipe_of(loop__batch=8, loop__loss_chunk=50, loop__gradient_checkpoint=True, **common)),
    ]
    for run in runs:
        wait_end(run)
    plain, frugal = (steps(run) for run in runs)
    assert len(plain) == 4, runs[0].log_tail()
    assert plain == pytest.approx(frugal, rel=1e-4)


def test_a_loss_that_is_no_number_ends_the_run_in_plain_words(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    run = start_run(tiny, recipe_of(adapter__kind="full", optimizer__learning_rate=1.0, optimizer__clip=0, optimizer__warmup=0,
                                    optimizer__schedule="constant", loop__precision="float16", loop__max_steps=300))  # fmt: skip
    wait_end(run)
    state = run.state()
    assert state.status == "failed"
    assert state.error is not None
    assert state.error.code == "nan", run.log_tail()


def test_what_can_not_be_trained_is_told_before_it_starts(tiny: Study, recipe_of: Callable[..., Recipe], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="没有这个模型目录"):
        start_run(tiny, recipe_of(run__model=str(tmp_path / "none")))
    with pytest.raises(TrainingError, match="没有运行"):
        start_run(tiny, recipe_of(run__start_from="gone"))
    assert not list(tiny.places.runs.iterdir())


def test_long_rows_and_a_changed_model_fail_with_their_names(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    long = tiny.samples.save(new_sample("fact", "很长？", "悟空" * 400, status="approved", split="train"))
    run = start_run(tiny, recipe_of(run__stage="sft", data__max_length=128))
    wait_end(run)
    error = run.state().error
    assert error is not None
    assert error.code == "too-long"
    assert long.id in error.what
    model = Path(run.meta().model["path"])
    config = (model / "config.json").read_text("utf-8")
    (model / "config.json").write_text(config + " ", "utf-8")
    resume_run(run)
    wait_end(run)
    error = run.state().error
    assert error is not None
    assert error.code == "other-model"
    (model / "config.json").unlink()
    with pytest.raises(ModelError, match="config"):
        resume_run(run)


def test_a_plan_can_be_tried_without_leaving_anything(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    plan = plan_run(tiny, recipe_of(run__stage="sft", data__max_length=384, data__validation_share=0.2))
    measured = measure_plan(tiny.places, plan)
    assert measured.memory > plan.card.bytes
    assert measured.total_seconds > 0
    estimated = estimate_plan(plan, tiny.places)
    without_footing = estimated.memory - estimated.parts["程序"]
    assert 0.4 < without_footing / measured.memory < 2.5
    views = preview_rows(tiny.places, plan, 100)
    trained = sum(view.tokens for view in views if view.split == "train")
    assert estimated.tokens == pytest.approx(trained * plan.recipe.epochs, rel=0.2)
    assert {view.split for view in views} == {"train", "validation"}
    for view in views:
        answers = "".join(text for text, target in view.pieces if target)
        assert answers.endswith("<|im_end|>")
        assert "问" not in answers
    assert not list(tiny.places.runs.iterdir())
    assert not list((tiny.places.cache / "trial").iterdir())
    with pytest.raises(TrainingError, match="超过窗口长度"):
        preview_rows(tiny.places, plan_run(tiny, recipe_of(run__stage="sft", data__max_length=16)))


def test_early_stopping_keeps_the_best(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    recipe = recipe_of(
        adapter__kind="full", loop__max_steps=400, check__evaluate_every=10, check__early_stop=2, optimizer__learning_rate=2e-2,
        data__held_out="1", loop__batch=16,
    )  # fmt: skip
    run = start_run(tiny, recipe)
    wait_end(run)
    state = run.state()
    assert (state.status, state.reason) == ("finished", "early"), run.log_tail()
    assert state.step < 400
    evaluations = [event for event in run.events().events if isinstance(event, happened.Evaluated) and event.step]
    best = min(evaluations, key=lambda event: event.loss)
    assert run.best_step() == state.best_step
    assert state.best_loss == pytest.approx(best.loss, rel=1e-3)
    assert state.step >= state.best_step + 20  # type: ignore[operator]


def test_a_quantised_base_takes_an_adapter_and_refuses_full_weights(
    tiny: Study, recipe_of: Callable[..., Recipe], tmp_path: Path
) -> None:
    import mlx_lm

    source = practice_path(tiny.places, tiny.library.current())
    mlx_lm.convert(str(source), str(tmp_path / "q4"), quantize=True, q_bits=4, q_group_size=32)
    recipe = recipe_of(
        run__model=str(tmp_path / "q4"), loop__precision="model", loop__max_steps=8, adapter__rank=4, loop__loss_chunk=30
    )
    run = start_run(tiny, recipe)
    wait_end(run)
    assert run.state().status == "finished", run.log_tail()
    losses = steps(run)
    assert losses[8] < losses[1] + 0.1
    trained = run.trained()
    assert mlx_lm.load(str(trained.model), adapter_path=str(trained.adapter))
    with pytest.raises(TrainingError, match="量化"):
        start_run(tiny, recipe.changed("adapter.kind", "full"))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit (Linux) to take the room away and give it back")
def test_a_disk_without_room_loses_nothing(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    recipe = recipe_of(adapter__kind="full", loop__max_steps=12, check__evaluate_every=4, data__held_out="none")
    run, lock = write_run(tiny.places.runs, plan_run(tiny, recipe), "")
    child = spawn_trainer(run, 1, lock)
    os.close(lock)
    # Files may not grow past 60,000 bytes: the events fit, a checkpoint does not.
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
    wait_for(run, lambda: run.state().step == 12 and len(run.state().warnings) >= 3)
    assert run.is_alive()
    assert run.checkpoint_steps() == ()
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_end(run)
    child.wait()
    assert run.state().status == "finished", run.log_tail()
    assert run.checkpoint_steps() == (12,)
    assert (run.trained().model / "model.safetensors").exists()


def test_events_wait_for_room(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from xiyou_tui.training.reporting import EventWriter\n"
        "from xiyou_tui.training.events import Paused\n"
        "writer = EventWriter(Path(sys.argv[1])); writer.write(Paused(1.0, 1))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY)); writer.write(Paused(2.0, 2)); writer.write(Paused(3.0, 3))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)); writer.close(patience=5)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "metrics.jsonl")], check=True)
    lines = (tmp_path / "metrics.jsonl").read_bytes().splitlines()
    assert [happened.parse_event(line) for line in lines] == [happened.Paused(float(n), n) for n in (1, 2, 3)]
