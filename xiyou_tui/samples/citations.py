"""Citations of samples: looked up, found again in another edition, read from what people type (27.12, 〔27·12〕)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from xiyou_tui.corpus.address import parse_address
from xiyou_tui.corpus.align import align_text
from xiyou_tui.corpus.library import Library
from xiyou_tui.corpus.model import FIRST_APPENDIX, Citation, Edition, span_hash
from xiyou_tui.errors import CorpusError
from xiyou_tui.samples.model import Sample
from xiyou_tui.samples.store import SampleStore

State = Literal["here", "moved", "elsewhere", "broken"]

# 27.12 and 第27回12段 name a paragraph, 27 and 第27回 do not.
_WITH_PARAGRAPH = re.compile(r"[回.．·・:：,，。、/\s-]\s*第?[\d０-９零〇○一二三四五六七八九十百两]+\s*段?[〕\])）]?$")
_SENTENCE = re.compile(r"[^。！？；\n]*[。！？；]*[”’」』）]*")
_CLAUSE = re.compile(r"[^，、：。！？；\n]*[，、：。！？；]*[”’」』）]*")


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """A citation with what it says now.

    `state`: here = holds in the current edition; moved = made on another edition, found in the current one (`citation` is
    the new place); elsewhere = holds, but only in another edition; broken = its text is nowhere to be found.
    """

    citation: Citation
    state: State
    text: str
    mark: str


def look_up(citation: Citation, library: Library, store: SampleStore | None = None) -> CitedPassage:
    """What a citation says, against the current edition. `store` remembers the texts of citations whose edition is gone."""
    current = library.current()
    if citation.edition == current.id:
        try:
            return CitedPassage(citation, "here", current.resolve(citation), current.mark(citation.chapter, citation.start))
        except CorpusError:
            pass
    original = _other_edition(citation, library)
    text = original.text if original is not None else (store.cited_text(citation.hash) if store is not None else "")
    if text:
        found = locate(text, current, chapter=citation.chapter, near=citation.start)
        if found is not None:
            return CitedPassage(found, "moved", current.resolve(found), current.mark(found.chapter, found.start))
    if original is not None:
        return original
    label = "附" if citation.chapter >= FIRST_APPENDIX else str(citation.chapter)
    return CitedPassage(citation, "broken", text, f"〔{label}·?〕")


def _other_edition(citation: Citation, library: Library) -> CitedPassage | None:
    try:
        edition = library.open(citation.edition)
        return CitedPassage(citation, "elsewhere", edition.resolve(citation), edition.mark(citation.chapter, citation.start))
    except CorpusError:
        return None


def locate(text: str, edition: Edition, *, chapter: int = 0, near: int = 0) -> Citation | None:
    """Where `text` stands in an edition, as a citation, or None.

    Looked for in `chapter` first (nearest to the offset `near`), then in the chapters around it, then everywhere: character
    by character, then in any script and with variant characters, then by alignment where the edition words it otherwise.
    """
    if not text.strip():
        return None
    order = sorted(edition.chapters, key=lambda c: (abs(c.number - chapter), c.number)) if chapter else list(edition.chapters)
    for candidate in order:
        start = _nearest(candidate.text, text, near if candidate.number == chapter else 0)
        if start >= 0:
            return edition.cite(candidate.number, start, start + len(text))
    found = align_text(text, edition, chapter=chapter, near=near)
    return found.citation if found is not None else None


def _nearest(text: str, wanted: str, near: int) -> int:
    """The offset of the occurrence of `wanted` that lies nearest to `near`, or -1."""
    after, before = text.find(wanted, near), text.rfind(wanted, 0, near + len(wanted))
    if after < 0 or before < 0:
        return max(after, before)
    return after if after - near <= near - before else before


def locate_sentence(phrase: str, edition: Edition, chapter: int, *, limit: int = 120) -> Citation | None:
    """A citation of the whole sentence around a phrase, looked for in `chapter` first; None when it stands nowhere.

    Where the sentence has more than `limit` characters, only the clauses that the phrase stands in.
    """
    found = locate(phrase, edition, chapter=chapter)
    if found is None:
        return None
    text = edition.chapter(found.chapter).text
    paragraph = edition.chapter(found.chapter).paragraph_at(found.start)
    for unit in (_SENTENCE, _CLAUSE):
        start, end = found.start, found.end
        for match in unit.finditer(text, paragraph.start, paragraph.end):
            if match.end() > found.start and match.start() < found.end:
                start, end = min(start, match.start()), max(end, match.end())
        if end - start <= limit:
            return edition.cite(found.chapter, start, end)
    return found


def cite_paragraph(edition: Edition, typed: str, quote: str = "") -> Citation:
    """The citation of a typed place (27.12, 〔27·12〕, 附.3): the whole paragraph, or `quote` inside it.

    Raises CorpusError in Chinese when there is no such place, or the quote does not stand in it.
    """
    number, start = parse_address(edition, typed)
    if not _WITH_PARAGRAPH.search(typed.strip()):
        raise CorpusError(
            f"「{typed.strip()}」没有写段号。", next_step="写成 27.12：第 27 回第 12 段；附录写 附.3。", code="no-paragraph"
        )
    chapter = edition.chapter(number)
    paragraph = chapter.paragraph_at(start)
    if not quote:
        return edition.cite(number, paragraph.start, paragraph.end)
    at = chapter.text.find(quote, paragraph.start, paragraph.end)
    if at < 0:
        raise CorpusError(
            f"{edition.mark(number, start)} 里没有「{quote[:20]}」。", next_step="引文要和原文一字不差。", code="no-quote"
        )
    return edition.cite(number, at, at + len(quote))


def cite_typed(edition: Edition, typed: str, *, chapter: int = 0) -> Citation:
    """The citation that a person typed: a place (27.12), a place with a quote (27.12:一句), or a phrase, whose sentence is cited.

    A phrase is looked for around `chapter` first. Raises CorpusError in Chinese when there is no such place or phrase.
    """
    place, _, quote = typed.strip().replace("：", ":").partition(":")
    try:
        return cite_paragraph(edition, place, quote.strip())
    except CorpusError as error:
        if error.code != "address":
            raise
    found = locate_sentence(typed.strip(), edition, chapter) if len(typed.strip()) > 1 else None
    if found is None:
        raise CorpusError(
            f"原文里没有「{typed.strip()[:20]}」。", next_step="打位置（27.12），或一句和原文一字不差的话。", code="no-quote"
        )
    return found


@dataclass(frozen=True, slots=True)
class ReanchorReport:
    """What happened to the citations of the samples: how many held, were moved to the current edition, could not be moved."""

    kept: int
    moved: int
    lost: int

    def as_record(self) -> dict[str, int]:
        return {"kept": self.kept, "moved": self.moved, "lost": self.lost}


def reanchor(sample: Sample, library: Library, store: SampleStore) -> Sample:
    """The sample with every citation that can be found there moved to the current edition; the others stay as they are."""
    found = [look_up(citation, library, store) for citation in sample.citations]
    return replace(sample, citations=tuple(passage.citation for passage in found))


def survey(store: SampleStore, library: Library) -> ReanchorReport:
    """How the citations of all samples stand against the current edition. Changes nothing."""
    states = [look_up(citation, library, store).state for sample in store.list() for citation in sample.citations]
    return ReanchorReport(states.count("here"), states.count("moved"), states.count("elsewhere") + states.count("broken"))


def reanchor_all(store: SampleStore, library: Library) -> ReanchorReport:
    """Move the citations of all samples to the current edition, as one step that can be undone."""
    kept = moved = lost = 0
    with store.batch():
        for sample in store.list():
            passages = [look_up(citation, library, store) for citation in sample.citations]
            kept += sum(passage.state == "here" for passage in passages)
            moved += sum(passage.state == "moved" for passage in passages)
            lost += sum(passage.state in ("elsewhere", "broken") for passage in passages)
            store.save(replace(sample, citations=tuple(passage.citation for passage in passages)), action="重新定位")
    return ReanchorReport(kept, moved, lost)


def remember(sample: Sample, library: Library, store: SampleStore) -> None:
    """Keep the texts that a sample cites, so that they can be found again when their edition is gone."""
    passages = [look_up(citation, library, store) for citation in sample.citations]
    store.remember_texts(
        passage.text for passage in passages if passage.text and span_hash(passage.text) == passage.citation.hash
    )
