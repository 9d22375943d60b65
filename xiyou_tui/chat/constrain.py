"""Constrained decoding over MLX: masks the logits so that only what the grammar admits can be sampled. Engine process only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mlx.core as mx
import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from xiyou_tui.chat.grammar import FORBIDDEN, whole_grammar

Processor = Callable[[mx.array, mx.array], mx.array]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
# The defaults of llguidance are made for grammars of a page. A lexer state takes one or two kilobytes.
_PLENTY, _MOST_STATES = 1_000_000_000, 500_000
_WORKER = ThreadPoolExecutor(1, "mask")


def bind_tokenizer(tokenizer: Any) -> LLTokenizer:
    """llguidance's view of a Hugging Face fast tokenizer (about a second for 150k entries: keep it).

    Raises ValueError when the tokenizer is not a fast one.
    """
    from llguidance.hf import from_tokenizer

    inner = getattr(tokenizer, "_tokenizer", tokenizer)
    ends = sorted(int(token) for token in getattr(tokenizer, "eos_token_ids", None) or [inner.eos_token_id])
    # Most entries may stand in the model's own words: they are admitted at one stroke instead of being read one by one.
    return from_tokenizer(inner, eos_token=ends, slices=[f"[^{FORBIDDEN}]+"])


def compile_whole(tokenizer: LLTokenizer, texts: Sequence[str]) -> LLMatcher:
    """The matcher of `whole_grammar` over a whole edition: seconds of work and half a gigabyte, so keep it.

    Raises ValueError when llguidance can't build it.
    """
    limits = LLParserLimits(
        initial_lexer_fuel=_PLENTY, step_lexer_fuel=_PLENTY, max_grammar_size=_PLENTY // 10, max_lexer_states=_MOST_STATES
    )
    matcher = LLMatcher(tokenizer, whole_grammar(texts), limits=limits)
    if matcher.is_error():
        raise ValueError(matcher.get_error())
    return matcher


class GrammarProcessor:
    """An mlx-lm logits processor for one turn. `failed` tells that the matcher met an error and only the end was admitted.

    Called with (tokens so far, logits); at its first call the tokens are the prompt, which is not consumed. Ids beyond the
    tokenizer's vocabulary (padded heads) are masked. Not for speculative decoding.
    """

    def __init__(self, tokenizer: LLTokenizer, grammar: str | LLMatcher) -> None:
        """From a grammar, or from a compiled matcher, of which a copy is used. Raises ValueError for a grammar that is none."""
        self._tokenizer = tokenizer
        self._matcher = LLMatcher(tokenizer, grammar) if isinstance(grammar, str) else grammar.deep_copy()
        self._first = True
        self.error = self._matcher.get_error() if self._matcher.is_error() else ""
        if self.error:
            raise ValueError(self.error)

    @property
    def failed(self) -> bool:
        return bool(self._matcher.is_error())

    def __call__(self, tokens: mx.array, logits: mx.array) -> mx.array:
        if self._first:
            self._first = False
        else:
            # The token's own slice is asked for before the forward pass: afterwards it would stand behind it in the queue.
            last = tokens[-1:]
            mx.async_eval(last)  # type: ignore[no-untyped-call]
            # On a CPU async_eval returns only when little of the pass is left, so the mask is made in a thread beside it.
            mask = _WORKER.submit(self._after, last, logits.shape[-1])
            mx.async_eval(logits)  # type: ignore[no-untyped-call]
            return _masked(logits, mask.result())
        return _masked(logits, self.admitted(logits.shape[-1]))

    def _after(self, last: mx.array, width: int) -> Mask:
        self.take(int(last.item()))  # type: ignore[arg-type]
        return self.admitted(width)

    def take(self, token: int) -> None:
        """Go on by a token that was sampled."""
        if not self._matcher.is_stopped():
            self._matcher.consume_token(token)

    def admitted(self, width: int) -> Mask:
        """Which of `width` token ids may come next."""
        admitted: Mask = np.zeros(width, dtype=np.bool_)
        if self._matcher.is_error() or self._matcher.is_stopped():
            admitted[self._ends()] = True
            return admitted
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")
        count = min(width, len(bits), self._tokenizer.vocab_size)
        admitted[:count] = bits[:count]
        if not admitted.any():
            admitted[self._ends()] = True
        return admitted

    def _ends(self) -> list[int]:
        return list(self._tokenizer.eos_tokens) or [self._tokenizer.eos_token]


def _masked(logits: mx.array, admitted: Mask) -> mx.array:
    return mx.where(mx.array(admitted), logits, mx.array(-mx.inf, logits.dtype))


def bias_processor(tokenizer: Any, bias: dict[str, float]) -> Processor | None:
    """A processor that adds to the logits of the first token of each word; None when there is nothing to add."""
    offsets: dict[int, float] = {}
    for word, value in bias.items():
        ids = tokenizer.encode(word, add_special_tokens=False)
        if ids:
            offsets[int(ids[0])] = offsets.get(int(ids[0]), 0.0) + value
    if not offsets:
        return None
    places, values = mx.array(list(offsets)), mx.array(list(offsets.values()))

    def apply(_: mx.array, logits: mx.array) -> mx.array:
        return logits.at[:, places].add(values.astype(logits.dtype))

    return apply
