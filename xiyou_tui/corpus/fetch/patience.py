"""How often and how long: asking again after a fault, later each time, and as late as the server wishes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from xiyou_tui.corpus.fetch.failures import Fault

Result = TypeVar("Result")
# So much more of a file than ever before counts as getting on, and the count of failures begins anew.
_STEP = 4096


@dataclass(frozen=True, slots=True)
class Patience:
    """Attempts in a row without getting on, and the waits between them in seconds: `first`, doubled each time, up to `longest`.

    However well it gets on, no file takes more than `requests`.

    A server that asks for more than `longest_asked` is taken at its word: the fetch ends and can be gone on with later.
    """

    attempts: int = 5
    first: float = 1.0
    longest: float = 60.0
    longest_asked: float = 180.0
    requests: int = 60


def persist(
    attempt: Callable[[], Result], *, patience: Patience, size: Callable[[], int], sleep: Callable[[float], None],
    waiting: Callable[[float, Fault], None], jitter: Callable[[], float] = random.random,
) -> Result:  # fmt: skip
    """Call `attempt` until it succeeds; raises the last Fault when it is lasting or patience is over.

    `size` tells how much of the file is there; `sleep` may raise to end it all; `waiting` hears of every wait.
    """
    failures, best = 0, size()
    for number in range(1, patience.requests + 1):
        try:
            return attempt()
        except Fault as fault:
            failures = 1 if size() >= best + _STEP else failures + 1
            best = max(best, size())
            if fault.lasting or failures >= min(patience.attempts, fault.tries) or number == patience.requests:
                raise
            if fault.after is not None and fault.after > patience.longest_asked:
                fault.reason += f"，要等 {fault.after / 60:.0f} 分钟"
                raise
            # Half of the wait is left to chance, so that many clients don't come back at the same moment.
            seconds = min(patience.longest, patience.first * 2 ** (failures - 1)) * (0.5 + 0.5 * jitter())
            seconds = max(seconds, fault.after or 0.0)
            waiting(seconds, fault)
            sleep(seconds)
    raise AssertionError("unreachable")
