"""The search box: an input line with the places found beneath it, exact or ranked by meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import get_current_worker

from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.corpus.script import convert
from xiyou_tui.errors import XiyouError
from xiyou_tui.tui.widgets.search import SearchPanel

if TYPE_CHECKING:
    from xiyou_tui.tui.app import XiyouApp

SHOWN = 300
TOP = 20


class SearchBox(Widget):
    """Searches as one types and tells its panel which place is highlighted or chosen."""

    DEFAULT_CSS = """
    SearchBox { height: auto; }
    SearchBox Input { border: none; height: 1; width: 1fr; padding: 0 1; background: $surface; }
    SearchBox Input:focus { border: none; background: $surface; }
    SearchBox #search-line { height: 1; layout: horizontal; }
    SearchBox #search-mode { width: auto; padding: 0 1; color: $background; background: $accent; }
    SearchBox #search-count { width: auto; padding: 0 1; color: $foreground 60%; }
    SearchBox OptionList { height: auto; max-height: 9; }
    SearchBox OptionList > .option-list--option-highlighted { background: $primary 35%; }
    """
    BINDINGS = [
        Binding("escape", "close", "收起"),
        Binding("down", "step(1)", "下一处"),
        Binding("up", "step(-1)", "上一处"),
        Binding("pagedown", "step(9)", "下页"),
        Binding("pageup", "step(-9)", "上页"),
        Binding("tab", "switch", "查找/检索", priority=True),
    ]

    @dataclass
    class SearchFinished(Message):
        """A search ended: the places found, in order."""

        query: str
        ranked: bool
        places: tuple[Place, ...]
        total: int

    def __init__(self, panel: SearchPanel) -> None:
        super().__init__()
        self._panel = panel
        self._ranked = False
        self._places: tuple[Place, ...] = ()

    def compose(self) -> ComposeResult:
        with Widget(id="search-line"):
            yield Static("查找", id="search-mode")
            yield Input(placeholder="输入原文里的字词；Tab 换成用现代话检索", id="search-input", select_on_focus=True)
            yield Static("", id="search-count")
        yield OptionList(id="search-hits")

    @property
    def _xiyou(self) -> XiyouApp:
        return cast("XiyouApp", self.app)

    def take_focus(self) -> None:
        """Put the cursor into the input."""
        self.query_one(Input).focus()

    def action_close(self) -> None:
        self._panel.close()
        self.post_message(SearchPanel.Closed())

    def action_step(self, step: int) -> None:
        hits = self.query_one(OptionList)
        if hits.option_count:
            hits.highlighted = max(0, min(hits.option_count - 1, (hits.highlighted or 0) + step))

    def action_switch(self) -> None:
        self._ranked = not self._ranked
        self.query_one("#search-mode", Static).update("检索" if self._ranked else "查找")
        field = self.query_one(Input)
        field.placeholder = "用现代话问，如：谁送了唐僧锦襕袈裟" if self._ranked else "输入原文里的字词；Tab 换成用现代话检索"
        self._search(field.value, self._ranked, self._xiyou.study.library.current())

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._search(event.value, self._ranked, self._xiyou.study.library.current())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._choose(final=True)

    @work(thread=True, exclusive=True, group="search")
    def _search(self, query: str, ranked: bool, edition: Edition) -> None:
        worker = get_current_worker()
        wanted = query.strip()
        try:
            places, total = search_places(self._xiyou, edition, wanted, ranked)
        except XiyouError as error:
            self.app.call_from_thread(self._xiyou.complain, error)
            return
        if not worker.is_cancelled:
            self.post_message(self.SearchFinished(query, ranked, places, total))

    @on(SearchFinished)
    def _finished(self, event: SearchFinished) -> None:
        event.stop()
        if event.query != self.query_one(Input).value or event.ranked != self._ranked:
            return
        self._places = event.places
        hits = self.query_one(OptionList)
        hits.clear_options()
        edition = self._xiyou.study.library.current()
        display = self._xiyou.study.settings.text("interface.script")
        width = max(20, self.size.width - 14)
        hits.add_options([Option(line) for line in describe_places(edition, self._places[:SHOWN], display, width, event.ranked)])
        count = self.query_one("#search-count", Static)
        if not event.query.strip():
            count.update("")
        elif not event.places:
            count.update("没有找到" if not event.ranked else "没有相关的段落")
        else:
            count.update(f"前 {len(event.places)} 段" if event.ranked else f"共 {event.total} 处")
        if self._places:
            hits.highlighted = 0
        else:
            self.post_message(SearchPanel.HitChosen((), 0, False))

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._choose(final=False)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose(final=True)

    def _choose(self, *, final: bool) -> None:
        index = self.query_one(OptionList).highlighted or 0
        if final:
            self._panel.close()
        spans = tuple((place.chapter, place.start, place.end) for place in self._places)
        self.post_message(SearchPanel.HitChosen(spans, min(index, max(0, len(spans) - 1)), final))


def search_places(app: XiyouApp, edition: Edition, wanted: str, ranked: bool) -> tuple[tuple[Place, ...], int]:
    """The places for what was typed, and how many there are in all."""
    if not wanted:
        return (), 0
    if ranked:
        passages = tuple(app.study.retriever(edition).search(wanted, top=TOP))
        return passages, len(passages)
    from xiyou_tui.corpus.find import find

    places = tuple(find(edition, wanted))
    return places, len(places)


def describe_places(edition: Edition, places: tuple[Place, ...], display: str, width: int, ranked: bool) -> Iterator[Content]:
    """One line a place: its mark, and the words around it with the hit standing out."""
    for place in places:
        chapter = edition.chapter(place.chapter)
        label = f"{chapter.short_label}·{place.paragraph}"
        room = (width - 2) // 2
        if ranked:
            line = convert(chapter.text[place.start : place.start + room], display).replace("\n", " ")
            yield Content.assemble((f"{label:>7}  ", "$accent"), line)
            continue
        length = place.end - place.start
        before = min(place.start, max(2, (room - length) // 3))
        left = chapter.text[place.start - before : place.start]
        right = chapter.text[place.end : place.end + max(0, room - before - length)]
        yield Content.assemble(
            (f"{label:>7}  ", "$accent"),
            (convert(left, display).replace("\n", " "), "$foreground 70%"),
            (convert(chapter.text[place.start : place.end], display), "bold $primary"),
            (convert(right, display).replace("\n", " "), "$foreground 70%"),
        )
