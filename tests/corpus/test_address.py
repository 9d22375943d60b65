"""Places as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.corpus.address import parse_address, parse_numeral
from xiyou_tui.corpus.model import chinese_number
from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.errors import CorpusError


@pytest.mark.parametrize("text", ["27.2", "27·2", "〔27·2〕", "〔提要27·2〕", "第27回第2段", "第二十七回第二段", "27。2", "２７．２", "27 2", "27:2"])
def test_one_place_written_in_many_ways(text: str) -> None:
    edition = load_synopsis()
    chapter = edition.chapter(27)
    assert parse_address(edition, text) == (27, chapter.paragraphs[1].start)


@pytest.mark.parametrize("text, number", [("27", 27), ("第一百回", 100), ("第一○○回", 100), ("第九八回", 98), ("第001回", 1), ("附录", 101), ("附", 101)])
def test_chapters_alone(text: str, number: int) -> None:
    assert parse_address(load_synopsis(), text) == (number, 0)


@pytest.mark.parametrize("text", ["", "金箍棒", "0", "999", "27.999", "27.0", "回", "-3", "27.2.3"])
def test_what_is_no_place_says_what_to_write(text: str) -> None:
    with pytest.raises(CorpusError) as caught:
        parse_address(load_synopsis(), text)
    assert caught.value.next_step


@given(st.integers(1, 999))
def test_numerals_round_trip(value: int) -> None:
    assert parse_numeral(chinese_number(value)) == value


@given(st.text(max_size=20))
def test_any_input_is_a_place_or_a_corpus_error(text: str) -> None:
    edition = load_synopsis()
    try:
        chapter, offset = parse_address(edition, text)
    except CorpusError:
        return
    assert 0 <= offset < len(edition.chapter(chapter).text)
