"""`mlx.launch` as a run needs it: without a terminal, and handing SIGTERM on to its ranks. Holds the run's lock as long as they live.

python -m xiyou_tui.training.rank_launcher (arguments of mlx.launch)
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

# More than any pipe holds.
PLENTY = 256 * 1024


def main() -> None:
    """Start the ranks and wait for them."""
    signal.signal(signal.SIGTERM, _hand_on)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    threading.Thread(target=_stuff, args=(writing,), daemon=True).start()
    from mlx._distributed_utils.launch import main as launch

    launch()


def _stuff(writing: int) -> None:
    # mlx.launch passes its input on to the ranks, who read none. It spins when its input ends (so this never closes) and as
    # long as a rank could take more (so their pipes are filled): that would cost the ranks a core.
    left = PLENTY
    while left:
        left -= os.write(writing, bytes(min(left, 4096)))


def _hand_on(number: int, frame: FrameType | None) -> None:
    # The ranks are in our process group; they agree to stop and save, and we wait for that.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    main()
