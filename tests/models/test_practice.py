"""The practice model: a normal model directory, the same every time, made of whatever text is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.errors import ModelError
from xiyou_tui.models.making import ensure_practice, make_practice, practice_path
from xiyou_tui.models.practice import Shape, make_practice_model
from xiyou_tui.models.registry import inspect_model, list_models, model_hash, practice_directory
from xiyou_tui.storage.places import Places

SMALL = Shape(vocabulary=400, hidden=32, layers=2, intermediate=64)
TEXTS = [chapter.text for chapter in load_synopsis().chapters]


def test_mlx_lm_opens_what_is_made(tmp_path: Path) -> None:
    import mlx.core as mx
    import mlx_lm

    mx.disable_compile()  # needs no C++ compiler then
    path = make_practice_model(TEXTS, tmp_path / "m", title="提要卷", edition="e", shape=SMALL)
    model, tokenizer = mlx_lm.load(str(path))[:2]
    text = "却说孙悟空，Hello 世界！\n龘🙂"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    turns = [{"role": "system", "content": "甲"}, {"role": "user", "content": "乙"}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    assert prompt == "<|im_start|>system\n甲<|im_end|>\n<|im_start|>user\n乙<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.eos_token == "<|im_end|>"
    assert isinstance(mlx_lm.generate(model, tokenizer, prompt, max_tokens=4), str)


def test_the_same_text_and_seed_give_the_same_model(tmp_path: Path) -> None:
    first, second = (make_practice_model(TEXTS, tmp_path / name, shape=SMALL) for name in "ab")
    assert model_hash(first) == model_hash(second)
    other = make_practice_model(TEXTS, tmp_path / "c", shape=SMALL, seed=8)
    assert model_hash(other) != model_hash(first)


def test_too_little_text_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="做不成"):
        make_practice_model(["短"], tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_the_child_makes_it_and_tells_how_far_it_is(places: Places) -> None:
    told: list[dict[str, object]] = []
    edition = load_synopsis()
    card = ensure_practice(places, edition, ["样本里的字"], told.append)
    assert card.is_practice
    assert 100_000 < card.parameters < 1_000_000
    assert [record["step"] for record in told] == [1, 2, 3, 4]
    assert practice_directory(places) == practice_path(places, edition) == card.path
    assert [found.path for found in list_models(places)] == [card.path]
    before = card.path.stat().st_ino
    assert ensure_practice(places, edition).path.stat().st_ino == before
    make_practice(places, edition)
    assert next(path.name for path in places.bin.iterdir()).endswith(card.path.name)
    assert inspect_model(card.path).marker["edition"] == edition.id
