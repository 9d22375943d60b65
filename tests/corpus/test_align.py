"""Passages found again in other editions: exactly, by alignment, or honestly not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import corpus_file
from tests.corpus.small import FIRST, SECOND, edition_of
from xiyou_tui.corpus.align import align, align_text
from xiyou_tui.corpus.importer import import_text
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.passages import cut_passages
from xiyou_tui.corpus.variants import compare

HERE = edition_of([FIRST, SECOND], ["别的一回，" + "没有什么事。" * 9])


def test_the_same_words_are_found_exactly_in_another_place() -> None:
    other = edition_of(["新添的一段。"], ["别的一段。", FIRST])
    found = align(HERE.cite(1, HERE.chapter(1).body, HERE.chapter(1).body + len(FIRST)), HERE, other)
    assert found is not None and found.how == "exact"
    assert other.resolve(found.citation) == FIRST


def test_other_wording_is_found_by_alignment() -> None:
    changed = FIRST.replace("按落云头", "按下了祥云").replace("神通广大", "神通甚大")
    other = edition_of(["开头一段，说些别的。", changed + "后面还有话。"])
    found = align_text(FIRST, other)
    assert found is not None and found.how == "fuzzy" and found.likeness > 0.8
    assert other.resolve(found.citation) == changed


def test_traditional_script_is_no_hindrance() -> None:
    other = edition_of(["卻說行者按落雲頭，對唐僧道：「師父，前面有座山，名喚黑松嶺，嶺上有個妖精，神通廣大。」"], script="traditional")
    found = align_text(FIRST, other)
    assert found is not None and other.resolve(found.citation).startswith("卻說行者")


def test_what_is_not_there_is_not_found() -> None:
    assert align_text("贾宝玉看罢，笑道：“这个妹妹我曾见过的。”贾母笑道：“可又是胡说。”", HERE) is None
    assert align_text("", HERE) is None


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_span_of_an_edition_is_found_in_itself(data: st.DataObject) -> None:
    text = HERE.chapter(1).text
    start = data.draw(st.integers(0, len(text) - 2))
    end = data.draw(st.integers(start + 1, len(text)))
    if not text[start:end].strip():
        return
    found = align_text(text[start:end], HERE, chapter=1, near=start)
    assert found is not None
    assert HERE.resolve(found.citation) == text[start:end]


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_has_a_place_or_none(text: str) -> None:
    found = align_text(text, HERE, chapter=1)
    if found is not None:
        assert HERE.resolve(found.citation)


def test_differences_are_shown_and_the_script_is_none() -> None:
    other = edition_of(["卻說行者按下雲頭，對唐僧道：「師父，前面有座高山，名喚黑松嶺，嶺上有個妖精，神通廣大。」"], script="traditional")
    found = compare(HERE.cite(1, HERE.chapter(1).body, HERE.chapter(1).body + len(FIRST)), HERE, other)
    assert found is not None
    assert [(piece.here, piece.there) for piece in found.pieces if not piece.same] == [("落", "下"), ("", "高")]
    assert "".join(piece.here for piece in found.pieces) == FIRST


@pytest.mark.parametrize("name", ["simplified-html.txt", "wikisource-export-traditional.txt", "traditional-hardwrapped.txt"])
def test_passages_of_the_novel_are_found_in_real_editions(novel: Edition, name: str) -> None:
    other = import_text(corpus_file(name)).edition
    passages = random.Random(3).sample(cut_passages(novel), 40)
    found = [align(novel.cite(passage.chapter, passage.start, passage.end), novel, other) for passage in passages]
    # One edition has lost some 7 % of the text; the other two have all of it.
    assert sum(place is not None for place in found) >= (36 if "hardwrapped" in name else 40)
    assert all(place is None or place.likeness >= 0.6 for place in found)
