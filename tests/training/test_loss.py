"""The losses against plain NumPy on the same logits, for every stage; and what must not change them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from xiyou_tui.training.loss import Batch, make_batch, preference_loss, row_scores, split_model, target_losses
from xiyou_tui.training.packing import Row
from xiyou_tui.training.session import load_model


@pytest.fixture(scope="module")
def model(model_directory: Path) -> nn.Module:
    loaded = load_model(model_directory)[0]
    mx.random.seed(3)
    # Away from the nearly uniform start, so that a wrong mask shows.
    loaded.load_weights(
        [(name, array + 0.1 * mx.random.normal(array.shape)) for name, array in tree_flatten(loaded.parameters())]
    )
    loaded.eval()
    return loaded


def some_rows(seed: int = 0, sizes: tuple[int, ...] = (5, 17, 9, 30)) -> list[Row]:
    chance = np.random.default_rng(seed)
    rows = []
    for index, size in enumerate(sizes):
        trained = [False, *(bool(value) for value in chance.random(size - 1) < 0.6)]
        trained[-1] = True
        rows.append(Row(str(index), [int(token) for token in chance.integers(3, 500, size)], trained))
    return rows


def reference_losses(model: nn.Module, rows: list[Row]) -> np.ndarray[Any, Any]:
    """Row by row, without padding, batching or masks: -log softmax of each target, in float64."""
    found = []
    for row in rows:
        logits = np.array(model(mx.array([row.tokens[:-1]])).astype(mx.float32))[0].astype(np.float64)
        shifted = logits - logits.max(-1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        found += [-log_probabilities[place - 1, row.tokens[place]] for place in range(1, len(row)) if row.trained[place]]
    return np.array(found)


@pytest.mark.parametrize("chunk", [0, 7])
@pytest.mark.parametrize("halves", [True, False])
def test_the_mean_equals_numpy(model: nn.Module, chunk: int, halves: bool) -> None:
    rows = some_rows()
    batch = make_batch(rows)
    losses = target_losses(model, split_model(model) if halves else None, batch, chunk)
    expected = reference_losses(model, rows)
    assert batch.count == len(expected) == losses.shape[0]
    assert np.allclose(np.array(losses), expected, atol=1e-5)
    assert abs(float(losses.mean().item()) - expected.mean()) < 1e-5


def test_the_model_is_split_where_it_can_be(model: nn.Module) -> None:
    assert split_model(model) is not None

    class Other(nn.Module):
        def __call__(self, tokens: mx.array) -> mx.array:
            return mx.zeros((*tokens.shape, 4))

    assert split_model(Other()) is None


def test_padding_changes_no_score(model: nn.Module) -> None:
    rows = some_rows()
    parts = split_model(model)
    alone = [float(row_scores(model, parts, make_batch([row], 1), 1).item()) for row in rows]
    together = np.array(row_scores(model, parts, make_batch(rows, 64), len(rows)))
    assert np.allclose(alone, together, atol=1e-4)


@pytest.mark.parametrize("chunk", [0, 1, 7, 1000])
def test_a_frozen_head_gives_the_gradients_of_plain_autodiff(model: nn.Module, chunk: int) -> None:
    batch = make_batch(some_rows())
    parts = split_model(model)
    share = mx.array(np.random.default_rng(1).random(batch.count).astype(np.float32))
    model.freeze()
    try:
        for layer in model.layers:
            layer.unfreeze()
        halves = nn.value_and_grad(model, lambda: (target_losses(model, parts, batch, chunk) * share).sum())()
        plain = nn.value_and_grad(model, lambda: (target_losses(model, None, batch) * share).sum())()
    finally:
        model.unfreeze()
    assert abs(float(halves[0].item()) - float(plain[0].item())) < 1e-3
    found, expected = dict(tree_flatten(halves[1])), dict(tree_flatten(plain[1]))
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert np.allclose(np.array(array), np.array(found[name]), rtol=1e-3, atol=1e-4), name


@pytest.mark.parametrize("chunk", [1, 7, 16])
def test_chunks_give_the_same_gradients(model: nn.Module, chunk: int) -> None:
    batch = make_batch(some_rows())
    parts = split_model(model)

    def gradients(size: int) -> dict[str, mx.array]:
        loss = nn.value_and_grad(model, lambda: target_losses(model, parts, batch, size).sum())
        return dict(tree_flatten(loss()[1]))

    plain, chunked = gradients(0), gradients(chunk)
    assert plain.keys() == chunked.keys()
    for name, array in plain.items():
        assert np.allclose(np.array(array), np.array(chunked[name]), rtol=1e-3, atol=1e-4), name


def test_preference_loss_equals_numpy(model: nn.Module) -> None:
    rows = some_rows(sizes=(6, 9, 12, 8, 7, 20))
    policy = np.array(row_scores(model, split_model(model), make_batch(rows), len(rows)), dtype=np.float64)
    reference = policy + np.array([0.5, -1.0, 2.0, 0.1, 0.0, -0.3])
    found = preference_loss(mx.array(policy.astype(np.float32)), mx.array(reference.astype(np.float32)), 0.1)
    margin = 0.1 * ((policy[:3] - reference[:3]) - (policy[3:] - reference[3:]))
    assert abs(float(found.loss.item()) - np.log1p(np.exp(-margin)).sum()) < 1e-5
    assert abs(float(found.margin.item()) - margin.sum()) < 1e-4
    assert int(found.right.item()) == int((margin > 0).sum())


def test_a_batch_knows_its_targets() -> None:
    rows = [Row("a", [1, 2, 3], [False, False, True]), Row("b", [4, 5], [False, True])]
    batch: Batch = make_batch(rows, 4)
    assert batch.tokens.tolist() == [[1, 2, 0, 0], [4, 0, 0, 0]]
    assert batch.positions.tolist() == [1, 4]
    assert batch.targets.tolist() == [3, 5]
    assert batch.count == 2
