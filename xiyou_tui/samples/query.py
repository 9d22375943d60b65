"""The filter that people type: 待审 拒答 第27回 #孙悟空 白骨 — statuses, kinds, chapter, tag, and words of the text, in any order."""

from __future__ import annotations

import re
from dataclasses import replace

from xiyou_tui.corpus.address import parse_numeral
from xiyou_tui.corpus.model import FIRST_APPENDIX
from xiyou_tui.samples.model import KINDS, SOURCES, STATUSES
from xiyou_tui.samples.store import SampleFilter

BIN = "回收站"

_STATUS = {label: name for name, label in STATUSES.items()}
_KIND = {label: name for name, label in KINDS.items()}
_SOURCE = {label: name for name, label in SOURCES.items()}
_CHAPTER = re.compile(r"第?([零〇一二三四五六七八九十百\d]{1,5})回|附录()")


def parse_filter(typed: str) -> SampleFilter:
    """What was typed as a filter. A word that is no status, kind, chapter, tag or source is looked for in the text."""
    filter = SampleFilter()
    words = []
    for word in typed.split():
        chapter = _CHAPTER.fullmatch(word)
        if word in _STATUS:
            filter = replace(filter, status=(*filter.status, _STATUS[word]))
        elif word in _KIND:
            filter = replace(filter, kind=(*filter.kind, _KIND[word]))
        elif word in _SOURCE:
            filter = replace(filter, source=_SOURCE[word])
        elif word == BIN:
            filter = replace(filter, deleted=True)
        elif chapter is not None:
            filter = replace(filter, chapter=parse_numeral(chapter[1]) if chapter[1] else FIRST_APPENDIX)
        elif word[0] in "#＃" and len(word) > 1:
            filter = replace(filter, tag=word[1:])
        else:
            words.append(word)
    return replace(filter, text=" ".join(words))


def next_word(typed: str, words: tuple[str, ...]) -> str:
    """`typed` with the one of `words` that stands in it replaced by the next, and after the last by none: what a key cycles through."""
    kept = typed.split()
    here = next((word for word in kept if word in words), "")
    following = words[0] if not here else words[words.index(here) + 1] if here != words[-1] else ""
    rest = [word for word in kept if word not in words]
    return " ".join([following, *rest] if following else rest)


def toggle_word(typed: str, word: str) -> str:
    """`typed` with `word` added, or taken out where it stands."""
    kept = typed.split()
    return " ".join(other for other in kept if other != word) if word in kept else " ".join([word, *kept])
