"""The download of a model that the app has going: one at a time, in a thread, whatever pane is open. Knows no widget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from textual.message import Message

from xiyou_tui.corpus.fetch.stop import Stop
from xiyou_tui.errors import XiyouError
from xiyou_tui.models.download import Downloaded, Downloader, Order, Step
from xiyou_tui.models.pace import Pace, show_left
from xiyou_tui.models.parts import Pending, folder_of, read_pending
from xiyou_tui.models.troubles import show_gb
from xiyou_tui.storage.places import Places
from xiyou_tui.tui.shelf import ShelfItem
from xiyou_tui.tui.story import show_time

Status = Literal["going", "stopping", "stopped", "failed", "done"]
# Between two messages about bytes, in seconds.
_TICK = 0.1
_TROUBLES = 3
_JOIN = 20.0


@dataclass(frozen=True, slots=True)
class DownloadState:
    """One download as far as it got. `speed` in bytes a second; `left` in seconds, None as long as nobody can tell."""

    order: Order
    folder: Path
    place: Path
    step: Step
    status: Status = "going"
    speed: float = 0.0
    left: float | None = None
    troubles: tuple[str, ...] = ()
    error: XiyouError | None = None

    @property
    def name(self) -> str:
        return self.order.repo.rpartition("/")[2]

    @property
    def live(self) -> bool:
        return self.status in ("going", "stopping")

    @property
    def share(self) -> float:
        return self.step.done / self.step.total if self.step.total else 0.0


@dataclass
class DownloadWentOn(Message):
    """Something of a download was done; `turn` tells of which."""

    turn: int
    step: Step


@dataclass
class DownloadEnded(Message):
    """A download is over: a model stands in its place, or the reason why not."""

    turn: int
    done: Downloaded | None
    error: Exception | None


@dataclass
class DownloadChanged(Message):
    """What a pane shows of the download has changed."""

    state: DownloadState


class Downloads:
    """Starts and stops the download and keeps its state. `post` takes messages from any thread; the app hands them back to `take` and `end`."""

    def __init__(self, places: Places, post: Callable[[Message], Any]) -> None:
        self._places = places
        self._post = post
        self._listener: Callable[[Message], Any] | None = None
        self._turn = 0
        self._stop = Stop()
        self._thread: threading.Thread | None = None
        self._pace = Pace()
        self.state: DownloadState | None = None

    @property
    def live(self) -> bool:
        """Whether one is going on."""
        return self.state is not None and self.state.live

    def listen(self, post: Callable[[Message], Any] | None) -> None:
        """Where changes of the state go."""
        self._listener = post

    def start(self, order: Order, *, proxy: str = "", again: bool = False) -> None:
        """Fetch a model, or go on with it. Raises XiyouError for what can be told beforehand. Nothing else may be going on."""
        assert not self.live
        before, turn, stop = self._thread, self._turn + 1, Stop()
        drawn = 0.0

        def tell(step: Step) -> None:
            nonlocal drawn
            now = time.monotonic()
            if step.kind in ("receiving", "checking", "found") and now - drawn < _TICK:
                return
            drawn = now
            self._post(DownloadWentOn(turn, step))

        downloader = Downloader(order, self._places, proxy=proxy, stop=stop, tell=tell)
        self._turn, self._stop, self._pace = turn, stop, Pace()
        pending = read_pending(folder_of(self._places, order.repo))
        step = Step("listing", done=pending.received, total=pending.plan.total) if pending else Step("listing")
        self.state = DownloadState(order, downloader.folder.path, downloader.place, step)

        def run() -> None:
            # One that was stopped while it was connecting may still hold the folder for a moment.
            if before is not None:
                before.join(_JOIN)
            try:
                self._post(DownloadEnded(turn, downloader.run(again=again), None))
            except Exception as error:
                self._post(DownloadEnded(turn, None, error))

        # Not a worker: leaving the program must not wait for a connection that does not come about.
        self._thread = threading.Thread(target=run, name="download", daemon=True)
        self._thread.start()
        self._tell()

    def pause(self) -> None:
        """Stop; what came is kept."""
        if self.state is not None and self.state.status == "going":
            self._stop.set()
            self.state = replace(self.state, status="stopping", speed=0.0, left=None)
            self._tell()

    def close(self) -> None:
        """The app ends: what came is kept, and listed the next time."""
        self._listener = None
        self._stop.set()

    def forget(self) -> None:
        """Show no more of a download that is over."""
        if not self.live:
            self.state = None

    def take(self, message: DownloadWentOn) -> None:
        """Take in a step."""
        if self.state is None or message.turn != self._turn or not self.state.live:
            return
        step, troubles = message.step, self.state.troubles
        if step.kind == "receiving":
            self._pace.add(time.monotonic(), step.done)
        elif step.kind in ("waiting", "checking", "restarted"):
            self._pace.rest()
        if step.kind == "waiting":
            troubles = (*troubles, f"{step.reason}；{max(1, round(step.seconds))} 秒后再试")
        elif step.kind == "restarted":
            troubles = (*troubles, f"{step.file} 接不上，从头下")
        self.state = replace(
            self.state, step=step, speed=self._pace.speed, left=self._pace.left(step.total - step.done), troubles=troubles[-_TROUBLES:]
        )
        self._tell()

    def end(self, message: DownloadEnded) -> DownloadState | None:
        """Take in the end; returns the last state, or None for the end of one that nobody waits for. Raises what is a bug."""
        if self.state is None or message.turn != self._turn:
            return None
        if message.error is not None and not isinstance(message.error, XiyouError):
            raise message.error
        error = message.error
        status: Status = "done" if error is None else "stopped" if error.code == "download-stopped" else "failed"
        place = message.done.card.path if message.done else self.state.place
        self.state = replace(self.state, status=status, error=error, place=place, speed=0.0, left=None)
        self._tell()
        return self.state

    def _tell(self) -> None:
        if self._listener is not None and self.state is not None:
            self._listener(DownloadChanged(self.state))


def pending_item(pending: Pending, state: DownloadState | None) -> ShelfItem:
    """The line of a download on the shelf."""
    mine = state if state is not None and state.folder == pending.folder else None
    name = pending.plan.repo.rpartition("/")[2]
    return ShelfItem("part", name, pending.folder, "part", about=tell_part(pending, mine))


def tell_part(pending: Pending, state: DownloadState | None) -> str:
    """How far a download is, in a few words."""
    if state is not None and state.live:
        speed = f" · {show_gb(state.speed)}/秒" if state.speed else " · 正在停" if state.status == "stopping" else ""
        return f"正在下 {state.share:.0%}{speed}"
    share = pending.received / pending.plan.total if pending.plan.total else 0.0
    return f"别处正在下 {share:.0%}" if pending.running else f"下到 {share:.0%} · 按 Enter 继续"


def part_facts(pending: Pending, state: DownloadState | None) -> list[tuple[str, str]]:
    """What is known of a download that is not whole, as label and text; of the one that goes on only what its card does not tell."""
    live = state is not None and state.live and state.folder == pending.folder
    plan = pending.plan
    version = " ".join(part for part in (plan.revision or plan.hub.revision, plan.commit[:12]) if part)
    rows = [
        ("下到", "" if live else f"{show_gb(pending.received)} / {show_gb(plan.total)}"),
        ("文件", f"{len(plan.files)} 个，{show_gb(plan.total)}"),
        ("来源", plan.hub.name),
        ("网页", plan.hub.page(plan.repo)),
        ("版本", version),
        ("开始", show_time(plan.started)),
        ("目录", str(pending.folder)),
        ("接着下", "" if live else "按 Enter；换一个来源也行：按 g 选同一个模型，已下到的接着用"),
        ("不要了", "" if live else "按 d 删掉下到的部分"),
    ]
    return [(label, text) for label, text in rows if text]


def tell_end(state: DownloadState) -> tuple[str, str, Literal["information", "error"]]:
    """Title, text and kind of the notice at the end."""
    if state.status == "done":
        return "下好了", f"「{state.name}」在模型里，按 Enter 就用它对话，按 t 训练它。", "information"
    if state.status == "stopped":
        return "已停下", f"「{state.name}」下到的都留着，在模型里按 Enter 继续。", "information"
    assert state.error is not None
    return "没有下完", state.error.render(), "error"


def tell_left(state: DownloadState) -> str:
    """Speed and time left in one line, "" as long as nobody can tell."""
    parts = [f"{show_gb(state.speed)}/秒"] if state.speed else []
    if state.left is not None:
        parts.append(show_left(state.left))
    return " · ".join(parts)
