"""What the model in training says to the fixed prompts: greedy, so that two evaluations differ only by what was learned. Uses MLX."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn

from xiyou_tui.training.datasets import encode_prompt
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.source import QUESTION


def answer_prompts(model: nn.Module, tokenizer: Any, recipe: Recipe, frame: tuple[str, str]) -> list[tuple[str, str]]:
    """(prompt, answer) for each of the recipe's prompts. DAPT continues the prompt; the other stages answer it as in a chat.

    `frame` is the chat's system prompt and its question with a mark where the question goes.
    """
    model.eval()
    found = []
    for prompt in recipe.prompts:
        if recipe.stage == "dapt":
            tokens = list(tokenizer.encode(prompt, add_special_tokens=False))
        else:
            system, question = frame
            messages = [{"role": "system", "content": system}] if system and recipe.system_prompt else []
            asked = question.replace(QUESTION, prompt) if question else prompt
            tokens = encode_prompt([*messages, {"role": "user", "content": asked}], tokenizer)
        found.append((prompt, continue_greedily(model, tokenizer, tokens, recipe.answer_tokens)))
    model.train()
    return found


def continue_greedily(model: nn.Module, tokenizer: Any, tokens: list[int], limit: int) -> str:
    """At most `limit` tokens of the likeliest continuation, as text, up to an end token."""
    from mlx_lm.models.cache import make_prompt_cache

    ends = {
        int(number) for number in [tokenizer.eos_token_id, *(getattr(tokenizer, "eos_token_ids", ()) or ())] if number is not None
    }
    cache = make_prompt_cache(model)
    logits = model(mx.array([tokens]), cache=cache)
    said: list[int] = []
    for _ in range(limit):
        chosen = int(str(mx.argmax(logits[0, -1]).item()))
        if chosen in ends:
            break
        said.append(chosen)
        logits = model(mx.array([[chosen]]), cache=cache)
    return str(tokenizer.decode(said)).replace("\ufffd", "").strip()
