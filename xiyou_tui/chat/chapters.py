"""Answers about whole chapters: what happens in one (title and synopsis, marked as such), which ones tell a story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from xiyou_tui.chat.analyse import Analysis
from xiyou_tui.chat.concordance import around
from xiyou_tui.chat.evidence import Candidate, events_in
from xiyou_tui.chat.model import Part
from xiyou_tui.chat.told import event_names
from xiyou_tui.corpus.events import anchor_events
from xiyou_tui.corpus.importer.tradition import other_numbering
from xiyou_tui.corpus.lexicon import load_lexicon
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.corpus.synopsis import load_synopsis, load_titles

SYNOPSIS_SOURCE, TITLE_SOURCE = "提要", "回目"
# A chapter belongs to a story when its events name the subjects at least this often, beside the chapter with most.
STORY_SHARE = 0.25
MOST_CHAPTERS = 12


def tell_chapters(edition: Edition, numbers: Sequence[int]) -> tuple[list[Part], list[Place]] | None:
    """What happens in chapters: title, synopsis, and the text under some of their events; None where the edition has none."""
    present = [number for number in numbers if edition.has_chapter(number)]
    if not present:
        return None
    synopsis, titles = load_synopsis(), load_titles()
    parts: list[Part] = []
    places: list[Place] = []
    for number in present[:4]:
        chapter = edition.chapter(number)
        parts.append(Part("summary", f"{chapter.label}《{chapter.title or titles.get(number, '')}》", None, None, TITLE_SOURCE))
        if synopsis.has_chapter(number) and not edition.is_synopsis:
            told = synopsis.chapter(number).text.removeprefix(synopsis.chapter(number).title).replace("\n", "")
            parts.append(Part("summary", told, None, None, SYNOPSIS_SOURCE))
        events = events_in(edition, Place(number, 1, 0, len(chapter.text), ""))
        step = max(1, len(events) // 3)
        spots = [Place(number, 0, item.start, item.end, "") for item in events[step // 2 :: step][:3]]
        for spot in spots or [Place(number, 0, chapter.paragraphs[0].start, chapter.paragraphs[0].start + 1, "")]:
            place = around(edition, spot)
            parts.append(Part("evidence", place.text, len(places)))
            places.append(place)
    return parts, places


def chapters_asked_for(ranked: Sequence[Candidate], analysis: Analysis, edition: Edition) -> list[int]:
    """The chapters of the story asked for, else those that most of the found passages belong to, in order."""
    if analysis.kind == "story" and analysis.subjects:
        run = story_chapters(analysis, edition)
        if run:
            return run
    mass: dict[int, float] = {}
    for item in ranked[:12]:
        mass[item.place.chapter] = mass.get(item.place.chapter, 0.0) + max(0.0, item.place.score)
    most = max(mass.values(), default=0.0)
    return sorted(number for number, amount in mass.items() if amount >= STORY_SHARE * most)[:5]


def story_chapters(analysis: Analysis, edition: Edition) -> list[int]:
    """The unbroken run of chapters whose events name the subjects of the question (and the places near them) most."""
    lexicon, names = load_lexicon(), event_names()
    subjects = {entry.id for entry in analysis.subjects}
    for entry in analysis.subjects:
        if entry.kind == "place":
            subjects |= {near.id for near in lexicon.related(entry) if near.kind == "place"}
    counts = Counter(item.chapter for item in anchor_events(edition) if subjects & names.get(item.event.id, frozenset()))
    if not counts:
        return []
    top, most = counts.most_common(1)[0]
    order = [chapter.number for chapter in edition.chapters]
    first = last = order.index(top)
    least = max(2.0, STORY_SHARE * most)
    while first > 0 and counts[order[first - 1]] >= least:
        first -= 1
    while last + 1 < len(order) and counts[order[last + 1]] >= least:
        last += 1
    return order[first : last + 1][:MOST_CHAPTERS]


def chapters_line(edition: Edition, analysis: Analysis, numbers: Sequence[int]) -> str:
    """One sentence that names the chapters."""
    if not numbers:
        return "没有一回专门写到它。"
    named = "、".join(f"{edition.chapter(number).label}《{edition.chapter(number).title}》" for number in numbers)
    remark = other_numbering(edition, numbers)
    end = f"（{remark}）。" if remark else "。"
    if analysis.kind == "story" and len(numbers) > 1:
        span = f"{edition.chapter(numbers[0]).label}至{edition.chapter(numbers[-1]).label}，共 {len(numbers)} 回"
        return f"这一段在{span}：{named}{end}"
    return f"最相关的是{named}{end}"


def title_places(edition: Edition, numbers: Sequence[int]) -> list[Place]:
    """The titles of chapters as places of the text, where the text holds them."""
    chapters = [edition.chapter(number) for number in numbers]
    return [
        Place(chapter.number, 1, 0, len(chapter.title), chapter.title)
        for chapter in chapters
        if chapter.title and chapter.text.startswith(chapter.title)
    ]
