"""Who did what to whom: claims read out of a modern sentence, and what the event index says about the same deed.

Serves false premises in questions and the verification of a model's own words. Reads only plain patterns: A 打死 B, A 把 B
收走, B 被 A 吃掉, B 是 A 的坐骑. What it can't read it leaves alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from xiyou_tui.corpus.events import load_events
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import BEINGS, Lexicon, Mention, load_lexicon

# Deeds that a patient suffers from one agent, each with the words that say it (folded). Longest words are tried first.
DEEDS: dict[str, tuple[str, ...]] = {
    "kill": tuple("打死 打杀 杀死 杀了 杀掉 砍死 砍杀 筑死 害死 毒死 踢死 咬死 斩了 斩首 砍头 砍了 烧死 淹死 勒死 处死 弄死 剿灭 灭了 剁 刺死 一剑杀".split()),
    "eat": tuple("吃掉 吃了 吞了 吞下 咬吃 吃进".split()),
    "subdue": tuple("收服 收伏 收走 收去 收为 收了 收来 降伏 降服 擒住 擒拿 捉拿 捉住 捉走 拿住 带走 带回 领走 牵走 牵回 打败 战胜".split()),
    "seize": tuple("抓走 抓住 掳走 摄走 抢走 劫走 摄去 抢去 拐走 背走 掳去 卷走".split()),
    "marry": tuple("娶了 娶 嫁给 嫁 成亲 成婚 拜堂 结婚 招赘 入赘".split()),
    "teach": tuple("拜师 拜为师 为师 教会 传授 教给 学艺".split()),
    "release": tuple("放出来 放了 救出 救了 救走 解救 揭帖".split()),
    "crush": tuple("压在 压住 压了 镇压".split()),
    "spare": tuple("饶了 饶过 放过".split()),
}
# What someone is to someone: B 是 A 的 X.
TIES: dict[str, tuple[str, ...]] = {
    "mount": tuple("坐骑 座骑 宠物 养的 看门".split()),
    "servant": tuple("童子 童儿 侍从 仆人 手下".split()),
    "child": tuple("儿子 女儿 亲生女儿 亲生儿子 太子".split()),
    "parent": tuple("父亲 母亲 爹 妈妈 爸爸 娘".split()),
    "disciple": tuple("徒弟 弟子".split()),
    "master": tuple("师父 师傅".split()),
    "spouse": tuple("妻子 丈夫 老婆".split()),
}
_CLAUSE = re.compile(r"[，。！？；：、,!?;:\s]")
_GAP = 8

Outcome = Literal["supported", "contradicted", "unknown"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A deed or tie read from a sentence: `agent` did `deed` to `patient` (ids of lexicon entries); ties: patient is agent's X."""

    agent: str
    deed: str
    patient: str
    words: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the events say about a claim; `others` are names of those who really did it, `event` the sentence that says so."""

    claim: Claim
    outcome: Outcome
    others: tuple[str, ...] = ()
    event: str = ""
    event_id: str = ""


def read_claims(sentence: str, lexicon: Lexicon) -> tuple[Claim, ...]:
    """The claims that stand plainly in a sentence."""
    folded = fold_loosely(sentence)
    claims: list[Claim] = []
    for clause, mentions in _clauses(folded, lexicon):
        claims += _deeds(clause, mentions)
        claims += _ties(clause, mentions)
    return tuple(dict.fromkeys(claims))


def _clauses(folded: str, lexicon: Lexicon) -> Iterable[tuple[str, list[Mention]]]:
    beings = [mention for mention in lexicon.mentions(folded) if mention.entry.kind in BEINGS]
    start, last = 0, None
    for end in [*(match.start() for match in _CLAUSE.finditer(folded)), len(folded)]:
        inside = [Mention(m.entry, m.start - start, m.end - start) for m in beings if start <= m.start and m.end <= end]
        clause = folded[start:end]
        if inside:
            last = inside[0]
        elif last is not None and clause:
            # 收去做了童子 after the comma still speaks of the one before it.
            inside = []
        if clause:
            yield clause, inside
        start = end + 1


def _deeds(clause: str, mentions: list[Mention]) -> list[Claim]:
    found: list[Claim] = []
    taken: set[int] = set()
    for deed, words in DEEDS.items():
        for word in sorted(words, key=len, reverse=True):
            at = clause.find(word)
            if at < 0 or taken.intersection(range(at, at + len(word))) or any(m.start <= at < m.end for m in mentions):
                continue
            taken.update(range(at, at + len(word)))
            pair = _pair(clause, mentions, at, at + len(word))
            if pair is not None:
                found.append(Claim(pair[0].entry.id, deed, pair[1].entry.id, word))
    return found


def _pair(clause: str, mentions: list[Mention], start: int, end: int) -> tuple[Mention, Mention] | None:
    """(agent, patient) of a verb at [start, end): before and after it, or both before it around 把 or 被."""
    before = [mention for mention in mentions if mention.end <= start]
    after = [mention for mention in mentions if mention.start >= end and mention.start - end <= _GAP]
    if len(before) >= 2:
        first, second = before[-2], before[-1]
        between = clause[first.end : second.start]
        near = start - second.end <= _GAP
        if near and re.search("[把将]", between):
            return first, second
        if near and re.search("被|叫|让|给", between):
            return second, first
    if before and after:
        agent = before[-1]
        between = clause[agent.end : start]
        if "被" in between:
            return None
        return (agent, after[0]) if len(between) <= 2 * _GAP else None
    return None


def _ties(clause: str, mentions: list[Mention]) -> list[Claim]:
    found = []
    for tie, words in TIES.items():
        for word in words:
            at = clause.find(word)
            if at < 0:
                continue
            owners = [mention for mention in mentions if mention.end <= at and at - mention.end <= 6]
            subjects = [mention for mention in mentions if mention.end < at and mention not in owners[-1:]]
            if owners and subjects and re.search("是|为|当|做", clause[subjects[-1].end : owners[-1].start]):
                found.append(Claim(owners[-1].entry.id, tie, subjects[-1].entry.id, word))
                break
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    claim: Claim
    text: str
    event_id: str


@cache
def known_claims() -> dict[tuple[str, str], tuple[_Known, ...]]:
    """What the event index and the lexicon's glosses say: {(deed, patient): claims}. Built once, in some tenths of a second."""
    lexicon = load_lexicon()
    known: dict[tuple[str, str], list[_Known]] = {}
    for event in load_events():
        for sentence in (event.text, *event.also):
            for claim in read_claims(sentence, lexicon):
                known.setdefault((claim.deed, claim.patient), []).append(_Known(claim, event.text, event.id))
    return {key: tuple(items) for key, items in known.items()}


def judge(claim: Claim, lexicon: Lexicon) -> Judgement:
    """Whether the events support a claim, say that another did it, or are silent."""
    items = known_claims().get((claim.deed, claim.patient), ())
    same = next((item for item in items if item.claim.agent == claim.agent), None)
    if same is not None:
        return Judgement(claim, "supported", (), same.text, same.event_id)
    if items:
        names = tuple(dict.fromkeys(entry.name for item in items if (entry := lexicon.get(item.claim.agent)) is not None))
        return Judgement(claim, "contradicted", names, items[0].text, items[0].event_id)
    turned = known_claims().get((claim.deed, claim.agent), ())
    back = next((item for item in turned if item.claim.agent == claim.patient), None)
    if back is not None:
        entry = lexicon.get(claim.patient)
        return Judgement(claim, "contradicted", (entry.name,) if entry else (), back.text, back.event_id)
    return Judgement(claim, "unknown")
