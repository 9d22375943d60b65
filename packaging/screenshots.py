"""Take a picture (SVG) of every mode at 120×40 and 80×24, on the synopsis volume that ships. Run: python packaging/screenshots.py [FOLDER]"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = ((120, 40), (80, 24))


async def picture(mode: str, size: tuple[int, int], folder: Path) -> Path:
    """Open one mode in a fresh app and save what it shows; returns the file."""
    from xiyou_tui.study import open_study
    from xiyou_tui.tui.app import XiyouApp

    app = XiyouApp(open_study())
    async with app.run_test(size=size) as pilot:
        await app.open_mode(mode)
        await pilot.pause(1.5)
        path = folder / f"{mode}-{size[0]}x{size[1]}.svg"
        path.write_text(app.export_screenshot(title="xiyou"), "utf-8")
    return path


def main() -> int:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")
    os.environ["XIYOU_HOME"] = tempfile.mkdtemp(prefix="xiyou-shots-")
    from xiyou_tui.samples.starters import load_starters
    from xiyou_tui.study import open_study
    from xiyou_tui.tui.app import SCREENS

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    study = open_study()
    load_starters(study.samples, study.library)
    study.close()
    for size in SIZES:
        for mode in SCREENS:
            print(asyncio.run(picture(mode, size, folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
