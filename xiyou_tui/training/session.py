"""A model made ready to train: loaded, adapted, with optimizer and data. Holds all the memory a run takes. Uses MLX."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_flatten, tree_map, tree_unflatten

from xiyou_tui.errors import ModelError, TrainingError
from xiyou_tui.models.registry import inspect_model, model_hash
from xiyou_tui.storage.files import explained, write_json
from xiyou_tui.training.checkpoint import CONFIG, WEIGHTS, load_arrays, load_weights, save_arrays
from xiyou_tui.training.datasets import Encoded, Pair, encode, read_run
from xiyou_tui.training.loss import Batch, Parts, make_batch, preference_loss, row_scores, split_model, target_losses
from xiyou_tui.training.packing import Row, Schedule
from xiyou_tui.training.ranks import Ranks
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.run import RunDirectory, RunMeta

DTYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one optimizer step gave: mean loss per target (DPO: per pair), norm of the gradient, how many targets it computed
    (DPO: of both answers); margin and accuracy for DPO."""

    loss: float
    norm: float
    tokens: int
    margin: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The mean loss over a data set and how many targets it holds; margin and accuracy for DPO."""

    loss: float
    count: int
    margin: float | None = None
    accuracy: float | None = None


class Session:
    """One model in training. Make it with `open_session`; drop it to free the memory."""

    def __init__(
        self,
        run: RunDirectory,
        meta: RunMeta,
        model: nn.Module,
        tokenizer: Any,
        data: Encoded,
        config: dict[str, Any],
        ranks: Ranks,
    ) -> None:
        self.recipe = meta.recipe
        self.ranks = ranks
        self.model = model
        self.tokenizer = tokenizer
        self.data = data
        self.adapter_config = config
        self.parts: Parts | None = split_model(model)
        recipe = self.recipe
        self.optimizer = optim.AdamW(learning_rate=0.0, weight_decay=recipe.weight_decay, bias_correction=True)
        self.lengths = tuple(len(item) - 1 for item in (data.pairs or data.train))
        self.schedule = Schedule(
            self.lengths, recipe.batch, recipe.accumulate, recipe.epochs, recipe.max_steps, recipe.seed, recipe.order
        )
        self.reference = self._reference_scores(run) if data.pairs else {}
        self._gradients = nn.value_and_grad(model, self._batch_loss)

    def step(self, number: int, rate: float) -> StepResult:
        """Take optimizer step `number` (from 1). The same model, number and rate always give the same result.

        Gradients of all the step's batches are summed and divided once by the number of targets, so a long batch counts for more than a
        short one, and the last, smaller step loses nothing. Ranks take their shares of the rows, and all sum up the same way, so that
        they stay at the same weights.
        """
        ranks = self.ranks
        mx.random.seed(step_seed(self.recipe.seed, number, ranks.rank))
        self.model.train()
        batches = [self.make(rows) for rows in self.schedule.batches(number, ranks.rank, ranks.size)]
        count, tokens = ranks.total(sum(batch.count for batch, _ in batches), sum(batch.positions.size for batch, _ in batches))
        gradients: Any = None
        totals = mx.zeros(3)
        for batch, reference in batches:
            (_, sums), found = self._gradients(batch, reference, count)
            gradients = found if gradients is None else tree_map(mx.add, gradients, found)
            totals = totals + sums
            if len(batches) > 1:
                mx.eval(gradients, totals)
        if ranks.size > 1:
            totals, gradients = self._over_ranks(totals, gradients)
        norm = mx.sqrt(mx.stack([mx.square(gradient.astype(mx.float32)).sum() for _, gradient in tree_flatten(gradients)]).sum())
        if self.recipe.clip:
            factor = mx.minimum(1.0, self.recipe.clip / (norm + 1e-6))
            gradients = tree_map(lambda gradient: gradient * factor.astype(gradient.dtype), gradients)
        self.optimizer.learning_rate = rate
        self.optimizer.update(self.model, gradients)
        mx.eval(self.model.trainable_parameters(), self.optimizer.state, totals, norm)
        loss, margin, right = _means(totals, count)
        return StepResult(loss, _numbers(norm[None])[0], tokens, *((margin, right) if self.data.pairs else (None, None)))

    def _over_ranks(self, totals: mx.array, gradients: Any) -> tuple[mx.array, Any]:
        if gradients is None:
            # The last batch of an epoch can hold fewer rows than there are ranks.
            gradients = tree_map(mx.zeros_like, self.model.trainable_parameters())
        names, arrays = zip(*tree_flatten(gradients), strict=True)
        totals, *summed = self.ranks.sum([totals, *arrays])
        return totals, tree_unflatten(list(zip(names, summed, strict=True)))

    def probe(self, items: Sequence[int]) -> int:
        """Do all of a step's work on one batch but the update (for measuring); returns its targets."""
        mx.random.seed(0)
        self.model.train()
        batch, reference = self.make(items)
        (loss, _), gradients = self._gradients(batch, reference, batch.count)
        mx.eval(loss, gradients)
        return batch.positions.size

    def check(self, name: str) -> CheckResult:
        """The loss on a data set that is not trained on, in evaluation mode: a plain mean over all its targets."""
        self.model.eval()
        pairs = name == "validation" and bool(self.data.pairs)
        items: Sequence[Row | Pair] = _spread(
            self.data.check_pairs if pairs else self.data.checks[name], self.recipe.evaluate_rows
        )
        totals, count = mx.zeros(3), 0
        for batch_rows in _in_order(items, self.recipe.batch)[self.ranks.rank :: self.ranks.size]:
            batch, reference = self._batch_of(batch_rows)
            _, sums = self._batch_loss(batch, reference, 1)
            totals, count = totals + sums, count + batch.count
            mx.eval(totals)
        self.model.train()
        (totals,) = self.ranks.sum([totals])
        (count,) = self.ranks.total(count)
        loss, margin, right = _means(totals, count)
        return CheckResult(loss, count, *((margin, right) if pairs else (None, None)))

    @property
    def check_names(self) -> tuple[str, ...]:
        """Data sets to evaluate on, the one that decides about the best checkpoint first."""
        if self.data.pairs:
            return ("validation",) if self.data.check_pairs else ()
        return tuple(sorted(self.data.checks, key=lambda name: name == "general"))

    def make(self, items: Sequence[int]) -> tuple[Batch, mx.array | None]:
        """The batch of some training rows (or pairs) by their numbers, and the reference scores of pairs."""
        source: Sequence[Row | Pair] = self.data.pairs or self.data.train
        return self._batch_of([source[item] for item in items])

    def _batch_of(self, items: Sequence[Row | Pair]) -> tuple[Batch, mx.array | None]:
        pairs = [item for item in items if isinstance(item, Pair)]
        if not pairs:
            return make_batch([item for item in items if isinstance(item, Row)]), None
        batch = make_batch([*(pair.chosen for pair in pairs), *(pair.rejected for pair in pairs)])
        reference = (
            [self.reference[pair.name][side] for side in (0, 1) for pair in pairs] if self.reference else [0.0] * (2 * len(pairs))
        )
        # For pairs the loss is a mean over pairs, whatever their lengths.
        return Batch(batch.tokens, batch.positions, batch.targets, batch.rows, len(pairs)), mx.array(reference)

    def _batch_loss(self, batch: Batch, reference: mx.array | None, count: int) -> tuple[mx.array, mx.array]:
        """The batch's share of the step's mean loss, and the sums (loss, margin, rightly ordered) to report."""
        chunk = self.recipe.loss_chunk
        if reference is None:
            loss = target_losses(self.model, self.parts, batch, chunk).sum()
            return loss / count, mx.stack([loss, mx.array(0.0), mx.array(0.0)])
        scores = row_scores(self.model, self.parts, batch, reference.shape[0], chunk)
        found = preference_loss(scores, reference, self.recipe.beta)
        return found.loss / count, mx.stack([found.loss, found.margin, found.right.astype(mx.float32)])

    def _reference_scores(self, run: RunDirectory) -> dict[str, list[float]]:
        # Once, before the first step, with the starting adapter on and dropout off; kept, so that a resumed run has the same.
        kept = run.path / "reference.json"
        if kept.exists():
            return dict(json.loads(kept.read_text("utf-8")))
        self.model.eval()
        scores: dict[str, list[float]] = {}
        for pair in [*self.data.pairs, *self.data.check_pairs]:
            batch = make_batch([pair.chosen, pair.rejected])
            scores[pair.name] = _numbers(row_scores(self.model, self.parts, batch, 2, self.recipe.loss_chunk))
        if self.ranks.first:
            write_json(kept, scores)
        return scores


def open_session(run: RunDirectory, meta: RunMeta, ranks: Ranks) -> Session:
    """Load and adapt the model and encode the data of a run. Raises ModelError or TrainingError, before any step, for what can't work."""
    recipe, path = meta.recipe, Path(meta.model["path"])
    card = inspect_model(path)
    if model_hash(path) != meta.model["hash"]:
        raise ModelError(
            f"模型目录的内容变了：{path}。", kept="检查点还在。", next_step="换回原来的模型，或新开一次运行。", code="other-model"
        )
    model, tokenizer = load_model(path)
    data = encode(read_run(run), recipe, tokenizer)
    if not data.train:
        raise TrainingError("没有一行可以训练的数据。", next_step="检查样本或底本。", code="no-data")
    _check_tokens(data, card.vocabulary)
    adapter_config = _adapt(model, recipe, meta)
    return Session(run, meta, model, tokenizer, data, adapter_config, ranks)


def load_model(path: Path) -> tuple[nn.Module, Any]:
    """A model and its tokenizer from a directory; raises ModelError where mlx-lm can't open it."""
    _prepare_device()
    from mlx_lm.utils import load_model as open_model
    from mlx_lm.utils import load_tokenizer

    try:
        model, config = open_model(path)
        tokenizer = load_tokenizer(path, eos_token_ids=config.get("eos_token_id"))
    except Exception as error:  # whatever a foreign directory makes of the library
        raise ModelError(
            f"模型打不开：{path}（{error}）。", kept="没有改动。", next_step="重新下载，或换一个模型。", code="unloadable"
        ) from error
    return model, tokenizer


def load_tokenizer(path: Path) -> Any:
    """Only the tokenizer of a model directory; raises ModelError where it can't be opened."""
    from mlx_lm.utils import load_tokenizer as open_tokenizer

    try:
        return open_tokenizer(path)
    except Exception as error:  # as above
        raise ModelError(
            f"词表打不开：{path}（{error}）。", kept="没有改动。", next_step="重新下载这个模型。", code="unloadable"
        ) from error


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """The random seed of one step: with it, dropout depends on nothing that came before, and no two ranks drop alike."""
    return (seed * 1_000_003 + step + (rank << 52)) % 2**63


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of step `step` (from 1) of `steps`: a straight rise, then cosine, line or constant down to the final share."""
    warmup = min(math.ceil(recipe.warmup * steps), steps)
    if step <= warmup:
        return recipe.learning_rate * step / warmup
    if recipe.schedule == "constant":
        return recipe.learning_rate
    done = (step - warmup) / max(1, steps - warmup)
    share = 1 - done if recipe.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return recipe.learning_rate * (recipe.final_rate + (1 - recipe.final_rate) * share)


def export_model(run: RunDirectory, meta: RunMeta, weights: Path) -> Path:
    """For a run that trained all weights: a whole model directory beside its checkpoints, written in one step."""
    source, target, draft = Path(meta.model["path"]), run.path / "model", run.path / ".model"
    with explained(target):
        try:
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(
                source, draft, ignore=shutil.ignore_patterns("*.safetensors", "*.safetensors.index.json", "*.gguf", "*.bin")
            )
            save_arrays(draft / "model.safetensors", load_arrays(weights / WEIGHTS))
            shutil.rmtree(target, ignore_errors=True)
            draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return target


def _prepare_device() -> None:
    if mx.metal.is_available():
        mx.set_wired_limit(int(mx.device_info()["max_recommended_working_set_size"]))
        mx.set_cache_limit(2 * 2**30)
    else:
        # Compiled kernels need a C++ compiler at run time on the CPU, and for small shapes cost more than they save.
        mx.disable_compile()


def _adapt(model: nn.Module, recipe: Recipe, meta: RunMeta) -> dict[str, Any]:
    """Freeze what is not trained, add adapters, start from an earlier stage; returns the adapter's configuration for mlx-lm."""
    if recipe.precision != "model":
        model.set_dtype(DTYPES[recipe.precision])
    shape = {
        key: recipe.value(key) for key in ("adapter.kind", "adapter.rank", "adapter.alpha", "adapter.layers", "adapter.targets")
    }
    config: dict[str, Any] = {
        "fine_tune_type": recipe.adapter,
        "model": meta.model["path"],
        "xiyou": {**shape, "run": meta.id, "base_hash": meta.model["base_hash"], "model_hash": meta.model["hash"]},
    }
    if recipe.gradient_checkpoint:
        _checkpoint_layers(model)
    if recipe.adapter == "full":
        model.unfreeze()
        mx.eval(model.parameters())
        return config
    from mlx_lm.tuner.utils import linear_to_lora_layers

    model.freeze()
    count = len(model.layers)
    chosen = min(recipe.layers or count, count)
    keys = _adapted_names(model, recipe.targets)
    parameters = {"rank": recipe.rank, "scale": recipe.scale, "dropout": recipe.dropout, "keys": keys}
    mx.random.seed(recipe.seed)
    linear_to_lora_layers(model, chosen, parameters, use_dora=recipe.adapter == "dora")
    config |= {"num_layers": chosen, "lora_parameters": parameters}
    if meta.model.get("adapter"):
        start = Path(meta.model["adapter"])
        if not (start / CONFIG).exists():
            raise ModelError(f"起点的适配器不见了：{start}。", next_step="换一个起点，或从模型本身开始。", code="no-adapter")
        load_weights(model, load_arrays(start / WEIGHTS))
    mx.eval(model.parameters())
    return config


def _adapted_names(model: nn.Module, targets: str) -> list[str]:
    names: set[str] = set()
    for layer in model.layers:
        for name, module in layer.named_modules():
            if isinstance(module, (nn.Linear, nn.QuantizedLinear)) and (
                targets == "all" or "attn" in name or "attention" in name
            ):
                names.add(name)
    if not names:
        raise TrainingError(
            "在这个模型里找不到可以装适配器的地方。", next_step="「装在哪里」选注意力和前馈，或换一个模型。", code="no-targets"
        )
    return sorted(names)


def _checkpoint_layers(model: nn.Module) -> None:
    """Recompute each layer on the way back. Patches the layer's class, once, however often a session is opened in this process."""
    kind = type(model.layers[0])
    if getattr(kind, "_xiyou_recomputes", False):
        return
    plain = kind.__call__

    def recomputing(layer: nn.Module, *arguments: Any, **options: Any) -> Any:
        if not layer.training:
            return plain(layer, *arguments, **options)

        def forward(parameters: Any, *inputs: Any) -> Any:
            layer.update(parameters)
            return plain(layer, *inputs, **options)

        return mx.checkpoint(forward)(layer.trainable_parameters(), *arguments)

    kind.__call__ = recomputing
    kind._xiyou_recomputes = True


def _check_tokens(data: Encoded, vocabulary: int) -> None:
    rows = data.train if not data.pairs else [side for pair in data.pairs for side in (pair.chosen, pair.rejected)]
    highest = max(max(row.tokens) for row in rows)
    if vocabulary and highest >= vocabulary:
        raise ModelError(
            f"词表里的编号 {highest} 超出了模型的 {vocabulary}：词表和权重不是一套。",
            next_step="重新下载这个模型。",
            code="tokenizer",
        )
    if not any(row.targets for row in rows):
        raise TrainingError("没有一个要学的词元。", next_step="检查样本里有没有回答。", code="no-data")


def _in_order(items: Sequence[Row | Pair], size: int) -> list[list[Row | Pair]]:
    ordered = sorted(items, key=len)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def _spread(items: Sequence[Row | Pair], limit: int) -> Sequence[Row | Pair]:
    """At most `limit` of the items (0: all), evenly spread over them and always the same ones."""
    if not limit or len(items) <= limit:
        return items
    return [items[index * len(items) // limit] for index in range(limit)]


def _numbers(array: mx.array) -> list[float]:
    return [float(value) for value in cast(list[float], array.tolist())]


def _means(totals: mx.array, count: int) -> tuple[float, float, float]:
    loss, margin, right = (value / max(1, count) for value in _numbers(totals))
    return loss, margin, right
