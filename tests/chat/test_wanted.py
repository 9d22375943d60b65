"""What a question wants of somebody, and whether the novel gives any such thing near that one's names."""

from __future__ import annotations

import time

import pytest

from xiyou_tui.chat.answer import answer_by_extract
from xiyou_tui.chat.nearby import mentions_in, names_of
from xiyou_tui.chat.wanted import find_lack
from xiyou_tui.corpus.events import load_events
from xiyou_tui.corpus.lexicon import load_lexicon
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.retrieval import Retriever

LEXICON = load_lexicon()


@pytest.mark.parametrize(
    ("question", "who", "what"),
    [
        ("混世魔王是什么动物成的精", "混世魔王", "来历"),
        ("二郎神的母亲叫什么名字？", "二郎神的母亲", "名字"),
        ("乌巢禅师活了多少岁", "乌巢禅师", "年纪"),
        ("慈云寺的院主法名叫什么", "慈云寺的院主", "名字"),
        ("黄河水伯的白玉盂是谁做的？", "白玉盂", "是谁造的"),
        ("一秤金长大以后嫁给了谁", "一秤金", "嫁娶"),
        ("白雄尊者骑的是什么坐骑", "白雄尊者", "坐骑"),
    ],
)
def test_what_is_nowhere_given_is_named(question: str, who: str, what: str, novel: Edition) -> None:
    lack = find_lack(question, novel, LEXICON)
    assert lack is not None
    assert (lack.who, lack.what) == (who, what)


@pytest.mark.parametrize(
    "question",
    [
        "刘全的妻子叫什么名字？",
        "寇员外今年多大年纪？",
        "黑熊精是什么变的？",
        "抢占水帘洞的那个魔王叫什么？",
        "紫金铃是谁造的？",
        "牛魔王骑的是什么？",
        "高翠兰嫁给了谁？",
        "孙悟空跟谁学的本领？",
        "菩提祖师住在哪座山？",
        "白骨精为什么要吃唐僧？",
    ],
)
def test_what_may_be_given_is_left_alone(question: str, novel: Edition) -> None:
    assert find_lack(question, novel, LEXICON) is None


def test_the_refusal_says_what_was_looked_for_and_where(retriever: Retriever) -> None:
    answer = answer_by_extract("乌巢禅师活了多少岁", retriever)
    assert answer.refused
    assert "乌巢禅师" in answer.reason
    assert "年纪" in answer.reason


def test_the_synopses_do_not_tell_what_the_novel_leaves_out(synopsis_retriever: Retriever) -> None:
    answer = answer_by_extract("刘全的妻子叫什么名字？", synopsis_retriever)
    assert "都没有写" not in answer.reason


def test_places_of_a_name_come_with_the_text_around_them(novel: Edition) -> None:
    entry = LEXICON.named("白骨精")
    assert entry is not None
    near = list(mentions_in(novel, LEXICON, entry, 10))
    assert near
    assert all(any(name in text for name in names_of(LEXICON, entry)) for text in near)


def test_looking_everywhere_takes_no_time_that_is_felt(novel: Edition) -> None:
    find_lack("孙悟空的母亲叫什么名字", novel, LEXICON)
    started = time.perf_counter()
    find_lack("孙悟空的母亲叫什么名字", novel, LEXICON)
    assert time.perf_counter() - started < 0.5


def test_what_the_events_answer_is_hardly_ever_called_lacking(novel: Edition) -> None:
    asked = [ask for event in load_events() for ask in event.asks][::5]
    lacking = [ask for ask in asked if find_lack(ask, novel, LEXICON) is not None]
    assert len(asked) > 1000
    assert len(lacking) <= len(asked) // 300, lacking
