"""Who and what appears where: places of one name, and the scenes that two share."""

from __future__ import annotations

from dataclasses import dataclass

from xiyou_tui.corpus.find import find_any
from xiyou_tui.corpus.lexicon import Entry, Lexicon
from xiyou_tui.corpus.model import Edition


@dataclass(frozen=True, slots=True)
class Scene:
    """A paragraph in which all the wanted names stand: the span from the first to the last of them."""

    chapter: int
    paragraph: int
    start: int
    end: int


def common_scenes(edition: Edition, lexicon: Lexicon, *entries: Entry) -> list[Scene]:
    """The paragraphs where every one of `entries` is named, by any of the names the text uses, in order."""
    if not entries:
        return []
    spans: list[dict[tuple[int, int], tuple[int, int]]] = []
    for entry in entries:
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for place in find_any(edition, lexicon.search_names(entry)):
            key = (place.chapter, place.paragraph)
            first, last = found.get(key, (place.start, place.end))
            found[key] = (min(first, place.start), max(last, place.end))
        spans.append(found)
    shared = sorted(set.intersection(*(set(found) for found in spans)))
    return [
        Scene(chapter, paragraph, min(found[chapter, paragraph][0] for found in spans), max(found[chapter, paragraph][1] for found in spans))
        for chapter, paragraph in shared
    ]
