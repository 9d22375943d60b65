"""Import of a text as an edition, from whatever file people have: `import_text` is the door, for the command line and the screens."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from xiyou_tui.corpus.importer.assemble import build_chapter, number_appendices
from xiyou_tui.corpus.importer.formats import read_parts
from xiyou_tui.corpus.importer.layout import wrap_width
from xiyou_tui.corpus.importer.notices import strip_notices
from xiyou_tui.corpus.importer.order import settle
from xiyou_tui.corpus.importer.records import Findings, ImportReport, ImportWarning, LeftOut
from xiyou_tui.corpus.importer.sections import split_sections
from xiyou_tui.corpus.model import Edition, Script, edition_id
from xiyou_tui.errors import CorpusError

__all__ = ["ImportReport", "ImportWarning", "LeftOut", "import_text"]

_TRADITIONAL = frozenset("來說這個們為與見進說經國東門時後頭無馬龍長將還過聽對萬師處問變鬥邊")
_SIMPLIFIED = frozenset("来说这个们为与见进说经国东门时后头无马龙长将还过听对万师处问变斗边")


def import_text(path: Path, *, title: str = "", other_book: bool = False) -> ImportReport:
    """Read a file or folder as an edition, without keeping it anywhere.

    `title` replaces the edition's title. Another book than 《西游记》 is refused unless `other_book` is set. Raises CorpusError
    (codes: no-file, empty-file, binary-file, not-text, file-too-large, no-chapters, other-book, …); never anything else.
    """
    findings = Findings()
    parts, encoding = read_parts(path, findings)
    lines: list[str] = []
    for part in parts:
        lines += part.text.split("\n")
    lines = strip_notices(lines, findings)
    sections = split_sections(lines, findings)
    if not sections:
        raise CorpusError(
            f"「{path.name}」里没有认出章回。", kept="已有的底本都没有改动。", next_step="文本里要有「第一回 ……」这样的回目行，或每回末有「且听下回分解」。", code="no-chapters"
        )
    sections = settle(sections, findings)
    width = wrap_width(lines)
    tally: Counter[str] = Counter()
    chapters = [
        build_chapter(section, number, width, findings, tally)
        for section, number in zip(sections, number_appendices(sections), strict=True)
    ]
    made = tuple(sorted((chapter for chapter in chapters if chapter.paragraphs), key=lambda chapter: chapter.number))
    if tally["straight-quotes"]:
        findings.warn("straight-quotes", f"原文用直引号，{tally['straight-quotes']} 个已按段配成弯引号。")
    if tally["glyphs"]:
        findings.warn("glyph-notes", f"{tally['glyphs']} 处造字说明已换成本字。")
    edition = Edition(edition_id(made), title or "西游记", "other" if other_book else "novel", _script(made), path.name, made)
    return ImportReport(edition, tuple(findings.warnings), tuple(findings.left_out), encoding)


def _script(chapters: tuple[object, ...]) -> Script:
    sample = "".join(getattr(chapter, "text", "")[:2000] for chapter in chapters[:20])
    counts = Counter(sample)
    traditional = sum(counts[character] for character in _TRADITIONAL - _SIMPLIFIED)
    simplified = sum(counts[character] for character in _SIMPLIFIED - _TRADITIONAL)
    return "traditional" if traditional > simplified else "simplified"
