"""False premises and what is left untold: each way of finding them, beside a true question of the same shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.chat.answer import answer_by_extract
from xiyou_tui.chat.asked import left_untold
from xiyou_tui.chat.evidence import gather
from xiyou_tui.chat.famous import load_deeds, told_otherwise
from xiyou_tui.chat.foreign import unknown_share
from xiyou_tui.chat.measured import unmeasured
from xiyou_tui.chat.numbers import wrong_number
from xiyou_tui.chat.roles import load_roles
from xiyou_tui.chat.told import never_together
from xiyou_tui.corpus.lexicon import load_lexicon
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.retrieval import Retriever

LEXICON = load_lexicon()


def test_the_tables_name_only_whom_the_lexicon_knows() -> None:
    roles, deeds = load_roles(), load_deeds()
    assert len(roles) > 150
    assert len(deeds) > 150
    for role in roles.values():
        for names in (role.taken, role.killed, role.owner, *role.kin.values()):
            assert all(name in "*+" or LEXICON.get(name) is not None for name in names), role.who
    assert all(deed.told and 0 <= deed.chapter <= 101 for deed in deeds)


def test_kin_is_told_from_both_sides() -> None:
    roles = load_roles()
    for role in roles.values():
        for child in role.kin["children"] - {"*", "+"}:
            if child in roles and roles[child].kin["parents"] - {"*"}:
                told_by_child = roles[child].kin["parents"]
                assert role.who in told_by_child or told_by_child & role.kin["spouse"], (role.who, child)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("红孩儿被如来收走以后做了什么？", "观音"),  # taken by another
        ("红孩儿是怎么被孙悟空打死的？", "善财童子"),  # never killed
        ("观音把蜘蛛精收去做了什么？", "孙悟空"),  # killed, not taken
        ("唐太宗为什么杀了魏征？", "没有写"),  # nobody killed
        ("白鹿精的原形是老虎吗？", "白鹿"),  # another origin
        ("青牛精是观音的坐骑吗？", "太上老君"),  # another master
        ("南山大王是谁的坐骑？", "没有写"),  # no master at all
        ("沙僧为什么调戏嫦娥？", "猪八戒"),  # another's deed
        ("蝎子精蜇了观音的哪只手？", "如来"),  # done to another
        ("沙僧被封为河神是谁下的旨？", "金身罗汉"),  # another post
        ("孙悟空拜太上老君为师学了几年？", "菩提祖师"),  # another teacher
        ("师徒先过火焰山再过流沙河，对吗？", "相反"),  # another order
        ("车迟国斗法虎力大仙赢了以后得了什么？", "孙悟空"),  # another outcome
    ],
)
def test_what_belongs_to_another_is_told(question: str, told: str) -> None:
    found = told_otherwise(question, LEXICON)
    assert found is not None
    assert told in found.told


@pytest.mark.parametrize(
    "question",
    [
        "红孩儿被观音收走以后做了什么？",
        "六耳猕猴是怎么被孙悟空打死的？",
        "刘洪为什么打死陈光蕊？",
        "白鹿精的原形是白鹿吗？",
        "青牛精是太上老君的坐骑吗？",
        "猪八戒为什么调戏嫦娥？",
        "蝎子精蜇了如来的哪只手？",
        "沙僧没有调戏嫦娥吗？",
        "孙悟空被封为弼马温以后做了什么？",
        "孙悟空拜菩提祖师为师学了几年？",
        "师徒先过流沙河再过火焰山，对吗？",
        "是哪个妖怪偷走了袈裟？",
        "",
    ],
)
def test_what_is_true_stands(question: str) -> None:
    assert told_otherwise(question, LEXICON) is None


@pytest.mark.parametrize(
    ("question", "untold"),
    [
        ("刘伯钦的妻子叫什么名字？", True),
        ("凤仙郡郡侯的老婆叫什么名字？", True),
        ("车迟国国王姓什么？", True),
        ("镇元大仙今年多少岁？", True),
        ("白骨精修炼了多少年？", True),
        ("六耳猕猴出生在哪里，爹妈是谁？", True),
        ("唐僧生下来的孩子叫什么？", True),
        ("太白金星是怎么死的？", True),
        ("菩提祖师把孙悟空赶走以后自己去了哪里？", True),
        ("蜘蛛精的师父是谁？", True),
        ("红孩儿的父母是谁？", False),
        ("唐僧的妈妈叫什么名字？", False),
        ("寡妇的三个女儿叫什么？", False),
        ("小白龙是哪个龙王的儿子？", False),
        ("六耳猕猴是怎么死的？", False),
        ("红孩儿多大年纪？", False),
        ("八戒的法名叫什么？", False),
        ("孙悟空的师父是谁？", False),
        ("", False),
    ],
)
def test_what_is_left_untold(question: str, untold: bool) -> None:
    assert bool(left_untold(question, LEXICON)) is untold


def test_who_is_never_told_of_together() -> None:
    assert never_together("菩提祖师为什么把金箍棒送给孙悟空？", LEXICON) == ("菩提祖师", "如意金箍棒")
    assert never_together("东海龙王为什么把金箍棒给了孙悟空？", LEXICON) is None


def test_a_measure_has_to_be_given() -> None:
    assert unmeasured("一共有多少斤？", ["他拿起来就走"]) == "多少斤"
    assert not unmeasured("一共有多少斤？", ["重一万三千五百斤"])
    assert unmeasured("是什么颜色的？", ["他拿起来就走"])
    assert not unmeasured("谁拿走的？", [])


def test_a_stated_number_has_to_stand_near_what_it_is_said_of(novel: Edition) -> None:
    assert wrong_number("金箍棒重三万六千斤是谁称的？", novel, LEXICON) == "三万六千斤"
    assert wrong_number("金箍棒重36000斤是谁称的？", novel, LEXICON)
    assert not wrong_number("金箍棒重一万三千五百斤是谁称的？", novel, LEXICON)
    assert not wrong_number("金箍棒重13500斤是谁称的？", novel, LEXICON)


@pytest.mark.parametrize("question", ["怎么用表格软件做数据透视表？", "一元二次方程怎么解？", "推荐几本小说"])
def test_questions_of_another_world_are_refused(retriever: Retriever, question: str) -> None:
    assert answer_by_extract(question, retriever).refused


def test_the_share_of_unknown_words(retriever: Retriever) -> None:
    def share(question: str) -> float:
        return unknown_share(gather(retriever.analyse(question), retriever).needs, retriever.edition)

    assert share("电饭煲煮粥") > 0.5
    assert share("妖怪偷走三件兵器") < 0.2


def test_a_refusal_cites_what_the_text_tells_instead(retriever: Retriever) -> None:
    answer = answer_by_extract("红孩儿被如来佛祖收去做了什么童子？", retriever)
    assert answer.refused
    assert "善财童子" in answer.reason
    assert any("善财童子" in cited.place.text for cited in answer.citations)


@given(st.text(max_size=40))
def test_any_text_is_judged(text: str) -> None:
    for judge in (told_otherwise, left_untold, never_together):
        judge(text, LEXICON)
