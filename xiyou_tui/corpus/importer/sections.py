"""Lines to sections: which lines make which chapter, by headings, or by contents list and closing formulas."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xiyou_tui.corpus.importer.expected import READ, STORY_OF_CHEN, count_letters, recognise, recognise_simplified
from xiyou_tui.corpus.importer.headings import Heading, complete_title, contents_runs, find_headings
from xiyou_tui.corpus.importer.layout import CLOSING
from xiyou_tui.corpus.importer.notices import PAGE_BREAK
from xiyou_tui.corpus.importer.records import Findings, Section
from xiyou_tui.corpus.importer.tradition import Tradition, find_tradition, match_title
from xiyou_tui.corpus.script import to_simplified

FRONT = "正文之前"
CONTENTS = "目录"
UNPLACED = "未归入章回"
# Chinese characters below which a stretch of text is no chapter of its own.
_SMALL = 1500
# From here on it is said when a stretch is left out.
_WORTH_SAYING = 40
# A gap of so many blank lines may part chapters where nothing else does.
_GAP = 5


def split_sections(lines: list[str], findings: Findings) -> list[Section]:
    """The chapters and appendices in the order of the source; what belongs to none goes to `findings.left_out`."""
    headings = find_headings(lines)
    listed = {index for run in contents_runs(headings, lines) for index in run}
    for index in sorted(listed):
        findings.leave_out(CONTENTS, lines[headings[index].line].strip())
    real = [heading for index, heading in enumerate(headings) if index not in listed]
    body = list(lines)
    for index in listed:
        body[headings[index].line] = ""
    closings = sum(1 for line in body if ends_chapter(line))
    titled = sum(1 for heading in real if heading.title)
    if closings >= 3 and titled < 3 and 3 * len(real) < closings:
        contents = [headings[index] for index in sorted(listed)]
        return _by_closings(body, real, contents, findings)
    if not real:
        return _by_closings(body, real, [], findings)
    return _by_headings(body, real, findings)


def ends_chapter(line: str) -> bool:
    """Whether a line ends with the formula that closes a chapter."""
    return "分解" in line[-24:] and bool(CLOSING.search(line.rstrip()[-14:]))


def _by_headings(lines: list[str], headings: list[Heading], findings: Findings) -> list[Section]:
    sections: list[Section] = []
    bounds = [heading.line for heading in headings] + [len(lines)]
    numbers = {heading.number for heading in headings if heading.number}
    tradition = find_tradition({heading.number: heading.title for heading in headings if heading.number}) or "shidetang"
    sections += _front(lines[: bounds[0]], numbers, tradition, findings)
    for heading, start, stop in zip(headings, bounds, bounds[1:], strict=False):
        if heading.before and sections:
            sections[-1].lines.append(heading.before)
        elif heading.before:
            findings.leave_out(FRONT, heading.before)
        title, below = complete_title(heading.title, lines[start + 1 : stop])
        sections += _after_closings(Section(heading.number, heading.kind, title, below), numbers, tradition, findings)
    return sections


def _front(lines: list[str], numbers: set[int], tradition: Tradition, findings: Findings) -> list[Section]:
    """What stands before the first heading: left out, unless it is long enough to be a chapter or a preface."""
    text = "".join(lines)
    if count_letters(text) < _SMALL or not _is_story(lines):
        findings.leave_out(FRONT, _joined(lines))
        return []
    number = recognise(text, tradition)
    if number is None or number in numbers:
        findings.warn("unplaced-text", f"第一个回目之前有一段文字，收作附录：{text.strip()[:20]}……")
        return [Section(None, "appendix", FRONT, lines)]
    findings.warn("heading-missing", "第一个回目之前有一段正文，没有回目；按内容放在这里。", number)
    return [Section(number, "chapter", "", lines)]


def _after_closings(section: Section, numbers: set[int], tradition: Tradition, findings: Findings) -> list[Section]:
    """A section in one piece, or in several where it goes on after a closing formula because a heading is missing."""
    pieces, current, letters = [], list[str](), 0
    for line in section.lines:
        current.append(line)
        letters += count_letters(line)
        if ends_chapter(line) and letters >= _SMALL:
            pieces.append(current)
            current, letters = [], 0
    if pieces and letters < _SMALL:
        pieces[-1] += current
    else:
        pieces.append(current)
    found = [replace(section, lines=pieces[0])]
    for lines in pieces[1:]:
        number = recognise("".join(lines), tradition)
        if number is None and section.number is not None and section.number + len(found) not in numbers:
            number = section.number + len(found)
        if number is None or number in numbers:
            found[-1] = replace(found[-1], lines=[*found[-1].lines, *lines])
        else:
            found.append(Section(number, "chapter", "", lines))
            findings.warn("heading-missing", "上一回收尾之后还有一段正文，没有回目；按内容和次序放在这里。", number)
    return found


@dataclass
class _Chunk:
    """A stretch of lines: whether a closing formula ends it, whether it tells a story, and which chapter its words say it is."""

    lines: list[str]
    closed: bool
    story: bool = False
    number: int | None = None


def _by_closings(lines: list[str], stray: list[Heading], contents: list[Heading], findings: Findings) -> list[Section]:
    """Chapters of a text without headings: cut after every closing formula and at wide gaps, told by their words."""
    for heading in stray:
        findings.leave_out(CONTENTS, lines[heading.line].strip())
        lines[heading.line] = PAGE_BREAK
    titles = _titles(contents)
    chunks = _cut(lines)
    for chunk in chunks:
        chunk.story = _is_story(chunk.lines)
    _recognise(chunks, find_tradition(titles))
    chunks = _merge(chunks)
    _fill_numbers(chunks)
    sections = []
    for chunk in chunks:
        if chunk.number == STORY_OF_CHEN:
            sections.append(Section(None, "appendix", "陈光蕊的故事", chunk.lines))
        elif chunk.number is not None:
            sections.append(Section(chunk.number, "chapter", titles.get(chunk.number, ""), chunk.lines))
        elif count_letters("".join(chunk.lines)) >= _SMALL:
            sections.append(Section(None, "appendix", "未认出的一段", chunk.lines))
            findings.warn("unplaced-text", f"有一段正文认不出是哪一回，收作附录：{_joined(chunk.lines)[:20]}……")
        else:
            findings.leave_out(UNPLACED, _joined(chunk.lines))
            if chunk.story and count_letters("".join(chunk.lines)) >= _WORTH_SAYING:
                findings.warn("text-left-out", f"有一小段文字归不进任何一回，没有收入：{_joined(chunk.lines)[:20]}……")
    told = {section.number for section in sections if section.kind == "chapter"}
    if not told:
        return []
    findings.warn("headings-absent", f"正文没有回目行；按目录、收尾套语和内容分出 {len(told)} 回。")
    return sections


def _titles(contents: list[Heading]) -> dict[int, str]:
    """Titles by chapter from the contents lists, foreign lists (of sequels) left aside."""
    titles: dict[int, str] = {}
    for heading in contents:
        found = match_title(heading.title)
        if heading.number and found and found[0] == heading.number:
            titles.setdefault(heading.number, heading.title)
    return titles


def _cut(lines: list[str]) -> list[_Chunk]:
    chunks: list[_Chunk] = []
    current: list[str] = []
    blank = 0
    for line in lines:
        if not line.strip():
            blank = _GAP if line == PAGE_BREAK else blank + 1
            continue
        if blank >= _GAP and current:
            chunks.append(_Chunk(current, False))
            current = []
        blank = 0
        current.append(line)
        if ends_chapter(line):
            chunks.append(_Chunk(current, True))
            current = []
    if current:
        chunks.append(_Chunk(current, False))
    return chunks


def _recognise(chunks: list[_Chunk], tradition: Tradition | None) -> None:
    """Tell each chunk's chapter; where the tradition is not known, by the one that tells more chunks apart."""
    texts = ["".join(chunk.lines) for chunk in chunks]
    long = [index for index, text in enumerate(texts) if count_letters(text) >= _SMALL]
    simplified = {index: to_simplified(texts[index][:READ]) for index in long}
    candidates: tuple[Tradition, ...] = (tradition,) if tradition else ("shidetang", "zhengdaoshu")
    found = [{index: recognise_simplified(text, candidate) for index, text in simplified.items()} for candidate in candidates]
    for index, number in max(found, key=lambda numbers: len(set(numbers.values()) - {None})).items():
        chunks[index].number = number


def _merge(chunks: list[_Chunk]) -> list[_Chunk]:
    """Pieces of one chapter put together: an open piece goes on with what follows, unless both are told to be different chapters."""
    merged: list[_Chunk] = []
    for chunk in chunks:
        before = merged[-1] if merged else None
        apart = before is None or before.closed or (before.number is not None and chunk.number is not None and before.number != chunk.number)
        # Navigation, lists and licences next to a chapter are no part of it.
        if before is None or apart or not before.story or not (chunk.closed or chunk.number or chunk.story):
            merged.append(chunk)
            continue
        before.lines += chunk.lines
        before.closed = chunk.closed
        before.number = before.number if before.number is not None else chunk.number
    return merged


def _is_story(lines: list[str]) -> bool:
    """Whether lines are prose or verse: Chinese with the punctuation of sentences."""
    text = "".join(lines)
    letters = count_letters(text)
    return letters > 0 and 2 * letters > len(text.replace(" ", "")) and any(mark in text for mark in "，。：！？")


def _fill_numbers(chunks: list[_Chunk]) -> None:
    """An unrecognised, closed chunk between chapter n and chapter n + 2 is chapter n + 1."""
    taken = {chunk.number for chunk in chunks}
    for index, chunk in enumerate(chunks):
        if chunk.number is not None or not (chunk.closed or index == len(chunks) - 1):
            continue
        before = chunks[index - 1].number if index else 0
        after = chunks[index + 1].number if index + 1 < len(chunks) else None
        if before is not None and before + 1 not in taken and (after == before + 2 or (after is None and chunk.closed)):
            chunk.number = before + 1
            taken.add(before + 1)


def _joined(lines: list[str]) -> str:
    return "\n".join(line.strip() for line in lines if line.strip())
