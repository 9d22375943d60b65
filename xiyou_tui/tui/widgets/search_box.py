"""The search box: an input line with the places found beneath it: exact, by meaning, by pattern, or in the notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import get_current_worker

from xiyou_tui.corpus.model import Citation, Edition, Place
from xiyou_tui.corpus.notes import Note, NoteStore, place_notes
from xiyou_tui.corpus.script import convert
from xiyou_tui.errors import XiyouError
from xiyou_tui.tui.widgets.search import SearchPanel

if TYPE_CHECKING:
    from xiyou_tui.tui.app import XiyouApp

SHOWN = 300
TOP = 20
Way = Literal["find", "ranked", "pattern", "notes"]
# What each way of searching is called, and what to type for it; Tab goes through them in this order.
WAYS: dict[Way, tuple[str, str]] = {
    "find": ("查找", "输入原文里的字词，简繁皆可；Tab 换成用现代话检索"),
    "ranked": ("检索", "用现代话问，如：谁送了唐僧锦襕袈裟"),
    "pattern": ("正则", "正则表达式，如：(行者|大圣)(笑|骂)道"),
    "notes": ("注解", "在注解、所注的原文和来源里找"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """One place found, and for a note what it says."""

    place: Place
    note: str = ""


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
        Binding("tab", "switch", "换一种找法", priority=True),
        Binding("shift+tab", "switch(-1)", "换一种找法", priority=True),
    ]

    @dataclass
    class SearchFinished(Message):
        """A search ended: what was found, in order."""

        query: str
        way: Way
        found: tuple[Found, ...]

    def __init__(self, panel: SearchPanel) -> None:
        super().__init__()
        self._panel = panel
        self._way: Way = "find"
        self._found: tuple[Found, ...] = ()

    def compose(self) -> ComposeResult:
        with Widget(id="search-line"):
            yield Static(WAYS["find"][0], id="search-mode")
            yield Input(placeholder=WAYS["find"][1], id="search-input", select_on_focus=True)
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

    def action_switch(self, step: int = 1) -> None:
        ways = list(WAYS)
        self._way = ways[(ways.index(self._way) + step) % len(ways)]
        label, hint = WAYS[self._way]
        self.query_one("#search-mode", Static).update(label)
        field = self.query_one(Input)
        field.placeholder = hint
        self._begin(field.value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._begin(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._choose(final=True)

    def _begin(self, query: str) -> None:
        study = self._xiyou.study
        notes = NoteStore(study.connection).list(text=query.strip()) if self._way == "notes" else []
        self._search(query, self._way, study.library.current(), notes)

    @work(thread=True, exclusive=True, group="search")
    def _search(self, query: str, way: Way, edition: Edition, notes: list[Note]) -> None:
        worker = get_current_worker()
        try:
            found = search(self._xiyou, edition, query.strip(), way, notes)
        except XiyouError as error:
            if way == "pattern":
                # Half a pattern is no pattern yet: said in the count, not in a toast at every key.
                found = ()
                self.app.call_from_thread(self._say, error.what)
            else:
                self.app.call_from_thread(self._xiyou.complain, error)
                return
        if not worker.is_cancelled:
            self.post_message(self.SearchFinished(query, way, found))

    def _say(self, text: str) -> None:
        self.query_one("#search-count", Static).update(Content(text if len(text) <= 24 else text[:23] + "…"))

    @on(SearchFinished)
    def _finished(self, event: SearchFinished) -> None:
        event.stop()
        if event.query != self.query_one(Input).value or event.way != self._way:
            return
        self._found = event.found
        hits = self.query_one(OptionList)
        hits.clear_options()
        edition = self._xiyou.study.library.current()
        display = self._xiyou.study.settings.text("interface.script")
        width = max(20, self.size.width - 14)
        hits.add_options([Option(line) for line in describe(edition, self._found[:SHOWN], display, width, event.way)])
        chapters = len({found.place.chapter for found in event.found})
        if not event.query.strip() and event.way != "notes":
            self._say("")
        elif event.found:
            self._say(f"前 {len(event.found)} 段" if event.way == "ranked" else f"共 {len(event.found)} 处 · {chapters} 回")
        elif event.way != "pattern":
            self._say({"find": "没有找到", "ranked": "没有相关的段落", "notes": "没有这样的注解"}[event.way])
        if self._found:
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
        spans = tuple((found.place.chapter, found.place.start, found.place.end) for found in self._found)
        self.post_message(SearchPanel.HitChosen(spans, min(index, max(0, len(spans) - 1)), final))


def search(app: XiyouApp, edition: Edition, wanted: str, way: Way, notes: list[Note]) -> tuple[Found, ...]:
    """What is found for what was typed. Raises CorpusError for a pattern that is none or takes too long."""
    if way == "notes":
        placed, _ = place_notes(notes, edition)
        return tuple(Found(_place(edition, item.citation), f"{item.note.text}（{item.note.source}）") for item in placed)
    if not wanted:
        return ()
    if way == "ranked":
        return tuple(map(Found, app.study.retriever(edition).search(wanted, top=TOP)))
    from xiyou_tui.corpus.find import find, find_pattern

    return tuple(map(Found, find(edition, wanted) if way == "find" else find_pattern(edition, wanted)))


def _place(edition: Edition, citation: Citation) -> Place:
    paragraph = edition.chapter(citation.chapter).paragraph_at(citation.start).number
    return Place(citation.chapter, paragraph, citation.start, citation.end, edition.resolve(citation))


def describe(edition: Edition, found: tuple[Found, ...], display: str, width: int, way: Way) -> Iterator[Content]:
    """One line a place: its mark, and the words around it with the hit standing out; for a note what it says."""
    for item in found:
        place = item.place
        chapter = edition.chapter(place.chapter)
        label = f"{chapter.short_label}·{place.paragraph}"
        room = (width - 2) // 2
        if way == "ranked":
            line = convert(chapter.text[place.start : place.start + room], display).replace("\n", " ")
            yield Content.assemble((f"{label:>7}  ", "$accent"), line)
            continue
        if way == "notes":
            yield Content.assemble((f"{label:>7}  ", "$accent"), (f"「{place.text[:8]}」", "$foreground 60%"), item.note[: max(4, room - 10)])
            continue
        length = min(place.end - place.start, room)
        before = min(place.start, max(2, (room - length) // 3))
        left = chapter.text[place.start - before : place.start]
        right = chapter.text[place.end : place.end + max(0, room - before - length)]
        yield Content.assemble(
            (f"{label:>7}  ", "$accent"),
            (convert(left, display).replace("\n", " "), "$foreground 70%"),
            (convert(chapter.text[place.start : place.start + length], display).replace("\n", " "), "bold $primary"),
            (convert(right, display).replace("\n", " "), "$foreground 70%"),
        )
