"""The talk: questions and answers one below the other, drawn where they are in view, with a cursor that stands on citations."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from dataclasses import dataclass

from textual import events
from textual.message import Message

from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.widgets.answer import Entry, Question
from xiyou_tui.tui.widgets.lines import HEAD, LineView, Row

register_keys(
    Key("talk", "right_square_bracket,tab", "citation(1)", "下一引文", "到下一条引文", 6, "[ ]"),
    Key("talk", "left_square_bracket,shift+tab", "citation(-1)", "上一引文", "到上一条引文"),
    Key("talk", "down,j", "step(1)", "下移", "到下一条引文或回答", 2, "↑↓"),
    Key("talk", "up,k", "step(-1)", "上移", "到上一条引文或回答"),
    Key("talk", "enter", "choose", "看出处", "在边栏打开引文；再按一次到原著", 9, "↵"),
    Key("talk", "o", "leap", "到原著", "在原著里打开这条引文；F4 回来", 5),
    Key("talk", "plus,equals_sign", "rate(1)", "赞", "这个回答好；再按一次取消", 4, "+"),
    Key("talk", "minus", "rate(-1)", "否", "这个回答不好；再按一次取消", 4, "-"),
    Key("talk", "pagedown,space", "page(1)", "下页", "向下翻"),
    Key("talk", "pageup,b", "page(-1)", "上页", "向上翻"),
    Key("talk", "home", "edge(-1)", "开头", "到对话开头"),
    Key("talk", "end", "edge(1)", "末尾", "到对话末尾"),
)


class Transcript(LineView, can_focus=True):
    """Shows entries. Owns the cursor: (entry, target), where target 0 is an answer's head and n its n-th citation."""

    BINDINGS = bindings("talk")

    @dataclass
    class CursorMoved(Message):
        """The cursor came to stand on something."""

        entry: Entry
        target: int

    @dataclass
    class Chosen(Message):
        """Enter or a second click on what the cursor stands on; with `leap` the reader is wanted, not the side panel."""

        entry: Entry
        target: int
        leap: bool = False

    @dataclass
    class Rated(Message):
        """The answer under the cursor was rated 1 or -1."""

        entry: Entry
        rating: int

    @dataclass
    class Left(Message):
        """The cursor went past the last citation: back to the question."""

    def __init__(self, *, measure: int, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries: list[Entry] = []
        self._rows: list[list[Row]] = []
        self._starts: list[int] = [0]
        self._cursor: tuple[int, int] | None = None
        self._measure = measure
        self._width = 0

    # What is shown.

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries)

    @property
    def cursor(self) -> tuple[Entry, int] | None:
        """What the cursor stands on; None before it was first moved."""
        return None if self._cursor is None else (self._entries[self._cursor[0]], self._cursor[1])

    @property
    def pointed(self) -> Entry | None:
        """The entry under the cursor; None while no cursor shows."""
        return self._entries[self._cursor[0]] if self._cursor is not None and self.has_class("-pointing") else None

    def show(self, entries: list[Entry]) -> None:
        """Show another talk, from its end."""
        self._entries, self._cursor, self._width = list(entries), None, 0
        self.lay_out()
        if self._rows and any(isinstance(entry, Question) for entry in entries):
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)
        else:
            self.scroll_to(y=0, animate=False, immediate=True)

    def add(self, *entries: Entry) -> None:
        """Put entries at the end and show the end."""
        self._entries += entries
        self._rows += [entry.rows(self._text_room) for entry in entries]
        self._count(follow=True)

    def replace(self, old: Entry, *new: Entry) -> None:
        """Put other entries in the place of one; a new one at the end is brought into view from its question on."""
        index = self._entries.index(old)
        self._entries[index : index + 1] = new
        self._rows[index : index + 1] = [entry.rows(self._text_room) for entry in new]
        if self._cursor is not None and self._cursor[0] >= index:
            self._cursor = None
        self._count()
        before = index - 1 if index and isinstance(self._entries[index - 1], Question) else index
        if new:
            self._show_from(before, index + len(new) - 1)

    def changed(self, entry: Entry) -> None:
        """An entry's contents changed: break its lines again, and keep following the end if the end was in view."""
        if entry not in self._entries:
            return
        index = self._entries.index(entry)
        follow = index == len(self._entries) - 1 and self.scroll_offset.y >= self.max_scroll_y - 1
        self._rows[index] = entry.rows(self._text_room)
        self._count(follow=follow)

    def set_measure(self, cells: int) -> None:
        """Set the greatest width of the text in cells."""
        if cells != self._measure:
            self._measure, self._width = cells, 0
            self.lay_out()

    @property
    def _text_room(self) -> int:
        return min(self._measure, self.room)

    def lay_out(self) -> None:
        if self._width == self._text_room and len(self._rows) == len(self._entries):
            self.fit()
            return
        at_end = self.scroll_offset.y >= self.max_scroll_y - 1
        top = self._entry_at(int(self.scroll_offset.y)) if self._rows else 0
        self._width = self._text_room
        self._rows = [entry.rows(self._text_room) for entry in self._entries]
        self._count(follow=at_end and any(isinstance(entry, Question) for entry in self._entries))
        if self._cursor is not None:
            self._reveal_cursor()
        elif not at_end and top < len(self._entries):
            self.scroll_to(y=self._starts[top], animate=False, immediate=True)

    def _count(self, *, follow: bool = False) -> None:
        self._starts = [0, *itertools.accumulate(len(rows) for rows in self._rows)]
        self.fit()
        if follow:
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def _show_from(self, first: int, last: int) -> None:
        """Show entries [first, last]: their end when they fit, else from the beginning of the first one."""
        top, end = self._starts[first], self._starts[last + 1]
        height = self.scrollable_content_region.height
        self.scroll_to(y=min(self.max_scroll_y, top if end - top > height else max(0, end - height)), animate=False, immediate=True)

    def _entry_at(self, index: int) -> int:
        return max(0, min(len(self._entries) - 1, bisect_right(self._starts, index) - 1))

    @property
    def row_count(self) -> int:
        return self._starts[-1]

    def row_at(self, index: int) -> Row | None:
        if not 0 <= index < self._starts[-1]:
            return None
        entry = self._entry_at(index)
        return self._rows[entry][index - self._starts[entry]]

    def is_here(self, index: int, row: Row) -> bool:
        return self._cursor is not None and self.has_class("-pointing") and (self._entry_at(index), row.target) == self._cursor

    # The cursor.

    def point(self, entry: Entry, target: int) -> None:
        """Put the cursor on a place of an entry."""
        self._move_to((self._entries.index(entry), target))

    def on_focus(self) -> None:
        self.add_class("-pointing")
        if self._cursor is None:
            self._land()

    def _land(self) -> None:
        """Put the cursor where it is wanted when it stands nowhere yet: on the last answer's first citation."""
        stops = self._stops(citations=False)
        last = max((index for index, _ in stops), default=None)
        mine = [stop for stop in stops if stop[0] == last]
        if mine:
            self._move_to(next((stop for stop in mine if stop[1] != HEAD), mine[0]))

    def point_last(self) -> None:
        """Put the cursor on the last citation there is."""
        stops = self._stops(citations=True)
        if stops:
            self._move_to(stops[-1])

    def on_blur(self) -> None:
        self.refresh()

    def clear_cursor(self) -> None:
        """Take the cursor away: the last answer is meant again."""
        self.remove_class("-pointing")
        self._cursor = None
        self.refresh()

    def _stops(self, *, citations: bool) -> list[tuple[int, int]]:
        return [(index, stop) for index, entry in enumerate(self._entries) for stop in entry.stops if stop != HEAD or not citations]

    def _move_to(self, stop: tuple[int, int]) -> None:
        self._cursor = stop
        self.add_class("-pointing")
        self._reveal_cursor()
        self.refresh()
        self.post_message(self.CursorMoved(self._entries[stop[0]], stop[1]))

    def _reveal_cursor(self) -> None:
        assert self._cursor is not None
        entry, target = self._cursor
        mine = [number for number, row in enumerate(self._rows[entry]) if row.target == target]
        if mine:
            start = self._starts[entry]
            # The first citation brings its answer's head and question along, where there is room.
            top = 0 if target in self._entries[entry].stops[:2] and mine[-1] < self.scrollable_content_region.height - 2 else mine[0]
            if top == 0 and entry and isinstance(self._entries[entry - 1], Question) and len(self._rows[entry - 1]) + mine[-1] < self.scrollable_content_region.height:
                top = -len(self._rows[entry - 1])
            self.reveal(start + top, start + mine[-1])

    def action_step(self, step: int) -> None:
        self._step(self._stops(citations=False), step)

    def action_citation(self, step: int) -> None:
        self._step(self._stops(citations=True), step)

    def _step(self, stops: list[tuple[int, int]], step: int) -> None:
        if not stops:
            self.post_message(self.Left())
            return
        if self._cursor is None:
            self.on_focus()
            return
        if step > 0:
            following = [stop for stop in stops if stop > self._cursor]
            if following:
                self._move_to(following[0])
            else:
                self.post_message(self.Left())
        else:
            earlier = [stop for stop in stops if stop < self._cursor]
            if earlier:
                self._move_to(earlier[-1])
            else:
                self.action_edge(-1)

    def action_choose(self) -> None:
        if self._cursor is not None:
            self.post_message(self.Chosen(self._entries[self._cursor[0]], self._cursor[1]))

    def action_leap(self) -> None:
        if self._cursor is not None:
            self.post_message(self.Chosen(self._entries[self._cursor[0]], self._cursor[1], leap=True))

    def action_rate(self, rating: int) -> None:
        if self._cursor is not None:
            self.post_message(self.Rated(self._entries[self._cursor[0]], rating))

    def on_click(self, event: events.Click) -> None:
        index = event.y + int(self.scroll_offset.y)
        row = self.row_at(index)
        if row is None:
            return
        stop = (self._entry_at(index), row.target)
        if row.target not in self._entries[stop[0]].stops:
            return
        if stop != self._cursor:
            self._move_to(stop)
        if row.target != HEAD:
            self.action_choose()
