"""Mode 原著: chapters on the left, the text in the middle, what is known of the paragraph on the right."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable

from textual import on, work
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from xiyou_tui.corpus.model import Chapter, Edition
from xiyou_tui.corpus.synopsis import NOTICE
from xiyou_tui.storage.settings import BY_KEY
from xiyou_tui.storage.state import read_state, write_state
from xiyou_tui.tui.keymap import bindings
from xiyou_tui.tui.messages import EditionChanged, SampleRequested, SettingsChanged
from xiyou_tui.tui.screens import corpus_keys
from xiyou_tui.tui.screens.base import ModeScreen
from xiyou_tui.tui.widgets.bars import ModeBar
from xiyou_tui.tui.widgets.contents import Contents
from xiyou_tui.tui.widgets.reader import Reader
from xiyou_tui.tui.widgets.search import SearchPanel
from xiyou_tui.tui.widgets.side import SidePanel


class CorpusScreen(ModeScreen):
    """Browse, search, mark, and pick passages."""

    mode = "corpus"
    CSS_PATH = "corpus.tcss"
    BINDINGS = bindings(corpus_keys.SCOPE)

    def __init__(self) -> None:
        super().__init__()
        self._history: list[tuple[int, int]] = []
        self._future: list[tuple[int, int]] = []
        self._hits: list[tuple[int, int, int]] = []
        self._hit = 0
        self._pending: tuple[int, int, int] | None = None

    def body(self) -> Iterable[Widget]:
        settings = self.study.settings
        with Horizontal():
            yield Contents(id="contents")
            with Vertical(id="middle"):
                yield SearchPanel(id="search")
                yield Reader(id="reader", measure=settings.whole("interface.width"), display=settings.text("interface.script"))
            yield SidePanel(id="side")

    @property
    def reader(self) -> Reader:
        return self.query_one("#reader", Reader)

    @property
    def edition(self) -> Edition:
        return self.study.library.current()

    def on_mount(self) -> None:
        self._open_edition()
        self.reader.focus()
        # Loading what is known of the text would compete with the first picture.
        self.set_timer(0.2, self.query_one(SidePanel).prepare)

    def on_screen_resume(self) -> None:
        self._refresh_contents()

    # The edition and its chapters.

    def _open_edition(self) -> None:
        edition = self.edition
        chapter, offset = read_state(self.study.connection, f"reading.{edition.id}", [edition.chapters[0].number, 0])
        if not edition.has_chapter(chapter):
            chapter, offset = edition.chapters[0].number, 0
        self._history, self._future, self._hits = [], [], []
        self._refresh_contents()
        self._show(edition.chapter(chapter), offset)
        self.query_one(ModeBar).refresh()
        self.query_one(SearchPanel).close()

    def _refresh_contents(self) -> None:
        """Bring the contents up to date: the chapters, their samples, and the script of the titles."""
        self.query_one(Contents).show(self.edition.chapters, self._sample_counts(), self.study.settings.text("interface.script"))

    def _sample_counts(self) -> dict[int, int]:
        rows = self.study.connection.execute(
            "SELECT json_extract(cited.value, '$.chapter') AS chapter, count(DISTINCT sample.id) AS number"
            " FROM sample, json_each(sample.citations) AS cited WHERE sample.deleted IS NULL GROUP BY 1"
        )
        return {int(row["chapter"]): int(row["number"]) for row in rows if row["chapter"] is not None}

    def _show(self, chapter: Chapter, offset: int) -> None:
        notice = f"{NOTICE}。按 o 导入原著文本文件，或按 w 从网上取，就能逐字读、查原文。" if self.edition.is_synopsis else ""
        self.reader.show(chapter, offset=offset, notice=notice)
        self._mark_hits()
        self.query_one(Contents).highlight(chapter.number)

    def show_passage(self, chapter: int, start: int, end: int) -> None:
        """Open a place, its characters highlighted; the place left goes into the history."""
        if not self.is_mounted or self.reader.chapter is None:
            self._pending = (chapter, start, end)
            self.call_after_refresh(self._show_pending)
            return
        self._remember()
        self._hits = [(chapter, start, end)] if end > start else []
        self._hit = 0
        self._show(self.edition.chapter(chapter), start)
        self.reader.go_to(start)
        self.reader.focus()

    def _show_pending(self) -> None:
        if self._pending is not None:
            place, self._pending = self._pending, None
            self.show_passage(*place)

    def _remember(self) -> None:
        chapter = self.reader.chapter
        if chapter is not None:
            here = (chapter.number, self.reader.offset_here)
            if not self._history or self._history[-1] != here:
                self._history.append(here)
            self._future.clear()

    @on(Contents.Highlighted)
    def _chapter_highlighted(self, event: Contents.Highlighted) -> None:
        if self.reader.chapter is None or self.reader.chapter.number != event.number:
            self._show(self.edition.chapter(event.number), 0)

    @on(Contents.Chosen)
    def _chapter_chosen(self) -> None:
        self.remove_class("contents-open")
        self.reader.focus()

    @on(Reader.CursorMoved)
    def _cursor_moved(self, event: Reader.CursorMoved) -> None:
        # Where one was reading is worth remembering, but not worth an error at every step when the disk is full.
        with contextlib.suppress(sqlite3.Error):
            write_state(self.study.connection, f"reading.{self.edition.id}", [event.chapter, event.offset])
        self.query_one(SidePanel).show(event.chapter, event.paragraph)

    @on(Reader.EdgeReached)
    def _edge_reached(self, event: Reader.EdgeReached) -> None:
        self._turn(event.direction, at_end=event.direction < 0)

    def action_chapter(self, step: int) -> None:
        self._turn(step, at_end=False)

    def _turn(self, step: int, *, at_end: bool) -> None:
        chapters = self.edition.chapters
        here = next((i for i, chapter in enumerate(chapters) if self.reader.chapter and chapter.number == self.reader.chapter.number), 0)
        if not 0 <= here + step < len(chapters):
            self.notify("已经是最后一回。" if step > 0 else "已经是第一回。", timeout=2)
            return
        chapter = chapters[here + step]
        self._show(chapter, len(chapter.text) - 1 if at_end else 0)

    # Finding.

    async def action_search(self) -> None:
        await self.query_one(SearchPanel).open()

    @on(SearchPanel.HitChosen)
    def _hit_chosen(self, event: SearchPanel.HitChosen) -> None:
        if event.final:
            self._remember()
        self._hits, self._hit = list(event.hits), event.index
        if self._hits:
            chapter, start, _ = self._hits[self._hit]
            self._show(self.edition.chapter(chapter), start)
            self.reader.go_to(start)
        else:
            self.reader.highlight([])
        if event.final:
            self.reader.focus()

    @on(SearchPanel.Closed)
    def _search_closed(self) -> None:
        self.reader.focus()

    def _mark_hits(self) -> None:
        chapter = self.reader.chapter
        if chapter is not None:
            self.reader.highlight([(start, end) for number, start, end in self._hits if number == chapter.number])

    def action_hit(self, step: int) -> None:
        if not self._hits:
            self.notify("先按 / 查找。", timeout=2)
            return
        self._hit = (self._hit + step) % len(self._hits)
        chapter, start, _ = self._hits[self._hit]
        self._show(self.edition.chapter(chapter), start)
        self.reader.go_to(start)
        self.notify(f"第 {self._hit + 1} 处，共 {len(self._hits)} 处", timeout=2)

    # Places.

    @work
    async def action_go(self) -> None:
        from xiyou_tui.tui.screens.dialogs import GoDialog

        place = await self.app.push_screen_wait(GoDialog(self.edition))
        if place is not None:
            chapter, start = place
            self.show_passage(chapter, start, start)

    def action_history(self, step: int) -> None:
        source, target = (self._history, self._future) if step < 0 else (self._future, self._history)
        if not source:
            self.notify("没有更早的地方了。" if step < 0 else "没有更后的地方了。", timeout=2)
            return
        if self.reader.chapter is not None:
            target.append((self.reader.chapter.number, self.reader.offset_here))
        chapter, offset = source.pop()
        self._show(self.edition.chapter(chapter), offset)

    def action_bookmark(self) -> None:
        from xiyou_tui.corpus.bookmarks import toggle_bookmark

        chapter = self.reader.chapter
        if chapter is None:
            return
        start, end = self.reader.selection()
        with self.xiyou.telling():
            added = toggle_bookmark(self.study.connection, self.edition, self.edition.cite(chapter.number, start, end))
            self.notify("加了书签。" if added else "书签已去掉。", timeout=2)
            self.query_one(SidePanel).refresh_facts()

    @work
    async def action_bookmarks(self) -> None:
        from xiyou_tui.tui.screens.dialogs import BookmarkDialog

        place = await self.app.push_screen_wait(BookmarkDialog(self.study))
        if place is not None:
            self.show_passage(*place)

    @work
    async def action_people(self) -> None:
        from xiyou_tui.tui.screens.people import PeopleDialog

        place = await self.app.push_screen_wait(PeopleDialog(self.edition))
        if place is not None:
            spans, index = place
            self._remember()
            self._hits, self._hit = list(spans), index
            chapter, start, _ = self._hits[index]
            self._show(self.edition.chapter(chapter), start)
            self.reader.go_to(start)

    @work
    async def action_note(self) -> None:
        from xiyou_tui.tui.screens.notes import NoteDialog

        chapter = self.reader.chapter
        if chapter is None:
            return
        start, end = self.reader.selection()
        citation = self.edition.cite(chapter.number, start, end)
        if await self.app.push_screen_wait(NoteDialog(self.study, self.edition, citation)):
            self.reader.clear_selection()
            self.query_one(SidePanel).prepare()
            self.notify("注解记下了，在边栏里。", timeout=3)

    @work
    async def action_variants(self) -> None:
        from xiyou_tui.tui.screens.variants import VariantDialog

        chapter = self.reader.chapter
        if chapter is None:
            return
        paragraph = chapter.paragraph_at(self.reader.offset_here)
        span = self.reader.selection() if self.reader.selecting else (paragraph.start, paragraph.end)
        await self.app.push_screen_wait(VariantDialog(self.study.library, self.edition, self.edition.cite(chapter.number, *span)))

    # Looks.

    def action_script(self) -> None:
        choices = BY_KEY["interface.script"].choices
        following = choices[(choices.index(self.study.settings.text("interface.script")) + 1) % len(choices)]
        with self.xiyou.telling():
            self.study.change_setting("interface.script", following)
        self.reader.set_display(following)
        self._refresh_contents()
        self.notify(BY_KEY["interface.script"].show(following), timeout=2)

    def action_measure(self, step: int) -> None:
        width = max(30, min(160, self.study.settings.whole("interface.width") + step))
        with self.xiyou.telling():
            self.study.change_setting("interface.width", width)
        self.reader.set_measure(width)

    def action_side(self) -> None:
        side = self.query_one(SidePanel)
        side.toggle(self.size.width >= 100)
        # Where there is room for one thing only, the panel takes the place of the text.
        self.query_one("#middle").set_class(self.size.width < 60 and side.has_class("shown"), "covered")

    def action_contents(self) -> None:
        contents = self.query_one(Contents)
        if contents.has_focus:
            self.remove_class("contents-open")
            self.reader.focus()
        else:
            self.add_class("contents-open")
            contents.focus()

    def action_leave(self) -> None:
        self.remove_class("contents-open")
        if self.reader.selecting:
            self.reader.clear_selection()
        else:
            self._hits = []
            self.reader.highlight([])
        self.reader.focus()

    @on(SettingsChanged)
    def _settings_changed(self, event: SettingsChanged) -> None:
        self.reader.set_display(event.settings.text("interface.script"))
        self._refresh_contents()
        self.reader.set_measure(event.settings.whole("interface.width"))

    # Out of the text.

    def action_copy(self) -> None:
        chapter = self.reader.chapter
        if chapter is None:
            return
        start, end = self.reader.selection()
        self.xiyou.copy_with_notice(f"“{chapter.text[start:end]}”{self.edition.mark(chapter.number, start)}", "原文和出处")

    def action_sample(self) -> None:
        chapter = self.reader.chapter
        if chapter is None:
            return
        start, end = self.reader.selection()
        self.reader.clear_selection()
        self.app.post_message(SampleRequested((self.edition.cite(chapter.number, start, end),)))

    # Editions.

    @work
    async def action_import_text(self) -> None:
        from xiyou_tui.tui.screens.imports import ImportDialog

        edition = await self.app.push_screen_wait(ImportDialog(self.study))
        if edition is not None:
            self.xiyou.tell_all(EditionChanged(edition))

    @work
    async def action_fetch_text(self) -> None:
        from xiyou_tui.tui.screens.fetch import FetchDialog

        edition = await self.app.push_screen_wait(FetchDialog(self.study))
        if edition is not None:
            self.xiyou.tell_all(EditionChanged(edition))

    @work
    async def action_editions(self) -> None:
        from xiyou_tui.tui.screens.dialogs import EditionDialog

        edition = await self.app.push_screen_wait(EditionDialog(self.study.library))
        if edition is None:
            return
        with self.xiyou.telling():
            self.study.library.open(edition)
            self.study.library.choose(edition)
            self.xiyou.tell_all(EditionChanged(edition))

    @on(EditionChanged)
    def _edition_changed(self) -> None:
        self._open_edition()
        self.query_one(SidePanel).prepare()
        if not self.edition.is_synopsis:
            self._survey_citations()

    @work(thread=True, exclusive=True, group="survey")
    def _survey_citations(self) -> None:
        """Say how the citations of the samples stand in the edition that became current."""
        from xiyou_tui.samples.citations import survey
        from xiyou_tui.study import open_study

        # A connection belongs to its thread, so this one opens the workplace for itself.
        study = open_study(self.study.places)
        try:
            found = survey(study.samples, study.library)
        finally:
            study.close()
        if found.moved or found.lost:
            lost = f"，{found.lost} 条找不到（换回原来的底本仍在）" if found.lost else ""
            text = f"样本引文在这个底本里：{found.kept} 条原位，{found.moved} 条按文字重新定位{lost}。"
            self.app.call_from_thread(self.notify, text, title="引文", severity="warning" if found.lost else "information", timeout=8)
