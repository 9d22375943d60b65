"""The table of contents: two lines a chapter, drawn as they come into view. Quick to open, however many chapters there are."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from xiyou_tui.corpus.model import Chapter
from xiyou_tui.corpus.script import convert

LINES = 2


class Contents(ScrollView, can_focus=True):
    """The chapters of an edition, one of them highlighted."""

    DEFAULT_CSS = """
    Contents { background: $background; color: $foreground; }
    Contents .contents--number { color: $foreground 45%; }
    Contents .contents--second { color: $foreground 65%; }
    Contents .contents--samples { color: $secondary; }
    Contents .contents--here { background: $panel; }
    Contents .contents--chosen { background: $primary-muted; }
    """
    COMPONENT_CLASSES = {"contents--number", "contents--second", "contents--samples", "contents--here", "contents--chosen"}
    BINDINGS = [
        ("up,k", "step(-1)", "上一回"), ("down,j", "step(1)", "下一回"), ("pageup", "step(-8)", "上翻"), ("pagedown,space", "step(8)", "下翻"),
        ("home", "edge(0)", "第一回"), ("end", "edge(-1)", "末回"), ("enter", "choose", "打开"),
    ]  # fmt: skip

    @dataclass
    class Highlighted(Message):
        """Another chapter was highlighted by key or mouse."""

        number: int

    @dataclass
    class Chosen(Message):
        """A chapter was chosen: the user wants to read."""

        number: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._chapters: tuple[Chapter, ...] = ()
        self._samples: dict[int, int] = {}
        self._display = "original"
        self._index = 0

    def show(self, chapters: tuple[Chapter, ...], samples: dict[int, int], display: str) -> None:
        """List these chapters, with the number of samples that cite each, titles in the given script."""
        self._chapters, self._samples, self._display = chapters, samples, display
        self._index = min(self._index, max(0, len(chapters) - 1))
        self.virtual_size = Size(0, len(chapters) * LINES)
        self.refresh()

    def highlight(self, number: int) -> None:
        """Highlight a chapter without telling anybody."""
        for index, chapter in enumerate(self._chapters):
            if chapter.number == number:
                self._move(index)
                return

    def _move(self, index: int) -> None:
        self._index = index
        self.scroll_to_region(Region(0, index * LINES, 1, LINES), animate=False, immediate=True)
        self.refresh()

    def on_resize(self) -> None:
        # What was highlighted before there was a size has not been scrolled to yet.
        self._move(self._index)

    def action_step(self, step: int) -> None:
        self._pick(max(0, min(len(self._chapters) - 1, self._index + step)))

    def action_edge(self, index: int) -> None:
        self._pick(index % len(self._chapters))

    def _pick(self, index: int) -> None:
        self._move(index)
        self.post_message(self.Highlighted(self._chapters[index].number))

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self._chapters[self._index].number))

    def on_click(self, event: events.Click) -> None:
        index = (event.y + int(self.scroll_offset.y)) // LINES
        if 0 <= index < len(self._chapters):
            self._pick(index)
            self.action_choose()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index, second = divmod(y + int(self.scroll_offset.y), LINES)
        base = self.rich_style
        if not 0 <= index < len(self._chapters):
            return Strip.blank(width, base)
        chapter = self._chapters[index]
        if index == self._index:
            base += self.get_component_rich_style("contents--chosen" if self.has_focus else "contents--here", partial=True)
        first_line, _, second_line = convert(chapter.title, self._display).partition(" ")
        if second:
            segments = [Segment("    " + second_line, base + self.get_component_rich_style("contents--second", partial=True))]
        else:
            samples = self._samples.get(chapter.number, 0)
            segments = [
                Segment(f"{chapter.short_label:>3} " if chapter.short_label.isascii() else f" {chapter.short_label} ", base + self.get_component_rich_style("contents--number", partial=True)),
                Segment(first_line, base),
                Segment(f" {samples}样" if samples else "", base + self.get_component_rich_style("contents--samples", partial=True)),
            ]
        return Strip(segments).adjust_cell_length(width, base)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
