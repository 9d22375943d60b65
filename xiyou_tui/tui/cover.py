"""The cover: what is on the screen while the workplace opens, a fraction of a second. Needs nothing but Textual."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

TITLE = "西 游 记"


class CoverScreen(Screen[None]):
    """The title in the middle of an empty page."""

    DEFAULT_CSS = "CoverScreen Static { width: 1fr; height: 1fr; content-align: center middle; text-align: center; }"

    def compose(self) -> ComposeResult:
        yield Static(Content.assemble((TITLE, "bold $primary"), ("\n\n正在铺开书卷……", "$foreground 50%")))
