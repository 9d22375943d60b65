"""Reading questions and claims: kinds, chapters, follow-ups, deeds, scope."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.chat.analyse import analyse, chapter_numbers, parse_number, resolve
from xiyou_tui.chat.claims import read_claims
from xiyou_tui.chat.model import Exchange
from xiyou_tui.chat.scope import find_foreign
from xiyou_tui.chat.told import judge, not_owned, strangers, untold
from xiyou_tui.chat.untold import find_silence, load_silences
from xiyou_tui.corpus.lexicon import load_lexicon
from xiyou_tui.corpus.model import chinese_number
from xiyou_tui.corpus.synopsis import load_synopsis

LEXICON = load_lexicon()


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("第27回讲什么？", "chapter"),
        ("请概括第二十七回的主要内容", "chapter"),
        ("第二十七回白骨精变成了谁？", "fact"),
        ("紧箍咒念过几次？", "count"),
        ("芭蕉扇在哪几回？", "list"),
        ("三借芭蕉扇的故事是哪几回？", "story"),
        ("三打白骨精在第几回？", "where"),
        ("孙悟空为什么大闹天宫？", "reason"),
        ("孙悟空有几个师父？", "fact"),
    ],
)
def test_kinds_of_questions(question: str, kind: str) -> None:
    assert analyse(question, LEXICON).kind == kind


@given(st.integers(1, 999))
def test_chapter_numbers_are_read_in_every_writing(number: int) -> None:
    assert parse_number(chinese_number(number)) == number
    for written in (f"第{number}回", f"第{chinese_number(number)}回"):
        assert chapter_numbers(f"请问{written}讲什么") == (number,)


def test_counting_words_are_no_chapter_numbers() -> None:
    assert chapter_numbers("打了三回，去了第几回") == ()


@given(st.text(max_size=60))
def test_any_text_is_analysed(text: str) -> None:
    made = analyse(text, LEXICON, (Exchange("牛魔王是谁？", "大力牛魔王。"),))
    assert made.lines


HISTORY = (Exchange("牛魔王是谁？", "他是铁扇公主的丈夫。"),)


@pytest.mark.parametrize(
    ("question", "resolved"),
    [
        ("他的妻子是谁？", "牛魔王的妻子是谁？"),
        ("那妖怪住在哪里？", "牛魔王住在哪里？"),
        ("用什么兵器？", "牛魔王用什么兵器？"),
        ("后来呢？", "牛魔王是谁，后来呢？"),
        ("孙悟空打过他吗？", "孙悟空打过他吗？"),
        ("红孩儿是谁的儿子？", "红孩儿是谁的儿子？"),
        ("其他妖怪呢", "其他妖怪呢"),
    ],
)
def test_follow_ups_are_resolved_where_it_is_simple(question: str, resolved: str) -> None:
    if question == "其他妖怪呢":
        assert "其牛魔王" not in resolve(question, LEXICON, HISTORY)
        return
    assert resolve(question, LEXICON, HISTORY) == resolved
    assert resolve(question, LEXICON, ()) == question


def claims(sentence: str) -> set[tuple[str, str, str]]:
    return {(claim.agent, claim.deed, claim.patient) for claim in read_claims(sentence, LEXICON)}


def test_deeds_are_read_in_active_passive_and_with_ba() -> None:
    done = ("zhu-bajie", "kill", "yumian-gongzhu")
    assert done in claims("猪八戒打死了玉面公主")
    assert done in claims("玉面公主被猪八戒一钯打死")
    assert done in claims("猪八戒把玉面公主打死了")
    assert ("rulai", "mount", "dapeng") in claims("大鹏金翅雕是如来的坐骑")


@pytest.mark.parametrize(
    "sentence", ["猪八戒想打死玉面公主", "猪八戒没有打死玉面公主", "猪八戒打死了唐僧的马", "猪八戒吃西瓜", "", "打死"]
)
def test_wishes_denials_and_possessions_are_no_deeds(sentence: str) -> None:
    assert not {claim for claim in claims(sentence) if claim[1] == "kill"}


def test_claims_are_judged_by_the_events() -> None:
    told = judge(read_claims("猪八戒打死了玉面公主", LEXICON)[0], LEXICON)
    assert told.outcome == "supported"
    false = judge(read_claims("孙悟空打死了玉面公主", LEXICON)[0], LEXICON)
    assert false.outcome == "contradicted"
    assert "猪八戒" in false.others
    assert false.event
    assert judge(read_claims("牛魔王娶了白骨精", LEXICON)[0], LEXICON).outcome == "unknown"


def test_who_never_meets_and_what_is_untold() -> None:
    assert set(strangers("泾河龙王在凤仙郡降雨", LEXICON)) == {"泾河龙王", "凤仙郡"}
    assert strangers("孙悟空在花果山称王", LEXICON) == ()
    assert untold("昴日星官的爸爸是谁？", load_synopsis(), LEXICON) == ("昴日星官", "爸爸")
    assert untold("红孩儿的父亲是谁？", load_synopsis(), LEXICON) is None


@pytest.mark.parametrize("question", ["诸葛亮是谁？", "这部电视剧的导演是谁？", "吴承恩写它用了几年？", "坐高铁要多久？"])
def test_other_domains_are_known_by_their_words(question: str) -> None:
    found = find_foreign(question, load_synopsis(), LEXICON)
    assert found is not None
    assert found.certain


@pytest.mark.parametrize("question", ["灭法国国王为什么杀和尚？", "唐僧骑的是什么马？", "猪八戒的工作是什么？", "西天在哪里？"])
def test_the_novel_itself_is_no_other_domain(question: str) -> None:
    assert find_foreign(question, load_synopsis(), LEXICON) is None


def test_a_weapon_of_another_is_known() -> None:
    assert not_owned("沙僧的九齿钉耙是谁打造的？", LEXICON) == ("沙僧", "九齿钉钯", "猪八戒")
    assert not_owned("猪八戒的九齿钉耙有多重？", LEXICON) is None


def test_silences_name_who_is_in_the_lexicon() -> None:
    assert all(silence.who and silence.asks and silence.note for silence in load_silences())


@pytest.mark.parametrize(
    ("question", "silent"),
    [
        ("菩提祖师后来去了哪里？", True),
        ("高太公叫什么名字？", True),
        ("牛魔王的父亲是谁？", True),
        ("牛魔王是谁的父亲？", False),
        ("红孩儿的父亲是谁？", False),
        ("白骨精变成了谁？", False),
        ("孙悟空的金箍棒有多重？", False),
        ("孙悟空有多重？", True),
        ("", False),
    ],
)
def test_what_the_novel_is_silent_on(question: str, silent: bool) -> None:
    assert bool(find_silence(question, LEXICON)) is silent
