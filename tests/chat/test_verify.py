"""A model's own words against the evidence: names, numbers, chapters, deeds."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xiyou_tui.chat.citations import locate_quote, look_up, trim_open_quote
from xiyou_tui.chat.verify import sentences_of, verify_sentence
from xiyou_tui.corpus.model import Place
from xiyou_tui.corpus.retrieval import Retriever


@pytest.fixture(scope="module")
def passages(retriever: Retriever) -> list[Place]:
    return retriever.search("金箍棒有多重", top=4)


@pytest.mark.parametrize("sentence", ["金箍棒重一万三千五百斤。", "如意金箍棒有13500斤重。"])
def test_what_the_evidence_says_is_supported(retriever: Retriever, passages: list[Place], sentence: str) -> None:
    verdict = verify_sentence(sentence, passages, retriever)
    assert verdict.supported, verdict.problems
    assert verdict.place is not None
    assert "一万三千五百斤" in verdict.place.text


@pytest.mark.parametrize(
    ("sentence", "problem"),
    [
        ("金箍棒重一万八千斤。", "这个数"),
        ("金箍棒出现在第八十回。", "回不在依据里"),
        ("金箍棒是镇元大仙打造的。", "镇元"),
        ("量子计算机改变了世界。", "内容有依据"),
    ],
)
def test_what_it_does_not_say_is_not(retriever: Retriever, passages: list[Place], sentence: str, problem: str) -> None:
    verdict = verify_sentence(sentence, passages, retriever)
    assert verdict.supported is False
    assert problem in "".join(verdict.problems)


@pytest.mark.parametrize("sentence", ["你是《西游记》专家，你", "我是《西游记》专家，我来回答你。"])
def test_talk_to_the_reader_finds_no_support_anywhere(retriever: Retriever, sentence: str) -> None:
    assert not look_up(sentence, retriever).supported


def test_a_deed_of_another_is_found_out(retriever: Retriever) -> None:
    false = look_up("孙悟空打死了玉面公主。", retriever)
    assert false.supported is False
    assert "猪八戒" in "".join(false.problems)
    assert look_up("猪八戒打死了玉面公主。", retriever).supported


def test_a_sentence_that_claims_nothing_is_neither(retriever: Retriever, passages: list[Place]) -> None:
    assert verify_sentence("根据原文：", passages, retriever).supported is None


def test_a_judge_is_one_more_signal(retriever: Retriever, passages: list[Place]) -> None:
    sentence = "金箍棒重一万三千五百斤。"
    assert not verify_sentence(sentence, passages, retriever, judge_model=lambda *_: 0.0).supported
    assert verify_sentence(sentence, passages, retriever, judge_model=lambda *_: 1.0).supported


def test_citations_are_found_for_words_written_without_passages(retriever: Retriever) -> None:
    verdict = look_up("白骨精死后脊梁上有白骨夫人一行字。", retriever)
    assert verdict.supported
    assert verdict.place is not None
    assert verdict.place.chapter == 27


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_located_quote_is_the_stored_text(synopsis_retriever: Retriever, data: st.DataObject) -> None:
    edition = synopsis_retriever.edition
    chapter = data.draw(st.sampled_from(edition.chapters))
    start = data.draw(st.integers(0, len(chapter.text) - 6))
    quote = chapter.text[start : start + data.draw(st.integers(4, 40))]
    place = locate_quote(quote, edition)
    if place is not None:
        assert edition.chapter(place.chapter).text[place.start : place.end] == place.text
        assert len(place.text) == len(quote.strip())
    else:
        assert len(quote.strip()) < 4
    assert locate_quote(quote + "龘龘", edition) is None


def test_sentences_and_open_quotes() -> None:
    assert sentences_of("一句。两句！三") == ["一句。", "两句！", "三"]
    assert trim_open_quote("行者道：大圣，你") == "行者道：大圣，"
    assert trim_open_quote("没有断句的话") == "没有断句的话"


def test_a_judge_can_only_lower_and_is_not_asked_about_what_nothing_supports(retriever: Retriever, passages: list[Place]) -> None:
    asked: list[str] = []

    def generous(sentence: str, passage: str) -> float:
        asked.append(passage)
        return 1.0

    wrong = "金箍棒重一万八千斤。"
    assert verify_sentence(wrong, passages, retriever, judge_model=generous) == verify_sentence(wrong, passages, retriever)
    assert not asked
    right = "金箍棒重一万三千五百斤。"
    assert verify_sentence(right, passages, retriever, judge_model=generous) == verify_sentence(right, passages, retriever)
    doubtful = verify_sentence(right, passages, retriever, judge_model=lambda *_: 0.0)
    assert doubtful.share <= 0.5
    assert "评审" in "".join(doubtful.problems)
