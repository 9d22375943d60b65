"""Search over the whole text as one types. What stands in the panel is made when it is first opened."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message
from textual.widget import Widget


class SearchPanel(Widget):
    """The room above the text in which the search box opens. The reader follows the highlighted place at once."""

    DEFAULT_CSS = """
    SearchPanel { height: auto; display: none; background: $surface; border-bottom: hkey $border; }
    SearchPanel.open { display: block; }
    """

    @dataclass
    class HitChosen(Message):
        """A place was highlighted (`final` is false) or chosen; `hits` are all places as (chapter, start, end)."""

        hits: tuple[tuple[int, int, int], ...]
        index: int
        final: bool

    @dataclass
    class Closed(Message):
        """The panel was closed without choosing."""

    async def open(self) -> None:
        """Show the panel and put the cursor into its input."""
        from xiyou_tui.tui.widgets.search_box import SearchBox

        if not self.children:
            # A box that is not seen must not delay the first picture: it is made here and not with the screen.
            await self.mount(SearchBox(self))
        self.add_class("open")
        self.query_one(SearchBox).take_focus()

    def close(self) -> None:
        """Hide the panel; what was found stays marked in the reader."""
        self.remove_class("open")
