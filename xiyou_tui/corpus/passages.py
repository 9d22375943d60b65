"""Cutting an edition into passages: 150 to 300 characters, whole sentences, the unit that retrieval ranks and answers quote."""

from __future__ import annotations

import re

from xiyou_tui.corpus.cache import PerEdition
from xiyou_tui.corpus.model import Chapter, Edition, Place

LEAST, MOST = 150, 300
# Long passages hold more of the evidence around a fact, so the cut aims near the upper bound.
AIM = 265

_SENTENCE = re.compile(r"[^。！？!?…\n]*(?:[。！？!?…]+[”’」』\"'）》]*|\n+|$)")
_CLAUSE = re.compile(r"[^，,；;、：:]*(?:[，,；;、：:]+[”’」』\"']*|$)")

Span = tuple[int, int]


def _cut_edition(edition: Edition) -> tuple[Place, ...]:
    return tuple(
        Place(chapter.number, chapter.paragraph_at(start).number, start, end, chapter.text[start:end])
        for chapter in edition.chapters
        for start, end in cut_chapter(chapter)
    )


cut_passages = PerEdition(_cut_edition)
"""The passages of an edition in order: disjoint, together they hold every character but the breaks between them."""


def cut_chapter(chapter: Chapter) -> list[Span]:
    """The [start, end) spans of the passages of a chapter, by the division into whole sentences that costs least.

    A passage costs the square of its distance from the aimed length, more where it leaves the bounds, and less where it
    ends with its paragraph. Only a text or a rest shorter than LEAST makes a passage below it.
    """
    pieces = sentences(chapter.text)
    if not pieces:
        return []
    ends = {paragraph.end for paragraph in chapter.paragraphs}
    best: list[float] = [0.0] + [float("inf")] * len(pieces)
    back = [0] * (len(pieces) + 1)
    for last in range(1, len(pieces) + 1):
        end = pieces[last - 1][1]
        ending = 0.0 if end in ends else 1600.0
        for first in range(last - 1, -1, -1):
            length = end - pieces[first][0]
            if length > MOST and first < last - 1:
                break
            cost = best[first] + (length - AIM) ** 2 + ending
            if length < LEAST:
                cost += 20000.0
            if cost < best[last]:
                best[last], back[last] = cost, first
    spans: list[Span] = []
    last = len(pieces)
    while last:
        spans.append((pieces[back[last]][0], pieces[last - 1][1]))
        last = back[last]
    return spans[::-1]


def sentences(text: str) -> list[Span]:
    """The [start, end) spans of the sentences of a text, none longer than MOST characters; line breaks belong to none."""
    spans: list[Span] = []
    for match in _SENTENCE.finditer(text):
        start, end = match.span()
        while end > start and text[end - 1] in "\n \u3000":
            end -= 1
        while start < end and text[start] in "\n \u3000":
            start += 1
        if end - start > MOST:
            spans.extend(_clauses(text, start, end))
        elif end > start:
            spans.append((start, end))
    return spans


def _clauses(text: str, start: int, end: int) -> list[Span]:
    """A sentence that is too long, cut after its commas where it can be, else after MOST characters."""
    spans: list[Span] = []
    for match in _CLAUSE.finditer(text, start, end):
        first, last = match.span()
        while last - first > MOST:
            spans.append((first, first + MOST))
            first += MOST
        if last == first:
            continue
        if spans and spans[-1][1] == first and last - spans[-1][0] <= LEAST:
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
    return spans
