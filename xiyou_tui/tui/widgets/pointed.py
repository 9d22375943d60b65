"""Lines of which the cursor points at one: what tables of figures and lists of questions are shown in."""

from __future__ import annotations

from textual import events
from textual.strip import Strip

from xiyou_tui.tui.widgets.lines import LineView, Row


class PointedView(LineView, can_focus=True, inherit_bindings=False):
    """Subclasses give the rows. The first `pinned` of them stay in place while the rest scrolls."""

    pinned = 0

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pointer = 0

    def pointed(self) -> None:
        """The cursor moved to another row, or was pressed on."""

    def chosen(self) -> None:
        """The row under the cursor was chosen."""

    def selectable(self, index: int) -> bool:
        """Whether the cursor may stand on this row."""
        return index >= self.pinned

    def is_here(self, index: int, row: Row) -> bool:
        return index == self.pointer and index >= self.pinned

    def point_at(self, index: int) -> None:
        """Put the cursor on the nearest row that it may stand on, and show it."""
        index = max(0, min(self.row_count - 1, index))
        step = 1 if index >= self.pointer else -1
        for candidate in (*range(index, self.row_count if step > 0 else -1, step), *range(index, -1 if step > 0 else self.row_count, -step)):
            if self.selectable(candidate):
                moved = candidate != self.pointer
                self.pointer = candidate
                self.show_pointer()
                self.refresh()
                if moved:
                    self.pointed()
                return

    def show_pointer(self) -> None:
        """Scroll so that the row under the cursor is in view, below the pinned ones."""
        height, top = self.scrollable_content_region.height, int(self.scroll_offset.y)
        if height <= 0:
            return
        if self.pointer < top + self.pinned:
            self.scroll_to(y=max(0, self.pointer - self.pinned), animate=False, immediate=True)
        elif self.pointer >= top + height:
            self.scroll_to(y=self.pointer - height + 1, animate=False, immediate=True)

    def action_move(self, step: int) -> None:
        self.point_at(self.pointer + step)

    def action_page(self, step: int) -> None:
        self.point_at(self.pointer + step * max(1, self.scrollable_content_region.height - self.pinned - 1))

    def action_edge(self, direction: int) -> None:
        self.point_at(0 if direction < 0 else self.row_count - 1)

    def action_choose(self) -> None:
        self.chosen()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        index = event.y if event.y < self.pinned else event.y + int(self.scroll_offset.y)
        if 0 <= index < self.row_count and self.selectable(index):
            again = index == self.pointer
            self.point_at(index)
            if again:
                self.chosen()

    def render_line(self, y: int) -> Strip:
        scrolled = int(self.scroll_offset.y)
        return super().render_line(y - scrolled if y < self.pinned else y)

