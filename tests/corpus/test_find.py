"""Exact search: every hit, at the right place, in either script; regular expressions that can't hang."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpus.made import make_edition
from xiyou_tui.corpus.find import concordance, count, find, find_any, find_pattern, find_titles
from xiyou_tui.corpus.fold import fold, fold_loosely
from xiyou_tui.corpus.model import Edition
from xiyou_tui.errors import CorpusError

letters = st.text(alphabet="行者悟空妖怪，。", min_size=0, max_size=60)


@given(texts=st.lists(letters, min_size=1, max_size=4), wanted=st.text(alphabet="行者悟空妖怪", min_size=1, max_size=3))
def test_finds_what_counting_finds(texts: list[str], wanted: str) -> None:
    edition = make_edition(*texts)
    hits = find(edition, wanted)
    assert len(hits) == sum(text.count(wanted) for text in texts) == count(edition, wanted)
    for hit in hits:
        text = edition.chapter(hit.chapter).text
        assert text[hit.start : hit.end] == hit.text == wanted
    assert hits == sorted(hits, key=lambda hit: (hit.chapter, hit.start))


@given(st.text(max_size=80))
def test_folding_keeps_the_length_and_settles(text: str) -> None:
    for folded in (fold(text), fold_loosely(text)):
        assert len(folded) == len(text)
    assert fold(fold(text)) == fold(text)


def test_either_script_and_variants() -> None:
    edition = make_edition("孙悟空一筋斗去了。\n“师父！”悟空叫道。", "孫悟空打個觔斗。『師父』")
    assert [(hit.chapter, hit.text) for hit in find(edition, "孫悟空")] == [(1, "孙悟空"), (2, "孫悟空")]
    assert [hit.text for hit in find(edition, "筋斗")] == ["筋斗", "觔斗"]
    assert [hit.chapter for hit in find(edition, '"师父')] == [1, 2]
    assert find(edition, "悟空")[1].paragraph == 2


@pytest.mark.parametrize("blank", ["", "  ", "\n", "\0"])
def test_blank_text_finds_nothing(blank: str) -> None:
    assert find(make_edition("一\n二"), blank) == []


def test_no_hit_reaches_over_a_chapter() -> None:
    assert find(make_edition("一二", "三四"), "二三") == []


def test_limit_and_overlap() -> None:
    edition = make_edition("啊啊啊啊啊")
    assert [(hit.start, hit.end) for hit in find(edition, "啊啊")] == [(0, 2), (2, 4)]
    assert len(find(edition, "啊", limit=3)) == 3


def test_several_names_count_once() -> None:
    edition = make_edition("孙行者与行者", "行者")
    assert [(hit.chapter, hit.text) for hit in find_any(edition, ["行者", "孙行者"])] == [(1, "孙行者"), (1, "行者"), (2, "行者")]
    assert concordance(edition, "行者", "孙行者") == {1: 2, 2: 1}


def test_pattern() -> None:
    edition = make_edition("重一万三千五百斤。\n三千六百斤", "無")
    assert [hit.text for hit in find_pattern(edition, "[一三五六万千百]+斤")] == ["一万三千五百斤", "三千六百斤"]
    assert [hit.paragraph for hit in find_pattern(edition, "^三")] == [2]
    assert [hit.chapter for hit in find_pattern(edition, "无$")] == [2]
    assert find_pattern(edition, "x*") == []


def test_bad_pattern_says_so() -> None:
    with pytest.raises(CorpusError) as caught:
        find_pattern(make_edition("一"), "[")
    assert caught.value.code == "bad-pattern"


def test_a_pattern_that_would_hang_is_stopped() -> None:
    with pytest.raises(CorpusError) as caught:
        find_pattern(make_edition("啊" * 60), "(啊+)+妖", seconds=0.5)
    assert caught.value.code == "slow-pattern"


def test_whole_novel(novel: Edition) -> None:
    for wanted in ("如意金箍棒", "白骨夫人", "行者", "孙悟空"):
        hits = find(novel, wanted)
        assert len(hits) >= sum(chapter.text.count(wanted) for chapter in novel.chapters) > 0
        assert all(fold(hit.text) == fold(wanted) for hit in hits)
    assert find(novel, "一萬三千五百斤") == find(novel, "一万三千五百斤") != []
    assert find_titles(novel, "尸魔") == [27]
