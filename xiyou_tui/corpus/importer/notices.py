"""Lines that belong to a page and not to the book: navigation, licences, download advertisements, end marks."""

from __future__ import annotations

import re

from xiyou_tui.corpus.importer.records import Findings

_NOTICE = re.compile(
    r"^[\s　]*《?西[游遊][记記]》?[\s　]*(?:至此[终終]|全[书書]完|完结|完結)[。．.]?[\s　]*$|公有[领領]域|[◄►]|返回[顶頂]部|返回目[录錄]|注意：本文含有|Unicode 中日|Exported from Wikisource|"
    r"Project Gutenberg|creativecommons|^[\s　]*(?:https?://|www\.)\S+[\s　]*$|上一[章回][\s　|/]*(?:目[录錄]|返回)?[\s　|/]*下一[章回]|^[\s　]*(?:本[章回]完|全[书書]完|未完待[续續]|[（(]完[)）])[\s　]*$|"
    r"(?:免费|免費)?(?:TXT|txt|电子书|電子書)(?:下载|下載|免费|免費)|(?:本[书書]|本文)(?:由|来自|來自)\S{0,30}(?:整理|制作|製作|提供|下载|下載|校[对對])|[最更]多(?:精彩|好看|免费)\S{0,12}(?:小说|小說|电子书)|"
    r"^[\s　]*相[关關]作品[\s　]*$"
)
_END_MARK = re.compile(r"[《〈]?西[游遊][记記][》〉]?[\s　]*至此[终終][。．.]?[\s　]*$")
# Stands in place of a notice; blank to all who strip a line, and a possible end of a chapter to those who look.
PAGE_BREAK = "\f"
_PUNCTUATED = re.compile(r"[，。！？：；、“”「」]")
_GUTENBERG_START = re.compile(r"^\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG", re.IGNORECASE)
_GUTENBERG_END = re.compile(r"^\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG", re.IGNORECASE)


def is_notice(line: str) -> bool:
    """Whether a line as a whole speaks of the page or file and not of the story."""
    return len(line) <= 220 and bool(_NOTICE.search(line))


def is_end_mark(line: str) -> bool:
    """Whether a line says that the novel ends here (《西游记》至此终)."""
    return len(line) <= 40 and bool(_END_MARK.search(line))


def strip_notices(lines: list[str], findings: Findings) -> list[str]:
    """The lines without notices, and without the short unpunctuated lines (titles of a navigation bar) right around them.

    A page break stands in the place of what is taken.
    """
    lines = _between_gutenberg_marks(lines, findings)
    noticed = [is_notice(line) for line in lines]
    if not any(noticed):
        return lines
    taken = list(noticed)
    filled = [index for index, line in enumerate(lines) if line.strip()]
    for order in (filled, filled[::-1]):
        near = False
        for index in order:
            if noticed[index]:
                near = not is_end_mark(lines[index])
            elif near and len(lines[index].strip()) <= 24 and not _PUNCTUATED.search(lines[index]) and "第" not in lines[index].strip()[:3]:
                taken[index] = True
            else:
                near = False
    kept = []
    for line, gone in zip(lines, taken, strict=True):
        if gone:
            findings.leave_out("页面说明", line.strip())
        kept.append(PAGE_BREAK if gone else line)
    return kept


def strip_end_mark(text: str) -> tuple[str, str]:
    """A paragraph without the end mark that was glued to it, and the mark."""
    match = _END_MARK.search(text[-40:])
    if not match:
        return text, ""
    cut = max(0, len(text) - 40) + match.start()
    return text[:cut].rstrip(), text[cut:]


def _between_gutenberg_marks(lines: list[str], findings: Findings) -> list[str]:
    start = next((index for index, line in enumerate(lines[:400]) if _GUTENBERG_START.match(line)), None)
    end = next((index for index in range(len(lines) - 1, max(-1, len(lines) - 600), -1) if _GUTENBERG_END.match(lines[index])), None)
    if start is None and end is None:
        return lines
    first, last = (0 if start is None else start + 1), (len(lines) if end is None else end)
    findings.leave_out("页面说明", "\n".join(line for line in lines[:first] if line.strip()))
    findings.leave_out("页面说明", "\n".join(line for line in lines[last:] if line.strip()))
    return lines[first:last]
