"""Recipe and data for trainers on other machines: LLaMA-Factory and TRL. Light; the rows are those our own trainer would train on.

Formats: LLaMA-Factory's `data/README.md` (dataset_info.json, alpaca and sharegpt) and its training arguments; TRL's dataset
formats (language modeling, conversational, preference) and command-line configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from xiyou_tui.errors import TrainingError
from xiyou_tui.storage.files import write_json, write_text
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.source import TrainingData

Target = Literal["llamafactory", "trl"]
TARGETS: dict[Target, str] = {"llamafactory": "LLaMA-Factory", "trl": "TRL"}
LLAMA_STAGES = {"dapt": "pt", "sft": "sft", "dpo": "dpo"}
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
# Splits of our rows and what they are outside: `test` is the name both trainers and the datasets library know.
SPLITS = {"train": "train", "general": "train", "validation": "test", "held_out": "test"}


def export_training(target: Target, recipe: Recipe, data: TrainingData, model: str, folder: Path) -> tuple[Path, ...]:
    """Write recipe and data for another trainer into a new folder; returns the files.

    `model` is the name or path of the model in Hugging Face layout on the other machine. Raises TrainingError when the
    folder is there already, StorageError when it can't be written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise TrainingError(f"目录已经在了：{folder}。", kept="没有覆盖里面的文件。", next_step="换一个目录名。", code="exists")
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for row in data.rows:
        split = SPLITS.get(row["split"])
        if split is not None:
            rows[split].append(_row(target, data.stage, row))
    files = []
    for split, found in rows.items():
        if found:
            path = folder / f"{split}.jsonl"
            write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found))
            files.append(path)
    if target == "llamafactory":
        info = {_name(data.stage, split): {"file_name": f"{split}.jsonl", **_columns(data.stage)} for split in rows if rows[split]}
        write_json(folder / "dataset_info.json", info)
        files.append(folder / "dataset_info.json")
    settings = (_llama_settings if target == "llamafactory" else _trl_settings)(recipe, data.stage, model, bool(rows["test"]))
    path = folder / "train.yaml"
    command = "llamafactory-cli train train.yaml" if target == "llamafactory" else f"trl {'dpo' if data.stage == 'dpo' else 'sft'} --config train.yaml"
    write_text(path, f"# {data.source}，数据 {data.hash}。在这个目录里运行：{command}\n" + dump_yaml(settings))
    return (*files, path)


def dump_yaml(settings: Mapping[str, str | int | float | bool | list[str]]) -> str:
    """A flat YAML mapping. Numbers always carry a point before the exponent, without which YAML 1.1 reads them as words."""
    return "".join(f"{key}: {_scalar(value)}\n" for key, value in settings.items())


def _scalar(value: str | int | float | bool | list[str]) -> str:
    if isinstance(value, float) and not isinstance(value, bool):
        text = repr(value)
        mantissa, mark, exponent = text.partition("e")
        return f"{mantissa}{'' if '.' in mantissa else '.0'}{mark}{exponent}" if mark else text
    return json.dumps(value, ensure_ascii=False)


def _row(target: Target, stage: str, row: Mapping[str, Any]) -> dict[str, Any]:
    if stage == "dapt":
        return {"text": row["text"]}
    messages = [{"role": turn["role"], "content": turn["content"]} for turn in row["messages"]]
    if stage == "sft":
        return {"messages": messages}
    chosen, rejected = ({"role": "assistant", "content": row[name]} for name in ("chosen", "rejected"))
    if target == "llamafactory":
        return {"messages": messages, "chosen": chosen, "rejected": rejected}
    return {"prompt": messages, "chosen": [chosen], "rejected": [rejected]}


def _name(stage: str, split: str) -> str:
    return f"xiyou_{stage}_{split}"


def _columns(stage: str) -> dict[str, Any]:
    if stage == "dapt":
        return {"columns": {"prompt": "text"}}
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}
    if stage == "sft":
        return {"formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}
    columns = {"messages": "messages", "chosen": "chosen", "rejected": "rejected"}
    return {"formatting": "sharegpt", "ranking": True, "columns": columns, "tags": tags}


def _common(recipe: Recipe) -> dict[str, str | int | float | bool | list[str]]:
    settings: dict[str, str | int | float | bool | list[str]] = {
        "output_dir": "output", "seed": recipe.seed, "learning_rate": recipe.learning_rate, "lr_scheduler_type": recipe.schedule,
        "warmup_ratio": recipe.warmup, "weight_decay": recipe.weight_decay, "max_grad_norm": recipe.clip,
        "num_train_epochs": recipe.epochs, "per_device_train_batch_size": recipe.batch, "gradient_accumulation_steps": recipe.accumulate,
        "gradient_checkpointing": recipe.gradient_checkpoint, "bf16": recipe.precision in ("model", "bfloat16"), "logging_steps": 1,
    }  # fmt: skip
    if recipe.max_steps:
        settings["max_steps"] = recipe.max_steps
    if recipe.evaluate_every:
        settings |= {"eval_strategy": "steps", "eval_steps": recipe.evaluate_every}
    return settings


def _llama_settings(recipe: Recipe, stage: str, model: str, tested: bool) -> dict[str, str | int | float | bool | list[str]]:
    settings: dict[str, str | int | float | bool | list[str]] = {
        "model_name_or_path": model, "stage": LLAMA_STAGES[stage], "do_train": True, "dataset_dir": ".", "dataset": _name(stage, "train"),
        "cutoff_len": recipe.max_length, "finetuning_type": "full" if recipe.adapter == "full" else "lora", **_common(recipe),
    }  # fmt: skip
    if stage == "dapt":
        settings["packing"] = True
    elif "qwen" in model.lower():
        # For other models LLaMA-Factory reads the template in the tokenizer, which is what our own trainer does.
        settings["template"] = "qwen"
    if recipe.adapter != "full":
        target = "all" if recipe.targets == "all" else ",".join(ATTENTION)
        settings |= {"lora_rank": recipe.rank, "lora_alpha": round(recipe.alpha), "lora_dropout": recipe.dropout, "lora_target": target}
        settings |= {"use_dora": True} if recipe.adapter == "dora" else {}
    if stage == "dpo":
        settings |= {"pref_beta": recipe.beta, "pref_loss": "sigmoid"}
    if tested:
        settings |= {"eval_dataset": _name(stage, "test")}
    return settings


def _trl_settings(recipe: Recipe, stage: str, model: str, tested: bool) -> dict[str, str | int | float | bool | list[str]]:
    settings: dict[str, str | int | float | bool | list[str]] = {
        "model_name_or_path": model, "dataset_name": ".", "dataset_train_split": "train", "max_length": recipe.max_length, **_common(recipe),
    }  # fmt: skip
    if tested:
        settings["dataset_test_split"] = "test"
    if stage == "dapt":
        settings["packing"] = True
    elif stage == "sft":
        settings["assistant_only_loss"] = True
    else:
        settings["beta"] = recipe.beta
    if recipe.adapter != "full":
        settings |= {"use_peft": True, "lora_r": recipe.rank, "lora_alpha": round(recipe.alpha), "lora_dropout": recipe.dropout}
        settings |= {"lora_target_modules": "all-linear" if recipe.targets == "all" else list(ATTENTION)}
        settings |= {"use_dora": True} if recipe.adapter == "dora" else {}
    return settings
