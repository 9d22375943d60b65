"""The entry: terminal settings first, then the command line. Imports nothing heavy."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line of this process and exit with its code: 0 done, 1 the user can mend it, 2 a bug."""
    # Textual reads this once, at import. With the kitty protocol on, committing five or more characters from an input
    # method arrives as garbage; plain UTF-8 input is parsed perfectly.
    os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")
    from xiyou_tui.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
