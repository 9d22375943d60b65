"""Two ranks on loopback, started through mlx.launch, train as one does; commands and deaths reach both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training import waiting
from xiyou_tui.errors import TrainingError
from xiyou_tui.study import Study
from xiyou_tui.training import events as happened
from xiyou_tui.training.hosts import local_hosts, read_hosts
from xiyou_tui.training.launch import kill_run, resume_run, send_command, start_run
from xiyou_tui.training.packing import Schedule
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.run import RunDirectory, list_runs


@pytest.fixture(autouse=True)
def no_trainer_is_left(study: Study) -> Iterator[None]:
    yield
    for run in list_runs(study.places):
        kill_run(run)


wait_for = partial(waiting.wait_for, seconds=60)


def events_of(run: RunDirectory, kind: type[happened.Event]) -> list[Any]:
    return [event for event in run.events().events if isinstance(event, kind)]


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=40),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(0, 9),
)
def test_ranks_share_out_every_row_once(lengths: list[int], batch: int, accumulate: int, ranks: int, seed: int) -> None:
    schedule = Schedule(tuple(lengths), batch, accumulate, 2.0, 0, seed)
    for step in range(1, schedule.steps + 1):
        whole = sorted(row for rows in schedule.batches(step) for row in rows)
        shares = [[row for rows in schedule.batches(step, rank, ranks) for row in rows] for rank in range(ranks)]
        assert sorted(row for share in shares for row in share) == whole


def test_a_host_file_is_read_or_refused_in_plain_words(tmp_path: Path) -> None:
    file = tmp_path / "hosts.json"
    file.write_text(json.dumps({"hosts": [{"ssh": "a", "ips": ["10.0.0.1"]}, {"ssh": "b", "ips": ["10.0.0.2"]}]}))
    assert [host["ssh"] for host in read_hosts(file)] == ["a", "b"]
    assert local_hosts(1) == ()
    for text in (
        "no json",
        "[]",
        '[{"ssh": "a", "ips": ["10.0.0.1"]}]',
        '[{"ssh": "a", "ips": []}, {"ssh": "b", "ips": []}]',
        '[{"ips": ["10.0.0.1"]}]',
    ):
        file.write_text(text)
        with pytest.raises(TrainingError, match="主机文件读不了"):
            read_hosts(file)
    with pytest.raises(TrainingError, match="进程数"):
        local_hosts(0)


@pytest.mark.slow
def test_two_ranks_train_as_one_also_when_stopped_and_killed(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    import mlx.core as mx

    # 13 rows in batches of 4: the last batch of an epoch has one row, so one rank has none.
    recipe = recipe_of(
        run__stage="sft", data__max_length=384, data__validation_share=0.2, adapter__rank=4, loop__accumulate=1, loop__max_steps=40,
        check__evaluate_every=10, check__checkpoint_every=5, check__prompts=["悟空是谁？"], check__answer_tokens=4,
    )  # fmt: skip
    alone = start_run(tiny, recipe)
    wait_for(alone, lambda: not alone.is_alive())
    both = start_run(tiny, recipe, hosts=local_hosts(2))
    wait_for(both, lambda: both.state().step >= 8)
    os.kill(int((both.path / "pid").read_text()), signal.SIGTERM)
    wait_for(both, lambda: not both.is_alive())
    assert both.state().status == "stopped", both.log_tail()
    resume_run(both)
    wait_for(both, lambda: both.state().step >= 21)
    kill_run(both)
    wait_for(both, lambda: not both.is_alive())
    if both.state().resumable:
        resume_run(both)
        wait_for(both, lambda: not both.is_alive())
    assert both.state().status == "finished", both.log_tail()

    losses = {event.step: event.loss for event in events_of(alone, happened.Stepped)}
    found = events_of(both, happened.Stepped)
    assert {event.step for event in found} == set(range(1, 41))
    assert max(abs(event.loss - losses[event.step]) for event in found) < 1e-4
    counts = {event.step: event.tokens for event in events_of(alone, happened.Stepped)}
    assert all(event.tokens == counts[event.step] for event in found)
    checks = {event.step: event.loss for event in events_of(alone, happened.Evaluated)}
    assert all(abs(event.loss - checks[event.step]) < 1e-4 for event in events_of(both, happened.Evaluated))
    weights: list[dict[str, Any]] = [dict(mx.load(str(run.checkpoint(40) / "adapters.safetensors"))) for run in (alone, both)]
    assert all(mx.allclose(weights[0][name], weights[1][name], atol=1e-3) for name in weights[0])
    assert len(events_of(both, happened.Launched)) == 3
    assert "× 2" in events_of(both, happened.Started)[0].device


@pytest.mark.slow
def test_ranks_pause_together_and_none_outlives_another(tiny: Study, recipe_of: Callable[..., Recipe]) -> None:
    recipe = recipe_of(
        run__stage="sft", data__max_length=384, adapter__rank=4, loop__max_steps=2000, loop__epochs=1000.0, check__evaluate_every=1000,
        check__checkpoint_every=5, check__prompts=[],
    )  # fmt: skip
    first = start_run(tiny, recipe_of(run__stage="sft", data__max_length=384, adapter__rank=4, loop__max_steps=3))
    run = start_run(tiny, recipe, after=first, hosts=local_hosts(2))
    wait_for(run, lambda: run.state().step >= 6)
    send_command(run, "pause")
    wait_for(run, lambda: run.state().status == "paused")
    send_command(run, "resume")
    step = run.state().step
    wait_for(run, lambda: run.state().step >= step + 6)
    ranks = ranks_of(run)
    assert len(ranks) == 2
    os.kill(ranks[-1], signal.SIGKILL)
    wait_for(run, lambda: not run.is_alive())
    state = run.state()
    assert state.resumable
    assert state.error is None or "断了" in state.error.what
    assert not any(is_there(rank) for rank in ranks)


def ranks_of(run: RunDirectory) -> list[int]:
    launcher = (run.path / "pid").read_text()
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return sorted(int(pid) for pid, parent in (line.split() for line in listed.splitlines()) if parent == launcher)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
