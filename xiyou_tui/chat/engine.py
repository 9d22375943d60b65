"""The engine process: `python -m xiyou_tui.chat.engine`. Holds at most one model and answers JSON lines on its pipes."""

from __future__ import annotations

import argparse
import gc
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from xiyou_tui.chat.protocol import (
    EngineEvent,
    GenerateRequest,
    ModelRequest,
    PromptTooLong,
    decode,
    parse_generate,
    parse_judge,
    parse_read,
)

if TYPE_CHECKING:
    from llguidance import LLMatcher

    from xiyou_tui.chat.generation import LoadedModel

# Seconds between two words on how much of a long prompt is read.
READING_SECONDS = 2.0


class Engine:
    """Reads requests in one thread (so that a stop is heard at once) and generates in the main one."""

    def __init__(self, output: int, *, idle: float) -> None:
        self._output = output
        self._idle = idle
        self._requests: queue.Queue[dict[str, Any]] = queue.Queue()
        self._stopped: set[str] = set()
        self._model: LoadedModel | None = None
        self._texts: tuple[str, tuple[str, ...]] = ("", ())
        # The compiled grammar of the whole edition, by edition and tokenizer: another adapter needs no other.
        self._whole: tuple[tuple[str, str], LLMatcher] | None = None

    def run(self) -> None:
        """Serve until the input ends; the process then exits at once, even in the middle of a generation."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._emit(EngineEvent("ready"))
        while True:
            try:
                record = self._requests.get(timeout=self._idle if self._model is not None else None)
            except queue.Empty:
                self._release()
                continue
            match record.get("type"):
                case "generate":
                    self._generate(record)
                case "judge":
                    self._judge(record)
                case "read":
                    self._read(record)
                case "edition":
                    self._texts = str(record.get("id", "")), tuple(map(str, record.get("texts", ())))
                case "release":
                    self._release()
                case "ping":
                    self._emit(EngineEvent("pong"))

    def _listen(self) -> None:
        for line in sys.stdin.buffer:
            record = decode(line)
            if record is None:
                continue
            if record.get("type") == "stop":
                self._stopped.add(str(record.get("id", "")))
            else:
                self._requests.put(record)
        # The interface is gone: nobody waits for what is being generated.
        os._exit(0)

    @contextmanager
    def _serving(self, record: dict[str, Any]) -> Iterator[str]:
        """The id of a request while it is served: an error is reported as its end, and a stop asked for in the meantime is over."""
        name = str(record.get("id", ""))
        try:
            yield name
        except Exception as error:
            self._report(error, record)
        finally:
            self._stopped.discard(name)

    def _generate(self, record: dict[str, Any]) -> None:
        with self._serving(record) as name:
            request = parse_generate(record)
            if request.id not in self._stopped:
                model = self._ready_model(request)
                whole = self._whole_edition(model, request) if request.edition and request.constrained else None
                self._emit(EngineEvent("prefill", name))
                outcome = model.generate(
                    request,
                    lambda text: self._emit(EngineEvent("token", name, text)),
                    lambda: name in self._stopped,
                    whole,
                    self._reading(name),
                )
                data = {
                    "tokens": outcome.tokens,
                    "prompt_tokens": outcome.prompt_tokens,
                    "reused": outcome.reused,
                    "seconds": round(outcome.seconds, 4),
                    "first_token_seconds": round(outcome.first_token_seconds, 4),
                    "finish": outcome.finish,
                    "constrained": outcome.constrained,
                }
                self._emit(EngineEvent("done", name, outcome.text, data))
            else:
                self._emit(EngineEvent("done", name, "", {"finish": "stopped"}))

    def _reading(self, name: str) -> Callable[[int, int], None]:
        """Tells now and then how much of a prompt is read: whoever waits sees that it goes on."""
        told = time.monotonic()

        def read(done: int, total: int) -> None:
            nonlocal told
            if done < total and time.monotonic() - told >= READING_SECONDS:
                told = time.monotonic()
                self._emit(EngineEvent("prefill", name, "", {"done": done, "total": total}))

        return read

    def _judge(self, record: dict[str, Any]) -> None:
        with self._serving(record) as name:
            request = parse_judge(record)
            model = self._ready_model(request)
            from xiyou_tui.chat.judgement import probability_of_support

            probability = probability_of_support(model, request.sentence, request.passage)
            self._emit(EngineEvent("done", name, "", {"probability": round(probability, 6)}))

    def _read(self, record: dict[str, Any]) -> None:
        with self._serving(record) as name:
            request = parse_read(record)
            model = self._ready_model(request)
            from xiyou_tui.chat.likelihood import read_texts

            found = read_texts(
                model, request.texts, lambda: name not in self._stopped, lambda: self._emit(EngineEvent("prefill", name))
            )
            data: dict[str, Any] = {"nll": [round(nll, 4) for nll, _ in found], "tokens": [tokens for _, tokens in found]}
            self._emit(EngineEvent("done", name, "", data | ({} if len(found) == len(request.texts) else {"finish": "stopped"})))

    def _report(self, error: Exception, record: dict[str, Any]) -> None:
        import traceback

        traceback.print_exc(file=sys.stderr)
        what, next_step = explain_error(error, str(record.get("model", "")), str(record.get("adapter", "")))
        code = "too-long" if isinstance(error, PromptTooLong) else "engine-model"
        self._emit(EngineEvent("failed", str(record.get("id", "")), what, {"code": code, "next_step": next_step}))

    def _ready_model(self, request: ModelRequest) -> LoadedModel:
        held = self._model
        if held is not None and (held.path, held.adapter) == (request.model, request.adapter):
            return held
        self._free()
        self._emit(EngineEvent("loading", request.id, request.model))
        started = time.perf_counter()
        from xiyou_tui.chat.generation import load_model

        self._model = load_model(request.model, request.adapter)
        self._emit(EngineEvent("loaded", request.id, request.model, {"seconds": round(time.perf_counter() - started, 3)}))
        return self._model

    def _whole_edition(self, model: LoadedModel, request: GenerateRequest) -> LLMatcher | None:
        """The grammar over the edition a request names; None where its texts are not here or the tokenizer can't be read."""
        edition, texts = self._texts
        if edition != request.edition:
            return None
        key = (edition, model.fingerprint())
        if self._whole is None or self._whole[0] != key:
            self._whole = None
            self._emit(EngineEvent("loading", request.id, "正在备好全书的引文（每个底本一次）…"))
            from xiyou_tui.chat.constrain import compile_whole

            try:
                self._whole = key, compile_whole(model.bound(), texts)
            except ValueError as error:
                sys.stderr.write(f"whole edition: {error}\n")
                return None
        return self._whole[1]

    def _release(self) -> None:
        self._whole = None
        self._free()
        self._emit(EngineEvent("released"))

    def _free(self) -> None:
        if self._model is None:
            return
        self._model = None
        gc.collect()
        import mlx.core as mx

        mx.clear_cache()

    def _emit(self, event: EngineEvent) -> None:
        data = memoryview(event.encode())
        try:
            while data:
                data = data[os.write(self._output, data) :]
        except OSError:
            os._exit(0)


def explain_error(error: Exception, model: str, adapter: str = "") -> tuple[str, str]:
    """What happened and what to do next, in Chinese, for an error of loading or generating."""
    text = str(error)
    other = "在「模型」里另选一个，或改用摘引。"
    if isinstance(error, FileNotFoundError):
        if adapter and adapter in text:
            return f"适配器目录不完整：{adapter} 里没有 adapters.safetensors。", "另选一个适配器，或不用适配器。"
        return f"这不是一个模型目录：{model}（缺少 config.json 或 safetensors 权重）。", other
    if isinstance(error, MemoryError) or "memory" in text.lower() or "metal::malloc" in text.lower():
        return "内存不够，模型没有装下。", "关掉别的程序，或换一个小一点、4 位量化的模型。"
    if "not supported" in text or "Model type" in text:
        return f"不认识这种模型的结构：{_short(text)}。", other
    if isinstance(error, PromptTooLong):
        return text, "新开一个对话，或在设置里减少依据段数。"
    if "safetensors" in text or "parameters" in text or "shape" in text.lower():
        return f"模型的权重和它的配置对不上：{_short(text)}。", "重新下载这个模型，或另选一个。"
    return f"模型没有答成：{type(error).__name__} {_short(text)}。", other


def _short(text: str) -> str:
    return " ".join(text.split())[:120]


def main(arguments: list[str] | None = None) -> None:
    """Run the engine on this process's pipes. Whatever libraries print goes to stderr, never among the events."""
    parser = argparse.ArgumentParser(prog="xiyou_tui.chat.engine")
    parser.add_argument("--idle", type=float, default=600.0, help="seconds without a request after which the model is let go")
    parsed = parser.parse_args(arguments)
    output = os.dup(1)
    os.dup2(2, 1)
    Engine(output, idle=parsed.idle).run()


if __name__ == "__main__":
    main()
