"""How the command line tells of a run: following it, one line an event, sizes and durations."""

from __future__ import annotations

import time

from xiyou_tui.cli.output import say
from xiyou_tui.training.events import Evaluated, Event, Sampled, Stepped, Warned
from xiyou_tui.training.run import RunDirectory, RunTail
from xiyou_tui.training.state import RunState

POLL_SECONDS = 0.2
ENDED = ("finished", "stopped", "failed", "interrupted")


def follow(followed: RunDirectory) -> RunState:
    """Tell on stderr what happens in a run until it ends; returns its last state."""
    tail = RunTail(followed)
    told = 0.0
    while True:
        for event in tail.poll():
            # Steps come many a second: every few seconds one is enough.
            if not isinstance(event, Stepped) or time.monotonic() - told > 2 or event.step == event.of:
                if isinstance(event, Stepped):
                    told = time.monotonic()
                if line := tell(event):
                    say(line)
        if not tail.state.alive and tail.state.status in ENDED:
            break
        time.sleep(POLL_SECONDS)
    if tail.state.error:
        say(f"{tail.state.error.what}\n下一步：{tail.state.error.next_step}")
    return tail.state


def tell(event: Event) -> str:
    if isinstance(event, Stepped):
        return f"{event.step}/{event.of} 步  损失 {event.loss:.3f}  {event.tokens_per_second:,.0f} 词元/秒  还要 {duration_text(event.eta)}"
    if isinstance(event, Evaluated):
        told = f"，困惑度 {event.perplexity:,.1f}" if event.perplexity is not None else ""
        if event.margin is not None and event.accuracy is not None:
            told = f"，偏好差 {event.margin:+.3f}，分对 {event.accuracy:.0%}"
        return f"  第 {event.step} 步评测 {event.name}：损失 {event.loss:.3f}{told}" + ("（最好）" if event.best else "")
    if isinstance(event, Sampled):
        return f"  问：{event.prompt}  答：{event.answer.replace(chr(10), ' ')[:60]}"
    return f"  注意：{event.message}" if isinstance(event, Warned) else ""


def size_text(count: int) -> str:
    return f"{count / 2**30:.2f} GB" if count >= 2**29 else f"{count / 2**20:.0f} MB"


def duration_text(seconds: float) -> str:
    whole = round(seconds)
    if whole < 90:
        return f"{whole} 秒"
    return f"{whole // 60} 分 {whole % 60} 秒" if whole < 3600 else f"{whole // 3600} 小时 {whole % 3600 // 60} 分"
