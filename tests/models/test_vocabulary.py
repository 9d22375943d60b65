"""Tokens counted without a tokenizer come close to what the real one makes of a text, in any kind of vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.models.practice import Shape, make_practice_model
from xiyou_tui.models.vocabulary import count_tokens

TEXTS = [chapter.text for chapter in load_synopsis().chapters]
CHINESE = "".join(TEXTS[40:43])
ENGLISH = ["The monkey was born of a stone on the Mountain of Flowers and Fruit, and he became a king among the monkeys."] * 4


def real_count(directory: Path, text: str) -> int:
    return len(Tokenizer.from_file(str(directory / "tokenizer.json")).encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("text", [CHINESE, ENGLISH[0], "龘🙂\n\n第27回", ""])
def test_a_vocabulary_made_for_chinese(tmp_path: Path, text: str) -> None:
    directory = make_practice_model(TEXTS, tmp_path / "m", shape=Shape(vocabulary=2000, hidden=32, layers=1, intermediate=64))
    assert count_tokens(directory, text) == pytest.approx(real_count(directory, text), rel=0.03)


def test_a_vocabulary_made_for_english_takes_bytes_for_chinese(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(ENGLISH, trainer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert count_tokens(tmp_path, CHINESE) == real_count(tmp_path, CHINESE) == len(CHINESE.encode())


def test_a_vocabulary_of_characters_falls_back_to_bytes(tmp_path: Path) -> None:
    # As SentencePiece models are written: pieces with ▁ for a space, and <0xE5> for what has no entry.
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"▁": 256, "孙": 257, "悟": 258, "空": 259, "悟空": 260}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("悟", "空")], byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    tokenizer.decoder = decoders.ByteFallback()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert count_tokens(tmp_path, "孙悟空 唐僧") == real_count(tmp_path, "孙悟空 唐僧") == 3 + 6


def test_what_can_not_be_read_is_not_counted(tmp_path: Path) -> None:
    assert count_tokens(tmp_path, "悟空") is None
    for content in ("", "[]", json.dumps({"model": {}})):
        (tmp_path / "tokenizer.json").write_text(content)
        assert count_tokens(tmp_path, "悟空") is None
