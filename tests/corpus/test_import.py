"""The real texts come in whole: chapters, titles, paragraphs, verse, closing formulas, quotes."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conftest import corpus_file
from xiyou_tui.corpus.importer import ImportReport, import_text
from xiyou_tui.corpus.model import Edition


@pytest.fixture(scope="module")
def html() -> ImportReport:
    return import_text(corpus_file("simplified-html.txt"))


def kinds(edition: Edition) -> Counter[str]:
    return Counter(paragraph.kind for chapter in edition.chapters for paragraph in chapter.paragraphs)


def test_gbk_has_all_chapters_and_the_appendix(novel: Edition) -> None:
    assert [chapter.number for chapter in novel.chapters] == list(range(1, 102))
    assert [chapter.kind for chapter in novel.chapters][-2:] == ["chapter", "appendix"]
    assert novel.chapter(27).title == "尸魔三戏唐三藏 圣僧恨逐美猴王"
    assert novel.chapter(101).title.startswith("陈光蕊赴任逢灾 ")
    assert novel.script == "simplified" and novel.kind == "novel"


def test_title_and_paragraphs_are_the_text_joined_by_newlines(novel: Edition) -> None:
    for chapter in novel.chapters:
        pieces = [chapter.paragraph_text(paragraph.number) for paragraph in chapter.paragraphs]
        assert "\n".join([chapter.title, *pieces]) == chapter.text
        assert all(piece and piece == piece.strip() and "\n" not in piece for piece in pieces)


@pytest.mark.parametrize("mark", ["<", ">", "\ufffd", "\r", "\t", "目录", "至此终"])
def test_no_markup_or_notice_is_left(novel: Edition, html: ImportReport, mark: str) -> None:
    assert not any(mark in chapter.text for edition in (novel, html.edition) for chapter in edition.chapters)


def test_verse_and_closing_are_told_from_prose(novel: Edition, html: ImportReport) -> None:
    opening = novel.chapter(1)
    assert [paragraph.kind for paragraph in opening.paragraphs[:6]] == ["prose", *["verse"] * 4, "prose"]
    assert novel.chapter(1).paragraphs[-1].kind == "closing"
    assert kinds(html.edition)["verse"] > 1500
    assert kinds(html.edition)["closing"] >= 70


def test_glyph_notes_become_characters(novel: Edition) -> None:
    text = novel.chapter(1).text
    assert "劚黄精" in text and "【" not in text and "𡤫虎" in text
    assert "走斝传觞" in novel.chapter(3).text


def test_html_has_100_chapters_and_names_the_broken_copy(html: ImportReport) -> None:
    assert [chapter.number for chapter in html.edition.chapters] == list(range(1, 101))
    assert html.edition.chapter(100).title == "径回东土 五圣成真"
    duplicate = [warning for warning in html.warnings if warning.code == "duplicate-chapter"]
    assert [warning.chapter for warning in duplicate] == [45]
    assert any(piece.reason == "重复的回" for piece in html.left_out)
    assert html.edition.chapter(45).paragraphs[-1].kind == "closing"


def test_straight_quotes_are_paired_and_said_so(html: ImportReport) -> None:
    assert not any('"' in chapter.text for chapter in html.edition.chapters)
    assert "straight-quotes" in {warning.code for warning in html.warnings}
    text = "".join(chapter.text for chapter in html.edition.chapters)
    assert abs(text.count("“") - text.count("”")) < 0.02 * text.count("“")


def test_same_file_gives_the_same_edition(novel: Edition) -> None:
    assert import_text(corpus_file("simplified-gbk.txt")).edition.id == novel.id
