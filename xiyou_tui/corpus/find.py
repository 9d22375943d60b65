"""Exact search through a whole edition: all hits, in either script, whatever variant characters it was printed with.

Called by the command line, the reader's search, and counting questions. Ranked retrieval is in retrieval.py.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice

from xiyou_tui.corpus.cache import PerEdition
from xiyou_tui.corpus.fold import fold, fold_loosely
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.errors import CorpusError

# Stands between chapters and can't be typed, so that no hit reaches over a chapter's end.
BOUNDARY = "\0"
PATTERN_SECONDS = 3.0


class JoinedText:
    """All chapters of an edition as one folded string, and the way back from an offset in it to a chapter."""

    def __init__(self, edition: Edition, *, loosely: bool = False) -> None:
        self.edition = edition
        text = BOUNDARY.join(chapter.text for chapter in edition.chapters)
        self.text = fold_loosely(text) if loosely else fold(text)
        self.bases = [0, *accumulate(len(chapter.text) + 1 for chapter in edition.chapters)]

    def index_at(self, offset: int) -> int:
        """The index (from 0) of the chapter that holds this offset."""
        return bisect_right(self.bases, offset) - 1

    def places(self, spans: Iterable[tuple[int, int]]) -> Iterator[Place]:
        """The places of rising [start, end) spans of the joined text."""
        chapters, bases = self.edition.chapters, self.bases
        limit = -1
        for start, end in spans:
            if start >= limit:
                index = bisect_right(bases, start) - 1
                chapter, base, limit = chapters[index], bases[index], bases[index + 1]
                text, starts = chapter.text, [paragraph.start for paragraph in chapter.paragraphs]
            at = start - base
            yield Place(chapter.number, max(1, bisect_right(starts, at)), at, end - base, text[at : end - base])


joined_text = PerEdition(JoinedText)
joined_loosely = PerEdition(lambda edition: JoinedText(edition, loosely=True))


def find(edition: Edition, text: str, *, limit: int | None = None) -> list[Place]:
    """All places where `text` stands, in order, without overlaps; the first `limit` of them when one is given.

    Script, graphic variants and the form of quotation marks make no difference; nothing is found for blank text.
    """
    joined = joined_text(edition)
    return list(joined.places(islice(_spans(joined.text, _normalised(text)), limit)))


def count(edition: Edition, text: str) -> int:
    """How often `text` stands in the edition, without overlaps."""
    wanted = _normalised(text)
    return joined_text(edition).text.count(wanted) if wanted else 0


def find_any(edition: Edition, texts: Iterable[str], *, limit: int | None = None) -> list[Place]:
    """All places where one of `texts` stands, in order; where hits overlap, the earlier and then the longer one counts."""
    joined = joined_text(edition)
    return list(joined.places(islice(iter(_spans_of_any(joined, texts)), limit)))


def find_titles(edition: Edition, text: str) -> list[int]:
    """The numbers of the chapters whose title holds `text` (尸魔 stands in the title of chapter 27 and nowhere in the text)."""
    wanted = _normalised(text)
    return [chapter.number for chapter in edition.chapters if wanted and wanted in fold(chapter.title)]


def concordance(edition: Edition, *texts: str) -> dict[int, int]:
    """How often one of `texts` stands in each chapter: {chapter number: count}, chapters without a hit left out."""
    joined = joined_text(edition)
    counts: dict[int, int] = {}
    for start, _ in _spans_of_any(joined, texts):
        number = edition.chapters[joined.index_at(start)].number
        counts[number] = counts.get(number, 0) + 1
    return counts


def find_pattern(edition: Edition, pattern: str, *, limit: int | None = None, seconds: float = PATTERN_SECONDS) -> list[Place]:
    """All places that match a regular expression (`^` and `$` are the ends of a paragraph), in order.

    Raises CorpusError for an expression that is no expression, and for one that takes longer than `seconds`: matching runs
    in a process of its own, which is ended then.
    """
    wanted = fold(pattern)
    try:
        re.compile(wanted, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise CorpusError(f"正则表达式写得不对：{error}。", next_step="改一改表达式，或用普通查找。", code="bad-pattern") from error
    joined = joined_text(edition)
    request = json.dumps({"pattern": wanted, "texts": joined.text.split(BOUNDARY), "limit": limit})
    try:
        done = subprocess.run([sys.executable, "-I", "-S", "-c", _MATCHER], input=request.encode(), capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise CorpusError(
            f"这个正则表达式 {seconds:g} 秒内没有找完。", kept="底本没有改动。", next_step="写得具体些，避免重复套重复，例如 (.*)*。", code="slow-pattern"
        ) from None
    if done.returncode:
        raise CorpusError("正则查找没有完成。", next_step="换一个更简单的表达式。", code="failed-pattern")
    return list(joined.places((joined.bases[index] + start, joined.bases[index] + end) for index, start, end in json.loads(done.stdout)))


_MATCHER = """
import json, re, sys
request = json.loads(sys.stdin.buffer.read())
pattern, limit, hits = re.compile(request["pattern"], re.MULTILINE), request["limit"], []
for index, text in enumerate(request["texts"]):
    for match in pattern.finditer(text):
        if limit is not None and len(hits) >= limit:
            break
        if match.end() > match.start():
            hits.append((index, match.start(), match.end()))
print(json.dumps(hits))
"""


def _normalised(text: str) -> str:
    return fold(text.replace("\r\n", "\n").replace(BOUNDARY, "").strip())


def _spans(text: str, wanted: str) -> Iterator[tuple[int, int]]:
    if not wanted:
        return
    length = len(wanted)
    at = text.find(wanted)
    while at >= 0:
        yield at, at + length
        at = text.find(wanted, at + length)


def _spans_of_any(joined: JoinedText, texts: Iterable[str]) -> list[tuple[int, int]]:
    wanted = {folded for folded in map(_normalised, texts) if folded}
    spans = sorted((span for text in wanted for span in _spans(joined.text, text)), key=lambda span: (span[0], -span[1]))
    kept: list[tuple[int, int]] = []
    for span in spans:
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept
