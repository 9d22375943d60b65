"""The losses, as sums over targets that are divided once: cross entropy for DAPT and SFT, DPO for preference pairs. Uses MLX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import mlx.core as mx
import mlx.nn as nn

from xiyou_tui.training.packing import Row

# On a GPU rows are padded to a multiple of this, so that the shapes it sees repeat; on the CPU that gains nothing.
MULTIPLE = 8 if mx.metal.is_available() else 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows side by side: `tokens` (rows, length) as the model reads them; for each target its flat position, its token, its row.

    Padding stands on the right, where a causal model never looks at it, and no target lies in it.
    """

    tokens: mx.array
    positions: mx.array
    targets: mx.array
    rows: mx.array
    count: int


def make_batch(rows: Sequence[Row], multiple: int = MULTIPLE) -> Batch:
    """A batch of rows; the last token of a row is only ever a target and not read."""
    width = -(-max(len(row) - 1 for row in rows) // multiple) * multiple
    tokens: list[list[int]] = []
    positions: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    for index, row in enumerate(rows):
        read = row.tokens[:-1]
        tokens.append(read + [0] * (width - len(read)))
        for place in range(1, len(row)):
            if row.trained[place]:
                positions.append(index * width + place - 1)
                targets.append(row.tokens[place])
                owners.append(index)
    return Batch(mx.array(tokens), mx.array(positions), mx.array(targets), mx.array(owners), len(targets))


@dataclass(frozen=True, slots=True)
class Parts:
    """A language model in two halves, so that the vocabulary is computed only where there is a target."""

    body: Callable[[mx.array], mx.array]
    head: nn.Module
    project: Callable[[mx.array], mx.array]


def split_model(model: nn.Module, probe: int = 1) -> Parts | None:
    """The model's two halves, or None where its code is built otherwise. Tried on one token, so a wrong guess can't pass."""
    inner = getattr(model, "model", None)
    if inner is None or not callable(inner):
        return None
    tied = not hasattr(model, "lm_head")
    head = getattr(inner, "embed_tokens", None) if tied else model.lm_head
    if head is None or (tied and not hasattr(head, "as_linear")):
        return None
    parts = Parts(inner, head, head.as_linear if tied else head)
    tokens = mx.array([[probe, probe + 1, probe]])
    training = model.training
    model.eval()
    try:
        whole, halves = model(tokens), parts.project(parts.body(tokens))
        same = whole.shape == halves.shape and mx.allclose(whole, halves, rtol=1e-3, atol=1e-3).item()
    except (TypeError, ValueError, AttributeError):
        same = False
    model.train(training)
    return parts if same else None


def target_losses(model: nn.Module, parts: Parts | None, batch: Batch, chunk: int = 0) -> mx.array:
    """The cross entropy of each target, in float32, in the order of the batch's targets.

    With `chunk`, at most so many targets have their vocabulary row in memory at a time, on the way back too.
    """
    if parts is None:
        logits = model(batch.tokens)
        return _entropy(logits.reshape(-1, logits.shape[-1])[batch.positions], batch.targets)
    hidden = parts.body(batch.tokens)
    hidden = hidden.reshape(-1, hidden.shape[-1])[batch.positions]
    if not parts.head.trainable_parameters():
        return _frozen_losses(parts, hidden, batch.targets, chunk or batch.positions.size)
    if not chunk or batch.positions.size <= chunk:
        return _entropy(parts.project(hidden), batch.targets)
    return _recomputed_losses(parts, hidden, batch.targets, chunk)


def _entropy(logits: mx.array, targets: mx.array) -> mx.array:
    logits = logits.astype(mx.float32)
    chosen = mx.take_along_axis(logits, targets[:, None], axis=-1).squeeze(-1)
    return mx.logsumexp(logits, axis=-1) - chosen


def _frozen_losses(parts: Parts, hidden: mx.array, targets: mx.array, chunk: int) -> mx.array:
    """Losses under a head that is not trained: a target's gradient is its loss's share times a vector known right away.

    So the logits of a chunk serve for both and go; nothing of the vocabulary's size is kept or computed again
    (the idea of Liger's fused linear cross entropy, Hsu et al., 2024).
    """

    @mx.custom_function
    def losses_and_slopes(states: mx.array) -> tuple[mx.array, mx.array]:
        losses, slopes = [], []
        for start in range(0, targets.size, chunk):
            piece, wanted = states[start : start + chunk], targets[start : start + chunk]
            logits = parts.project(piece)
            exact = logits.astype(mx.float32)
            total = mx.logsumexp(exact, axis=-1, keepdims=True)
            losses.append((total - mx.take_along_axis(exact, wanted[:, None], axis=-1)).squeeze(-1))
            slope = mx.exp(exact - total).at[mx.arange(wanted.size), wanted].add(-1.0).astype(logits.dtype)
            slopes.append(mx.vjp(parts.project, [piece], [slope])[1][0])
        return mx.concatenate(losses), mx.concatenate(slopes)

    @losses_and_slopes.vjp
    def back(states: mx.array, cotangents: tuple[mx.array, mx.array], outputs: tuple[mx.array, mx.array]) -> mx.array:
        share, slopes = cotangents[0], outputs[1]
        return share[:, None].astype(slopes.dtype) * slopes

    return cast(tuple[mx.array, mx.array], losses_and_slopes(hidden))[0]


def _recomputed_losses(parts: Parts, hidden: mx.array, targets: mx.array, chunk: int) -> mx.array:
    """Losses under a head that is trained too: each chunk is computed again on the way back."""
    pieces = []
    for start in range(0, targets.size, chunk):
        # Whole numbers are captured and not passed in: MLX would look for a gradient with respect to them.
        wanted = targets[start : start + chunk]

        def score(states: mx.array, wanted: mx.array = wanted) -> mx.array:
            return _entropy(parts.project(states), wanted)

        pieces.append(nn.utils.checkpoint(parts.head, score)(hidden[start : start + chunk]))
    return mx.concatenate(pieces)


def row_scores(model: nn.Module, parts: Parts | None, batch: Batch, rows: int, chunk: int = 0) -> mx.array:
    """The log-probability of each row's targets, summed: (rows,)."""
    losses = target_losses(model, parts, batch, chunk)
    return mx.zeros(rows).at[batch.rows].add(-losses)


@dataclass(frozen=True, slots=True)
class Preference:
    """DPO of a batch of pairs: the summed loss, the summed margin, and how many pairs are ordered rightly."""

    loss: mx.array
    margin: mx.array
    right: mx.array


def preference_loss(scores: mx.array, reference: mx.array, beta: float) -> Preference:
    """DPO (Rafailov et al., 2023) from policy and reference scores, each (2 × pairs,): chosen rows first, then rejected ones."""
    pairs = scores.shape[0] // 2
    gain = scores - reference
    margin = beta * (gain[:pairs] - gain[pairs:])
    return Preference(nn.softplus(-margin).sum(), margin.sum(), (margin > 0).sum())
