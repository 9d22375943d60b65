"""The records of a text: editions, chapters, paragraphs, and the spans that citations point at."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from xiyou_tui.errors import CorpusError

ParagraphKind = Literal["prose", "verse", "closing"]
ChapterKind = Literal["chapter", "appendix"]
EditionKind = Literal["novel", "synopsis", "other"]
Script = Literal["simplified", "traditional"]

# Appendices are numbered from here, so that a place in the text is always (number, paragraph).
FIRST_APPENDIX = 101
DIGITS = "零一二三四五六七八九"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph: number from 1 within its chapter, [start, end) in characters of the chapter's normalised text.

    `made` marks a paragraph that the importer made by splitting, where the source had next to no paragraphs.
    """

    number: int
    start: int
    end: int
    kind: ParagraphKind = "prose"
    made: bool = False


@dataclass(frozen=True)
class Chapter:
    """One chapter of an edition.

    `text` is normalised: the couplet title on the first line (so that it can be found and cited as the rest), then the
    paragraphs, joined by single newlines; no indents, no markup. The title counts as part of paragraph 1.
    """

    number: int
    title: str
    text: str
    paragraphs: tuple[Paragraph, ...]
    kind: ChapterKind = "chapter"

    @property
    def label(self) -> str:
        """第二十七回, or 附录 (附录二 and so on when there are several)."""
        if self.kind == "appendix":
            index = self.number - FIRST_APPENDIX
            return "附录" if index <= 0 else f"附录{chinese_number(index + 1)}"
        return f"第{chinese_number(self.number)}回"

    @property
    def short_label(self) -> str:
        """27, or 附 for the appendix: the chapter part of a citation mark."""
        if self.kind == "appendix":
            index = self.number - FIRST_APPENDIX
            return "附" if index <= 0 else f"附{index + 1}"
        return str(self.number)

    @classmethod
    def compose(cls, number: int, title: str, blocks: Iterable[tuple[str, ParagraphKind, bool]], kind: ChapterKind = "chapter") -> Chapter:
        """A chapter made of its title and its paragraphs, each as (text, kind, made by the importer)."""
        pieces, paragraphs, offset = [title], [], len(title) + 1
        for index, (text, paragraph_kind, made) in enumerate(blocks, 1):
            paragraphs.append(Paragraph(index, offset, offset + len(text), paragraph_kind, made))
            pieces.append(text)
            offset += len(text) + 1
        return cls(number, title, "\n".join(pieces), tuple(paragraphs), kind)

    @property
    def body(self) -> int:
        """The offset at which the first paragraph begins, after the title."""
        return len(self.title) + 1

    @cached_property
    def _starts(self) -> list[int]:
        return [paragraph.start for paragraph in self.paragraphs]

    def paragraph_at(self, offset: int) -> Paragraph:
        """The paragraph that holds the character at `offset` (a newline belongs to the one before it, the title to the first)."""
        return self.paragraphs[max(0, bisect_right(self._starts, offset) - 1)]

    def paragraph_text(self, number: int) -> str:
        """The text of paragraph `number`; raises CorpusError when there is none."""
        if not 1 <= number <= len(self.paragraphs):
            raise CorpusError(f"{self.label}只有 {len(self.paragraphs)} 段，没有第 {number} 段。", next_step=f"段号写 1 到 {len(self.paragraphs)}。")
        paragraph = self.paragraphs[number - 1]
        return self.text[paragraph.start : paragraph.end]


@dataclass(frozen=True)
class Edition:
    """One imported text. `id` is the hash of its normalised content, so the same content always has the same id."""

    id: str
    title: str
    kind: EditionKind
    script: Script
    source: str
    chapters: tuple[Chapter, ...]

    @cached_property
    def _by_number(self) -> dict[int, Chapter]:
        return {chapter.number: chapter for chapter in self.chapters}

    @property
    def is_synopsis(self) -> bool:
        return self.kind == "synopsis"

    @cached_property
    def characters(self) -> int:
        return sum(len(chapter.text) for chapter in self.chapters)

    @cached_property
    def paragraph_count(self) -> int:
        return sum(len(chapter.paragraphs) for chapter in self.chapters)

    def has_chapter(self, number: int) -> bool:
        return number in self._by_number

    def chapter(self, number: int) -> Chapter:
        """The chapter with this number; raises CorpusError when the edition has none."""
        try:
            return self._by_number[number]
        except KeyError:
            raise CorpusError(
                f"「{self.title}」没有第 {number} 回。", next_step=f"回数写 {self.chapters[0].number} 到 {self.chapters[-1].number}。", code="no-chapter"
            ) from None

    def cite(self, chapter: int, start: int, end: int) -> Citation:
        """A citation of characters [start, end) of a chapter."""
        text = self.chapter(chapter).text
        if not 0 <= start < end <= len(text):
            raise CorpusError(f"引文的位置不对：第 {chapter} 回第 {start} 到 {end} 字。")
        return Citation(self.id, chapter, start, end, span_hash(text[start:end]))

    def resolve(self, citation: Citation) -> str:
        """The cited characters, checked against the citation's hash; raises CorpusError when they differ."""
        if citation.edition != self.id:
            raise CorpusError("这条引文出自另一个底本。", next_step="换到那个底本，或重新定位引文。", code="other-edition")
        text = self.chapter(citation.chapter).text[citation.start : citation.end]
        if span_hash(text) != citation.hash:
            raise CorpusError("引文和底本对不上。", kept="引文记录没有改动。", next_step="重新定位这条引文。", code="broken-citation")
        return text

    def mark(self, chapter: int, offset: int) -> str:
        """The citation mark of a place: 〔27·12〕, or 〔提要27·2〕 where the text is the synopsis volume."""
        found = self.chapter(chapter)
        prefix = "提要" if self.is_synopsis else ""
        return f"〔{prefix}{found.short_label}·{found.paragraph_at(offset).number}〕"


@dataclass(frozen=True, slots=True)
class Citation:
    """An immutable span: characters [start, end) of a chapter of an edition, with the hash of the cited text."""

    edition: str
    chapter: int
    start: int
    end: int
    hash: str

    def as_record(self) -> dict[str, Any]:
        return {"edition": self.edition, "chapter": self.chapter, "start": self.start, "end": self.end, "hash": self.hash}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Citation:
        return cls(str(record["edition"]), int(record["chapter"]), int(record["start"]), int(record["end"]), str(record["hash"]))


@dataclass(frozen=True, slots=True)
class Place:
    """A span together with its text, as the command line and the answers give it. `score` is 0 for exact finds."""

    chapter: int
    paragraph: int
    start: int
    end: int
    text: str
    score: float = 0.0

    def as_record(self, *, scored: bool = False) -> dict[str, Any]:
        record: dict[str, Any] = {"chapter": self.chapter, "paragraph": self.paragraph, "start": self.start, "end": self.end, "text": self.text}
        if scored:
            record["score"] = round(self.score, 6)
        return record


def span_hash(text: str) -> str:
    """The first 16 hex digits of the SHA-256 of a span's text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def edition_id(chapters: tuple[Chapter, ...]) -> str:
    """The content hash of an edition: 16 hex digits over numbers, titles, texts and paragraph bounds."""
    digest = hashlib.sha256()
    for chapter in chapters:
        bounds = ",".join(f"{p.start}-{p.end}{p.kind[0]}" for p in chapter.paragraphs)
        digest.update(f"{chapter.kind}\0{chapter.number}\0{chapter.title}\0{chapter.text}\0{bounds}\0".encode())
    return digest.hexdigest()[:16]


def chinese_number(value: int) -> str:
    """1 → 一, 12 → 十二, 27 → 二十七, 100 → 一百, 108 → 一百零八; from 1000 on digit by digit."""
    if value > 999:
        return "".join(DIGITS[int(digit)] for digit in str(value))
    hundreds, rest = divmod(value, 100)
    tens, ones = divmod(rest, 10)
    text = f"{DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        text += ("" if tens == 1 and not hundreds else DIGITS[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return text + (DIGITS[ones] if ones else "") or DIGITS[0]
