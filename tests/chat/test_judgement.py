"""The judge's probability is what the plain definition gives, and judging leaves the model as it was."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from xiyou_tui.chat.generation import PREFILL_STEP, LoadedModel, load_model
from xiyou_tui.chat.judgement import INSTRUCTION, NO, YES, probability_of_support


def plain_probability(loaded: LoadedModel, sentence: str, passage: str) -> float:
    """Both answers read whole, each with the prompt before it."""
    import mlx.core as mx

    turns = ({"role": "system", "content": INSTRUCTION}, {"role": "user", "content": f"原文：{passage}\n这句话：{sentence}"})
    prompt, means = loaded.tokens_of(turns), []
    for answer in (YES, NO):
        wanted = loaded.tokenizer.encode(answer, add_special_tokens=False)
        logits = loaded.model(mx.array([prompt + wanted[:-1]]))[0, len(prompt) - 1 :]
        logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        means.append(mx.take_along_axis(logprobs, mx.array(wanted)[:, None], axis=-1).mean().item())
    return 1 / (1 + math.exp(means[1] - means[0]))


@pytest.mark.parametrize("times", [1, 20, 70])
def test_the_prompt_is_read_once_and_nothing_is_changed_by_it(tiny_model: Path, times: int) -> None:
    import mlx.core as mx

    mx.disable_compile()
    loaded = load_model(str(tiny_model))
    sentence, passage = "白骨精被孙悟空打死了。", "孙悟空三次看破打杀，最后显出白骨夫人。" * times
    assert (len(loaded.tokenizer.encode(passage)) > PREFILL_STEP) == (times > 50)
    found = probability_of_support(loaded, sentence, passage)
    assert found == pytest.approx(plain_probability(loaded, sentence, passage), abs=1e-4)
    assert found == pytest.approx(probability_of_support(loaded, sentence, passage), abs=1e-6)
