"""`xiyou model`: models and adapters on this machine."""

from __future__ import annotations

from xiyou_tui.cli.commands import CommandParser
from xiyou_tui.cli.model_making import add_making


def run(arguments: list[str]) -> int:
    """Run one subcommand."""
    parser = CommandParser("xiyou model", "模型：合并、量化、导出。")
    add_making(parser)
    return parser.run(arguments)
