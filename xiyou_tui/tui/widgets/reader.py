"""The reading widget: one chapter, wrapped by the rules of Chinese typography, drawn line by line as it is scrolled.

A cursor stands on a sentence. Moving, selecting, copying and citing all work on sentences, so that every selection is a
citation worth having; the mouse selects the same way.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from xiyou_tui.corpus.model import Chapter
from xiyou_tui.corpus.script import convert
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.terminal import break_lines

register_keys(
    Key("reader", "down,j", "step_paragraph(1)", "下段", "移到下一段", 1, "↑↓"),
    Key("reader", "up,k", "step_paragraph(-1)", "上段", "移到上一段"),
    Key("reader", "right,l", "step_sentence(1)", "下句", "移到下一句", 1, "←→"),
    Key("reader", "left,h", "step_sentence(-1)", "上句", "移到上一句"),
    Key("reader", "pagedown,space", "page(1)", "翻页", "向下翻一页"),
    Key("reader", "pageup,b", "page(-1)", "上页", "向上翻一页"),
    Key("reader", "home", "edge(-1)", "回首", "到本回开头"),
    Key("reader", "end", "edge(1)", "回尾", "到本回末尾"),
    Key("reader", "v,ctrl+v", "anchor", "选取", "从这一句开始选，再移动就扩大；Esc 取消", 5),
)

SENTENCE = re.compile(r"[^。！？；…\n]*[。！？；…]*[”’」』）》】]*|\n")
GUTTER = 6
INDENT = "　　"


@dataclass(frozen=True, slots=True)
class _Line:
    """One screen line: characters [start, end) of the chapter; `first` opens a paragraph; a blank line has no paragraph."""

    start: int
    end: int
    paragraph: int
    first: bool
    verse: bool


class Reader(ScrollView, can_focus=True):
    """Shows one chapter and owns the cursor in it."""

    DEFAULT_CSS = """
    Reader { background: $background; color: $foreground; padding: 0 1; scrollbar-gutter: stable; }
    Reader .reader--number { color: $foreground 35%; }
    Reader .reader--here { color: $accent; text-style: bold; }
    Reader .reader--cursor { background: $panel; }
    Reader .reader--selection { background: $primary-muted; }
    Reader .reader--hit { background: $accent; color: $background; }
    Reader .reader--verse { color: $secondary; }
    Reader .reader--title { color: $primary; text-style: bold; }
    Reader .reader--notice { color: $warning; }
    Reader .reader--closing { color: $foreground 60%; }
    """
    COMPONENT_CLASSES = {
        "reader--number", "reader--here", "reader--cursor", "reader--selection", "reader--hit", "reader--verse", "reader--title", "reader--closing",
        "reader--notice",
    }  # fmt: skip
    BINDINGS = bindings("reader")

    @dataclass
    class CursorMoved(Message):
        """The cursor came to stand on another sentence."""

        reader: Reader
        chapter: int
        paragraph: int
        offset: int

    @dataclass
    class EdgeReached(Message):
        """The user moved past the end (+1) or the beginning (-1) of the chapter."""

        reader: Reader
        direction: int

    def __init__(self, *, id: str | None = None, measure: int = 72, display: str = "original") -> None:
        super().__init__(id=id)
        self._chapter: Chapter | None = None
        self._shown = ""
        self._display = display
        self._measure = measure
        self._notice = ""
        self._lines: list[_Line] = []
        self._line_starts: list[int] = []
        self._width = 0
        self._sentences: list[tuple[int, int]] = []
        self._sentence_starts: list[int] = []
        self._cursor = 0
        self._anchor: int | None = None
        self._hits: list[tuple[int, int]] = []
        self._title_lines: list[str] = []
        self._notice_from = 0

    # What is shown.

    @property
    def chapter(self) -> Chapter | None:
        return self._chapter

    @property
    def offset_here(self) -> int:
        """The character offset at which the cursor's sentence begins."""
        return self._sentences[self._cursor][0] if self._sentences else 0

    def show(self, chapter: Chapter, *, offset: int = 0, notice: str = "") -> None:
        """Show a chapter with the cursor on the sentence that holds `offset`; `notice` stands under the title."""
        self._chapter, self._notice = chapter, notice
        self._shown = convert(chapter.text, self._display)
        self._sentences = cut_sentences(chapter.text, chapter.body)
        self._sentence_starts = [start for start, _ in self._sentences]
        self._cursor, self._hits, self._anchor = 0, [], None
        self._wrap()
        self._move_to(self._sentence_at(offset), announce=True)
        if offset < chapter.body:
            self.scroll_to(y=0, animate=False, immediate=True)

    def set_display(self, display: str) -> None:
        """Show the text as original, simplified or traditional; place and selection stay."""
        self._display = display
        if self._chapter is not None:
            self._shown = convert(self._chapter.text, display)
            self._wrap()

    def set_measure(self, cells: int) -> None:
        """Set the greatest width of the text in cells."""
        if cells != self._measure:
            self._measure = cells
            self._wrap()

    def highlight(self, spans: list[tuple[int, int]]) -> None:
        """Mark character spans (find hits, a cited quote) until another chapter or other marks come."""
        self._hits = sorted(spans)
        self.refresh()

    def go_to(self, offset: int, *, centre: bool = True) -> None:
        """Put the cursor on the sentence that holds `offset` and bring it into view."""
        self._anchor = None
        self._move_to(self._sentence_at(offset), announce=True, centre=centre)
        if self._chapter is not None and offset < self._chapter.body:
            self.scroll_to(y=0, animate=False, immediate=True)

    def selection(self) -> tuple[int, int]:
        """The selected characters [start, end): from the anchor to the cursor, or the cursor's sentence."""
        if not self._sentences:
            return (0, 0)
        first, last = sorted((self._cursor if self._anchor is None else self._anchor, self._cursor))
        return self._sentences[first][0], self._sentences[last][1]

    @property
    def selecting(self) -> bool:
        return self._anchor is not None

    def clear_selection(self) -> None:
        self._anchor = None
        self.refresh()

    # Layout.

    def on_resize(self, event: events.Resize) -> None:
        self._wrap()

    def _wrap(self) -> None:
        chapter = self._chapter
        room = min(self._measure, self.scrollable_content_region.width - GUTTER)
        if chapter is None or room < 4:
            return
        keep = self.offset_here
        at_top = self.scroll_offset.y == 0
        self._width = room
        title = f"{chapter.label}　{convert(chapter.title, self._display)}"
        self._title_lines = [title[start:end] for start, end in break_lines(title, room)]
        self._notice_from = len(self._title_lines)
        if self._notice:
            self._title_lines += [self._notice[start:end] for start, end in break_lines(self._notice, room)]
        self._title_lines.append("")
        lines: list[_Line] = []
        before = ""
        for paragraph in chapter.paragraphs:
            # Lines of one poem stay together; everything else is set apart by a blank line.
            if lines and not (paragraph.kind == "verse" and before == "verse"):
                lines.append(_Line(paragraph.start, paragraph.start, 0, False, False))
            before = paragraph.kind
            verse = paragraph.kind == "verse"
            text = self._shown[paragraph.start : paragraph.end]
            # The indent is a piece of the first line that has no character in the text.
            padded = INDENT + text
            width = room - (4 if verse else 0)
            for index, (start, end) in enumerate(break_lines(padded, width) if not verse else break_lines(text, width)):
                shift = 0 if verse else len(INDENT)
                lines.append(
                    _Line(paragraph.start + max(0, start - shift), paragraph.start + max(0, end - shift), paragraph.number, index == 0, verse)
                )
        self._lines = lines
        self._line_starts = [line.start for line in lines]
        self.virtual_size = Size(self.scrollable_content_region.width, len(lines) + len(self._title_lines) + 2)
        self.refresh()
        if not at_top:
            self._reveal(keep, centre=True)

    def _line_of(self, offset: int) -> int:
        """The screen line (in the virtual text) that shows the character at `offset`."""
        index = max(0, bisect_right(self._line_starts, offset) - 1)
        while index > 0 and not self._lines[index].paragraph:
            index -= 1
        return index + len(self._title_lines) + 1

    # Movement.

    def _sentence_at(self, offset: int) -> int:
        return max(0, min(len(self._sentences) - 1, bisect_right(self._sentence_starts, offset) - 1))

    def _move_to(self, sentence: int, *, announce: bool = False, centre: bool = False) -> None:
        if not self._sentences or self._chapter is None:
            return
        moved = sentence != self._cursor
        self._cursor = sentence
        offset = self.offset_here
        self._reveal(offset, centre=centre)
        self.refresh()
        if moved or announce:
            self.post_message(self.CursorMoved(self, self._chapter.number, self._chapter.paragraph_at(offset).number, offset))

    def _reveal(self, offset: int, *, centre: bool = False) -> None:
        height = self.scrollable_content_region.height
        if not self._lines or height <= 0:
            return
        top, bottom = self._line_of(offset), self._line_of(max(offset, self._sentences[self._sentence_at(offset)][1] - 1))
        if centre and not (self.scroll_offset.y + 2 <= top and bottom < self.scroll_offset.y + height - 2):
            self.scroll_to(y=max(0, top - height // 3), animate=False, immediate=True)
        else:
            self.scroll_to_region(Region(0, top, 1, min(bottom - top + 2, height)), animate=False, immediate=True)

    def action_step_sentence(self, step: int) -> None:
        target = self._cursor + step
        if not 0 <= target < len(self._sentences):
            self.post_message(self.EdgeReached(self, step))
            return
        self._move_to(target)

    def action_step_paragraph(self, step: int) -> None:
        chapter = self._chapter
        if chapter is None:
            return
        here = chapter.paragraph_at(self.offset_here)
        target = here.number + step
        if step < 0 and self.offset_here > here.start:
            target = here.number
        if not 1 <= target <= len(chapter.paragraphs):
            self.post_message(self.EdgeReached(self, step))
            return
        self._move_to(self._sentence_at(chapter.paragraphs[target - 1].start))

    def action_page(self, step: int) -> None:
        height = max(1, self.scrollable_content_region.height - 2)
        if (step > 0 and self.scroll_offset.y >= self.max_scroll_y) or (step < 0 and self.scroll_offset.y <= 0):
            self.post_message(self.EdgeReached(self, step))
            return
        top = max(0, min(self.max_scroll_y, self.scroll_offset.y + step * height))
        self.scroll_to(y=top, animate=False, immediate=True)
        first = max(0, min(len(self._lines) - 1, int(top) - len(self._title_lines) - 1))
        while first < len(self._lines) - 1 and not self._lines[first].paragraph:
            first += 1
        sentence = self._sentence_at(self._lines[first].start)
        if self._sentences[sentence][0] < self._lines[first].start and sentence + 1 < len(self._sentences):
            sentence += 1
        self._cursor = sentence
        self.refresh()
        if self._chapter is not None:
            offset = self.offset_here
            self.post_message(self.CursorMoved(self, self._chapter.number, self._chapter.paragraph_at(offset).number, offset))

    def action_edge(self, direction: int) -> None:
        self._move_to(0 if direction < 0 else len(self._sentences) - 1)
        if direction < 0:
            self.scroll_to(y=0, animate=False, immediate=True)

    def action_anchor(self) -> None:
        self._anchor = self._cursor if self._anchor is None else None
        self.refresh()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        offset = self._offset_at(event.x, event.y)
        if offset is not None:
            self._anchor = None
            self._move_to(self._sentence_at(offset))
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is not self:
            return
        offset = self._offset_at(event.x, event.y)
        if offset is not None and (sentence := self._sentence_at(offset)) != self._cursor:
            if self._anchor is None:
                self._anchor = self._cursor
            self._move_to(sentence)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self.release_mouse()

    def _offset_at(self, x: int, y: int) -> int | None:
        """The text offset under a position of the widget, or None beside the text."""
        index = y + int(self.scroll_offset.y) - len(self._title_lines) - 1
        if not 0 <= index < len(self._lines) or not self._lines[index].paragraph:
            return None
        line = self._lines[index]
        column = x - self.styles.padding.left - GUTTER - (4 if line.verse or line.first else 0)
        used = 0
        for offset in range(line.start, line.end):
            used += cell_len(self._shown[offset])
            if used > column:
                return offset
        return max(line.start, line.end - 1)

    # Drawing.

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        base = self.rich_style
        index = y + int(self.scroll_offset.y) - 1
        if self._chapter is None or index < 0:
            return Strip.blank(width, base)
        if index < len(self._title_lines):
            found = any(start < self._chapter.body for start, _ in self._hits) and index < self._notice_from
            kind = "hit" if found else "title" if index < self._notice_from else "notice"
            style = self.get_component_rich_style(f"reader--{kind}")
            return Strip([Segment(" " * GUTTER, base), Segment(self._title_lines[index], style)]).adjust_cell_length(width, base)
        index -= len(self._title_lines)
        if not 0 <= index < len(self._lines) or not self._lines[index].paragraph:
            return Strip.blank(width, base)
        line = self._lines[index]
        here = self._chapter.paragraph_at(self.offset_here).number == line.paragraph
        number = self.get_component_rich_style("reader--here" if here else "reader--number")
        gutter = f"{line.paragraph:>4}  " if line.first else " " * GUTTER
        segments = [Segment(gutter, number), Segment("    " if line.first or line.verse else "", base), *self._text(line, base)]
        return Strip(segments).adjust_cell_length(width, base)

    def _text(self, line: _Line, base: Style) -> list[Segment]:
        assert self._chapter is not None
        kind = self._chapter.paragraphs[line.paragraph - 1].kind
        style = base
        if kind != "prose":
            style = base + self.get_component_rich_style(f"reader--{kind}", partial=True)
        layers: list[tuple[int, int, Style]] = []
        start, end = self._sentences[self._cursor]
        if self.has_focus:
            layers.append((start, end, self.get_component_rich_style("reader--cursor", partial=True)))
        if self._anchor is not None:
            layers.append((*self.selection(), self.get_component_rich_style("reader--selection", partial=True)))
        hit = self.get_component_rich_style("reader--hit", partial=True)
        layers.extend((first, last, hit) for first, last in self._hits if first < line.end and last > line.start)
        cuts = {line.start, line.end}
        for first, last, _ in layers:
            cuts.update(edge for edge in (first, last) if line.start < edge < line.end)
        edges = sorted(cuts)
        segments = []
        for left, right in itertools.pairwise(edges):
            piece = style
            for first, last, layer in layers:
                if first <= left and right <= last:
                    piece += layer
            segments.append(Segment(self._shown[left:right], piece))
        return segments

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


def cut_sentences(text: str, start: int = 0) -> list[tuple[int, int]]:
    """Cut a text from `start` on into sentences, [start, end) offsets; newlines belong to none, closing quotes to the one before."""
    return [match.span() for match in SENTENCE.finditer(text, start) if match.group().strip()]
