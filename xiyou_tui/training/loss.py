"""The losses, as sums over targets that are divided once: cross entropy for DAPT and SFT, DPO for preference pairs. Uses MLX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn

from xiyou_tui.training.packing import Row

# Rows are padded to a multiple of this, so that the shapes that a GPU sees repeat.
MULTIPLE = 8


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

    With `chunk`, at most so many targets have their vocabulary row in memory at a time, on the way back too (it is computed again).
    """
    if parts is None:
        logits = model(batch.tokens)
        return _entropy(logits.reshape(-1, logits.shape[-1])[batch.positions], batch.targets)
    hidden = parts.body(batch.tokens)
    hidden = hidden.reshape(-1, hidden.shape[-1])[batch.positions]

    def score(states: mx.array, targets: mx.array) -> mx.array:
        return _entropy(parts.project(states), targets)

    if not chunk or batch.count <= chunk:
        return score(hidden, batch.targets)
    pieces = []
    for start in range(0, batch.count, chunk):
        # Whole numbers are captured and not passed in: MLX would look for a gradient with respect to them.
        wanted = batch.targets[start : start + chunk]

        def score_piece(states: mx.array, targets: mx.array = wanted) -> mx.array:
            return score(states, targets)

        pieces.append(nn.utils.checkpoint(parts.head, score_piece)(hidden[start : start + chunk]))
    return mx.concatenate(pieces)


def _entropy(logits: mx.array, targets: mx.array) -> mx.array:
    logits = logits.astype(mx.float32)
    chosen = mx.take_along_axis(logits, targets[:, None], axis=-1).squeeze(-1)
    return mx.logsumexp(logits, axis=-1) - chosen


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
