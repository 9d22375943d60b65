"""Run directories with a past, written by the trainer's own event writer; and small directories that are models."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xiyou_tui.storage.files import write_json
from xiyou_tui.storage.places import Places
from xiyou_tui.training import events as happened
from xiyou_tui.training.events import Event
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.reporting import EventWriter
from xiyou_tui.training.run import RunDirectory, RunMeta

# 2026-09-03 06:05:00 UTC: every written run begins at a time that does not move.
BEGUN = 1788415500.0


def a_run(
    places: Places, name: str = "第一次", *, number: int = 1, recipe: Recipe | None = None, events: Iterable[Event] = (), log: str = "", model: str = "练手模型"
) -> RunDirectory:
    """Write a run directory; it looks like one whose trainer is gone."""
    recipe = recipe or Recipe().changed("check.prompts", ["话说孙悟空"])
    run = RunDirectory(places.runs / f"20260903-1405{number:02d}-{recipe.stage}-{number:04x}")
    run.path.mkdir(parents=True)
    meta = RunMeta(
        run.id, BEGUN + number, recipe.changed("run.name", name), {"source": "小本西游", "hash": "0123456789abcdef", "rows": {"train": 90}},
        {"name": model, "path": "/models/practice", "hash": "feed", "base_hash": "feed", "parameters": 459840}, {"xiyou": "0.1"}, 7,
    )  # fmt: skip
    write_json(run.path / "meta.json", meta.as_record())
    append(run, events)
    if log:
        run.log.write_text(log, "utf-8")
    return run


def append(run: RunDirectory, events: Iterable[Event]) -> None:
    """Append events as the trainer does."""
    writer = EventWriter(run.metrics)
    for event in events:
        writer.write(event)
    writer.close()


def a_past(steps: int = 240, *, every: int = 40, ends: bool = True, faster: float = 1.0, until: int | None = None) -> list[Event]:
    """What a run of so many steps reports: losses that fall, an evaluation and an answer every so often, and its end."""
    found: list[Event] = [
        happened.Started(BEGUN, steps, 0, rows=4331, validation_rows=229, tokens=548719, padding=0.004, parameters=459840, trainable=459840, device="cpu"),
        happened.Calibrated(BEGUN, 49_283_072, 0.27, 2032, 64.0),
        *_evaluate(0, 8.327, BEGUN, best=False),
    ]  # fmt: skip
    for step in range(1, (until or steps) + 1):
        time = BEGUN + step * 0.5
        loss = 6.5 + 1.8 * math.exp(-step * faster / 30) + 0.08 * math.sin(step * 1.7)
        rate = 0.003 * min(1.0, step / 12) * (1 - step / steps * 0.9)
        found.append(happened.Stepped(time, step, steps, step / 270, loss, rate, 0.5, step * 512, 1024 + 60 * math.sin(step), 50_331_648, (steps - step) * 0.5))
        if step % every == 0:
            found += _evaluate(step, loss + 0.1, time, best=True)
            found.append(happened.Checkpointed(time, step, f"checkpoints/step-{step:07d}", best=True))
    if ends:
        found.append(happened.Finished(BEGUN + steps * 0.5, steps, "done", 6.5, steps * 0.5))
    return found


def _evaluate(step: int, loss: float, time: float, *, best: bool) -> list[Event]:
    answer = "从此" + "见那大圣" * (step // 40) + "，却说行者。"
    return [happened.Evaluated(time, step, "held_out", loss, math.exp(loss), 2000, best), happened.Sampled(time, step, "话说孙悟空", answer)]


def a_model(path: Path, *, name: str = "", architecture: str = "qwen2", **marker: Any) -> Path:
    """A directory that is a model as far as its headers say: real safetensors of a few zeros."""
    path.mkdir(parents=True)
    shape = {"vocab_size": 64, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 128}
    write_json(path / "config.json", {"model_type": architecture, **shape})
    (path / "tokenizer.json").write_text("{}", "utf-8")
    (path / "chat_template.jinja").write_text("{{ messages }}", "utf-8")
    write_arrays(path / "model.safetensors", {"model.embed_tokens.weight": (64, 8), "model.norm.weight": (8,)})
    if marker or name:
        write_json(path / "xiyou-model.json", {"name": name or path.name, **marker})
    return path


def write_arrays(path: Path, arrays: dict[str, tuple[int, ...]]) -> None:
    """A safetensors file of zeros in float32."""
    header: dict[str, Any] = {}
    offset = 0
    for name, extent in arrays.items():
        size = 4 * math.prod(extent)
        header[name] = {"dtype": "F32", "shape": list(extent), "data_offsets": [offset, offset + size]}
        offset += size
    encoded = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + bytes(offset))


def a_checkpoint(run: RunDirectory, step: int) -> Path:
    """A checkpoint with an adapter of 32 numbers."""
    path = run.checkpoint(step)
    path.mkdir(parents=True)
    write_arrays(path / "adapters.safetensors", {"a": (8, 2), "b": (2, 8)})
    write_json(path / "adapter_config.json", {"model": "/models/practice", "xiyou": {"base_hash": "feed"}})
    write_json(path / "state.json", {"step": step})
    return path
