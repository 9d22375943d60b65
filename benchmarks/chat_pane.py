"""The chat pane while an answer streams: how long a key waits, and what drawing costs. Run: python benchmarks/chat_pane.py

Streams 60 tokens a second into a talk of 60 answers, in the real app without a terminal, and types meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
TOKENS_A_SECOND = 60
SECONDS = 8
TOKEN = "行者笑道"


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


async def waits(streaming: bool) -> list[float]:
    """Seconds from a key's arrival until the pane has handled it, with or without a stream beside it."""
    from xiyou_tui.chat.answer import answer_by_extract
    from xiyou_tui.study import open_study
    from xiyou_tui.tui.app import XiyouApp
    from xiyou_tui.tui.screens.chat import ChatScreen
    from xiyou_tui.tui.widgets.answer import Live, Question

    study = open_study()
    talk = study.conversations.create()
    answer = answer_by_extract("白骨精三次变成了什么人？", study.retriever())
    for _ in range(60):
        study.conversations.add_question(talk.id, answer.question)
        study.conversations.add_answer(talk.id, answer)
    app = XiyouApp(study)
    found: list[float] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f4")
        await pilot.pause(0.5)
        screen = app.screen
        assert isinstance(screen, ChatScreen)
        screen.open_conversation(talk.id)
        screen.question.focus()
        live, question = Live(mode="closed", model="模型"), Question(text="沙僧是什么人？")
        stop = asyncio.Event()

        async def stream() -> None:
            screen.transcript.add(question, live)
            screen._live, screen._live_question, screen._live_conversation = live, question, talk.id
            assert screen._ticker is not None
            screen._ticker.resume()
            while not stop.is_set():
                live.text += TOKEN
                screen._dirty = True
                await asyncio.sleep(1 / TOKENS_A_SECOND)

        task = asyncio.create_task(stream()) if streaming else None
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            length = len(screen.question.text)
            started = time.perf_counter()
            app.post_message(_key("好" if length < 40 else "backspace"))
            while len(screen.question.text) == length:
                await asyncio.sleep(0)
            found.append(time.perf_counter() - started)
            await asyncio.sleep(0.037)
        stop.set()
        if task is not None:
            await task
        screen._live = None
    study.close()
    return found


def _key(name: str) -> object:
    from textual.events import Key

    return Key(name, name if len(name) == 1 else None)


def main() -> None:
    os.environ["XIYOU_HOME"] = tempfile.mkdtemp()
    print(f"{'measure':44} {'median':>10} {'p95':>10}   target")
    for name, streaming in (("a key, nothing streaming", False), (f"a key, {TOKENS_A_SECOND} tokens/s streaming", True)):
        found = asyncio.run(waits(streaming))
        print(f"{name:44} {statistics.median(found) * 1e3:7.2f} ms {p95(found) * 1e3:7.2f} ms   16 ms p95 while streaming")


if __name__ == "__main__":
    main()
