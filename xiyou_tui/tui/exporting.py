"""Writes the curves of runs into the exports directory: one CSV a run, one SVG for all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from xiyou_tui.storage.files import write_text
from xiyou_tui.storage.places import Places
from xiyou_tui.training.curves import Curves, to_csv
from xiyou_tui.training.figure import to_svg
from xiyou_tui.training.run import RunDirectory


def export_curves(places: Places, runs: Sequence[tuple[str, RunDirectory]]) -> tuple[Path, ...]:
    """Write the curves of (name, run) and return the files. Raises StorageError when they can't be written."""
    read = []
    for name, run in runs:
        curves = Curves()
        curves.add(run.events().events)
        read.append((name, run, curves))
    paths = []
    for name, run, curves in read:
        path = places.exports / f"{run.id}-{_safe(name)}.csv"
        write_text(path, to_csv(curves))
        paths.append(path)
    picture = places.exports / f"{read[0][1].id}-{_safe(read[0][0])}{f'-等{len(read)}次' if len(read) > 1 else ''}.svg"
    write_text(picture, to_svg([(name, curves) for name, _, curves in read]))
    return (*paths, picture)


def _safe(name: str) -> str:
    """`name` as part of a file name on any system."""
    return re.sub(r"[^\w-]+", "-", name).strip("-")[:40] or "run"
