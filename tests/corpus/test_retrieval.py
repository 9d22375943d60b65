"""Passages, the analysis of questions, ranked retrieval, and the evidence it gives for answering or refusing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.made import make_edition
from xiyou_tui.corpus.bm25 import GramIndex
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import load_lexicon
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.modern import load_modern
from xiyou_tui.corpus.passages import LEAST, MOST, cut_chapter, cut_passages
from xiyou_tui.corpus.query import Query, analyse
from xiyou_tui.corpus.retrieval import Retriever
from xiyou_tui.corpus.synopsis import load_synopsis

prose = st.text(alphabet="行者悟空妖怪，。！？”\n", max_size=1500)


@pytest.fixture(scope="module")
def retriever(novel: Edition) -> Retriever:
    return Retriever(novel)


def ask(question: str) -> Query:
    return analyse(question, load_lexicon(), load_modern())


# --- passages


@settings(max_examples=60)
@given(prose)
def test_passages_lose_nothing_and_keep_their_bounds(text: str) -> None:
    edition = make_edition(text)
    spans = cut_chapter(edition.chapters[0])
    end = 0
    for start, stop in spans:
        assert end <= start < stop
        assert not text[end:start].strip("\n \u3000")
        assert stop - start <= MOST
        end = stop
    assert not text[end:].strip("\n \u3000")


def test_passages_of_the_novel(novel: Edition) -> None:
    passages = cut_passages(novel)
    assert 2300 < len(passages) < 4800
    lengths = [passage.end - passage.start for passage in passages]
    assert max(lengths) <= MOST
    assert sum(length < LEAST for length in lengths) < 0.02 * len(lengths)
    for passage in passages:
        assert novel.chapter(passage.chapter).text[passage.start : passage.end] == passage.text


def test_passages_end_with_sentences(novel: Edition) -> None:
    whole = sum(passage.text[-1] in "。！？”’…】：；，" for passage in cut_passages(novel))
    assert whole > 0.97 * len(cut_passages(novel))


# --- the index of grams


@settings(max_examples=60)
@given(st.lists(st.text(alphabet="甲乙丙丁，", max_size=12), min_size=1, max_size=8), st.text(alphabet="甲乙丙丁", min_size=1, max_size=4))
def test_containing_is_what_looking_finds(texts: list[str], phrase: str) -> None:
    index = GramIndex(texts)
    assert list(index.containing(phrase)) == [number for number, text in enumerate(texts) if phrase in text]


# --- questions


@pytest.mark.parametrize(
    ("question", "chapters"),
    [
        ("第27回讲了什么", (27,)),
        ("第二十七回里白骨精变成了谁", (27,)),
        ("第五十九到六十一回的芭蕉扇", (59, 60, 61)),
        ("27回", (27,)),
        ("紧箍咒念过几回", ()),
        ("打了三回", ()),
    ],
)
def test_chapter_numbers(question: str, chapters: tuple[int, ...]) -> None:
    assert ask(question).chapters == chapters


def test_names_lead_to_the_names_of_the_novel() -> None:
    query = ask("三打白骨精时，孫悟空用了什么武器？")
    assert [term.shown for term in query.terms if term.kind == "name"] == ["三打白骨精", "孫悟空"]
    assert [entry.name for entry in query.entities] == ["白骨精", "孙悟空"]
    assert "行者" in query.expansions["孫悟空"]
    assert "兵器" in query.expansions["武器"]


def test_quoted_words_and_kind() -> None:
    assert ask("“今朝有酒今朝醉”是谁说的").quoted == ("今朝有酒今朝醉",)
    assert ask("孙悟空为什么被赶走").kind == "why"
    assert ask("紧箍咒念过几次").kind == "count"
    assert ask("谁偷了袈裟").kind == "who"


@given(st.text(max_size=60))
def test_any_question_can_be_analysed(question: str) -> None:
    query = ask(question)
    assert query.question == question
    assert query.as_record()["question"] == question


# --- search


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40))
def test_any_question_can_be_asked(question: str) -> None:
    retriever = _synopsis()
    found = retriever.search(question, top=5)
    assert len(found) <= 5
    assert found == retriever.search(question, top=5)
    assert [place.score for place in found] == sorted((place.score for place in found), reverse=True)


def test_blank_question_finds_nothing() -> None:
    assert _synopsis().search("") == []
    assert _synopsis().search("？？") == []
    assert _synopsis().evidence("") == ()


def test_an_edition_without_knowledge_of_its_own() -> None:
    edition = make_edition("甲在山上种树。" * 20, "乙在河边钓鱼，钓到一条红鱼。" * 12)
    found = Retriever(edition, events=()).search("谁钓到红鱼", top=1)
    assert [place.chapter for place in found] == [2]


@pytest.mark.parametrize(
    ("question", "chapters", "phrase"),
    [
        ("孙悟空的金箍棒有多重？", {3, 56, 88}, "一万三千五百斤"),
        ("白骨精第一次变成什么样的人", {27}, "月貌花容的女儿"),
        ("猪八戒为什么被贬下凡？", {8, 19}, "嫦娥"),
        ("红孩儿的父母是谁", {40}, "牛魔王的儿子"),
        ("十岁女易米三升", {87}, "十岁女易米三升"),
    ],
)
def test_questions_find_their_passage(retriever: Retriever, question: str, chapters: set[int], phrase: str) -> None:
    found = retriever.search(question, top=5)
    assert any(place.chapter in chapters and phrase in place.text for place in found)
    for place in found:
        assert retriever.edition.chapter(place.chapter).text[place.start : place.end] == place.text


def test_a_named_chapter_comes_first(retriever: Retriever) -> None:
    assert {place.chapter for place in retriever.search("第27回讲了什么", top=5)} == {27}
    assert retriever.search("第44回，车迟国的三个国师", top=1)[0].chapter == 44


def test_filters(retriever: Retriever) -> None:
    entry = load_lexicon().named("牛魔王")
    assert entry is not None
    names = [fold_loosely(name) for name in load_lexicon().search_names(entry)]
    found = retriever.search("芭蕉扇", top=10, people=["牛魔王"])
    assert found
    for place in found:
        events = retriever.events_of(retriever.passages.index(replace(place, score=0.0)))
        whole = fold_loosely("\n".join([place.text, *(f"{item.event.text}{item.event.people}{item.event.also}" for item in events)]))
        assert any(name in whole for name in names)
    assert retriever.search("芭蕉扇", people=["牛魔王"], places=["不存在的地方"]) == []


# --- evidence


def test_evidence_tells_answerable_from_unanswerable(retriever: Retriever) -> None:
    # Two passages tie for this one: what counts is that strong evidence is among the first, as it never is for the other.
    good = max(retriever.evidence("孙悟空的金箍棒有多重？", top=3), key=lambda found: found.strength)
    bad = max(retriever.evidence("诸葛亮草船借箭借了几天？", top=3), key=lambda found: found.strength)
    assert good.strength > 0.8 > 0.3 > bad.strength
    assert [entry.name for entry in good.named] == ["孙悟空", "如意金箍棒"]
    assert not good.unnamed
    assert good.best_event is not None
    assert "一万三千五百斤" in good.best_event.text or "金箍棒" in good.best_event.text
    assert bad.missing
    assert retriever.unknown_words("诸葛亮草船借箭借了几天？")
    assert not retriever.unknown_words("孙悟空的金箍棒有多重？")


def test_evidence_is_bounded_and_ordered(retriever: Retriever) -> None:
    for item in retriever.evidence("唐僧在女儿国遇到了什么", top=8):
        assert 0 <= item.text_coverage <= item.coverage <= 1
        assert 0 <= item.strength <= 1
        overlaps = [match.overlap for match in item.events]
        assert overlaps == sorted(overlaps, reverse=True)
        assert set(item.covered).isdisjoint(item.missing)


_made: list[Retriever] = []


def _synopsis() -> Retriever:
    if not _made:
        _made.append(Retriever(load_synopsis()))
    return _made[0]
