"""The grammar against a sampler that wants to misquote: nothing but the passages' text can stand in a quote."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import Any

import pytest

from xiyou_tui.chat.grammar import SHORTEST_QUOTE, quote_grammar
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.retrieval import Retriever


def drive(matcher: Any, ends: set[int], liked: set[int], choose: random.Random, steps: int) -> list[int]:
    """Tokens sampled at random from the admitted ones, every other time from those that are liked."""
    import numpy as np

    matcher.reset()
    tokens: list[int] = []
    for _ in range(steps):
        bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little")
        admitted = [token for token in np.flatnonzero(bits).tolist() if token not in ends]
        if not admitted:
            break
        preferred = [token for token in admitted if token in liked] if choose.random() < 0.5 else []
        tokens.append(choose.choice(preferred or admitted))
        assert matcher.consume_token(tokens[-1])
    return tokens


@pytest.mark.parametrize("target", [40, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_sampler_can_misquote(tiny_model: Path, synopsis_retriever: Retriever, target: int) -> None:
    from llguidance import LLMatcher
    from mlx_lm.utils import load_tokenizer

    from xiyou_tui.chat.constrain import bind_tokenizer

    passages = [place.text for place in synopsis_retriever.passages[20:28]]
    tokenizer = bind_tokenizer(load_tokenizer(tiny_model))
    matcher = LLMatcher(tokenizer, quote_grammar(passages))
    assert not matcher.is_error()
    ends = set(tokenizer.eos_tokens)
    liked = {token for token in range(tokenizer.vocab_size) if tokenizer.decode_bytes([token])[:1] in (b"[", b"<")}
    choose = random.Random(11)
    quotes = 0
    for _ in range(20 * target):
        text = bytes(tokenizer.decode_bytes(drive(matcher, ends, liked, choose, 60))).decode("utf-8", "replace")
        for number, quote in re.findall(r"\[(\d+)\]<q>(.*?)</q>", text, re.DOTALL):
            assert quote in passages[int(number) - 1]
            assert len(quote) >= SHORTEST_QUOTE
            quotes += 1
        if quotes >= target:
            return
    raise AssertionError(f"only {quotes} quotes: the sampler did not try hard enough")


def test_a_passage_with_the_delimiter_or_without_length_is_never_quoted() -> None:
    grammar = quote_grammar(["短", "有<尖括号的段落", "这一段可以引用。"])
    assert '"[3]<q>"' in grammar
    assert '"[1]<q>"' not in grammar
    assert '"[2]<q>"' not in grammar
    assert quote_grammar([]).startswith("start: (WORDS)+")


def test_an_answer_is_ended_when_the_matcher_meets_an_error(tiny_model: Path) -> None:
    import mlx.core as mx
    from mlx_lm.utils import load_tokenizer

    from xiyou_tui.chat.constrain import GrammarProcessor, bind_tokenizer

    loaded = load_tokenizer(tiny_model)
    tokenizer = bind_tokenizer(loaded)
    processor = GrammarProcessor(tokenizer, quote_grammar(["这一段可以引用。"]))
    width = tokenizer.vocab_size + 32
    prompt = mx.array(loaded.encode("「问」"))
    first = processor(prompt, mx.zeros((1, width)))
    assert bool(mx.all(first[0, tokenizer.vocab_size :] == -mx.inf)), "padded ids are never admitted"
    assert bool(mx.any(first[0] == 0))
    forbidden = loaded.encode("「", add_special_tokens=False)
    after = processor(mx.concatenate([prompt, mx.array(forbidden[:1])]), mx.zeros((1, width)))
    if processor.failed:
        assert {int(token) for token in mx.argsort(-after[0])[:1].tolist()} <= set(tokenizer.eos_tokens)


def test_the_sampler_takes_the_fewest_tokens_that_make_up_top_p() -> None:
    import mlx.core as mx

    from xiyou_tui.chat.generation import nucleus_sampler

    logprobs = mx.log(mx.array([[0.05, 0.5, 0.3, 0.15]]))
    assert int(nucleus_sampler(0.0, 0.8)(logprobs).item()) == 1
    drawn = {int(nucleus_sampler(1.0, 0.75)(logprobs).item()) for _ in range(200)}
    assert drawn == {1, 2}
    assert {int(nucleus_sampler(1.0, 0.01)(logprobs).item()) for _ in range(20)} == {1}
    assert {int(nucleus_sampler(2.0, 1.0)(logprobs).item()) for _ in range(400)} == {0, 1, 2, 3}
    barred = mx.where(mx.array([[True, False, False, True]]), logprobs, mx.array(-mx.inf))
    assert {int(nucleus_sampler(2.0, 1.0)(barred).item()) for _ in range(100)} == {0, 3}


@pytest.mark.parametrize("bias", [{"<": 12.0}, {"<": 12.0, "「": 12.0, "假": 8.0, "编": 8.0, "诸葛亮": 8.0}])
def test_closed_book_quotes_are_text_of_the_edition(tiny_model: Path, synopsis_retriever: Retriever, bias: dict[str, float]) -> None:
    edition = synopsis_retriever.edition
    assert quotes_of_whole(tiny_model, edition, bias, 15) >= 15


@pytest.mark.slow
def test_closed_book_quotes_of_the_whole_novel(tiny_model: Path, novel: Edition) -> None:
    # Some ten a second: XIYOU_QUOTES=1000 makes it two thousand, which is for a quiet night and not for every check.
    wanted = int(os.environ.get("XIYOU_QUOTES", "60"))
    assert quotes_of_whole(tiny_model, novel, {"<": 12.0}, wanted) >= wanted
    assert quotes_of_whole(tiny_model, novel, {"<": 12.0, "「": 12.0, "假": 8.0, "编": 8.0, "诸葛亮": 8.0}, wanted) >= wanted


def quotes_of_whole(model: Path, edition: Edition, bias: dict[str, float], target: int) -> int:
    """Closed quotes a hot random model writes under the edition's grammar, each found verbatim in it; returns how many."""
    from xiyou_tui.chat.citations import locate_quote
    from xiyou_tui.chat.constrain import compile_whole
    from xiyou_tui.chat.generation import load_model
    from xiyou_tui.chat.protocol import GenerateRequest

    loaded = load_model(str(model))
    matcher = compile_whole(loaded.bound(), [chapter.text for chapter in edition.chapters])
    ask = ({"role": "user", "content": "白骨精是谁？"},)
    quotes = 0
    for seed in range(1, 4 * target):
        request = GenerateRequest(
            "q", str(model), ask, temperature=3.0, top_p=1.0, max_tokens=150, seed=seed, constrained=True, edition=edition.id, bias=bias
        )
        outcome = loaded.generate(request, lambda _: None, lambda: False, matcher)
        assert outcome.constrained
        for quote in re.findall(r"<q>(.*?)</q>", outcome.text, re.DOTALL):
            place = locate_quote(quote, edition)
            assert place is not None, quote
            assert place.text == quote == edition.chapter(place.chapter).text[place.start : place.end]
            quotes += 1
        assert not set("「」“”〔〕[]") & set(re.sub(r"<q>.*?(</q>|$)", "", outcome.text, flags=re.DOTALL))
        if quotes >= target:
            break
    return quotes
