"""Recipe and data for other trainers: the shapes they document, and the very rows our own trainer takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xiyou_tui.errors import TrainingError
from xiyou_tui.training.exporting import LLAMA_STAGES, TARGETS, Target, dump_yaml, export_training
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.source import TrainingData

MESSAGES = [{"role": "system", "content": "只依据原著"}, {"role": "user", "content": "金箍棒多重？"}, {"role": "assistant", "content": "一万三千五百斤。"}]
ROWS: dict[str, tuple[dict[str, Any], ...]] = {
    "dapt": ({"text": "第一段。", "split": "train"}, {"text": "留出。", "split": "held_out"}, {"text": "通用。", "split": "general"}),
    "sft": ({"id": "a", "messages": MESSAGES, "split": "train"}, {"id": "b", "messages": MESSAGES, "split": "validation"}),
    "dpo": ({"id": "a", "messages": MESSAGES[:2], "chosen": "一万三千五百斤。", "rejected": "八千斤。", "split": "train"},),
}


def data_of(stage: str) -> TrainingData:
    return TrainingData(stage, "测试", ROWS[stage])


def recipe_of(stage: str) -> Recipe:
    return Recipe().changed("run.stage", stage)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def settings_of(path: Path) -> dict[str, Any]:
    """The flat YAML that we write, read as YAML 1.1 does: JSON scalars, and floats only with a point."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            key, _, value = line.partition(": ")
            found[key] = json.loads(value)
            assert not isinstance(found[key], float) or "." in value
    return found


@pytest.mark.parametrize("stage", ["dapt", "sft", "dpo"])
@pytest.mark.parametrize("target", list(TARGETS))
def test_all_rows_that_are_trained_on_are_there_and_no_other(tmp_path: Path, target: Target, stage: str) -> None:
    export_training(target, recipe_of(stage), data_of(stage), "Qwen/Qwen2.5-3B-Instruct", tmp_path / "out")
    trained = [row for row in ROWS[stage] if row["split"] in ("train", "general")]
    assert len(read(tmp_path / "out" / "train.jsonl")) == len(trained)
    assert (tmp_path / "out" / "test.jsonl").exists() == (len(trained) < len(ROWS[stage]))


def test_only_a_qwen_gets_the_template_of_qwen(tmp_path: Path) -> None:
    for name in ("Qwen/Qwen2.5-3B-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct"):
        export_training("llamafactory", recipe_of("sft"), data_of("sft"), name, tmp_path / name)
    templates = {settings_of(path).get("template") for path in tmp_path.glob("*/*/train.yaml")}
    assert templates == {"qwen", None}


@pytest.mark.parametrize("stage", ["dapt", "sft", "dpo"])
def test_llama_factory_finds_every_column_it_is_told_of(tmp_path: Path, stage: str) -> None:
    export_training("llamafactory", recipe_of(stage), data_of(stage), "m", tmp_path)
    info = json.loads((tmp_path / "dataset_info.json").read_text("utf-8"))
    settings = settings_of(tmp_path / "train.yaml")
    assert settings["stage"] == LLAMA_STAGES[stage] and settings["dataset"] in info
    for name, entry in info.items():
        rows = read(tmp_path / entry["file_name"])
        assert rows and name.startswith("xiyou_")
        for row in rows:
            assert set(entry["columns"].values()) <= set(row)
            for turn in row.get("messages", ()):
                assert set(turn) == {entry["tags"]["role_tag"], entry["tags"]["content_tag"]}
                assert turn["role"] in {entry["tags"][tag] for tag in ("user_tag", "assistant_tag", "system_tag")}
        assert bool(entry.get("ranking")) == (stage == "dpo")


def test_trl_gets_conversations_and_preferences_in_its_shapes(tmp_path: Path) -> None:
    export_training("trl", recipe_of("sft"), data_of("sft"), "m", tmp_path / "sft")
    assert read(tmp_path / "sft" / "train.jsonl") == [{"messages": MESSAGES}]
    assert settings_of(tmp_path / "sft" / "train.yaml")["assistant_only_loss"] is True
    export_training("trl", recipe_of("dpo"), data_of("dpo"), "m", tmp_path / "dpo")
    (pair,) = read(tmp_path / "dpo" / "train.jsonl")
    assert pair["prompt"] == MESSAGES[:2] and pair["chosen"][0]["role"] == pair["rejected"][0]["role"] == "assistant"


def test_the_recipe_survives(tmp_path: Path) -> None:
    recipe = recipe_of("sft").changed("adapter.rank", 32).changed("optimizer.learning_rate", 1e-5).changed("loop.accumulate", 8)
    for target, rank in (("llamafactory", "lora_rank"), ("trl", "lora_r")):
        export_training(target, recipe, data_of("sft"), "m", tmp_path / target)  # type: ignore[arg-type]
        settings = settings_of(tmp_path / target / "train.yaml")
        assert settings[rank] == 32 and settings["learning_rate"] == 1e-5 and settings["gradient_accumulation_steps"] == 8


def test_small_numbers_stay_numbers_in_yaml() -> None:
    assert dump_yaml({"a": 1e-05, "b": 0.1, "c": True, "d": "带 引号\"的", "e": 3}) == 'a: 1.0e-05\nb: 0.1\nc: true\nd: "带 引号\\"的"\ne: 3\n'


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_text("x")
    with pytest.raises(TrainingError) as caught:
        export_training("trl", recipe_of("sft"), data_of("sft"), "m", tmp_path)
    assert caught.value.code == "exists"
