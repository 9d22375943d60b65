"""Kill the trainer at random moments, resume each time, and compare losses and final weights with an undisturbed run.

    python benchmarks/resume.py [--kills 100] [--steps 300]

Checkpoints are written at every step, and half of the kills wait for one being written. Prints how many kills there were, how many left a
half-written checkpoint behind, and the largest difference (must be 0).
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> None:
    """Run, kill, resume, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--steps", type=int, default=300)
    parsed = parser.parse_args()
    from xiyou_tui.models.making import practice_path
    from xiyou_tui.models.practice import Shape, make_practice_model
    from xiyou_tui.samples.starters import load_starters
    from xiyou_tui.study import open_study
    from xiyou_tui.training.events import Stepped
    from xiyou_tui.training.launch import resume_run, start_run
    from xiyou_tui.training.recipe import Recipe
    from xiyou_tui.training.run import RunDirectory

    with tempfile.TemporaryDirectory() as home:
        os.environ["XIYOU_HOME"] = home
        study = open_study()
        load_starters(study.samples, study.library)
        edition = study.library.current()
        texts = [chapter.text for chapter in edition.chapters]
        make_practice_model(texts, practice_path(study.places, edition), edition=edition.id, shape=Shape(512, 32, 2, 4, 2, 64))
        recipe = Recipe()
        for key, value in {
            "run.stage": "sft", "adapter.dropout": 0.1, "loop.precision": "float32", "loop.max_steps": parsed.steps, "loop.epochs": 1000.0,
            "optimizer.learning_rate": 1e-3, "check.checkpoint_every": 1, "check.evaluate_every": 50,
        }.items():  # fmt: skip
            recipe = recipe.changed(key, value)

        def wait_end(run: RunDirectory) -> None:
            while run.is_alive():
                time.sleep(0.02)

        quiet = start_run(study, recipe, name="quiet")
        wait_end(quiet)
        broken = start_run(study, recipe, name="broken")
        chance, kills, torn = random.Random(7), 0, 0
        while True:
            # From the very start on: importing, loading, stepping, saving.
            deadline = time.monotonic() + (0.3 + chance.random() * 0.5 if chance.random() < 0.1 else 2.0 + chance.random() * 1.5)
            while time.monotonic() < deadline and broken.is_alive():
                time.sleep(0.005)
            if kills % 2:
                while time.monotonic() < deadline + 2 and broken.is_alive() and not any(broken.checkpoints.glob(".step-*")):
                    pass
            if not broken.is_alive() or kills == parsed.kills:
                wait_end(broken)
                if broken.state().status == "finished":
                    break
            else:
                os.kill(int((broken.path / "pid").read_text()), signal.SIGKILL)
                wait_end(broken)
                kills += 1
                torn += any(broken.checkpoints.glob(".step-*"))
            resume_run(broken)

        def losses(run: RunDirectory) -> list[tuple[int, float]]:
            return [(event.step, event.loss) for event in run.events().events if isinstance(event, Stepped)]

        expected = dict(losses(quiet))
        difference = max(abs(loss - expected[step]) for step, loss in losses(broken))
        last = f"checkpoints/step-{parsed.steps:07d}/adapters.safetensors"
        same = (quiet.path / last).read_bytes() == (broken.path / last).read_bytes()
        repeated = len(losses(broken)) - parsed.steps
        print(
            f"kills {kills}, {torn} in the middle of a checkpoint; steps done again {repeated}; largest difference of losses {difference}; final weights identical: {same}"
        )


if __name__ == "__main__":
    main()
