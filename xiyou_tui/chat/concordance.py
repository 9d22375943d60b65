"""Counting and listing questions: the whole edition is searched under every name of the thing, nothing is estimated."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from xiyou_tui.chat.analyse import Analysis
from xiyou_tui.corpus.find import find_any, find_titles
from xiyou_tui.corpus.lexicon import Entry, Lexicon
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.corpus.passages import sentences

# Words around the thing counted that say nothing of it.
_ASKING = re.compile(
    r"在?西游记(?:这部书|全书|原著)?[里中]?|原著[里中]?|书[里中]|全书|小说[里中]?|请问|请|统计|列出|列举|告诉我|一共|总共|共|分别|都|总的|"
    r"出现|提到|写到|说到|讲到|用到|使用|提及|有|了|过|被|的|在|里|中|吗|呢|啊|是|它|这个|这|那|"
    r"多少次|几次|几回|多少回|几遍|多少遍|多少处|几处|哪几回|哪些回|哪几章|哪些章|哪些地方|什么地方|哪里|哪些|次数|回目|章回|"
    r"[，。？！?!、；：\s“”「」『』《》\"]"
)


@dataclass(frozen=True, slots=True)
class Concordance:
    """Every place of a thing. `names` were searched for; `together` are the places whose sentence also has the `verb`."""

    subject: str
    names: tuple[str, ...]
    places: tuple[Place, ...]
    verb: str = ""
    together: tuple[Place, ...] = ()
    in_titles: tuple[int, ...] = ()

    @property
    def by_chapter(self) -> dict[int, int]:
        """{chapter: how often}, in order."""
        return dict(Counter(place.chapter for place in self.places))

    @property
    def together_by_chapter(self) -> dict[int, int]:
        return dict(Counter(place.chapter for place in self.together))


def build_concordance(analysis: Analysis, edition: Edition, lexicon: Lexicon) -> Concordance | None:
    """The concordance a counting or listing question asks for; None when the question names nothing that can be counted.

    Words in quotation marks are counted as they stand; else the last thing or place named, else the last being, under all
    its names; else what is left of the question without its asking words.
    """
    question = analysis.resolved
    names: tuple[str, ...]
    if analysis.quoted:
        subject, names = analysis.quoted[0], (analysis.quoted[0],)
        rest = ""
    else:
        entry = counted_entry(analysis.subjects)
        if entry is not None:
            subject, names = entry.name, search_names(lexicon, entry)
            rest = _verb(question, analysis.subjects)
        else:
            subject = _ASKING.sub("", question)
            if not 2 <= len(subject) <= 8:
                return None
            names, rest = (subject,), ""
    places = tuple(find_any(edition, names))
    together = _with_verb(edition, places, rest) if rest and places else ()
    titles = tuple(dict.fromkeys(number for name in names for number in find_titles(edition, name)))
    return Concordance(subject, names, places, rest if together else "", together, titles)


def counted_entry(subjects: Sequence[Entry]) -> Entry | None:
    """What is counted: 观音的净瓶出现在哪几回 asks for the bottle, so things and spells come before places, and these before people."""
    ranks = {"sutra": 0, "treasure": 0, "weapon": 0, "term": 1, "office": 1, "place": 2, "creature": 3, "person": 4}
    return min(subjects, key=lambda entry: ranks.get(entry.kind, 5), default=None)


def search_names(lexicon: Lexicon, entry: Entry) -> tuple[str, ...]:
    """The names to count under: those that mean this entry before any other (大圣 may be many; 齐天大圣 is one)."""
    names = lexicon.search_names(entry)
    own = tuple(name for name in names if lexicon.named(name) in (None, entry))
    return own or names


def _verb(question: str, subjects: Sequence[Entry]) -> str:
    """The one or two characters of doing in a question such as 紧箍咒念过几次: what is left without names and asking words."""
    left = question
    for entry in subjects:
        for name in sorted((*entry.own_names, *entry.forms), key=len, reverse=True):
            left = left.replace(name, "")
    left = _ASKING.sub("", left)
    return left if 1 <= len(left) <= 2 else ""


def _with_verb(edition: Edition, places: Sequence[Place], verb: str) -> tuple[Place, ...]:
    """The places whose sentence holds the verb too; one for each sentence."""
    found: dict[tuple[int, int], Place] = {}
    spans: dict[int, list[tuple[int, int]]] = {}
    for place in places:
        text = edition.chapter(place.chapter).text
        bounds = spans.setdefault(place.chapter, sentences(text))
        span = next(((start, end) for start, end in bounds if start <= place.start < end), None)
        if span is not None and verb in text[span[0] : place.start] + text[place.end : span[1]]:
            found.setdefault((place.chapter, span[0]), place)
    return tuple(found.values())


def around(edition: Edition, place: Place, *, most: int = 120) -> Place:
    """The sentence around a hit, as a place to quote; a long one is cut to its clauses next to the hit."""
    chapter = edition.chapter(place.chapter)
    start, end = next(((s, e) for s, e in sentences(chapter.text) if s <= place.start < e), (place.start, place.end))
    end = max(end, place.end)
    if end - start > most:
        breaks = [at + 1 for at in range(start, end) if chapter.text[at] in "，。！？；：、\n"]
        half = (most - (place.end - place.start)) // 2
        start = min((at for at in breaks if place.start - half <= at <= place.start), default=max(start, place.start - half))
        end = max((at for at in breaks if place.end <= at <= place.end + half), default=min(end, place.end + half))
    return Place(place.chapter, chapter.paragraph_at(start).number, start, end, chapter.text[start:end])
