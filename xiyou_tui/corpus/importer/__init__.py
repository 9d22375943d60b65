"""Import of a text as an edition, from whatever file people have: `import_text` is the door, for the command line and the screens."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from xiyou_tui.corpus.importer.assemble import build_chapter, number_sections
from xiyou_tui.corpus.importer.book import is_this_novel
from xiyou_tui.corpus.importer.clean import break_endless_lines
from xiyou_tui.corpus.importer.formats import read_parts
from xiyou_tui.corpus.importer.layout import wrap_width
from xiyou_tui.corpus.importer.notices import strip_notices
from xiyou_tui.corpus.importer.order import settle
from xiyou_tui.corpus.importer.records import Findings, ImportReport, ImportWarning, LeftOut, Section
from xiyou_tui.corpus.importer.report import in_order, inspect, inspect_marks
from xiyou_tui.corpus.importer.sections import split_sections
from xiyou_tui.corpus.model import Chapter, Edition, Script, edition_id
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
        lines += break_endless_lines(part.text).split("\n")
    lines = strip_notices(lines, findings)
    sections = split_sections(lines, findings)
    novel = is_this_novel(sections)
    if not novel and not other_book:
        raise _refusal(path, sections)
    if not sections:
        sections = [Section(1, "chapter", path.stem, lines)]
        findings.left_out.clear()
    if novel:
        sections = settle(sections, findings)
    width = wrap_width(lines)
    tally: Counter[str] = Counter()
    numbered = zip(sections, number_sections(sections), strict=True)
    chapters = [build_chapter(section, number, width, findings, tally) for section, number in numbered]
    made = tuple(sorted((chapter for chapter in chapters if chapter.paragraphs), key=lambda chapter: chapter.number))
    if not made:
        raise _refusal(path, [])
    if tally["straight-quotes"]:
        findings.warn("straight-quotes", f"原文用直引号，{tally['straight-quotes']} 个已按段配成弯引号。")
    if tally["glyphs"]:
        findings.warn("glyph-notes", f"{tally['glyphs']} 处造字说明已换成本字。")
    if width:
        findings.warn("lines-joined", f"原文每 {width} 字硬折行，已按段接起来。")
    if novel:
        inspect(made, findings)
    else:
        inspect_marks(made, findings)
    script = _script(made)
    name = title or (("西遊記" if script == "traditional" else "西游记") if novel else path.stem)
    edition = Edition(edition_id(made), name, "novel" if novel else "other", script, path.name, made)
    return ImportReport(edition, in_order(findings.warnings), tuple(findings.left_out), encoding)


def _refusal(path: Path, sections: list[Section]) -> CorpusError:
    if not sections:
        return CorpusError(
            f"「{path.name}」里没有认出《西游记》的章回。",
            kept="已有的底本都没有改动。",
            next_step="文本里要有「第一回 ……」这样的回目行，或每回末有「且听下回分解」；若是另一部书，加 --other-book 导入。",
            code="no-chapters",
        )
    shown = next((section.title for section in sections if section.title), "")
    return CorpusError(
        f"「{path.name}」不像《西游记》：{len(sections)} 个章回的标题和内容对不上{f'（如「{shown[:24]}」）' if shown else ''}。",
        kept="已有的底本都没有改动。",
        next_step="确认文件没有拿错；要把它作为另一部书读，加 --other-book 再导入。",
        code="other-book",
    )


def _script(chapters: tuple[Chapter, ...]) -> Script:
    counts = Counter("".join(chapter.text[:2000] for chapter in chapters[:20]))
    traditional = sum(counts[character] for character in _TRADITIONAL - _SIMPLIFIED)
    simplified = sum(counts[character] for character in _SIMPLIFIED - _TRADITIONAL)
    return "traditional" if traditional > simplified else "simplified"
