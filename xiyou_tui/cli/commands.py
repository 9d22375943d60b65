"""Commands with subcommands over the open workplace: one way to declare and to run them."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from xiyou_tui.cli.output import Parser, add_json
from xiyou_tui.study import Study, open_study

Action = Callable[[Study, argparse.Namespace], int]


class CommandParser(Parser):
    """A parser whose subcommands each carry an action and the `--json` switch."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description=description)
        self.commands = self.add_subparsers(dest="command", metavar="命令", parser_class=Parser)

    def command(self, name: str, text: str, action: Action) -> Parser:
        """Declare a subcommand; returns its parser for the arguments of its own."""
        made: Parser = self.commands.add_parser(name, help=text, description=text)
        made.set_defaults(action=action)
        add_json(made)
        return made

    def run(self, arguments: list[str]) -> int:
        """Parse, open the workplace, run the action; the help and 0 without a subcommand."""
        parsed = self.parse_args(arguments)
        if parsed.command is None:
            self.print_help()
            return 0
        study = open_study()
        try:
            action: Action = parsed.action
            return action(study, parsed)
        finally:
            study.close()
