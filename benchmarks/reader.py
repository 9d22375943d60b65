"""Reading: import, find, opening a chapter, turning a page, memory; on the novel and on ten times as much. Run: python benchmarks/reader.py

Needs the full text (XIYOU_CORPUS names its directory); without it a synthetic text of the same size stands in.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
NOVEL = Path(os.environ.get("XIYOU_CORPUS", ROOT.parent / "shared" / "corpus")) / "simplified-gbk.txt"
ROUNDS = 60
WORDS = ("金箍棒", "尸魔", "行者笑道", "且听下回分解", "芭蕉扇", "八戒", "没有这样的话")


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def synthetic(times: int, seed: int = 7) -> object:
    """An edition of `times` novels: chapters of 7,200 characters made of words with the novel's frequencies of common marks."""
    from xiyou_tui.corpus.model import Chapter, Edition, edition_id

    chance = random.Random(seed)
    stock = "却说那唐僧师徒行者八戒沙僧大圣妖精洞府山林云头金箍棒师父道笑骂打了他我你不的是在有这个一来去" + "".join(chr(c) for c in range(0x4E00, 0x5200))
    chapters = []
    for number in range(1, 100 * times + 1):
        blocks = []
        for _ in range(32):
            sentences = ["".join(chance.choices(stock, k=chance.randint(6, 40))) + chance.choice("。！？") for _ in range(9)]
            blocks.append(("".join(sentences), "prose", False))
        chapters.append(Chapter.compose(number, f"题目{number} 下句", blocks))  # type: ignore[arg-type]
    made = tuple(chapters)
    return Edition(edition_id(made), f"{times} 部", "other", "simplified", "benchmark", made)


async def reading(edition: object) -> tuple[list[float], list[float]]:
    """Seconds to open a chapter and to turn a page (key to finished refresh) in the real app without a terminal."""
    from xiyou_tui.study import open_study
    from xiyou_tui.tui.app import XiyouApp
    from xiyou_tui.tui.widgets.reader import Reader

    study = open_study()
    study.library.add(edition)  # type: ignore[arg-type]
    app = XiyouApp(study)
    opened, turned = [], []
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(1.0)  # The side panel begins to load a moment after the first picture.
        while any(worker.is_running for worker in app.workers):
            await pilot.pause(0.2)
        reader = app.screen.query_one(Reader)
        chapters = study.library.current().chapters
        for index in range(30):
            chapter = chapters[(index * 37) % len(chapters)]
            opened.append(timed(lambda chapter=chapter: (reader.show(chapter), [reader.render_line(y) for y in range(38)])))  # type: ignore[misc]
        reader.show(chapters[min(26, len(chapters) - 1)])
        for _ in range(ROUNDS):
            turned.append(timed(lambda: (reader.action_page(1), [reader.render_line(y) for y in range(38)])))
            if reader.scroll_offset.y >= reader.max_scroll_y:
                reader.action_edge(-1)
    study.close()
    return opened, turned


def main() -> None:
    os.environ["XIYOU_HOME"] = tempfile.mkdtemp()
    from xiyou_tui.corpus.find import find
    from xiyou_tui.corpus.importer import import_text

    print(f"{'measure':44} {'median':>10} {'p95':>10}   target")
    if NOVEL.exists():
        times = [timed(lambda: import_text(NOVEL)) for _ in range(5)]
        print(f"{'import of the novel':44} {statistics.median(times):8.2f} s {max(times):8.2f} s   3 s")
        first = import_text(NOVEL).edition
    else:
        print("the full text is not at hand: a synthetic one stands in")
        first = synthetic(1)  # type: ignore[assignment]
    for name, edition in (("novel", first), ("ten novels", synthetic(10))):
        find(edition, "先建一次索引")  # type: ignore[arg-type]
        found = [timed(partial(find, edition, word)) for word in WORDS * 12]  # type: ignore[arg-type]
        print(f"{f'find, {name}':44} {statistics.median(found) * 1e3:7.2f} ms {p95(found) * 1e3:7.2f} ms   5 ms (novel)")
        opened, turned = asyncio.run(reading(edition))
        print(f"{f'open a chapter, {name}':44} {statistics.median(opened) * 1e3:7.2f} ms {p95(opened) * 1e3:7.2f} ms")
        print(f"{f'turn a page, {name}':44} {statistics.median(turned) * 1e3:7.2f} ms {p95(turned) * 1e3:7.2f} ms   16 ms, the same for both")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
        print(f"{f'peak memory of this process, {name}':44} {peak:7.0f} MB")


if __name__ == "__main__":
    main()
