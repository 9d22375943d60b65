"""Our trainer against `mlx_lm lora`: same model, same rows, same batch, one after the other in one run.

    python benchmarks/training.py [--rows 2000] [--steps 120] [--vocabulary 152000]

Prints a Markdown table: supervised tokens per second, validation loss at the same number of tokens, peak memory above the weights with
a large vocabulary, the share of padding in DAPT windows, and what reporting every step costs. Takes some minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

BATCH, RANK, ALPHA, RATE = 4, 8, 16.0, 1e-3


def make_rows(count: int, seed: int = 7) -> list[dict[str, Any]]:
    """Conversations cut out of the synopsis volume with lengths of a log-normal mix, as curated samples have."""
    from xiyou_tui.corpus.synopsis import load_synopsis

    chance = random.Random(seed)
    text = "\n".join(chapter.text for chapter in load_synopsis().chapters)

    def slice_of(mean: float, sigma: float, most: int) -> str:
        size = min(most, max(4, round(chance.lognormvariate(math.log(mean), sigma))))
        start = chance.randrange(len(text) - size)
        return text[start : start + size]

    return [
        {
            "messages": [
                {"role": "user", "content": slice_of(40, 0.9, 500)},
                {"role": "assistant", "content": slice_of(60, 0.9, 700)},
            ]
        }
        for _ in range(count)
    ]


def make_model(directory: Path, vocabulary: int, hidden: int, layers: int) -> Path:
    """A Qwen2 with random weights and the practice vocabulary; the embedding is widened to `vocabulary` rows."""
    from xiyou_tui.corpus.synopsis import load_synopsis
    from xiyou_tui.models.practice import Shape, make_practice_model

    texts = [chapter.text for chapter in load_synopsis().chapters]
    shape = Shape(hidden=hidden, layers=layers, heads=4, key_value_heads=2, intermediate=3 * hidden)
    make_practice_model(texts, directory, shape=shape)
    if vocabulary:
        import mlx.core as mx

        path = directory / "model.safetensors"
        arrays: Any = mx.load(str(path))
        name = "model.embed_tokens.weight"
        arrays[name] = mx.concatenate([arrays[name], 0.02 * mx.random.normal((vocabulary - arrays[name].shape[0], hidden))])
        mx.eval(arrays)
        mx.save_safetensors(str(path), arrays)
        config = json.loads((directory / "config.json").read_text())
        (directory / "config.json").write_text(json.dumps({**config, "vocab_size": vocabulary}))
    return directory


def theirs(model: Path, data: Path, steps: int, out: Path, compiled: bool) -> dict[str, float]:
    """In a child: the command's own entry with a callback instead of its printed table."""
    import types

    import mlx.core as mx
    from mlx_lm import lora
    from mlx_lm.tuner.callbacks import TrainingCallback

    seen: list[dict[str, float]] = []
    moments: list[tuple[float, float]] = []

    class Watch(TrainingCallback):  # type: ignore[misc]
        def on_train_loss_report(self, info: dict[str, float]) -> None:
            seen.append(dict(info))
            moments.append((time.perf_counter(), time.process_time()))

    settings = {
        **lora.CONFIG_DEFAULTS, "model": str(model), "train": True, "data": str(data), "mask_prompt": True, "batch_size": BATCH,
        "iters": steps, "num_layers": -1, "learning_rate": RATE, "optimizer": "adamw", "steps_per_report": 1, "steps_per_eval": 10**9,
        "val_batches": 1, "save_every": 10**9, "adapter_path": str(out), "seed": 7, "optimizer_config": {"adamw": {"bias_correction": True}},
        "lora_parameters": {"rank": RANK, "dropout": 0.0, "scale": ALPHA / RANK},
    }  # fmt: skip
    if not compiled:
        mx.disable_compile()
    # `run` takes a callback and then overwrites it with what this function returns.
    lora.get_reporting_callbacks = lambda *arguments, **named: Watch()
    lora.run(types.SimpleNamespace(**settings))
    first = min(5, len(seen) - 2)
    tokens = seen[-1]["trained_tokens"] - seen[first]["trained_tokens"]
    return {
        "tokens_per_second": tokens / (moments[-1][0] - moments[first][0]),
        "tokens_per_cpu_second": tokens / (moments[-1][1] - moments[first][1]),
        "tokens": seen[-1]["trained_tokens"],
        "peak": max(info["peak_memory"] for info in seen) * 1e9,
    }


def open_ours(model: Path, data: Path, steps: int, chunk: int, out: Path) -> Any:
    """A session on the same rows, as the worker opens it."""
    from xiyou_tui.models.registry import model_hash
    from xiyou_tui.training.ranks import Ranks
    from xiyou_tui.training.recipe import Recipe
    from xiyou_tui.training.run import RunDirectory, RunMeta
    from xiyou_tui.training.session import open_session

    recipe = Recipe()
    for key, value in {
        "run.stage": "sft", "data.max_length": 2048, "adapter.rank": RANK, "adapter.alpha": ALPHA, "loop.batch": BATCH, "loop.max_steps": steps,
        "loop.epochs": 100.0, "loop.loss_chunk": chunk, "optimizer.learning_rate": RATE, "optimizer.schedule": "constant",
        "optimizer.warmup": 0.0, "check.evaluate_rows": 0, "optimizer.clip": 0.0,
    }.items():  # fmt: skip
        recipe = recipe.changed(key, value)
    out.mkdir(exist_ok=True)
    rows = []
    for split, name in (("train", "train"), ("validation", "valid")):
        for index, line in enumerate((data / f"{name}.jsonl").read_text().splitlines()):
            rows.append({**json.loads(line), "id": f"{name}{index}", "split": split})
    (out / "data.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    record = {"path": str(model), "hash": model_hash(model), "base_hash": "", "parameters": 0}
    run = RunDirectory(out)
    return open_session(run, RunMeta("bench", 0.0, recipe, {"hash": ""}, record, {}, 7), Ranks())


def ours(model: Path, data: Path, steps: int, chunk: int, out: Path, tokens: float) -> dict[str, float]:
    """In a child: steps of our session until `tokens` targets are trained (0: all steps)."""
    import mlx.core as mx

    from xiyou_tui.training.events import Stepped
    from xiyou_tui.training.reporting import EventWriter

    session = open_ours(model, data, steps, chunk, out)
    session.optimizer.init(session.model.trainable_parameters())
    writer = EventWriter(out / "metrics.jsonl")
    mx.reset_peak_memory()
    done = counted = 0
    spent = worked = reporting = 0.0
    for step in range(1, session.schedule.steps + 1):
        started, before = time.perf_counter(), time.process_time()
        result = session.step(step, RATE)
        ended = time.perf_counter()
        writer.write(Stepped(time.time(), step, steps, 0.0, result.loss, RATE, result.norm, done, 0.0, mx.get_peak_memory(), 0.0))
        done += result.count
        if step > 6:
            spent += time.perf_counter() - started
            worked += time.process_time() - before
            reporting += time.perf_counter() - ended
            counted += result.count
        if (tokens and done >= tokens) or (not tokens and step >= steps):
            break
    peak = mx.get_peak_memory()
    return {
        "tokens_per_second": counted / spent, "tokens_per_cpu_second": counted / worked, "tokens": done, "peak": peak, "reporting": reporting / spent,
        "validation": session.check("validation").loss,
    }  # fmt: skip


def validate(model: Path, data: Path, adapter: Path, out: Path) -> dict[str, float]:
    """In a child: our exact validation loss with an adapter of theirs."""
    import mlx.core as mx

    session = open_ours(model, data, 1, 256, out)
    arrays: Any = mx.load(str(adapter / "adapters.safetensors"))
    session.model.load_weights(list(arrays.items()), strict=False)
    return {"validation": session.check("validation").loss}


def child(threads: int, **request: Any) -> dict[str, float]:
    """Run one measurement in a process of its own, with the same linear algebra for both sides."""
    from xiyou_tui.models.child import child_environment

    environment = {**child_environment(threads), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, __file__, "--child", json.dumps(request)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def serve(request: dict[str, Any]) -> None:
    """The child's side: do what was asked and print the figures."""
    what = request.pop("what")
    paths = {key: Path(value) for key, value in request.items() if key in ("model", "data", "out", "adapter")}
    print(json.dumps({"theirs": theirs, "ours": ours, "validate": validate}[what](**{**request, **paths})))


def padding() -> float:
    """Share of padding in the DAPT batches of the text at hand, at the length the presets use."""
    from xiyou_tui.corpus.synopsis import load_synopsis
    from xiyou_tui.study import open_study
    from xiyou_tui.training.loss import MULTIPLE
    from xiyou_tui.training.packing import cut_windows, epoch_batches, padding_share

    edition = open_study().library.current() if os.environ.get("XIYOU_HOME") else load_synopsis()
    windows = [row for chapter in edition.chapters for row in cut_windows("", range(round(0.83 * len(chapter.text))), 768)]
    sizes = [len(row) - 1 for row in windows]
    return padding_share(sizes, epoch_batches(sizes, BATCH, 7, 0), MULTIPLE)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--vocabulary", type=int, default=152_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child")
    parsed = parser.parse_args()
    if parsed.child:
        serve(json.loads(parsed.child))
        return
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        data = root / "data"
        data.mkdir()
        rows = make_rows(parsed.rows + 60)
        for name, part in (("train", rows[60:]), ("valid", rows[:60])):
            (data / f"{name}.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in part))
        small = make_model(root / "small", 0, 128, 4)
        common = {"model": str(small), "data": str(data)}
        tries = [
            child(parsed.threads, what="theirs", steps=parsed.steps, out=str(root / f"t{compiled}"), compiled=compiled, **common)
            for compiled in (False, True)
        ]
        # Compiling pays or not, depending on the machine: the faster way counts.
        best = max((0, 1), key=lambda index: tries[index]["tokens_per_second"])
        their = tries[best]
        our = child(parsed.threads, what="ours", steps=10**6, chunk=256, out=str(root / "o"), tokens=their["tokens"], **common)
        their |= child(parsed.threads, what="validate", adapter=str(root / f"t{bool(best)}"), out=str(root / "v"), **common)
        wide = make_model(root / "wide", parsed.vocabulary, 64, 2)
        weights = (wide / "model.safetensors").stat().st_size
        common = {"model": str(wide), "data": str(data)}
        big = child(parsed.threads, what="theirs", steps=12, out=str(root / "tw"), compiled=False, **common)["peak"] - weights
        frugal = (
            child(parsed.threads, what="ours", steps=12, chunk=256, out=str(root / "ow"), tokens=0, **common)["peak"] - weights
        )
        print("| measure | mlx_lm lora | ours | ratio | wanted |\n|---|---|---|---|---|")
        speed = our["tokens_per_second"] / their["tokens_per_second"]
        print(
            f"| supervised tokens/s, batch {BATCH} | {their['tokens_per_second']:.0f} | {our['tokens_per_second']:.0f} | {speed:.2f} | ≥ 1.4 |"
        )
        work = our["tokens_per_cpu_second"] / their["tokens_per_cpu_second"]
        slow, fast = their["tokens_per_cpu_second"], our["tokens_per_cpu_second"]
        print(f"| the same per second of processor time | {slow:.0f} | {fast:.0f} | {work:.2f} | |")
        print(
            f"| validation loss after {their['tokens']:.0f} tokens | {their['validation']:.4f} | {our['validation']:.4f} | | no worse |"
        )
        print(
            f"| peak above weights, vocabulary {parsed.vocabulary:,} | {big / 2**20:.0f} MB | {frugal / 2**20:.0f} MB | {frugal / big:.2f} | ≤ 0.7 |"
        )
        print(f"| reporting every step | | {our['reporting']:.2%} | | ≤ 1 % |")
        print(f"| padding in DAPT batches | | {padding():.2%} | | ≤ 2 % |")


if __name__ == "__main__":
    main()
