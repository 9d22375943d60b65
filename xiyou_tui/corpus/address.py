"""Places as people write them: 27, 27.12, 27·12, 〔27·12〕, 第二十七回, 第100回12段, 附3."""

from __future__ import annotations

import re

from xiyou_tui.corpus.model import DIGITS, FIRST_APPENDIX, Edition
from xiyou_tui.errors import CorpusError

_NUMERAL = r"[0-9０-９零〇○一二三四五六七八九十百两]+"
_ADDRESS = re.compile(
    rf"[〔\[(（]?(?:提要)?第?(?:(?P<appendix>附录?)(?P<which>\d?)|(?P<chapter>{_NUMERAL}))\s*[回章]?\s*(?:[.．·・:：,，。、/\s-]\s*第?(?P<paragraph>{_NUMERAL})|第?(?P<tail>{_NUMERAL}))?\s*段?[〕\])）]?"
)


def parse_numeral(text: str) -> int:
    """A number in Arabic, full-width or Chinese numerals, positional (一○○) or with 十 and 百; raises ValueError for none."""
    text = text.translate(str.maketrans("０１２３４５６７８９〇○两", "0123456789零零二"))
    if text.isascii():
        return int(text)
    if not any(unit in text for unit in "十百"):
        return int("".join(digit if digit.isdigit() and digit.isascii() else str(DIGITS.index(digit)) for digit in text))
    total, digit = 0, 0
    for character in text:
        if character == "百":
            total += 100 * (digit or 1)
            digit = 0
        elif character == "十":
            total += 10 * (digit or 1)
            digit = 0
        else:
            digit = int(character) if character.isascii() else DIGITS.index(character)
    return total + digit


def parse_address(edition: Edition, text: str) -> tuple[int, int]:
    """What was typed as (chapter number, character offset); raises CorpusError when it names no place of this edition."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        raise CorpusError(f"看不懂「{text.strip()}」。", next_step="写成 27（第二十七回）、27.12（第二十七回第 12 段）或 第二十七回。", code="address")
    if match["appendix"]:
        number = FIRST_APPENDIX + max(0, int(match["which"] or 1) - 1)
        written = match["paragraph"] or match["tail"]
    else:
        number, written = parse_numeral(match["chapter"]), match["paragraph"] or match["tail"]
    chapter = edition.chapter(number)
    if not written:
        return number, 0
    paragraph = parse_numeral(written)
    chapter.paragraph_text(paragraph)
    return number, chapter.paragraphs[paragraph - 1].start
