"""The evaluation process: `python -m xiyou_tui.evaluation.worker DIRECTORY` runs what is written down there, and writes as it goes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

from xiyou_tui.errors import XiyouError
from xiyou_tui.evaluation.records import Evaluation
from xiyou_tui.evaluation.run import run_evaluation
from xiyou_tui.study import open_study


def main(arguments: list[str]) -> int:
    """Run or take up one evaluation; the exit code is 1 when an error ended it, which its state file tells.

    A second argument is the handle of its lock, handed down by whoever started this.
    """
    evaluation = Evaluation(Path(arguments[0]).absolute())
    lock = int(arguments[1]) if len(arguments) > 1 else None
    # Whoever looks at the screen comes first.
    with contextlib.suppress(OSError):
        os.nice(5)

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)
    study = open_study()
    try:
        run_evaluation(evaluation, study, lock=lock)
    except XiyouError as error:
        print(error.render(), file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 1
    finally:
        study.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
