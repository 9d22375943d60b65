"""The tables of written knowledge, entry by entry: what they say is held against the novel, and true questions against them."""

from __future__ import annotations

import json
from functools import cache
from itertools import product
from typing import Any

import pytest

from xiyou_tui.chat.asked import left_untold
from xiyou_tui.chat.famous import load_deeds, told_otherwise
from xiyou_tui.chat.roles import NAMED, SOMEBODY, load_roles
from xiyou_tui.chat.untold import find_silence, load_silences
from xiyou_tui.corpus.events import load_events
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Entry, load_lexicon
from xiyou_tui.corpus.model import Edition
from xiyou_tui.storage.places import find_assets

LEXICON = load_lexicon()
TIES = ("children", "spouse", "parents", "siblings", "teacher")
# A thing may be called by its name in the chapters beside the one that tells the deed (车迟国 all through its three chapters).
BESIDE = 2


def _records(table: str) -> list[dict[str, Any]]:
    lines = (find_assets() / f"{table}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@cache
def _chapters(edition: Edition) -> dict[int, str]:
    return {chapter.number: fold_loosely(chapter.text) for chapter in edition.chapters}


def _called(entry: Entry) -> set[str]:
    """All that the novel may call an entry, what people call it to its face among it (娘娘)."""
    return {fold_loosely(name) for name in (entry.name, *entry.aliases, *entry.variants, *entry.forms)}


def _where(identifier: str, edition: Edition) -> set[int]:
    """The chapters that name an entry."""
    entry = LEXICON.get(identifier)
    assert entry is not None, identifier
    names = _called(entry)
    return {number for number, text in _chapters(edition).items() if any(name in text for name in names)}


def _holds(word: str, number: int, edition: Edition) -> bool:
    """Whether a chapter, or one beside it, has a word of a table: itself, whatever the lexicon calls it, or the half of it."""
    names = {word} | {name for mention in LEXICON.mentions(word) for name in _called(mention.entry)}
    names |= {word[at : at + 2] for at in range(len(word) - 1)}
    chapters = _chapters(edition)
    near = [chapters[other] for other in range(number - BESIDE, number + BESIDE + 1) if other in chapters]
    return any(name in text for text in near for name in names)


@pytest.mark.parametrize("table", ["roles", "deeds", "untold"])
def test_every_name_is_known_to_the_lexicon(table: str) -> None:
    # The loaders pass over a name that nobody bears, so that a slip of the pen would go unseen.
    fields = ("taken", "killed", "owner", *TIES, "by", "to")
    for record in _records(table):
        who = record.get("who", [])
        names = [who] if isinstance(who, str) else list(who)
        for name in (*names, *(name for field in fields for name in record.get(field, ()))):
            assert name in (SOMEBODY, NAMED) or LEXICON.named(name) is not None, (name, record)


def test_nobody_is_listed_twice() -> None:
    listed = [LEXICON.named(record["who"]) for record in _records("roles")]
    assert len(set(listed)) == len(listed)
    for record in _records("roles"):
        for field in ("taken", "killed", *TIES):
            names = record.get(field, [])
            assert len(set(names)) == len(names), record


def test_the_chapter_of_a_role_names_it(novel: Edition) -> None:
    for role in load_roles().values():
        if role.chapter:
            assert role.chapter in _where(role.who, novel), role.who
        assert bool(role.end) <= bool(role.chapter), role.who


def test_whoever_took_or_killed_another_shares_a_chapter_with_it(novel: Edition) -> None:
    for role in load_roles().values():
        here = _where(role.who, novel)
        doers = role.taken | role.killed
        for doer in doers:
            assert here & _where(doer, novel), (role.who, doer)
        if doers and role.chapter:
            assert any(role.chapter in _where(doer, novel) for doer in doers), role.who


def test_kin_and_owners_share_a_chapter(novel: Edition) -> None:
    for role in load_roles().values():
        for other in frozenset[str]().union(role.owner, *(role.kin[tie] for tie in TIES)) - {SOMEBODY, NAMED}:
            assert _where(role.who, novel) & _where(other, novel), (role.who, other)


def test_the_chapter_of_a_deed_names_who_did_it_and_to_what(novel: Edition) -> None:
    for deed in load_deeds():
        people = deed.by | deed.to
        if not deed.chapter:
            continue
        assert not people or any(deed.chapter in _where(who, novel) for who in people), deed.told
        for pattern in deed.of:
            assert any(_holds(word, deed.chapter, novel) for word in pattern.pattern.split("|")), (deed.told, pattern.pattern)


def test_the_told_of_a_deed_is_about_its_people() -> None:
    for deed in load_deeds():
        named = {mention.entry.id for mention in LEXICON.mentions(deed.told)}
        assert not deed.by or named & (deed.by | deed.to), deed.told


def test_silences_and_roles_agree() -> None:
    roles = load_roles()
    for silence in load_silences():
        for who in silence.who:
            role = roles.get(who)
            # Asks nothing, so that every way of asking is tried: one that the code does not know would be an error.
            assert not find_silence(f"{LEXICON.get(who).name}的", LEXICON)  # type: ignore[union-attr]
            if role is None:
                continue
            assert not ("age" in silence.asks and role.age), who
            for tie in ("children", "spouse", "parents", "teacher"):
                assert not (tie in silence.asks and role.kin[tie]), (who, tie)


@pytest.mark.parametrize(
    "question",
    [
        # The sufferer stands before the verb.
        "孙悟空压在五行山下多少年？",
        "孙悟空在八卦炉里炼了多少天？",
        "孙悟空困在金铙里怎么出来？",
        "孙悟空为什么接受招安？",
        "孙悟空当官做弼马温多少天？",
        "唐僧为什么走出画的圈子？",
        "唐僧中毒后谁来救他？",
        "唐僧师徒怎么渡过通天河？",
        # Several took part, or one sent another.
        "太白金星怎么招安孙悟空？",
        "镇元子怎么把孙悟空捉回五庄观？",
        "猪八戒怎么把孙悟空从花果山带回来？",
        "红孩儿把唐僧带走以后做了什么？",
        "孙悟空怎么把百花羞带回宝象国？",
        "孙悟空怎么把白象精牵回来？",
        "四大金刚怎么降伏牛魔王？",
        "西海龙王派太子捉回鼍龙？",
        "玉帝为什么派魏征处死泾河龙王？",
        "唐太宗派谁到地府进瓜？",
        "玉华王怎么处死六个狮子精？",
        "孙悟空怎么打死勾死人？",
        # The same deed is told of another, too.
        "小白龙为什么吃掉白马？",
        "东方朔偷吃过蟠桃吗？",
        "狮奴偷喝了什么仙酒？",
        "哪吒小时候大闹龙宫是怎么回事？",
        "黄袍怪在黑松林捉走唐僧吗？",
        "刘全为什么揭了唐太宗的皇榜？",
        "沙僧打断了谁的左臂？",
        "唐僧怎么治好祖母的眼睛？",
        "乌鸡国国王为什么和全真道士结拜？",
        "魏征和崔判官八拜为交吗？",
        "灵感大王怎么赶走老鼋霸占水府？",
        "观音给红孩儿剃头留了什么发式？",
        "李翠莲为什么拿金钗斋僧？",
        "如来佛祖为什么封孔雀大明王为佛母？",
        # The words of the verb or of the thing are part of other words.
        "孙悟空在五行山下挣扎了多久？",
        "孙悟空怎么识破黄花观的毒茶？",
        "东海龙王给孙悟空金箍棒时说了什么？",
        "孙悟空跟玄奘去西天取经多少年？",
        "灵吉菩萨给孙悟空什么东西来对付芭蕉扇？",
        "唐僧为什么要把紫金钵送给阿傩？",
        "哪吒变成三头六臂怎么降伏牛魔王？",
        "孙悟空破了金光寺的盗宝案吗？",
        "孙悟空为什么招惹玉面公主？",
        # Kin, ages, names and ends that are told.
        "清风今年多少岁？",
        "十八公有多少岁？",
        "百花羞多大年纪？",
        "善财童子的父母是谁？",
        "小张太子的父母是什么人？",
        "狐阿七的姐姐是谁？",
        "宝象国国王的女儿叫什么名字？",
        "沙和尚的兵器叫什么？",
        "铜台府刺史叫什么名字？",
        "西梁女王想嫁给谁？",
        "牛魔王和孙悟空是怎么认识的？",
        "孙悟空有多高？",
        "唐太宗死后在地府见到了谁？",
        "青脸儿是怎么死的？",
        "九头虫最后怎么样了？",
        "陈关保后来怎么样了？",
        "老鼋后来怎么把师徒翻下水？",
    ],
)
def test_a_true_question_stands(question: str) -> None:
    assert told_otherwise(question, LEXICON) is None
    assert not find_silence(question, LEXICON)
    assert not left_untold(question, LEXICON)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("猪八戒为什么大闹天宫？", "孙悟空"),
        ("沙僧怀孕后怎么办？", "唐僧"),
        ("唐僧喝了落胎泉生下了几个孩子？", "没有生下"),
        ("观音为什么赶走孙悟空？", "唐僧"),
        ("唐僧为什么赶走沙僧？", "孙悟空"),
        ("猪八戒为什么娶西梁女王？", "唐僧"),
        ("观音送给孙悟空金箍棒了吗？", "东海龙宫"),
        ("红孩儿变成如来骗谁？", "黄眉怪"),
        ("猪八戒打死万圣龙王是哪一回？", "孙悟空"),
        ("白骨精把唐僧带走以后做了什么？", "旃檀功德佛"),
        ("哪吒收服了六耳猕猴吗？", "如来"),
        ("孙悟空娶了谁？", "没有写"),
    ],
)
def test_a_false_one_does_not(question: str, told: str) -> None:
    found = told_otherwise(question, LEXICON)
    assert found is not None
    assert told in found.told


@pytest.mark.parametrize(
    "question", ["袁守诚的弟弟是谁？", "广智怎么死的？", "赵寡妇怎么死的？", "殷温娇多大年纪？", "百花羞回国后又嫁给了谁？"]
)
def test_what_the_novel_leaves_out_is_said_to_be_left_out(question: str) -> None:
    assert find_silence(question, LEXICON) or left_untold(question, LEXICON)


def test_the_events_seldom_contradict_the_tables() -> None:
    # Every event is true; the few against which a table speaks are sentences that report what one believes or says of another.
    events = load_events()
    against = [event.text for event in events if told_otherwise(event.text, LEXICON) is not None]
    asked = [ask for event in events for ask in event.asks if told_otherwise(ask, LEXICON) is not None]
    assert len(against) <= len(events) // 150, against
    assert len(asked) <= len(events) // 300, asked


def test_any_pair_of_a_thing_and_its_doer_is_true() -> None:
    # 谁 asks for the doer: no table may answer no to it.
    for deed in load_deeds():
        for verb, word in product(deed.verb.pattern.split("|")[:2], deed.of[0].pattern.split("|")[:1] if deed.of else ()):
            if not deed.never:
                assert told_otherwise(f"是谁{verb}{word}？", LEXICON) is None, (verb, word)
