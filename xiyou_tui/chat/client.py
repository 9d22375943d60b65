"""The interface's side of the engine process: starts it, streams from it, and outlives its crashes, stalls and rubbish."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from xiyou_tui.chat.protocol import (
    LINE_LIMIT,
    EngineEvent,
    GenerateRequest,
    JudgeRequest,
    ModelRequest,
    ReadRequest,
    decode_event,
    encode,
)
from xiyou_tui.errors import ChatError

EngineState = Literal["off", "starting", "ready", "busy"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: for the process to start, for a model to load or a prompt to be read, between two tokens, and
    for the engine to follow a stop before it is ended. `idle` is after how long without a question the model is unloaded."""

    start: float = 30.0
    load: float = 300.0
    token: float = 60.0
    stop: float = 5.0
    idle: float = 600.0


class EngineClient:
    """One engine process, started when first needed. All methods belong to one event loop.

    `ask` yields the engine's events for one request and always ends with a done event, or raises ChatError; a process that
    dies before its first token is restarted once by itself. Only one request runs at a time; a second waits for the first.
    """

    def __init__(
        self,
        *,
        log: Path | None = None,
        patience: Patience | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log
        self._patience = patience or Patience()
        self._command = tuple(command or (sys.executable, "-m", "xiyou_tui.chat.engine", "--idle", str(self._patience.idle)))
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._events: asyncio.Queue[EngineEvent | None] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._current = ""
        self._stopping = asyncio.Event()
        self._texts: tuple[str, Sequence[str]] = ("", ())
        self._told = ""
        self.loaded = ""
        self.garbage = 0

    @property
    def state(self) -> EngineState:
        """off: no process; starting; ready: waiting for a question; busy: a request is running."""
        if self._process is None or self._process.returncode is not None:
            return "off"
        return "busy" if self._current else "ready"

    async def start(self) -> None:
        """Start the process if it does not run; raises ChatError when it can't or does not report in time."""
        if self._process is not None and self._process.returncode is None:
            return
        await self._end()
        self._events = asyncio.Queue()
        log: IO[bytes] | int = asyncio.subprocess.DEVNULL
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.parent.mkdir(parents=True, exist_ok=True)
                log = self._log.open("ab")
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=LINE_LIMIT,
                env=engine_environment(self._environment),
                # A Ctrl+C meant for the interface must not reach the engine.
                start_new_session=True,
            )
        except OSError as error:
            raise ChatError(
                f"模型进程没有启动（{error}）。", kept="问题已保留。", next_step="改用摘引，或重启程序再试。", code="engine-start"
            ) from error
        finally:
            if not isinstance(log, int):
                log.close()
        self._reader = asyncio.create_task(self._read(self._process))
        try:
            event = await asyncio.wait_for(self._next(("ready",)), self._patience.start)
        except TimeoutError:
            event = None
        if event is None:
            await self._end()
            raise ChatError(
                "模型进程没有启动。", kept="问题已保留。", next_step=self._hint("改用摘引，或重启程序再试。"), code="engine-start"
            )

    async def ask(self, request: ModelRequest) -> AsyncIterator[EngineEvent]:
        """Events of one generation: loading, loaded, prefill, token…, done. Raises ChatError when it can't be finished."""
        async with self._turn:
            self._current, attempt, tokens, settled = request.id, 0, 0, False
            self._stopping.clear()
            try:
                while True:
                    attempt += 1
                    await self.start()
                    if isinstance(request, GenerateRequest) and request.edition and request.edition == self._texts[0] != self._told:
                        await self._send({"type": "edition", "id": request.edition, "texts": list(self._texts[1])})
                        self._told = request.edition
                    await self._send(request.as_record())
                    crashed = False
                    async for event in self._stream(request.id):
                        if event is None:
                            crashed = True
                            break
                        tokens += event.kind == "token"
                        settled = event.kind == "done" and event.data.get("finish") != "stopped"
                        yield event
                        if event.kind == "done":
                            return
                    if crashed and tokens == 0 and attempt == 1 and not self._stopping.is_set():
                        yield EngineEvent("loading", request.id, "模型进程意外退出，已重新启动。")
                        continue
                    raise ChatError(
                        "模型进程意外退出。",
                        kept="问题已保留。",
                        next_step=self._hint("重新提问，或改用摘引。"),
                        code="engine-died",
                    )
            except ChatError:
                # The engine reported a failure, or is gone: nothing is left to stop.
                settled = True
                raise
            finally:
                # A consumer that walks away (its task was cancelled) leaves nothing running behind it.
                if not settled and self.state == "busy":
                    await self._settle(request.id)
                self._current = ""

    async def judge(self, request: JudgeRequest) -> float:
        """The probability that the passage supports the sentence; raises ChatError as `ask` does."""
        probability = 1.0
        async for event in self.ask(request):
            if event.kind == "done":
                # One that was stopped says nothing.
                probability = float(event.data.get("probability", 1.0))
        return probability

    async def read(self, request: ReadRequest) -> list[tuple[float, int]]:
        """(negative log-likelihood in nats, tokens) of each text; fewer when it was stopped. Raises ChatError as `ask` does."""
        found: list[tuple[float, int]] = []
        async for event in self.ask(request):
            if event.kind == "done":
                found = list(zip(map(float, event.data.get("nll", ())), map(int, event.data.get("tokens", ())), strict=False))
        return found

    def offer(self, edition: str, texts: Sequence[str]) -> None:
        """The texts of the edition that a request may name; they go to the engine once, when one does."""
        self._texts = (edition, texts)

    async def stop(self) -> None:
        """Ask the running generation to end; `ask` then yields a done event with finish "stopped" at once."""
        if self._current:
            self._stopping.set()

    async def release(self) -> None:
        """Let go of the model's memory (before training starts); returns when it is free. Ends a process that does not follow."""
        if self._process is None or self._process.returncode is not None:
            return
        self._stopping.set()
        async with self._turn:
            if self.state == "off":
                return
            with contextlib.suppress(ChatError, TimeoutError):
                await self._send({"type": "release"})
                if await asyncio.wait_for(self._next(("released",)), self._patience.stop) is not None:
                    self.loaded = ""
                    return
            await self._end()

    async def close(self) -> None:
        """End the process; the client can be started again."""
        self._stopping.set()
        await self._end()

    async def _stream(self, request: str) -> AsyncIterator[EngineEvent | None]:
        """Events of `request`; None when the process has died. Ends a stalled process and says so."""
        started, text = False, ""
        while True:
            wait = self._patience.token if started else self._patience.load
            getter = asyncio.ensure_future(self._events.get())
            stopper = asyncio.ensure_future(self._stopping.wait())
            try:
                await asyncio.wait({getter, stopper}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopper.cancel()
                if not getter.done():
                    getter.cancel()
            if self._stopping.is_set():
                # The user sees the end at once; whether the engine followed is looked at afterwards.
                yield EngineEvent("done", request, text, {"finish": "stopped"})
                return
            if not getter.done():
                await self._end()
                what = "模型进程长时间没有回应，已结束它。" if started else "模型很久没有装入或没有读完问题，已结束它。"
                raise ChatError(
                    what,
                    kept="问题已保留。",
                    next_step=self._hint("重新提问；内存不够时换小一点的模型，或改用摘引。"),
                    code="engine-hung",
                )
            event = getter.result()
            if event is None:
                await self._end()
                yield None
                return
            if event.request not in ("", request):
                continue
            if event.kind == "failed":
                raise ChatError(
                    event.text or "模型没有答成。",
                    kept="问题已保留。",
                    next_step=str(event.data.get("next_step", "")) or "改用摘引，或换一个模型。",
                    code=str(event.data.get("code", "engine")),
                )
            if event.kind == "loaded":
                self.loaded = event.text
            if event.kind == "token":
                started = True
                text += event.text
            yield event

    async def _settle(self, request: str) -> None:
        """After a stop: tell the engine, wait for its done, and end the process where it does not follow."""
        try:
            await self._send({"type": "stop", "id": request})
            async with asyncio.timeout(self._patience.stop):
                while (event := await self._next(("done", "failed"))) is not None:
                    if event.request == request:
                        return
        except (ChatError, TimeoutError):
            pass
        await self._end()

    async def _next(self, kinds: tuple[str, ...]) -> EngineEvent | None:
        """The next event of one of these kinds; None when the process has ended."""
        while (event := await self._events.get()) is not None:
            if event.kind in kinds:
                return event
        return None

    async def _send(self, record: dict[str, object]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise ChatError("模型进程没有在运行。", kept="问题已保留。", next_step="重新提问。", code="engine-died")
        try:
            process.stdin.write(encode(record))
            await process.stdin.drain()
        except (OSError, RuntimeError):
            # It died in this instant: the reader reports it.
            return

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        events = self._events
        while True:
            try:
                line = await process.stdout.readline()
            except (ValueError, OSError):
                # One line without end: skip what was buffered and go on.
                self.garbage += 1
                continue
            if not line:
                break
            event = decode_event(line)
            if event is None:
                self.garbage += 1
            else:
                events.put_nowait(event)
        events.put_nowait(None)

    async def _end(self) -> None:
        process, reader = self._process, self._reader
        self._process, self._reader, self.loaded, self._told = None, None, "", ""
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(process.wait(), 5)
        if reader is not None:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader

    def _hint(self, text: str) -> str:
        return f"{text}详情见 {self._log}。" if self._log is not None else text


# Debian and Fedora put the threaded OpenBLAS here; with it a product of matrices is some twenty times faster on Linux.
OPENBLAS = (
    "/usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3",
    "/usr/lib/aarch64-linux-gnu/openblas-pthread/libblas.so.3",
    "/usr/lib64/libopenblasp.so.0",
)


def engine_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The engine's environment: ours, unbuffered UTF-8, no network, and on Linux OpenBLAS preloaded where it is installed."""
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
    if sys.platform == "linux" and "LD_PRELOAD" not in environment:
        found = next((path for path in OPENBLAS if Path(path).exists()), None)
        if found:
            environment["LD_PRELOAD"] = found
    environment.update(extra or {})
    return environment
