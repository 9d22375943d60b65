"""`xiyou doctor` in front of terminals that draw wide characters rightly, wrongly, or do not answer."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pyte
import pytest
from rich.cells import cell_len

from xiyou_tui.cli.doctor import RULER

PROGRAM = """
from xiyou_tui.cli.doctor import MARKS, check_width
[check] = check_width()
print(MARKS[check.state], check.message, check.advice)
"""


class Terminal(pyte.Screen):
    """A terminal that answers where its cursor is, unless it is `silent`."""

    def __init__(self, silent: bool = False) -> None:
        super().__init__(100, 24)
        self.keyboard: int | None = None
        self.silent = silent

    def write_process_input(self, data: str) -> None:
        if self.keyboard is not None and not self.silent:
            os.write(self.keyboard, data.encode())

    def columns_of(self, character: str) -> list[int]:
        """Where a character stands in each line that has it."""
        return [x for y in range(self.lines) for x in range(self.columns) if self.buffer[y][x].data == character]


def shown_in(terminal: Terminal) -> list[str]:
    """Let the check of widths run in a terminal; the lines that it shows then."""
    stream = pyte.ByteStream(terminal)
    terminal.keyboard, inside = pty.openpty()
    child = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    try:
        while True:
            try:
                said = os.read(terminal.keyboard, 4096)
            except OSError:
                # How Linux says that nobody holds the other end any more.
                break
            if not said:
                break
            stream.feed(said)
    finally:
        assert child.wait(30) == 0
        os.close(terminal.keyboard)
    return [line.rstrip() for line in terminal.display if line.strip()]


def test_right_widths_are_affirmed_with_a_ruler_that_ends_in_one_column() -> None:
    terminal = Terminal()
    lines = shown_in(terminal)
    assert len(lines) == 3 and lines[0].startswith("✓ 引号、省略号、破折号各一格，汉字两格")
    first, second = terminal.columns_of("|")
    assert first == second


def test_a_terminal_that_draws_quotes_wide_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = pyte.screens.wcwidth
    monkeypatch.setattr(pyte.screens, "wcwidth", lambda character: 2 if character in "“”…" else narrow(character))
    lines = shown_in(Terminal())
    assert lines[0].startswith("✗ “”… 的宽度和程序所想的不同") and "ambiguous" in "".join(lines)


def test_a_silent_terminal_gets_the_ruler_and_nothing_is_left_behind() -> None:
    terminal = Terminal(silent=True)
    lines = shown_in(terminal)
    assert len(lines) == 3 and lines[0].startswith("! 终端没有回答光标位置 看下面两行是否右端对齐")
    first, second = terminal.columns_of("|")
    assert first == second


def test_the_ruler_is_as_wide_as_the_interface_counts() -> None:
    first, second = RULER.split("\n")[1:]
    assert cell_len(first) == cell_len(second)
