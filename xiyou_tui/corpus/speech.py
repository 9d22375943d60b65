"""Who speaks: the quoted speeches of a chapter, each with its speaker where the text names one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xiyou_tui.corpus.lexicon import Entry, Lexicon
from xiyou_tui.corpus.model import Chapter, Edition, Place

# An outer quotation; quotations inside it use the other pair.
_SPEECH = re.compile(r"“[^”]*”|「[^」]*」")
# What stands between a speaker and the words: 行者[笑]道：, 三藏[闻言，大惊]道：. One clause or two, never another sentence.
_LEAD = re.compile(r"[^。！？；：”」\n]{0,24}[道曰云说叫喊骂问答言]：$")
_SPEAKERS = {"person", "creature"}


@dataclass(frozen=True, slots=True)
class Speech:
    """Characters [start, end) of a chapter, quotation marks included; `speaker` is None where the text does not name one."""

    start: int
    end: int
    speaker: Entry | None


def find_speeches(chapter: Chapter, lexicon: Lexicon) -> tuple[Speech, ...]:
    """The speeches of a chapter in order. The speaker is the last figure named before 道： and its like, in the same sentence."""
    speeches = []
    for match in _SPEECH.finditer(chapter.text, chapter.body):
        before = chapter.text[max(chapter.body, match.start() - 32) : match.start()]
        lead = _LEAD.search(before)
        speaker = None
        if lead is not None:
            # The doer of the clause stands first in it: 那怪见行者来，笑道 is said by 那怪, but 三藏对行者道 by 三藏.
            named = [mention.entry for mention in lexicon.mentions(lead.group()) if mention.entry.kind in _SPEAKERS]
            speaker = named[0] if named else None
        speeches.append(Speech(match.start(), match.end(), speaker))
    return tuple(speeches)


def speakers_in(passage: Place, edition: Edition, lexicon: Lexicon) -> tuple[Entry, ...]:
    """Who speaks in a passage, each once, in the order of their first words."""
    found: dict[str, Entry] = {}
    for speech in find_speeches(edition.chapter(passage.chapter), lexicon):
        if speech.speaker is not None and speech.start < passage.end and speech.end > passage.start:
            found.setdefault(speech.speaker.id, speech.speaker)
    return tuple(found.values())


def is_verse(passage: Place, edition: Edition) -> bool:
    """Whether more than half of a passage is verse."""
    chapter = edition.chapter(passage.chapter)
    verse = sum(
        min(passage.end, paragraph.end) - max(passage.start, paragraph.start)
        for paragraph in chapter.paragraphs
        if paragraph.kind == "verse" and paragraph.start < passage.end and paragraph.end > passage.start
    )
    return 2 * verse > passage.end - passage.start
