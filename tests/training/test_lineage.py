"""Where a model comes from: found by any of its names, with the chain of its trainings and passages nobody trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.conftest import small_edition
from tests.tui.runs import a_checkpoint, a_model, a_past, a_run
from xiyou_tui.corpus.model import Edition
from xiyou_tui.errors import ModelError
from xiyou_tui.models.registry import model_hash
from xiyou_tui.storage.files import write_json
from xiyou_tui.storage.places import Places
from xiyou_tui.study import Study
from xiyou_tui.training.lineage import check_no_training, choose_passages, export_target, find_subject, make_probe, make_speech
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.run import RunDirectory


def an_adapter_run(places: Places, base: Path, name: str, number: int, *, after: RunDirectory | None = None) -> RunDirectory:
    recipe = Recipe().changed("run.stage", "sft" if after else "dapt")
    run = a_run(places, name, number=number, recipe=recipe, events=a_past())
    checkpoint = a_checkpoint(run, 240)
    write_json(checkpoint / "adapter_config.json", {"model": str(base), "xiyou": {"model_hash": model_hash(base), "run": run.id}})
    meta = run.meta().as_record()
    meta["model"]["path"] = str(base)
    write_json(run.path / "meta.json", {**meta, "start_from": after.id if after else ""})
    return run


def test_a_chain_of_runs_is_told_from_its_beginning(places: Places) -> None:
    base = a_model(places.models / "Qwen-mini")
    first = an_adapter_run(places, base, "通读那次", 1)
    second = an_adapter_run(places, base, "问答那次", 2, after=first)
    for name in ("问答那次", second.id, str(second.checkpoint(240)), "last"):
        subject = find_subject(places, name)
        assert subject.adapter is not None and subject.model.path == base
        assert [(training.name, training.stage, training.rows, training.steps) for training in subject.trained_on] == [
            ("通读那次", "通读 DAPT", 90, 240), ("问答那次", "问答 SFT", 90, 240),
        ]  # fmt: skip
    assert export_target(places, find_subject(places, "问答那次"), "mlx").name == f"{second.id}-mlx"


def test_models_are_found_by_name_and_by_place(places: Places, tmp_path: Path) -> None:
    base = a_model(places.models / "Qwen-mini", name="小千问")
    whole = a_run(places, "通读那次", recipe=Recipe().changed("adapter.kind", "full"), events=a_past())
    model = a_model(whole.path / "model")
    assert find_subject(places, "小千问").model.path == find_subject(places, "Qwen-mini").model.path == base
    assert find_subject(places, "小千问").trained_on == ()
    for name in ("通读那次", str(model)):
        assert find_subject(places, name).trained_on[0].name == "通读那次" and find_subject(places, name).adapter is None
    (places.exports / "Qwen-mini-mlx").mkdir(parents=True)
    assert export_target(places, find_subject(places, "小千问"), "mlx") == places.exports / "Qwen-mini-mlx-2"
    for name in ("没有", "", "/no/where"):
        with pytest.raises(ModelError) as caught:
            find_subject(places, name)
        assert caught.value.code == "no-model"


def test_what_is_measured_on_was_held_out(study: Study, novel: Edition) -> None:
    passages = choose_passages(novel)
    held_out = "".join(chapter.text for chapter in novel.chapters if chapter.number in (10, 30, 50, 70, 90))
    assert len(passages) == 8 and all(passage in held_out for passage in passages)


def test_small_editions_are_measured_on_too(study: Study) -> None:
    assert choose_passages(small_edition())
    probe = make_probe(study)
    assert len(probe.passages) > 2 and probe.questions[0][0]["role"] == "system" and probe.title
    speech = make_speech(study)
    assert speech.system.startswith("你是《西游记》专家") and speech.temperature == 0.2 and "问题：" in speech.example


def test_two_models_are_not_held_at_once(places: Places) -> None:
    import fcntl
    import os

    run = a_run(places, "夜里那次", events=a_past(ends=False))
    lock = os.open(run.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        check_no_training(places, 10**6)
        with pytest.raises(ModelError, match="夜里那次"):
            check_no_training(places, 10**10)
    finally:
        os.close(lock)
    check_no_training(places, 10**10)
