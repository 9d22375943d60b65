"""Waiting for what a thread or a process brings about."""

from __future__ import annotations

from collections.abc import Callable

from textual.pilot import Pilot


async def until(pilot: Pilot[None], true: Callable[[], object], seconds: float = 40.0) -> None:
    """Go on as soon as `true` gives something true; fails when it does not within `seconds`."""
    for _ in range(int(seconds / 0.05)):
        await pilot.pause(0.05)
        if true():
            return
    raise AssertionError("it did not happen in time")
