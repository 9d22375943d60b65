"""What every mode's screen has in common: the two bars and the way to the workplace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from xiyou_tui.tui.widgets.bars import KeyBar, ModeBar

if TYPE_CHECKING:
    from xiyou_tui.study import Study
    from xiyou_tui.tui.app import XiyouApp


class ModeScreen(Screen[None]):
    """A mode: `mode` is its name in the key table; `body` yields what stands between the bars."""

    mode = ""
    # Panes at the sides give way on narrow terminals: stylesheets use these classes.
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]

    @property
    def xiyou(self) -> XiyouApp:
        return cast("XiyouApp", self.app)

    @property
    def study(self) -> Study:
        return self.xiyou.study

    def compose(self) -> ComposeResult:
        yield ModeBar(self.mode)
        yield from self.body()
        yield KeyBar()

    def body(self) -> Iterable[Widget]:
        """The widgets of this mode."""
        return ()
