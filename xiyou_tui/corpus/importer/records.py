"""What passes between the steps of an import: parts of a source, sections of a text, and the report at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from xiyou_tui.corpus.model import ChapterKind, Edition, ParagraphKind

Markup = Literal["plain", "html", "markdown", "wikitext"]


@dataclass(frozen=True, slots=True)
class ImportWarning:
    """One thing to know before accepting a text. `code` is stable; `chapter` is None where it concerns the whole."""

    code: str
    chapter: int | None
    message: str

    def as_record(self) -> dict[str, Any]:
        return {"code": self.code, "chapter": self.chapter, "message": self.message}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Text of the source that is in no chapter, and why: nothing is dropped without being listed here."""

    reason: str
    text: str


@dataclass(frozen=True)
class ImportReport:
    """The edition that was read, what to know about it, and what of the source was left out."""

    edition: Edition
    warnings: tuple[ImportWarning, ...]
    left_out: tuple[LeftOut, ...] = ()
    encoding: str = ""

    @property
    def chapters(self) -> int:
        return sum(1 for chapter in self.edition.chapters if chapter.kind == "chapter")

    @property
    def appendices(self) -> int:
        return len(self.edition.chapters) - self.chapters

    def as_record(self) -> dict[str, Any]:
        """The record that `xiyou corpus import --json` prints."""
        edition = self.edition
        return {
            "edition": edition.id,
            "title": edition.title,
            "kind": edition.kind,
            "script": edition.script,
            "encoding": self.encoding,
            "chapters": self.chapters,
            "appendices": self.appendices,
            "paragraphs": edition.paragraph_count,
            "characters": edition.characters,
            "left_out": sum(len(piece.text) for piece in self.left_out),
            "warnings": [warning.as_record() for warning in self.warnings],
        }


@dataclass
class Findings:
    """Warnings and left-out text, collected while an import runs."""

    warnings: list[ImportWarning] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def warn(self, code: str, message: str, chapter: int | None = None) -> None:
        self.warnings.append(ImportWarning(code, chapter, message))

    def leave_out(self, reason: str, text: str) -> None:
        if text.strip():
            self.left_out.append(LeftOut(reason, text))


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a source (a text file, one page of an EPUB, one file of a folder) as decoded text."""

    name: str
    text: str
    markup: Markup = "plain"


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of one chapter as they stand in the source. `number` is None where nothing names it."""

    number: int | None
    kind: ChapterKind
    title: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph before it has a place: its text, its kind, and whether the importer made it."""

    text: str
    kind: ParagraphKind = "prose"
    made: bool = False
