"""Citations looked up afterwards: for words written without passages in view, the passages that support them, if any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xiyou_tui.chat.verify import Judge, Verdict, verify_sentence
from xiyou_tui.corpus.find import find
from xiyou_tui.corpus.model import Edition, Place

if TYPE_CHECKING:
    from xiyou_tui.corpus.retrieval import Retriever

CANDIDATES = 6
# A shorter string stands everywhere and is no quote.
SHORTEST = 4


def look_up(sentence: str, retriever: Retriever, *, judge_model: Judge | None = None) -> Verdict:
    """Search the edition for a sentence and check it against what is found."""
    return verify_sentence(sentence, retriever.search(sentence, top=CANDIDATES), retriever, judge_model=judge_model)


def locate_quote(quote: str, edition: Edition, shown: tuple[Place, ...] = (), number: int | None = None) -> Place | None:
    """Where a quote stands, as a place of the edition: in the passage it names, in another one shown, or anywhere.

    What is printed is then the stored text of that place, never the quote as written. None when it stands nowhere.
    """
    wanted = quote.strip()
    if len(wanted) < SHORTEST:
        return None
    order = sorted(range(len(shown)), key=lambda index: index + 1 != number)
    for index in order:
        place = shown[index]
        text = edition.chapter(place.chapter).text[place.start : place.end]
        at = text.find(wanted)
        if at >= 0:
            return _place(edition, place.chapter, place.start + at, place.start + at + len(wanted))
    # As it is written first: the search also finds other characters for the same word, and may find them earlier.
    for chapter in edition.chapters:
        at = chapter.text.find(wanted)
        if at >= 0:
            return _place(edition, chapter.number, at, at + len(wanted))
    found = find(edition, wanted, limit=1)
    return found[0] if found else None


def trim_open_quote(quote: str) -> str:
    """A quote that broke off, cut back to its last whole clause (or as it is when it has none)."""
    ends = [at + 1 for at, character in enumerate(quote) if character in "。！？；，：、"]
    return quote[: ends[-1]] if ends and ends[-1] >= SHORTEST else quote


def _place(edition: Edition, number: int, start: int, end: int) -> Place:
    chapter = edition.chapter(number)
    return Place(number, chapter.paragraph_at(start).number, start, end, chapter.text[start:end])
