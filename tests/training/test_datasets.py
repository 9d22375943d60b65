"""What is trained on in a conversation: every answer and its end, nothing else; and rows that are refused by name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xiyou_tui.errors import TrainingError
from xiyou_tui.training.datasets import begin_mark, document_mark, encode, encode_conversation, encode_prompt
from xiyou_tui.training.packing import Row
from xiyou_tui.training.recipe import Recipe

words = st.text("悟空唐僧问答，。？\nabc 妖", min_size=1, max_size=20).filter(lambda text: bool(text.strip()))


def conversation(pairs: list[tuple[str, str]], system: str = "你是专家。") -> list[dict[str, str]]:
    turns = [{"role": "system", "content": system}] if system else []
    for question, answer in pairs:
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return turns


def trained_text(row: Row, tokenizer: Any) -> str:
    return str(tokenizer.decode([token for token, target in zip(row.tokens, row.trained, strict=True) if target]))


@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(words, words), min_size=1, max_size=4))
def test_targets_are_the_answers_and_their_ends(tokenizer: Any, pairs: list[tuple[str, str]]) -> None:
    row = encode_conversation("x", conversation(pairs), tokenizer)
    assert trained_text(row, tokenizer) == "".join(f"{answer}<|im_end|>" for _, answer in pairs)
    assert tokenizer.decode(row.tokens) == tokenizer.apply_chat_template(conversation(pairs), tokenize=False)


@settings(max_examples=40, deadline=None)
@given(question=words, answer=words)
def test_training_sees_the_prompt_that_answering_sees(tokenizer: Any, question: str, answer: str) -> None:
    turns = conversation([(question, answer)])
    row = encode_conversation("x", turns, tokenizer)
    prompt = encode_prompt(turns[:-1], tokenizer)
    assert row.tokens[: len(prompt)] == prompt
    assert not any(row.trained[: len(prompt)])
    assert row.trained[len(prompt)]


class Templated:
    """The real tokenizer with another template."""

    def __init__(self, tokenizer: Any, template: str) -> None:
        self._tokenizer, self._template = tokenizer, template
        self.chat_template = template

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def apply_chat_template(self, messages: Any, **options: Any) -> Any:
        return self._tokenizer.apply_chat_template(messages, chat_template=self._template, **options)


def test_a_template_without_an_end_mark_still_teaches_to_stop(tokenizer: Any) -> None:
    plain = Templated(tokenizer, "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}\n{% endfor %}")
    row = encode_conversation("x", conversation([("问", "答")]), plain)
    assert trained_text(row, tokenizer) == "答<|im_end|>"


def test_thinking_that_a_template_inserts_is_not_trained(tokenizer: Any) -> None:
    template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
        "{% if m['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m['content'] }}<|im_end|>\n{% endfor %}"
    )
    row = encode_conversation("x", conversation([("问", "答"), ("再问", "再答")]), Templated(tokenizer, template))
    assert trained_text(row, tokenizer) == "答<|im_end|>再答<|im_end|>"


def test_a_template_without_a_system_role_is_told(tokenizer: Any) -> None:
    template = "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}{% endfor %}"
    with pytest.raises(TrainingError, match="system"):
        encode_conversation("x", conversation([("问", "答")]), Templated(tokenizer, template))


def test_a_template_that_drops_answers_is_refused(tokenizer: Any) -> None:
    template = "{% for m in messages %}{% if m['role'] == 'user' or loop.last %}{{ m['content'] }}{% endif %}{% endfor %}"
    with pytest.raises(TrainingError, match="丢掉"):
        encode_conversation("x", conversation([("问", "答"), ("问", "答")]), Templated(tokenizer, template))


def test_rows_that_are_too_long_are_named_and_never_cut(tokenizer: Any, recipe_of: Callable[..., Recipe]) -> None:
    rows = [
        {"id": name, "split": "train", "messages": conversation([("问", "答" * size)])}
        for name, size in (("short", 3), ("long-a", 200), ("long-b", 90))
    ]
    with pytest.raises(TrainingError) as caught:
        encode(rows, recipe_of(run__stage="sft"), tokenizer)
    assert "long-a" in caught.value.what
    assert "long-b" in caught.value.what
    assert "short" not in caught.value.what


def test_a_sample_without_an_answer_is_named(tokenizer: Any) -> None:
    with pytest.raises(TrainingError, match="s1"):
        encode_conversation("s1", [{"role": "user", "content": "问"}, {"role": "assistant", "content": " "}], tokenizer)


def test_chapters_stay_apart_and_held_out_ones_are_not_trained(tokenizer: Any, recipe_of: Callable[..., Recipe]) -> None:
    rows = [
        {"chapter": 1, "title": "甲", "text": "话说孙悟空" * 30, "split": "train"},
        {"chapter": 2, "title": "乙", "text": "却说唐僧" * 30, "split": "held_out"},
    ]
    data = encode(rows, recipe_of(), tokenizer)
    mark = document_mark(tokenizer)
    tokens = [token for row in data.train for token, target in zip(row.tokens, row.trained, strict=True) if target]
    assert tokenizer.decode([token for token in tokens if token != mark]) == "甲\n" + "话说孙悟空" * 30
    assert tokens[-1] == mark
    assert all(row.name.startswith("第2回") for row in data.checks["held_out"])


def test_the_mark_between_texts_may_stand_for_the_unknown_too(tokenizer: Any) -> None:
    mark = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    assert mark not in (None, tokenizer.eos_token_id)
    known = copy.deepcopy(getattr(tokenizer, "_tokenizer", tokenizer))
    known.unk_token = "<|endoftext|>"
    assert document_mark(known) == mark


def test_general_text_is_mixed_to_its_share(tokenizer: Any, recipe_of: Callable[..., Recipe]) -> None:
    rows = [{"chapter": 1, "title": "", "text": "话说孙悟空到了。" * 60, "split": "train"}]
    rows += [{"chapter": 0, "title": "", "text": f"今天天气很好{index}。" * 20, "split": "general"} for index in range(20)]
    data = encode(rows, recipe_of(data__general_share=0.3), tokenizer)
    general = sum(row.targets for row in data.train if row.name.startswith("通用"))
    assert 0.25 < general / sum(row.targets for row in data.train) < 0.4


class _Beginning:
    """A tokenizer that begins texts with token 7, as those of Llama 3 and Gemma do."""

    bos_token_id, eos_token_id = 7, 9

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        return ([7] if add_special_tokens else []) + [ord(character) for character in text]

    def get_vocab(self) -> dict[str, int]:
        return {}


def test_chapters_begin_as_the_model_is_used_to(recipe_of: Callable[..., Recipe]) -> None:
    assert begin_mark(_Beginning()) == 7
    recipe = recipe_of()
    rows = [{"chapter": 1, "title": "", "text": "石猴", "split": "train"}]
    (row,) = encode(rows, recipe, _Beginning()).train
    assert list(row.tokens) == [7, ord("石"), ord("猴"), 9]
