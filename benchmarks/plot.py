"""How long the curves take: `python benchmarks/plot.py [POINTS]`. Milliseconds, median of many.

Draw: the Braille renderer alone. Prepare: taking a curve apart into steps and values, done once for each new point. Smooth: the same
with an exponential average. Redraw: one whole refresh of a run's view, as an event makes it, at 120x40 in a headless app.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median


def measure(call: Callable[[], object], times: int = 30) -> float:
    """Median milliseconds of one call."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        found.append((time.perf_counter() - started) * 1000)
    return median(found)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    from xiyou_tui.training.curves import smooth
    from xiyou_tui.tui.widgets.braille import Frame, Line, draw

    chance = random.Random(7)
    curve = [(step, 6 + 3 * math.exp(-step / count * 5) + chance.gauss(0, 0.2)) for step in range(1, count + 1)]
    xs, ys = [step for step, _ in curve], [value for _, value in curve]
    frame = Frame(xs[0], xs[-1], min(ys), max(ys))
    print(f"{count:,} points on 80x16 cells")
    print(f"  draw            {measure(lambda: draw([Line(xs, ys)], frame, 80, 16)):6.2f} ms")
    print(f"  draw, log       {measure(lambda: draw([Line(xs, ys)], Frame(xs[0], xs[-1], min(ys), max(ys), True), 80, 16)):6.2f} ms")
    print(f"  prepare         {measure(lambda: ([step for step, _ in curve], [value for _, value in curve])):6.2f} ms")
    print(f"  smooth          {measure(lambda: smooth(curve, 0.9)):6.2f} ms")
    asyncio.run(redraw(count))


async def redraw(count: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["XIYOU_HOME"] = home
        from tests.tui.runs import a_past, a_run, append
        from xiyou_tui.study import open_study
        from xiyou_tui.training.events import Stepped
        from xiyou_tui.tui.app import XiyouApp
        from xiyou_tui.tui.follow import StoryContinued
        from xiyou_tui.tui.screens.train import TrainScreen

        study = open_study()
        run = a_run(study.places, events=a_past(count, every=count // 10))
        app = XiyouApp(study)
        async with app.run_test(size=(120, 40)) as pilot:
            started = time.perf_counter()
            await pilot.press("f3")
            screen = app.screen
            assert isinstance(screen, TrainScreen)
            while run.id not in screen._stories:
                await pilot.pause(0.01)
            print(f"  open the pane   {(time.perf_counter() - started) * 1000:6.0f} ms, {count:,} events read in the background")
            story = screen._stories[run.id]
            found = []
            for step in range(count + 1, count + 31):
                event = Stepped(time.time(), step, count, 1.0, 6.0, 1e-3, 0.5, step, 1000.0, 2**20, 0.0)
                append(run, [event])
                begun = time.perf_counter()
                screen.post_message(StoryContinued(run.id, (event,), story.state, None))
                await pilot.pause()
                for plot in screen.view.query("Plot"):
                    plot.render_line(0)  # type: ignore[attr-defined]
                found.append((time.perf_counter() - begun) * 1000)
            print(f"  redraw          {median(found):6.1f} ms a new event, four plots at 120x40")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
