"""What to do with an exception nobody expected: keep it for the developers, tell the user in one sentence."""

from __future__ import annotations

import time
import traceback

from xiyou_tui.storage.places import find_places


def record_bug() -> str:
    """Write the traceback of the exception being handled to the log directory; returns the sentence to print."""
    text = traceback.format_exc()
    try:
        path = find_places().log / f"bug-{time.strftime('%Y%m%d-%H%M%S')}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError:
        return f"程序出了意外的错误，已写下的数据都在。\n{text}"
    return f"程序出了意外的错误，已写下的数据都在。再运行一次 xiyou 就能接着用；详情：{path}"
