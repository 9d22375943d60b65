"""How commands speak: a parser in Chinese, one JSON object on stdout with `--json`, everything else on stderr."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from xiyou_tui.corpus.fetch.stop import Stop

_TICK = 0.1


class Parser(argparse.ArgumentParser):
    """An argument parser that answers mistakes in Chinese with exit code 1, as every user error here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"命令写得不对：{message}。用 {self.prog} --help 看用法。", file=sys.stderr)
        raise SystemExit(1)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Give a command the `--json` switch."""
    parser.add_argument("--json", action="store_true", help="标准输出只给一个 JSON 对象")


def emit(arguments: argparse.Namespace, record: dict[str, Any], text: str) -> None:
    """Print the result: `record` as one JSON object with `--json`, else `text`."""
    if arguments.json:
        json.dump(record, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        print(text)


def say(text: str) -> None:
    """A line about what is going on, on stderr, so that stdout stays clean."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def interrupting(stop: Stop) -> Iterator[None]:
    """While it is open, ^C asks what goes on to stop instead of breaking it: what came is kept and told. A second ^C breaks it."""
    before = signal.getsignal(signal.SIGINT)

    def ask(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop.set()

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class LiveLine:
    """Progress on stderr: on a terminal one line that is written over, beside lines that stay."""

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()
        self._open = False
        self._shown = 0.0

    def is_due(self) -> bool:
        """Whether it is time for another picture of something that moves all the time."""
        if not self.terminal or time.monotonic() - self._shown < _TICK:
            return False
        self._shown = time.monotonic()
        return True

    def over(self, text: str) -> None:
        """Write over the line."""
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
        self._open = True

    def line(self, text: str) -> None:
        """A line that stays, in place of the one that was written over."""
        if self._open:
            sys.stderr.write("\r\x1b[K")
            self._open = False
        say(text)

    def close(self) -> None:
        """Leave the line that was written over."""
        if self._open:
            say("")
            self._open = False
