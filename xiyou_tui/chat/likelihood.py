"""How likely a model finds given texts: the sum of the negative log-likelihoods of their tokens. Engine process only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xiyou_tui.chat.generation import LoadedModel
from xiyou_tui.training.datasets import begin_mark

# A longer text is read in pieces of so many tokens, each without what came before: their logits must fit in memory.
PIECE = 384


def text_likelihood(loaded: LoadedModel, text: str) -> tuple[float, int]:
    """(negative log-likelihood in nats, number of tokens) of a plain text, no chat template around it.

    The first token of a piece is conditioned on the token that begins texts, where the tokenizer has one; else it is not counted.
    """
    import mlx.core as mx

    tokens = [int(token) for token in loaded.tokenizer.encode(text, add_special_tokens=False)]
    first = begin_mark(loaded.tokenizer)
    total, counted = 0.0, 0
    for start in range(0, len(tokens), PIECE):
        piece = tokens[start : start + PIECE]
        row = [first, *piece] if first is not None else piece
        if len(row) < 2:
            continue
        logits = loaded.model(mx.array([row[:-1]]))[0].astype(mx.float32)
        wanted = mx.array(row[1:])[:, None]
        likelihood = mx.take_along_axis(logits, wanted, axis=-1)[:, 0] - mx.logsumexp(logits, axis=-1)
        total -= float(likelihood.sum().item())  # type: ignore[arg-type]
        counted += len(row) - 1
    return total, counted


def read_texts(
    loaded: LoadedModel, texts: Sequence[str], gone_on: Callable[[], bool], told: Callable[[], None]
) -> list[tuple[float, int]]:
    """`text_likelihood` of each text, `told` after each; fewer than asked for when it was stopped."""
    found = []
    for text in texts:
        if not gone_on():
            break
        found.append(text_likelihood(loaded, text))
        told()
    return found
