"""How fast a download goes and how long it will take: the last seconds count, and what was there before does not. Knows no clock of its own."""

from __future__ import annotations

from collections import deque

_WINDOW = 8.0
_LEAST = 0.5


class Pace:
    """Fed with (seconds, bytes there); belongs to one thread."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, done: int) -> None:
        """At `now` there were `done` bytes. Fewer than before: a file was begun anew, and so is the measure."""
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW:
            self._seen.popleft()

    def rest(self) -> None:
        """It stands still for a reason (a wait, a check): the time does not count."""
        self._seen.clear()

    @property
    def speed(self) -> float:
        """Bytes a second; 0 as long as nobody can tell."""
        if len(self._seen) < 2:
            return 0.0
        (began, first), (now, last) = self._seen[0], self._seen[-1]
        return (last - first) / (now - began) if now - began >= _LEAST else 0.0

    def left(self, rest: int) -> float | None:
        """Seconds until `rest` more bytes are there; None as long as nobody can tell."""
        speed = self.speed
        return rest / speed if speed > 0 else None


def show_left(seconds: float) -> str:
    """A time to wait, roughly: 还要不到一分钟, 还要 12 分钟, 还要 2 小时 10 分."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "还要不到一分钟"
    return f"还要 {minutes} 分钟" if minutes < 60 else f"还要 {minutes // 60} 小时 {minutes % 60:02d} 分"
