"""The cover: what is on the screen while the workplace opens, a fraction of a second. Needs nothing but Textual."""

from __future__ import annotations

from textual.app import RenderResult
from textual.content import Content
from textual.screen import Screen

TITLE = "西 游 记"


class CoverScreen(Screen[None]):
    """The title in the middle of an empty page."""

    DEFAULT_CSS = "CoverScreen { content-align: center middle; text-align: center; color: $primary; }"

    def render(self) -> RenderResult:
        return Content.assemble((TITLE, "bold $primary"), ("\n\n正在铺开书卷……", "$foreground 50%"))
