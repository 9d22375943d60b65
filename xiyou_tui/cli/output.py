"""How commands speak: a parser in Chinese, one JSON object on stdout with `--json`, everything else on stderr."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, NoReturn


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
