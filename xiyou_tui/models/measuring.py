"""What a conversion did to a model, in figures: perplexity on passages, and how far its next-word distributions moved. Uses MLX."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import mlx.core as mx

from xiyou_tui.models.conversion import Probe

# Tokens of a passage that are read, and the places in it whose distributions are kept for comparing.
WINDOW, PLACES = 256, 16


@dataclass(slots=True)
class Reading:
    """What a model said to a probe: its losses on the passages, and its logits at some places of passages and after each question."""

    loss: float = 0.0
    tokens: int = 0
    logits: list[mx.array] = field(default_factory=list)

    @property
    def perplexity(self) -> float:
        return math.exp(min(50.0, self.loss / max(1, self.tokens)))


def read_model(model: Any, tokenizer: Any, probe: Probe, tell: Callable[[float], None] = lambda share: None) -> Reading:
    """Put a probe to a model; `tell` hears how much of it is done."""
    reading = Reading()
    rows = [(_question_tokens(tokenizer, turns), False) for turns in probe.questions]
    rows += [([int(token) for token in tokenizer.encode(text)][:WINDOW], True) for text in probe.passages]
    model.eval()
    for number, (tokens, passage) in enumerate(rows, 1):
        if len(tokens) < 2:
            continue
        logits = model(mx.array([tokens]))[0].astype(mx.float32)
        if passage:
            scores = logits[:-1] - mx.logsumexp(logits[:-1], axis=-1, keepdims=True)
            losses = -mx.take_along_axis(scores, mx.array(tokens[1:])[:, None], axis=-1).sum()
            places = sorted({round((len(tokens) - 1) * (index + 1) / PLACES) for index in range(PLACES)})
            kept = logits[mx.array(places)]
            mx.eval(losses, kept)
            reading.loss += _number(losses)
            reading.tokens += len(tokens) - 1
        else:
            kept = logits[-1:]
            mx.eval(kept)
        reading.logits.append(kept)
        tell(number / len(rows))
    return reading


def compare(before: Reading, after: Reading) -> dict[str, Any]:
    """How far `after` is from `before`: differences of logits, divergence of the distributions (nats), share of equal first choices."""
    if not before.logits:
        return {}
    one, other = mx.concatenate(before.logits), mx.concatenate(after.logits)
    # A constant added to all logits changes nothing.
    gap = mx.abs((one - one.mean(axis=-1, keepdims=True)) - (other - other.mean(axis=-1, keepdims=True)))
    same = mx.argmax(one, axis=-1) == mx.argmax(other, axis=-1)
    return {
        "logit_mean": _number(gap.mean()),
        "logit_max": _number(gap.max()),
        "agreement": _number(same.astype(mx.float32).mean()),
        "kl": divergence(before, after),
        "positions": int(one.shape[0]),
    }


def divergence(before: Reading, after: Reading) -> float:
    """The mean Kullback-Leibler divergence of `after` from `before` over their places, in nats."""
    one, other = mx.concatenate(before.logits), mx.concatenate(after.logits)
    left = one - mx.logsumexp(one, axis=-1, keepdims=True)
    right = other - mx.logsumexp(other, axis=-1, keepdims=True)
    return max(0.0, _number((mx.exp(left) * (left - right)).sum(axis=-1).mean()))


def _question_tokens(tokenizer: Any, turns: tuple[dict[str, str], ...]) -> list[int]:
    messages = [dict(turn) for turn in turns]
    if not getattr(tokenizer, "chat_template", None):
        return [int(token) for token in tokenizer.encode("\n".join(turn["content"] for turn in messages))]
    try:
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, enable_thinking=False)
    except Exception:
        # No system turn in this template: its words go before the question, as in the chat.
        merged = [{"role": "user", "content": "\n\n".join(turn["content"] for turn in messages)}]
        text = tokenizer.apply_chat_template(merged, add_generation_prompt=True, tokenize=False, enable_thinking=False)
    return [int(token) for token in tokenizer.encode(text, add_special_tokens=False)]


def _number(array: mx.array) -> float:
    return float(cast(float, array.item()))
