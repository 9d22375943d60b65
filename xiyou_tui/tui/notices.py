"""Telling that a run has ended, to a person who may look at another window: a toast, the bell, the terminal's title."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xiyou_tui.training.axes import show_value
from xiyou_tui.tui.follow import RunEntry
from xiyou_tui.tui.story import show_seconds
from xiyou_tui.tui.terminal import announce

if TYPE_CHECKING:
    from xiyou_tui.tui.app import XiyouApp

TITLES = {"finished": "训练完成", "stopped": "训练已停止", "failed": "训练失败", "interrupted": "训练中断"}


def describe_end(entry: RunEntry) -> str:
    """What came of a run, in one or two sentences."""
    state = entry.state
    if state.error is not None:
        return f"「{entry.name}」{state.error.what}"
    if state.status == "interrupted":
        return f"「{entry.name}」的训练进程不在了。在训练里按 R 从最后的检查点继续。"
    parts = [f"「{entry.name}」{state.step:,} 步"]
    if state.seconds is not None:
        parts.append(f"用时 {show_seconds(state.seconds)}")
    if state.best_loss is not None:
        parts.append(f"验证损失最好 {show_value(state.best_loss)}")
    early = "验证不再变好，提前停下。" if state.reason == "early" else ""
    return "，".join(parts) + "。" + early


def tell_end(app: XiyouApp, entry: RunEntry) -> None:
    """Show the end of a run in every way the terminal knows."""
    title, text = TITLES.get(entry.state.status, "训练结束"), describe_end(entry)
    grave = entry.state.status in ("failed", "interrupted")
    app.notify(text, title=title, severity="error" if grave else "information", timeout=15, markup=False)
    app.bell()
    driver = app._driver
    if driver is not None and not driver.is_inline and not app.is_headless:
        announce(driver.write, f"xiyou · {title}", text)
