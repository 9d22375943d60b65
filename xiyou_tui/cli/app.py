"""`xiyou` without a command: open the full-screen app."""

from __future__ import annotations

import sys

from xiyou_tui.errors import XiyouError


def run(arguments: list[str]) -> int:
    """Open the screen; returns when the user left it. Needs a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise XiyouError(
            "这里没有终端，打不开全屏界面。", next_step="在终端里运行 xiyou，或用 xiyou demo 看不开界面的演示，xiyou --help 看命令。", code="no-terminal"
        )
    from xiyou_tui.tui.app import open_app

    return open_app()
