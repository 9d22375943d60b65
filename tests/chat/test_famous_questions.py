"""Questions that everybody asks first: none of them may be refused, and what is cited must hold the answer. On the whole novel."""

from __future__ import annotations

import pytest

from xiyou_tui.chat.answer import answer_by_extract
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.retrieval import Retriever

ANSWERED = {
    "白骨精是怎么骗唐僧的？": "女儿",
    "白骨精变了几次？": "",
    "三打白骨精是第几回？": "尸魔三戏唐三藏",
    "孙悟空的师父是谁？": "菩提",
    "孙悟空的金箍棒有多重？": "一万三千五百斤",
    "孙悟空在天上当过什么官？": "弼马温",
    "孙悟空是怎么被压在五行山下的？": "五行",
    "如来佛祖用什么压住了孙悟空？": "五行",
    "猪八戒为什么被贬下凡？": "嫦娥",
    "猪八戒的武器是什么？": "钯",
    "沙僧为什么被贬到流沙河？": "玻璃盏",
    "唐僧的父亲是谁？": "陈光蕊",
    "白龙马原来是谁？": "龙王",
    "红孩儿的父亲是谁？": "牛魔王",
    "红孩儿会吐什么火？": "三昧",
    "铁扇公主的扇子叫什么？": "芭蕉扇",
    "孙悟空借了几次芭蕉扇？": "",
    "女儿国的国王想嫁给谁？": "御弟",
    "真假美猴王最后是谁认出来的？": "六耳猕猴",
    "六耳猕猴最后怎么死的？": "打死",
    "金角大王和银角大王是谁的童子？": "老君",
    "人参果多少年才能吃？": "万年",
    "紧箍咒是谁给唐僧的？": "老母",
    "唐僧取经走了多少年？": "十四年",
    "师徒最后被封了什么？": "斗战胜佛",
    "黄袍怪原来是天上的什么星？": "奎",
    "蝎子精最后被谁制服？": "昴日",
    "通天河里的妖怪是什么变的？": "金鱼",
    "乌鸡国国王被谁害死了？": "井",
    "蜘蛛精有几个？": "七个",
}
REFUSED = ("诸葛亮是怎么借来东风的？", "贾宝玉住在哪里？", "今天天气怎么样？", "孙悟空的手机号码是多少？", "孙悟空为什么娶了白骨精？", "林黛玉怎么骗唐僧的？")


@pytest.fixture(scope="module")
def retriever(novel: Edition) -> Retriever:
    return Retriever(novel)


@pytest.mark.parametrize("question, words", ANSWERED.items())
def test_a_famous_question_is_answered(retriever: Retriever, question: str, words: str) -> None:
    answer = answer_by_extract(question, retriever)
    assert not answer.refused, answer.reason
    assert words in answer.text


@pytest.mark.parametrize("question", REFUSED)
def test_what_no_edition_tells_is_refused(retriever: Retriever, question: str) -> None:
    assert answer_by_extract(question, retriever).refused
