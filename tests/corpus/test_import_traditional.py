"""The two traditional texts: hard-wrapped with losses, and an export without chapter headings."""

from __future__ import annotations

import pytest

from tests.conftest import corpus_file
from xiyou_tui.corpus.importer import ImportReport, import_text
from xiyou_tui.corpus.importer.tradition import numbers_in, tradition_of
from xiyou_tui.corpus.model import Edition


@pytest.fixture(scope="module")
def wrapped() -> ImportReport:
    return import_text(corpus_file("traditional-hardwrapped.txt"))


@pytest.fixture(scope="module")
def export() -> ImportReport:
    return import_text(corpus_file("wikisource-export-traditional.txt"))


def codes(report: ImportReport) -> set[str]:
    return {warning.code for warning in report.warnings}


def test_wrapped_text_has_100_chapters_under_positional_numerals(wrapped: ImportReport) -> None:
    assert [chapter.number for chapter in wrapped.edition.chapters] == list(range(1, 101))
    assert wrapped.edition.chapter(98).title.startswith("猿熟馬馴方脫殼 ")
    assert wrapped.edition.script == "traditional"


def test_wrapped_lines_are_joined_and_verse_is_kept(wrapped: ImportReport) -> None:
    assert "lines-joined" in codes(wrapped)
    first = wrapped.edition.chapter(1)
    assert [paragraph.kind for paragraph in first.paragraphs[:6]] == ["prose", *["verse"] * 4, "prose"]
    assert first.paragraphs[5].end - first.paragraphs[5].start > 500
    closings = sum(1 for chapter in wrapped.edition.chapters if chapter.paragraphs[-1].kind == "closing")
    assert closings >= 97


def test_what_the_wrapped_text_lacks_is_named(wrapped: ImportReport) -> None:
    assert "text-missing" in codes(wrapped)
    short = {warning.chapter for warning in wrapped.warnings if warning.code == "chapter-short"}
    assert {2, 45, 98} <= short
    assert not any(warning.chapter == 100 for warning in wrapped.warnings if warning.code == "chapter-short")


def test_export_without_headings_is_divided_and_titled(export: ImportReport) -> None:
    assert [chapter.number for chapter in export.edition.chapters] == list(range(1, 101))
    assert export.edition.chapter(27).title == "屍魔三戲唐三藏 聖僧恨逐美猴王"
    assert "headings-absent" in codes(export)
    assert not codes(export) & {"missing-chapter", "chapter-short", "chapter-long", "text-missing"}


def test_the_misplaced_chapter_is_where_it_belongs(export: ImportReport) -> None:
    ninth = export.edition.chapter(9)
    assert "陳光蕊" in ninth.title and ninth.text.count("光蕊") > 30
    assert ("out-of-order", 9) in {(warning.code, warning.chapter) for warning in export.warnings}
    assert "光蕊" not in export.edition.chapter(100).text


@pytest.mark.parametrize("foreign", ["Wikisource", "後西遊記", "力降龍虎", "靈虎子投師", "公有领域", "返回頂部", "64.213", "|", "至此終"])
def test_foreign_lists_and_notices_stay_outside(export: ImportReport, foreign: str) -> None:
    assert not any(foreign in chapter.text for chapter in export.edition.chapters)
    assert any(foreign in piece.text for piece in export.left_out)


def test_both_numberings_are_recognised(novel: Edition, wrapped: ImportReport) -> None:
    assert tradition_of(novel) == "shidetang"
    assert tradition_of(wrapped.edition) == "zhengdaoshu"
    named = [warning for warning in wrapped.warnings if warning.code == "numbering-tradition"]
    assert len(named) == 1 and "陈光蕊" in named[0].message


@pytest.mark.parametrize(
    ("source", "chapter", "expected"),
    [("shidetang", 101, (9,)), ("shidetang", 9, (10,)), ("zhengdaoshu", 9, (101,)), ("zhengdaoshu", 12, (11, 12)), ("shidetang", 27, (27,))],
)
def test_numbers_translate_between_the_traditions(source: str, chapter: int, expected: tuple[int, ...]) -> None:
    other = "zhengdaoshu" if source == "shidetang" else "shidetang"
    assert numbers_in(other, chapter, source=source) == expected  # type: ignore[arg-type]


def test_a_chapter_is_named_in_the_other_numbering_where_it_differs(novel: Edition) -> None:
    from xiyou_tui.corpus.importer.tradition import other_numbering

    assert "第十回、第十一回" in other_numbering(novel, [10])
    assert other_numbering(novel, [27]) == ""
    other = import_text(corpus_file("wikisource-export-traditional.txt")).edition
    assert "附录" in other_numbering(other, [9])
