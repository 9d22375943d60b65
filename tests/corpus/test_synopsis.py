"""The synopsis volume: 100 chapters and the appendix, there without any text imported."""

from __future__ import annotations

from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.retrieval import Retriever
from xiyou_tui.corpus.synopsis import load_synopsis, load_titles


def test_every_chapter_has_a_synopsis() -> None:
    edition = load_synopsis()
    assert edition.is_synopsis
    assert [chapter.number for chapter in edition.chapters] == list(range(1, 102))
    for chapter in edition.chapters:
        assert 60 <= len(chapter.text) <= 260
        assert 2 <= len(chapter.paragraphs) <= 5
        assert all(chapter.paragraph_text(paragraph.number) for paragraph in chapter.paragraphs)
        assert chapter.title == load_titles()[chapter.number]


def test_marks_say_synopsis() -> None:
    assert load_synopsis().mark(27, 0) == "〔提要27·1〕"


def test_no_sentence_is_taken_from_the_novel(novel: Edition) -> None:
    text = "".join(chapter.text for chapter in novel.chapters)
    for chapter in load_synopsis().chapters:
        for paragraph in chapter.paragraphs:
            assert chapter.paragraph_text(paragraph.number) not in text


def test_questions_find_their_chapter_in_the_synopsis() -> None:
    retriever = Retriever(load_synopsis())
    for question, chapter in (
        ("三打白骨精", 27),
        ("孙悟空从哪里得到金箍棒", 3),
        ("唐僧喝了子母河的水", 53),
        ("真假美猴王", 57),
        ("女儿国国王要嫁给唐僧", 54),
        ("取到的经书没有字", 98),
    ):
        assert chapter in [place.chapter for place in retriever.search(question, top=5)], question
