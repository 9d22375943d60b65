"""General text out of data sets: saved by the library, JSON lines, Parquet, the hub when it can't be reached; and in a real run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xiyou_tui.errors import TrainingError
from xiyou_tui.study import Study
from xiyou_tui.training import events as happened
from xiyou_tui.training.general import draw, parse_source
from xiyou_tui.training.launch import kill_run, start_run
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.run import RunDirectory, list_runs
from xiyou_tui.training.source import gather

ROWS = [{"id": number, "标题": f"第{number}篇", "text": f"今天是第{number}天，天气很好。" * 5} for number in range(100)]


@pytest.fixture(params=["saved", "split", "jsonl", "parquet", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same rows in each form they can lie on the disk."""
    import datasets

    # The library waits five seconds after each reading of Parquet.
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0.05)
    made = datasets.Dataset.from_list(ROWS)
    path = tmp_path / "set"
    match request.param:
        case "saved":
            made.save_to_disk(str(path))
        case "split":
            datasets.DatasetDict({"train": made, "test": made.select(range(3))}).save_to_disk(str(path))
        case "parquet":
            path = path.with_suffix(".parquet")
            made.to_parquet(str(path))
        case _:
            path = path.with_suffix(".jsonl") if request.param == "jsonl" else path / "part.jsonl"
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), "utf-8")
            path = path if request.param == "jsonl" else path.parent
    return path


def test_every_form_gives_the_same_kind_of_rows(place: Path) -> None:
    source = parse_source(str(place))
    assert source is not None
    rows = draw(source, 10**6, 7)
    assert sorted(row["text"] for row in rows) == sorted(str(row["text"]) for row in ROWS)
    assert [row["split"] for row in rows].count("general_held_out") == 5
    assert draw(source, 10**6, 7) == rows
    assert draw(source, 10**6, 8) != rows
    few = draw(source, 500, 7)
    assert few == rows[: len(few)]
    assert 500 <= sum(len(row["text"].encode()) for row in few) < 800


def test_what_is_named_is_told_apart() -> None:
    assert parse_source("通用.txt") is None
    found = parse_source("hub:somebody/something:validation:content")
    assert found is not None
    assert (found.name, found.on_hub, found.split, found.column) == ("somebody/something", True, "validation", "content")
    for wrong in ("hub:", "hub:a:b:c:d"):
        with pytest.raises(TrainingError, match="写得不对"):
            parse_source(wrong)
    with pytest.raises(TrainingError, match="没有这个数据集"):
        parse_source("/nowhere/at/all.parquet")


def test_a_set_without_text_is_told_in_plain_words(tmp_path: Path) -> None:
    file = tmp_path / "numbers.jsonl"
    for content, words in (('{"a": 1}\n', "没有一列是文字"), ('{"text": " "}\n', "没有文字"), ("no json", "读不了")):
        file.write_text(content)
        with pytest.raises(TrainingError, match=words):
            draw(parse_source(str(file)), 100, 7)  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="没有 JSON 或 Parquet"):
        draw(parse_source(str(tmp_path / "empty")), 100, 7)  # type: ignore[arg-type]


def test_the_estimate_counts_what_will_be_drawn(study: Study, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text("")
    plain, mixed = gather(Recipe(), study), gather(Recipe().changed("data.general_text", str(file)), study)
    assert mixed.rows == plain.rows
    assert mixed.characters == pytest.approx(plain.characters / 0.7, rel=0.01)


@pytest.fixture
def wait_end(study: Study) -> Iterator[Callable[[RunDirectory], None]]:
    def wait(run: RunDirectory) -> None:
        deadline = time.monotonic() + 60
        while run.is_alive():
            assert time.monotonic() < deadline, run.log_tail()
            time.sleep(0.05)

    yield wait
    for run in list_runs(study.places):
        kill_run(run)


@pytest.mark.slow
def test_a_run_mixes_in_a_data_set_and_keeps_what_it_drew(
    tiny: Study, recipe_of: Callable[..., Recipe], wait_end: Callable[[RunDirectory], None], tmp_path: Path
) -> None:
    import datasets

    datasets.Dataset.from_list(ROWS * 30).save_to_disk(str(tmp_path / "set"))
    run = start_run(tiny, recipe_of(data__general_text=str(tmp_path / "set"), loop__max_steps=3, check__evaluate_rows=4))
    wait_end(run)
    assert run.state().status == "finished", run.log_tail()
    names = {event.name for event in run.events().events if isinstance(event, happened.Evaluated)}
    assert names == {"held_out", "general"}
    assert 0 < run.general.stat().st_size < 1_000_000


@pytest.mark.slow
def test_a_hub_out_of_reach_says_what_to_do(
    tiny: Study, recipe_of: Callable[..., Recipe], wait_end: Callable[[RunDirectory], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    run = start_run(tiny, recipe_of(data__general_text="hub:somebody/something", loop__max_steps=3))
    wait_end(run)
    error = run.state().error
    assert error is not None, run.log_tail()
    assert "连不上" in error.what
    assert "HF_ENDPOINT" in error.next_step
    assert run.state().step == 0
