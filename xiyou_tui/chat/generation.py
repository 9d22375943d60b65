"""A loaded model that generates: chat template, prompt cache, sampling, constraint, stopping. Engine process only."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xiyou_tui.chat.grammar import quote_grammar
from xiyou_tui.chat.protocol import GenerateRequest, PromptTooLong

if TYPE_CHECKING:
    from llguidance import LLMatcher

# Prompt tokens read at a time: small enough that a stop is heard while a long prompt is read.
PREFILL_STEP = 512
# Tokens that sampling chooses among; at a top_p of 0.8 the choice is nearly always among far fewer.
CANDIDATES = 1024
# Tokens of the context that are kept free for the answer.
RESERVED = 128


class Stopped(Exception):
    """The user asked to stop while the prompt was being read."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a generation ended: finish is stop, length, stopped or repetition; times in seconds; `reused` prompt tokens came
    from the cache."""

    text: str
    tokens: int
    prompt_tokens: int
    reused: int
    seconds: float
    first_token_seconds: float
    finish: str
    constrained: bool


@dataclass
class LoadedModel:
    """One model in memory with its tokenizer and the cache of the last prompt. Belongs to the thread that loaded it."""

    path: str
    adapter: str
    model: Any
    tokenizer: Any
    _cache: Any = None
    _cached: list[int] = field(default_factory=list)
    _bound: Any = None

    def bound(self) -> Any:
        """llguidance's view of the tokenizer, made once; raises ValueError when it can't be read."""
        from xiyou_tui.chat.constrain import bind_tokenizer

        if self._bound is None:
            self._bound = bind_tokenizer(self.tokenizer)
        return self._bound

    def fingerprint(self) -> str:
        """A digest of the tokenizer's file: models that share it share what was compiled for it."""
        path = Path(self.path) / "tokenizer.json"
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else self.path

    def generate(
        self,
        request: GenerateRequest,
        emit: Callable[[str], None],
        stopped: Callable[[], bool],
        whole: LLMatcher | None = None,
        read: Callable[[int, int], None] = lambda done, total: None,
    ) -> Outcome:
        """Generate an answer; `emit` gets each piece of text, `stopped` is asked between tokens, `whole` is the compiled grammar
        over the edition that the request names, `read` hears how many tokens of the prompt were read, of how many.

        Raises PromptTooLong where the conversation does not fit the model's context.
        """
        import mlx.core as mx
        from mlx_lm.generate import stream_generate

        started = time.perf_counter()
        prompt = self._prompt(request)
        limit = int(getattr(getattr(self.model, "args", None), "max_position_embeddings", 0) or 0)
        if limit and len(prompt) + min(RESERVED, request.max_tokens) > limit:
            raise PromptTooLong(f"问题连同依据有 {len(prompt)} 个词元，模型最多读 {limit} 个。")
        budget = min(request.max_tokens, limit - len(prompt)) if limit else request.max_tokens
        processors, constrained = self._processors(request, whole)
        rest = self._reuse(prompt)
        mx.random.seed(request.seed or time.time_ns() % (1 << 31))

        def progress(done: int, total: int) -> None:
            if stopped():
                raise Stopped
            read(done, total)

        text, tokens, first, finish = "", 0, 0.0, "length"
        generated: list[int] = []
        try:
            for response in stream_generate(
                self.model,
                self.tokenizer,
                rest,
                max_tokens=budget,
                sampler=nucleus_sampler(request.temperature, request.top_p),
                logits_processors=processors,
                prompt_cache=self._cache,
                prefill_step_size=PREFILL_STEP,
                prompt_progress_callback=progress,
            ):
                # The end token is no part of the answer; the last one before the limit is.
                tokens += response.finish_reason != "stop"
                generated.append(int(response.token))
                first = first or time.perf_counter() - started
                if response.text:
                    text += response.text
                    emit(response.text)
                if response.finish_reason is not None:
                    finish = response.finish_reason
                    break
                if stopped():
                    finish = "stopped"
                    break
                if repeats(text):
                    finish = "repetition"
                    break
        except Stopped:
            finish = "stopped"
        self._remember(prompt + generated)
        return Outcome(
            text, tokens, len(prompt), len(prompt) - len(rest), time.perf_counter() - started, first, finish, constrained
        )

    def _prompt(self, request: GenerateRequest) -> list[int]:
        return self.tokens_of(request.messages)

    def tokens_of(self, turns: Sequence[Mapping[str, str]]) -> list[int]:
        """Chat turns as tokens up to where the answer begins, by the model's own template where it has one."""
        messages = [dict(message) for message in turns]
        if not getattr(self.tokenizer, "chat_template", None):
            names = {"system": "说明", "user": "问", "assistant": "答"}
            text = "".join(f"{names.get(m['role'], m['role'])}：{m['content']}\n" for m in messages) + "答："
            return [int(token) for token in self.tokenizer.encode(text)]
        try:
            return self._templated(messages)
        except Exception:
            # Some templates know no system turn: its words go before the first question.
            if messages and messages[0]["role"] == "system" and len(messages) > 1:
                head, messages = messages[0]["content"], messages[1:]
                messages[0] = {**messages[0], "content": f"{head}\n\n{messages[0]['content']}"}
            return self._templated(messages)

    def _templated(self, messages: list[dict[str, str]]) -> list[int]:
        text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, enable_thinking=False)
        return [int(token) for token in self.tokenizer.encode(text, add_special_tokens=False)]

    def _processors(self, request: GenerateRequest, whole: LLMatcher | None) -> tuple[list[Any], bool]:
        from xiyou_tui.chat.constrain import GrammarProcessor, bias_processor

        processors: list[Any] = []
        bias = bias_processor(self.tokenizer, request.bias) if request.bias else None
        if bias is not None:
            processors.append(bias)
        if not request.constrained or (request.edition and whole is None):
            return processors, False
        try:
            processors.append(GrammarProcessor(self.bound(), whole or quote_grammar(request.quotable)))
        except ValueError:
            # A tokenizer llguidance can't read: the renderer still prints no quote that is not in the text.
            return processors, False
        return processors, True

    def _reuse(self, prompt: list[int]) -> list[int]:
        """Make the cache hold the longest known beginning of `prompt`; returns the tokens still to be read (at least one)."""
        from mlx_lm.models.cache import can_trim_prompt_cache, make_prompt_cache, trim_prompt_cache

        shared = 0
        for known, wanted in zip(self._cached, prompt[:-1], strict=False):
            if known != wanted:
                break
            shared += 1
        if self._cache is not None and shared and can_trim_prompt_cache(self._cache):
            surplus = len(self._cached) - shared
            if surplus == 0 or trim_prompt_cache(self._cache, surplus) == surplus:
                self._cached = self._cached[:shared]
                return prompt[shared:]
        self._cache, self._cached = make_prompt_cache(self.model), []
        return prompt

    def _remember(self, tokens: list[int]) -> None:
        """Note which tokens the cache holds now: generation runs one token ahead, and a stop may come in between."""
        held = int(getattr(self._cache[0], "offset", 0)) if self._cache else 0
        if held > len(tokens):
            from mlx_lm.models.cache import can_trim_prompt_cache, trim_prompt_cache

            if not can_trim_prompt_cache(self._cache) or trim_prompt_cache(self._cache, held - len(tokens)) != held - len(tokens):
                self._cache, self._cached = None, []
                return
            held = len(tokens)
        self._cached = tokens[:held]


def load_model(path: str, adapter: str = "") -> LoadedModel:
    """Load an MLX model directory, with a LoRA adapter if one is named. Raises what mlx-lm raises (see `explain_load_error`)."""
    from mlx_lm.utils import load

    if not (Path(path) / "config.json").is_file():
        raise FileNotFoundError(path)
    if adapter and not (Path(adapter) / "adapters.safetensors").is_file():
        raise FileNotFoundError(adapter)
    loaded = load(path, adapter_path=adapter or None)
    return LoadedModel(path, adapter, loaded[0], loaded[1])


def nucleus_sampler(temperature: float, top_p: float) -> Callable[[Any], Any]:
    """A sampler from log-probabilities: greedy at temperature 0, else from the fewest tokens that make up `top_p`.

    Only the CANDIDATES likeliest are looked at: to sort a vocabulary of 150k takes as long on a CPU as a small model's forward pass.
    """
    import mlx.core as mx

    def sample(logprobs: Any) -> Any:
        if temperature <= 0:
            return mx.argmax(logprobs, axis=-1)
        most = min(CANDIDATES, logprobs.shape[-1])
        places = mx.argpartition(-logprobs, most - 1, axis=-1)[..., :most]
        found = mx.take_along_axis(logprobs, places, axis=-1)
        order = mx.argsort(-found, axis=-1)
        places, found = mx.take_along_axis(places, order, axis=-1), mx.take_along_axis(found, order, axis=-1)
        # A token stays while those before it are not yet enough; the likeliest always does.
        before = mx.cumsum(mx.exp(found.astype(mx.float32)), axis=-1, inclusive=False)
        held = mx.where(before < top_p, found, -mx.inf)
        chosen = mx.random.categorical(held / temperature)
        return mx.take_along_axis(places, chosen[..., None], axis=-1)[..., 0]

    return sample


def repeats(text: str, *, window: int = 40) -> bool:
    """Whether the end of `text` is one piece of up to `window` characters over and over (at least 4 times and 24 characters)."""
    for period in range(1, window + 1):
        times = max(4, -(-24 // period))
        if len(text) >= period * times and text.endswith(text[-period:] * times) and text[-period:].strip():
            return True
    return False
