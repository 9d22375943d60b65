"""The side panel of the reader: who and what is in this paragraph, what happens, marks, notes and samples on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from xiyou_tui.corpus.model import Chapter, Edition, Paragraph

if TYPE_CHECKING:
    from xiyou_tui.corpus.events import AnchoredEvent
    from xiyou_tui.corpus.lexicon import Entry
    from xiyou_tui.corpus.notes import Note, PlacedNote
    from xiyou_tui.tui.app import XiyouApp

KINDS = {
    "person": "人物", "place": "地名", "treasure": "宝物", "weapon": "兵器", "office": "官职", "sutra": "经咒", "creature": "精怪", "term": "词语",
}  # fmt: skip


class SidePanel(VerticalScroll, can_focus=False):
    """What is known about the paragraph under the cursor."""

    DEFAULT_CSS = """
    SidePanel { padding: 0 1; background: $background; scrollbar-size-vertical: 1; }
    SidePanel Static { width: 1fr; height: auto; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._chapter = 0
        self._paragraph = 0
        self._events: dict[int, list[AnchoredEvent]] = {}
        self._placed: list[PlacedNote] = []
        self._ready = False

    def compose(self) -> ComposeResult:
        yield Static("", id="facts")

    @property
    def _xiyou(self) -> XiyouApp:
        return cast("XiyouApp", self.app)

    def prepare(self) -> None:
        """Load what is known of the current edition, in the background."""
        from xiyou_tui.corpus.notes import NoteStore

        self._ready = False
        study = self._xiyou.study
        self._load(study.library.current(), NoteStore(study.connection).list())

    def toggle(self, wide: bool) -> None:
        """Show or hide the panel; where there is little room it is hidden unless asked for."""
        self.toggle_class("hidden" if wide else "shown")

    def show(self, chapter: int, paragraph: int) -> None:
        """Show the facts of a paragraph, unless they are shown already."""
        if (chapter, paragraph) != (self._chapter, self._paragraph):
            self._chapter, self._paragraph = chapter, paragraph
            self.refresh_facts()

    @work(thread=True, exclusive=True, group="facts")
    def _load(self, edition: Edition, notes: list[Note]) -> None:
        from xiyou_tui.corpus.events import anchor_events
        from xiyou_tui.corpus.lexicon import load_lexicon
        from xiyou_tui.corpus.notes import place_notes
        from xiyou_tui.corpus.pinyin import rare_readings

        load_lexicon()
        by_chapter: dict[int, list[AnchoredEvent]] = {}
        # The synopsis volume says what happens by itself; events belong to a text.
        for anchored in () if edition.is_synopsis else anchor_events(edition):
            by_chapter.setdefault(anchored.chapter, []).append(anchored)
        placed, lost = place_notes(notes, edition)
        rare_readings("豝")  # Loads the dictionary here rather than in front of the reader.
        self.app.call_from_thread(self._loaded, edition, by_chapter, placed, len(lost))

    def _loaded(self, edition: Edition, events: dict[int, list[AnchoredEvent]], placed: list[PlacedNote], lost: int) -> None:
        self._events, self._placed, self._ready = events, placed, True
        if lost and not edition.is_synopsis:
            self.app.notify(f"有 {lost} 条注解在这个底本里找不到原文，换回原来的底本仍在。", severity="warning", timeout=6)
        self.refresh_facts()

    def refresh_facts(self) -> None:
        """Draw the facts again, after something in them changed."""
        edition = self._xiyou.study.library.current()
        if not self._ready or not self._chapter or not edition.has_chapter(self._chapter) or not self.is_mounted:
            return
        chapter = edition.chapter(self._chapter)
        if self._paragraph > len(chapter.paragraphs):
            return
        paragraph = chapter.paragraphs[self._paragraph - 1]
        parts = [
            Content.assemble((f"{edition.mark(chapter.number, paragraph.start)}", "bold $accent"), (f"　{paragraph.end - paragraph.start} 字", "$foreground 60%")),
            *self._marks(edition, chapter, paragraph),
            *self._names(chapter, paragraph),
            *self._happenings(chapter, paragraph),
            *self._notes(edition, chapter, paragraph),
            *self._samples(edition, chapter, paragraph),
            *self._rare(chapter, paragraph),
        ]
        self.query_one("#facts", Static).update(Content("\n").join(parts))

    def _marks(self, edition: Edition, chapter: Chapter, paragraph: Paragraph) -> list[Content]:
        from xiyou_tui.corpus.bookmarks import list_bookmarks

        marks = [
            mark for mark in list_bookmarks(self._xiyou.study.connection, edition.id)
            if mark.citation.chapter == chapter.number and paragraph.start <= mark.citation.start < max(paragraph.end, paragraph.start + 1)
        ]  # fmt: skip
        return [Content.styled("◆ 有书签", "$primary")] if marks else []

    def _names(self, chapter: Chapter, paragraph: Paragraph) -> list[Content]:
        from xiyou_tui.corpus.lexicon import load_lexicon

        seen: dict[str, Entry] = {}
        for mention in load_lexicon().mentions(chapter.text[paragraph.start : paragraph.end]):
            seen.setdefault(mention.entry.id, mention.entry)
        lines = [_heading("人物名物")] if seen else []
        for entry in list(seen.values())[:12]:
            kind = KINDS.get(entry.kind, "")
            lines.append(Content.assemble((entry.name, "bold"), (f" {kind}", "$secondary"), f"\n{entry.gloss}"))
        return lines

    def _happenings(self, chapter: Chapter, paragraph: Paragraph) -> list[Content]:
        found = [event for event in self._events.get(chapter.number, ()) if paragraph.start <= event.start < max(paragraph.end, paragraph.start + 1)]
        lines = [_heading("这一段的事（提要，非原文）")] if found else []
        return lines + [Content(f"· {anchored.event.text}") for anchored in found[:8]]

    def _notes(self, edition: Edition, chapter: Chapter, paragraph: Paragraph) -> list[Content]:
        end = max(paragraph.end, paragraph.start + 1)
        found = [
            item for item in self._placed if item.citation.chapter == chapter.number and item.citation.start < end and item.citation.end > paragraph.start
        ]
        lines = [_heading("注解（不是原文）")] if found else []
        for item in found:
            quote = item.note.quote if len(item.note.quote) <= 12 else item.note.quote[:11] + "…"
            lines.append(
                Content.assemble((f"「{quote}」", "$foreground 60%"), item.note.text, (f"（{item.note.source}）", "$secondary"), "  ※移自他本" if item.moved else "")
            )
        return lines

    def _rare(self, chapter: Chapter, paragraph: Paragraph) -> list[Content]:
        from xiyou_tui.corpus.pinyin import rare_readings
        from xiyou_tui.corpus.script import to_simplified

        text = chapter.text[paragraph.start : paragraph.end]
        plain = to_simplified(text)
        original = dict(zip(plain, text, strict=True))
        readings = rare_readings(plain)
        if not readings:
            return []
        return [_heading("难字"), Content("　".join(f"{original[character]} {reading}" for character, reading in readings))]

    def _samples(self, edition: Edition, chapter: Chapter, paragraph: Paragraph) -> list[Content]:
        rows = self._xiyou.study.connection.execute(
            "SELECT DISTINCT sample.turns FROM sample, json_each(sample.citations) AS cited WHERE sample.deleted IS NULL"
            " AND json_extract(cited.value, '$.edition') = ? AND json_extract(cited.value, '$.chapter') = ?"
            " AND json_extract(cited.value, '$.start') < ? AND json_extract(cited.value, '$.end') > ? LIMIT 8",
            (edition.id, chapter.number, max(paragraph.end, paragraph.start + 1), paragraph.start),
        ).fetchall()
        lines = [_heading("引用这段的样本")] if rows else []
        for row in rows:
            turns = json.loads(row["turns"])
            question = next((_turn_text(turn) for turn in turns), "")
            lines.append(Content(f"· {question[:40]}"))
        return lines


def _turn_text(turn: object) -> str:
    if isinstance(turn, dict):
        return str(turn.get("text") or turn.get("content") or "")
    return str(turn[1]) if isinstance(turn, list) and len(turn) > 1 else ""


def _heading(text: str) -> Content:
    return Content.styled(f"\n{text}", "bold $primary")
