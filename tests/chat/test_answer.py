"""摘引 on the real novel: answers, refusals, counts, chapters; and the promise on arbitrary questions."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chat.test_render import assert_holds
from xiyou_tui.chat.answer import answer_by_extract, prepare
from xiyou_tui.chat.model import REFUSAL, Exchange
from xiyou_tui.corpus.find import find_any
from xiyou_tui.corpus.retrieval import Retriever


def cited_text(retriever: Retriever, question: str) -> str:
    answer = answer_by_extract(question, retriever)
    assert not answer.refused, answer.reason
    assert_holds(answer, retriever)
    return "\n".join(cited.place.text for cited in answer.citations)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("孙悟空的金箍棒有多重？", "一万三千五百斤"),
        ("猪八戒为什么被贬下凡？", "嫦娥"),
        ("白骨精死后脊梁上写着什么？", "白骨夫人"),
        ("哪吒最后用什么牵走牛魔王的？", "缚妖索"),
    ],
)
def test_the_answer_stands_in_what_is_cited(retriever: Retriever, question: str, told: str) -> None:
    assert told in cited_text(retriever, question)


@pytest.mark.parametrize(
    "question", ["诸葛亮借东风是哪一回？", "今天北京的门票多少钱？", "林黛玉为什么葬花？", "如何用 Python 写爬虫？"]
)
def test_what_lies_outside_the_novel_is_refused_with_grounds(retriever: Retriever, question: str) -> None:
    answer = answer_by_extract(question, retriever)
    assert answer.refused
    assert answer.text.startswith(REFUSAL)
    assert answer.reason
    assert_holds(answer, retriever)


@pytest.mark.parametrize(
    ("question", "really"),
    [
        ("孙悟空打死玉面公主的时候用的什么招式？", "猪八戒"),
        ("九头狮子精是观音菩萨的坐骑吗？", ""),
        ("猪八戒把唐僧吃掉以后去了哪里？", ""),
    ],
)
def test_a_false_premise_is_answered_by_what_the_text_says(retriever: Retriever, question: str, really: str) -> None:
    answer = answer_by_extract(question, retriever)
    assert answer.refused
    assert really in answer.reason
    assert answer.citations, "it shows what the text does say"


def test_a_refusal_says_under_which_names_it_searched(retriever: Retriever) -> None:
    answer = answer_by_extract("猪八戒把唐僧吃掉以后去了哪里？", retriever)
    assert "三藏" in answer.text


def test_a_count_searches_the_whole_text_under_every_name(retriever: Retriever) -> None:
    answer = answer_by_extract("芭蕉扇在哪几回出现？", retriever)
    assert not answer.refused
    found = find_any(retriever.edition, ("芭蕉扇",))
    cited = {(item.place.chapter, item.place.start) for item in answer.citations}
    assert {(place.chapter, place.start) for place in found} <= cited
    assert "第五十九回" in answer.text
    exact = answer_by_extract("“阿弥陀佛”一共出现多少次？", retriever)
    assert f"{len(find_any(retriever.edition, ('阿弥陀佛',)))} 处" in exact.text
    assert_holds(answer, retriever)


def test_a_chapter_is_told_by_its_title_and_synopsis_marked_as_such(retriever: Retriever) -> None:
    answer = answer_by_extract("第27回主要讲了什么？", retriever)
    sources = [part.source for part in answer.parts]
    assert "提要" in sources
    assert "尸魔三戏唐三藏" in answer.text
    assert {cited.place.chapter for cited in answer.citations} == {27}


def test_a_follow_up_is_read_against_the_conversation(retriever: Retriever) -> None:
    course = prepare("他的妻子是谁？", retriever, (Exchange("牛魔王是谁？", "大力牛魔王。"),))
    assert course.analysis.resolved == "牛魔王的妻子是谁？"


def test_every_stage_can_be_looked_at(retriever: Retriever) -> None:
    answer = answer_by_extract("孙悟空的金箍棒有多重？", retriever)
    assert [stage.name for stage in answer.stages] == ["分析", "扩展", "检索", "判断"]
    assert all(stage.lines for stage in answer.stages)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    question=st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(
                [
                    "孙悟空",
                    "唐僧",
                    "白骨精",
                    "为什么",
                    "第27回",
                    "打死",
                    "的",
                    "几次",
                    "哪几回",
                    "“大圣”",
                    "被",
                    "把",
                    "多少",
                    "？",
                    "\x1b[31m",
                    "〔27·1〕",
                ]
            ),
            max_size=10,
        ).map("".join),
    )
)
def test_any_question_gets_an_answer_that_holds(synopsis_retriever: Retriever, question: str) -> None:
    answer = answer_by_extract(question, synopsis_retriever)
    assert_holds(answer, synopsis_retriever)
    assert answer.refused == bool(answer.reason)
    assert set(answer.as_record()) == {"answer", "refused", "reason", "citations", "mode", "model"}
