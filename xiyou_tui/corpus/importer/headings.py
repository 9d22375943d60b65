"""Chapter headings: lines that name a chapter, told apart from contents lists and from mentions in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from xiyou_tui.corpus.importer.numerals import NUMERALS, parse_number
from xiyou_tui.corpus.importer.tradition import known_title, match_title
from xiyou_tui.corpus.model import ChapterKind

_PREFIX = r"[\s　]*(?:《[^》\n]{0,12}》|西[游遊][记記])?[\s　]*(?:目[录錄]|正文|[【\[])?[\s　]*"
_NUMBERED = re.compile(rf"^{_PREFIX}第[\s　]*([{NUMERALS}]{{1,8}})[\s　]*[回章囘][\]】]?(?P<title>.*)$")
_APPENDIX = re.compile(rf"^{_PREFIX}附[录錄][\s　]*[{NUMERALS}]{{0,3}}(?P<title>[\s　:：].*)$")
# A page title that a collection's software left in the middle of a line.
_WATERMARK = re.compile(rf"西[游遊][记記][\s　]*第([{NUMERALS}]{{1,8}})回[\s　]*[:：](?P<title>[^\n]{{5,40}})$")
_TITLE_TRIM = " \t　:：.、．-—－─·|"
_SENTENCE = re.compile(r"[。！？；]|[“”「」『』\"]")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that names a chapter. `before` is text that stood on the same line in front of it."""

    line: int
    number: int | None
    kind: ChapterKind
    title: str
    before: str = ""
    watermark: bool = False


def find_headings(lines: list[str]) -> list[Heading]:
    """All lines that look like a chapter heading, in order; where none is numbered, lines that are a title of this novel."""
    found = [heading for index, line in enumerate(lines) if (heading := _read_heading(index, line))]
    return found or [heading for index, line in enumerate(lines) if (heading := _read_bare_title(index, line))]


def complete_title(title: str, lines: list[str]) -> tuple[str, list[str]]:
    """A title with its second half, or the whole couplet, taken from the lines below the heading; and the lines that remain."""
    filled = [index for index, line in enumerate(lines[:12]) if line.strip()][:2]
    halves = title.split()
    for count in range(1, len(filled) + 1):
        below = [tidy_title(lines[index]) for index in filled[:count]]
        if any(not line or len(line) > 30 or _SENTENCE.search(line) for line in below):
            break
        candidate = " ".join([title, *below]).strip()
        couplet = candidate.split()
        if len(couplet) == 2 and len(halves) < 2 and (len(couplet[0]) == len(couplet[1]) or match_title(candidate)):
            return candidate, lines[filled[count - 1] + 1 :]
    if len(halves) == 1 and len(title) >= 8 and (found := match_title(title)):
        known = known_title(*found)
        cut = known.index(" ") if len(known) == len(title) + 1 else len(title) // 2
        return f"{title[:cut]} {title[cut:]}", lines
    return title, lines


def _read_heading(index: int, line: str) -> Heading | None:
    if len(line) > 4000 or ("回" not in line and "章" not in line and "囘" not in line and "附" not in line):
        return None
    if len(line) <= _LONGEST + 20:
        numbered = _NUMBERED.match(line)
        if numbered:
            number = parse_number(numbered[1])
            title = tidy_title(numbered["title"])
            if number and len(title) <= _LONGEST and not _SENTENCE.search(title):
                return Heading(index, number, "chapter", title)
        appendix = _APPENDIX.match(line)
        if appendix:
            title = tidy_title(appendix["title"])
            if 6 <= len(title) <= _LONGEST and not _SENTENCE.search(title):
                return Heading(index, None, "appendix", title)
    watermark = _WATERMARK.search(line)
    if watermark and not _SENTENCE.search(watermark["title"]):
        number = parse_number(watermark[1])
        if number:
            return Heading(index, number, "chapter", tidy_title(watermark["title"]), line[: watermark.start()].strip(), True)
    return None


def _read_bare_title(index: int, line: str) -> Heading | None:
    if not 8 <= len(line.strip()) <= 32 or _SENTENCE.search(line):
        return None
    title = tidy_title(re.sub(r"^[\s　]*[0-9]{1,3}[\s　.、．]*", "", line))
    found = match_title(title)
    return Heading(index, found[0], "chapter", title) if found and len(title.split()) == 2 else None


def tidy_title(raw: str) -> str:
    """A title as "上句 下句": the two halves of the couplet parted by one space, no numbering or marks around them."""
    title = raw.replace("\t", " ").strip(_TITLE_TRIM + "]】#")
    title = re.sub(r"[\s　]+[-－][\s　]*", " ", title)
    return re.sub(r"[\s　，,;；]+", " ", title).strip()


def contents_runs(headings: list[Heading], lines: list[str], *, shortest: int = 3) -> list[range]:
    """Ranges of `headings` that form a contents list: at least `shortest` in a row with next to nothing between them.

    The last entry of a list has the body of the book after it; it belongs to the list when its number goes on.
    """
    near = [_is_list_gap(lines, a.line + 1, b.line) for a, b in pairwise(headings)]
    runs, start = [], 0
    for index in range(len(headings)):
        if index < len(near) and near[index] and not headings[index + 1].watermark:
            continue
        stop = index + 1
        run = headings[start:stop]
        numbers = [heading.number for heading in run[:-1]]
        if len(run) > shortest and run[-1].number in numbers:
            stop -= 1
        if stop - start >= shortest:
            runs.append(range(start, stop))
        start = index + 1
    return runs


def _is_list_gap(lines: list[str], start: int, stop: int) -> bool:
    """Whether so little stands between two headings, and no sentence, that both are entries of a list."""
    total = 0
    for line in lines[start:stop]:
        text = line.strip()
        total += len(text)
        if total >= 60 or (text and _SENTENCE.search(text)):
            return False
    return True
