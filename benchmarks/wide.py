"""A model with random weights and the vocabulary of a real one, for measuring what depends on size alone."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from xiyou_tui.models.practice import Shape, _write_tokenizer, _write_weights, train_tokenizer

# About the head and the depth at which a token takes 20 to 60 ms on two cores.
SHAPE = Shape(vocabulary=150_000, hidden=128, layers=4, heads=4, key_value_heads=2, intermediate=384, context=8192)


def make_wide_model(texts: list[str], directory: Path, shape: Shape = SHAPE) -> Path:
    """Write a Qwen2 of `shape` whose byte-level BPE is learned from the texts as far as they go and then filled up."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = fill_up(train_tokenizer(texts, shape.vocabulary), shape.vocabulary, sorted({*"".join(texts)}))
    _write_tokenizer(directory, tokenizer, shape)
    _write_weights(directory, tokenizer, shape, seed=7)
    return directory


def fill_up(tokenizer: Any, vocabulary: int, characters: list[str]) -> Any:
    """A tokenizer with made-up entries added until it has `vocabulary`: half Latin words, half two to four characters.

    They have no merges, so no text is ever split into them; the mask has to look at them all the same.
    """
    from tokenizers import Tokenizer, pre_tokenizers

    record = json.loads(tokenizer.to_str())
    entries: dict[str, int] = record["model"]["vocab"]
    spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    choose = random.Random(3)
    han = [character for character in characters if "\u4e00" <= character <= "\u9fff"]
    while len(entries) < vocabulary:
        if choose.random() < 0.5:
            word = choose.choice(["", " "]) + "".join(choose.choices("etaoinshrdlucmfwyp", k=choose.randint(3, 10)))
        else:
            word = "".join(choose.choices(han, k=choose.randint(2, 4)))
        [(spelled, _)] = spell.pre_tokenize_str(word)
        entries.setdefault(spelled, len(entries))
    return Tokenizer.from_str(json.dumps(record))
