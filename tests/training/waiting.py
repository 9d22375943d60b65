"""Waiting for what a trainer's process brings about."""

from __future__ import annotations

import time
from collections.abc import Callable

from xiyou_tui.training.run import RunDirectory


def wait_for(run: RunDirectory, reached: Callable[[], bool], seconds: float = 120) -> None:
    """Go on as soon as `reached`; fails with the run's state and last lines when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, (run.state(), run.log_tail())
        time.sleep(0.05)
