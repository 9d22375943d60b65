"""Whose famous deeds and ends are whose: a question that gives them to another is told what the text tells instead."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from xiyou_tui.chat.course import learnt_elsewhere, wrong_order
from xiyou_tui.chat.roles import Action, Clause, Otherwise, Role, clauses, load_roles, read_action, role_end
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Lexicon, Mention, load_lexicon
from xiyou_tui.storage.places import find_assets

_DENIED = re.compile("没|不|未|差点|险些|假|谎|骗|以为|冒充|想|要|打算|企图|准备|能|敢|会|劝|让|教|求|请|答应|怕|帮|替")
_NOT_DONE = re.compile("没|不|未|差点|险些|假|谎|以为|冒充|劝|帮|替")
_TAKING = re.compile("收走|收去|收服|收伏|收为|收了去|收作|收做|收回|降伏|降服|领走|领回|带走|带回|牵走|牵回|捉回|招安")
_KILLING = re.compile("打死|打杀|杀死|杀了|杀掉|砍死|筑死|害死|毒死|踢死|咬死|烧死|淹死|勒死|处死|弄死|刺死|灭掉|推下井|吃掉")
_DEAD = re.compile("(?:被|是)?(?:怎么|如何)?(?:死了|死后|死的|被打死|被杀|丧命|之死|阵亡|死掉)(?!没|吗|么)")
_KINDS = [
    "老虎",
    "虎",
    "豹子",
    "豹",
    "狮子",
    "狮",
    "大象",
    "象",
    "狼",
    "苍狼",
    "狐狸",
    "狐",
    "鼠",
    "老鼠",
    "貂鼠",
    "兔子",
    "兔",
    "鹿",
    "白鹿",
    "梅花鹿",
    "牛",
    "青牛",
    "黄牛",
    "水牛",
    "羊",
    "羚羊",
    "山羊",
    "马",
    "猪",
    "狗",
    "猫",
    "熊",
    "黑熊",
    "狗熊",
    "猴",
    "猴子",
    "猕猴",
    "蛇",
    "蟒",
    "蟒蛇",
    "蜈蚣",
    "蝎子",
    "蜘蛛",
    "蜜蜂",
    "蝙蝠",
    "龟",
    "乌龟",
    "老鼋",
    "鳖",
    "王八",
    "鱼",
    "鲤鱼",
    "金鱼",
    "鲇鱼",
    "鳜鱼",
    "虾",
    "螃蟹",
    "龙",
    "鼍",
    "鹰",
    "老鹰",
    "孔雀",
    "凤凰",
    "乌鸦",
    "鸟",
    "大雕",
    "大鹏",
    "鹏",
    "鹤",
    "仙鹤",
    "公鸡",
    "鸡",
    "鸭",
    "鹅",
    "犀牛",
    "松树",
    "柏树",
    "杏树",
    "桃树",
    "柳树",
    "枫树",
    "竹子",
    "树",
    "花",
    "骷髅",
    "僵尸",
    "石头",
    "蛤蟆",
    "青蛙",
    "蟾蜍",
    "刺猬",
    "獾",
    "蚯蚓",
    "蚂蚁",
]
_ANIMAL = "|".join(sorted(map(fold_loosely, _KINDS), key=len, reverse=True))
_BECAME = re.compile(
    rf"(?:是|由|乃是|为)[^，是]{{0,6}}?(?:一?[只条头个匹棵株根])?[^，是]{{0,3}}?({_ANIMAL})(?:变|成精|修炼|修成|所变|得道|化成|化的|精|妖|转世|下凡|投胎)"
    rf"|(?:原形|本相|真身|原身|本体|真面目)(?:是|为)[^，什谁]{{0,5}}?({_ANIMAL})"
)
# Who says or sees what something is, is not it.
_SAYING = re.compile("说|看|认|知|问|猜|告诉|发现|听")
_APPOINTING = re.compile("封为|封成|封做|封作|封了|封他|加封|册封|封")
_OF = re.compile("(?:家|座下|身边|门下|养)?的?[^是谁哪]{0,2}")
_SERVED = re.compile("坐骑|座骑|宠物|养的|童子|童儿|书童|脚力")


@dataclass(frozen=True, slots=True)
class Deed:
    """A famous deed: verbs, words that must all stand in the clause, whose it is and to whom it was done (ids; empty: anyone)."""

    verb: re.Pattern[str]
    of: tuple[re.Pattern[str], ...]
    by: frozenset[str]
    to: frozenset[str]
    told: str
    chapter: int
    never: bool = False


def told_otherwise(question: str, lexicon: Lexicon) -> Otherwise | None:
    """What the novel tells instead, when a clause gives a famous deed, end, origin or master to another; None when none does."""
    for clause in clauses(question, lexicon):
        if not clause.beings:
            continue
        found = (
            learnt_elsewhere(clause)
            or _wrong_end(clause)
            or _wrong_origin(clause)
            or _wrong_master(clause)
            or _wrong_post(clause)
            or _wrong_deed(clause)
        )
        if found is not None:
            return found
    return wrong_order(question, lexicon)


def _wrong_end(clause: Clause) -> Otherwise | None:
    for pattern, final in ((_TAKING, True), (_KILLING, False)):
        for match in pattern.finditer(clause.text):
            action = read_action(clause, *match.span())
            role = _role(action.sufferers)
            if not final and action.doers and action.sufferers and (role is None or not role.mortal):
                named = action.sufferers[0].entry
                if named.kind == "person" and not _denied(clause, action, match.start(), _DENIED):
                    return Otherwise(f"书中没有写{named.name}被杀", role.chapter if role is not None else 0)
            if role is None or not role.fate_told or _denied(clause, action, match.start(), _DENIED):
                continue
            rightful = (role.taken or role.killed) if final else role.killed
            doers = {mention.entry.id for mention in action.doers}
            if final and role.taken and doers & role.killed:
                continue
            if (doers and not doers & rightful) or (not doers and action.passive and not rightful):
                return Otherwise(role_end(role), role.chapter)
    for mention in clause.beings:
        role = load_roles().get(mention.entry.id)
        dead = _DEAD.match(clause.text, mention.end)
        if dead is not None and re.search("以为|假|装|说|梦见", clause.text[: mention.start]):
            continue
        if role is not None and role.fate_told and not role.killed and dead is not None and "死" not in role.end:
            return Otherwise(role_end(role), role.chapter)
    return None


def _wrong_origin(clause: Clause) -> Otherwise | None:
    for match in _BECAME.finditer(clause.text):
        kind = match[1] or match[2]
        before = [
            mention
            for mention in clause.beings
            if mention.end <= match.end() and mention.start < match.start(match.lastindex or 0)
        ]
        role = load_roles().get(before[-1].entry.id) if before else None
        if before and _SAYING.search(clause.text[before[-1].end : match.start(match.lastindex or 0)]):
            continue
        if role is None or not role.origin or any(kind in word or word in kind for word in role.origin):
            continue
        return Otherwise(f"{_name(role.who)}的原身是{role.origin[-1]}", role.chapter)
    return None


def _wrong_master(clause: Clause) -> Otherwise | None:
    served = _SERVED.search(clause.text)
    if served is None:
        return None
    for mention in clause.beings:
        role = load_roles().get(mention.entry.id)
        if role is None or not role.origin or not role.end:
            continue
        masters = [
            m
            for m in clause.beings
            if m is not mention and m.end <= served.start() and _OF.fullmatch(clause.text[m.end : served.start()])
        ]
        asked = re.search("(?:谁|哪.{0,4})(?:家)?(?:的|养的)?$", clause.text[: served.start()])
        start = masters[-1].start if masters else served.start()
        bound = (
            0 <= mention.start - served.end() <= 1
            or (mention.end <= start and re.search("是|为|当|成", clause.text[mention.end : start]))
        )
        if bound and (
            (masters and masters[-1].entry.id not in role.owner | role.taken)
            or (asked and not masters and not role.owner | role.taken)
        ):
            owners = "、".join(_name(owner) for owner in sorted(role.owner))
            told = f"{_name(role.who)}是{owners}的" if owners else f"书中没有写{_name(role.who)}有主人"
            return Otherwise(told, role.chapter)
    return None


def _wrong_post(clause: Clause) -> Otherwise | None:
    for match in _APPOINTING.finditer(clause.text):
        action = read_action(clause, *match.span())
        role = _role(action.sufferers) or (_role(action.doers[-1:]) if not action.sufferers else None)
        post = clause.text[match.end() : match.end() + 8]
        if (
            role is None
            or not role.posts
            or len(post) < 2
            or re.match("了?(?:一?个)?(?:什么|哪|啥|谁|何|几|多)|时|后|前|以后|之后|的|吗|是|官|神$", post)
        ):
            continue
        if not any(word in post for word in role.posts):
            return Otherwise(f"{role_end(role)}", role.chapter)
    return None


def _wrong_deed(clause: Clause) -> Otherwise | None:
    wrong: list[tuple[tuple[int, int], Otherwise]] = []
    right: list[tuple[int, int]] = []
    for deed in load_deeds():
        if not all(pattern.search(clause.text) for pattern in deed.of):
            continue
        objects = [match.span() for pattern in deed.of for match in pattern.finditer(clause.text)]
        for match in deed.verb.finditer(clause.text):
            action = read_action(clause, *match.span())
            doers = {m.entry.id for m in action.doers if not _inside(m.start, m.end, objects)}
            sufferers = {m.entry.id for m in action.sufferers if not _inside(m.start, m.end, objects)}
            if _denied(clause, action, match.start(), _NOT_DONE):
                continue
            others = {m.entry.id for m in clause.beings} - sufferers
            if doers and deed.by and not doers & deed.by and (action.passive or not others & deed.by):
                wrong.append((match.span(), Otherwise(deed.told, deed.chapter)))
            elif (
                sufferers
                and deed.to
                and not sufferers & (deed.to | deed.by)
                and (not deed.by or doers & deed.by or action.passive)
            ):
                wrong.append((match.span(), Otherwise(deed.told + _ends(action), deed.chapter)))
            elif deed.never and not others & deed.by:
                wrong.append((match.span(), Otherwise(deed.told, deed.chapter)))
            elif doers & deed.by:
                right.append(match.span())
    # Another deed of the table may fit the same words.
    return next((otherwise for span, otherwise in wrong if not _inside(*span, right)), None)


def _ends(action: Action) -> str:
    role = _role(action.sufferers)
    return "；" + role_end(role) if role is not None and role.end else ""


def _inside(start: int, end: int, spans: list[tuple[int, int]]) -> bool:
    return any(first < end and start < last for first, last in spans)


def _denied(clause: Clause, action: Action, verb: int, pattern: re.Pattern[str]) -> bool:
    ends = [mention.end for mention in (*action.doers, *action.sufferers) if mention.end <= verb]
    return bool(pattern.search(clause.text[max(ends, default=0) : verb]))


def _role(mentions: tuple[Mention, ...]) -> Role | None:
    return load_roles().get(mentions[0].entry.id) if mentions else None


def _name(identifier: str) -> str:
    entry = load_lexicon().get(identifier)
    return entry.name if entry is not None else identifier


@cache
def load_deeds() -> tuple[Deed, ...]:
    """The famous deeds that ship with the program."""
    lexicon = load_lexicon()

    def ids(names: list[str]) -> frozenset[str]:
        return frozenset(entry.id for name in names if (entry := lexicon.named(name)) is not None)

    def words(names: list[str]) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(fold_loosely(name)) for name in sorted(names, key=len, reverse=True)))

    made = []
    for record in _records():
        of = tuple(words(group) for group in record["of"])
        made.append(
            Deed(
                words(record["verb"]),
                of,
                ids(record["by"]),
                ids(record["to"]),
                record["told"],
                record["chapter"],
                bool(record.get("never")),
            )
        )
    return tuple(made)


@cache
def _records() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(line) for line in (find_assets() / "deeds.jsonl").read_text("utf-8").splitlines())


@cache
def load_deed_words() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """(verb, object, names that may not be wrong) of every deed that one object tells, in plain words, to make questions of."""
    return tuple(
        (record["verb"][0], record["of"][0][0], (*record["by"], *record["to"]))
        for record in _records()
        if len(record["of"]) == 1 and record["by"] and not record.get("never")
    )
