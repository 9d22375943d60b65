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

# Deeds: the words that claim one (longest first), and after "|" further words under which the events may tell of it.
_DEEDS = {
    "kill": "打死 打杀 杀死 杀了 杀掉 杀 砍死 砍杀 筑死 害死 毒死 踢死 咬死 斩了 斩首 砍头 砍了 斩 烧死 淹死 勒死 处死 弄死 刺死 灭掉 | 死 剿 灭 剁 丧命 砸 捣 筑",
    "eat": "吃掉 吃了 偷吃 吞了 吞下 吞吃 吃进 吃下 喝了 喝下 喝 吃 | 咬 吞 服 尝",
    "subdue": "收服 收伏 收走 收去 收为 收了 收来 降伏 降服 擒住 擒拿 捉拿 捉住 拿住 带走 带回 领走 牵走 牵回 打败 战胜 打赢 | 收 降 擒 捉 拿 带 牵 败 套 骑 现 认 叫 罩",
    "seize": "抓走 抓住 掳走 摄走 抢走 劫走 摄去 抢去 拐走 背走 掳去 卷走 抓去 捉走 | 摄 抓 掳 抢 捉 拿 拖 卷 擒 劫 攫 绑",
    "marry": "娶了 娶 嫁给 嫁 成亲 成婚 拜堂 结婚 招赘 入赘 | 婚 亲事 招赘 招亲 夫妻 配 丈夫 妻 洞房 女婿 媳",
    "teach": "拜师 为师 教会 传授 教给 学艺 | 教 传 师父 徒 收",
    "release": "放出来 放出 放了 救出 救了 救走 解救 揭帖 揭去 救活 救 | 放 解 脱 揭",
    "crush": "压在 压住 压了 镇压 压 | 镇",
    "spare": "饶了 饶过 放过 饶 | 免 赦",
    "steal": "偷走 偷了 盗走 盗取 偷 盗 | 拿 摄 抢 骗",
    "give": "送给 赐给 赠给 献给 借给 交给 传给 送 献 | 赐 赠 借 付 传 讨 授",
    "harass": "调戏 戏弄 侮辱 | 戏",
    "fell": "推倒 砍倒 砍了 毁了 烧了 烧掉 | 倒 毁 烧 砍 拆",
    "turn": "变成 变作 变为 | 变 化",
    "abandon": "抛弃 休了 遗弃 | 弃 休",
    "bear": "生了 生下 生 | 产",
    "banish": "赶走 逐走 驱逐 | 赶 逐 贬",
    "bind": "绑了 捆住 绑住 吊起 | 捆 绑 吊 锁",
}
DEEDS = {name: tuple(words.partition(" | ")[0].split()) for name, words in _DEEDS.items()}
TELLING = {name: tuple(dict.fromkeys(words.replace("|", " ").split())) for name, words in _DEEDS.items()}
# What someone is to someone: B 是 A 的 X, A 的 X B.
TIES: dict[str, tuple[str, ...]] = {
    "mount": ("坐骑", "座骑", "宠物", "养的", "脚力"),
    "servant": ("童子", "童儿", "侍从", "仆人", "手下"),
    "child": ("亲生女儿", "亲生儿子", "儿子", "女儿"),
    "parent": ("父亲", "母亲", "爹", "妈妈", "爸爸"),
    "disciple": ("徒弟", "弟子"),
    "master": ("师父", "师傅"),
    "spouse": ("妻子", "丈夫", "老婆"),
    "sibling": ("哥哥", "弟弟", "妹妹", "姐姐"),
}
# The same tie seen from the other side.
_OTHER_SIDE = {
    "child": "parent",
    "parent": "child",
    "disciple": "master",
    "master": "disciple",
    "spouse": "spouse",
    "sibling": "sibling",
}
_TIE_TELLING = {
    "mount": ("坐骑", "骑", "养", "主人", "跨", "收回"), "servant": ("童", "侍", "仆", "手下", "守", "看"),
    "child": ("儿", "子", "女", "太子", "公主", "生"), "parent": ("父", "母", "爹", "娘", "生"), "disciple": ("徒", "弟子", "教", "收"),
    "master": ("师", "教", "徒"), "spouse": ("妻", "夫", "娶", "嫁", "招", "成亲"), "sibling": ("兄", "弟", "哥", "姐", "妹"),
}  # fmt: skip
# What is wished, feared or denied is not claimed.
_UNREAL = re.compile("想|打算|企图|准备|要不|没有|没|不|别|差点|险些|假装|谎称|说要|会不会|有没有|是否|能否|怎么不|为什么不")
_CLAUSE = re.compile(r"[，。！？；：、,!?;:\s]")
# 打死玉面公主的时候: the 的 belongs to the moment.
_MOMENT = re.compile("时候|时|那|话|事|原因|吗|是|$")
_GAP = 8
_SCENE_CUT = re.compile(r"[，。！？；：、,!?;:\s]|的时候|以后|之后|之前|那会儿|那晚")

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
    beings = [mention for mention in lexicon.mentions(folded) if mention.entry.kind in _ACTING or mention.entry.kind in BEINGS]
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
    for word, deed in _WORDS:
        at = clause.find(word)
        span = range(at, at + len(word))
        if at < 0 or taken.intersection(span) or any(m.start < at + len(word) and at < m.end for m in mentions):
            continue
        taken.update(span)
        pair = _pair(clause, mentions, at, at + len(word))
        if pair is None or pair[0].entry is pair[1].entry or pair[0].entry.kind not in BEINGS:
            continue
        if deed == "turn" and not re.search("[把将]", clause[pair[0].end : pair[1].start]):
            # 变成宫女跟黄袍怪打: what something turns into suffers nothing.
            continue
        if _UNREAL.search(clause[pair[0].end : at]) or _UNREAL.search(clause[max(0, pair[0].start - 2) : pair[0].start]):
            continue
        found.append(Claim(pair[0].entry.id, deed, pair[1].entry.id, word))
    return found


def _pair(clause: str, mentions: list[Mention], start: int, end: int) -> tuple[Mention, Mention] | None:
    """(agent, patient) of a verb at [start, end): before and after it, or both before it around 把, 被 or 跟."""
    passive = clause.rfind("被", 0, start)
    if passive >= 0 and start - passive <= 2 * _GAP:
        sufferers = [mention for mention in mentions if mention.end <= passive]
        doers = [mention for mention in mentions if passive < mention.start <= passive + 2 and mention.entry.kind in BEINGS]
        return (doers[0], sufferers[-1]) if sufferers and doers and not _owns(clause, sufferers[-1]) else None
    before = [mention for mention in mentions if mention.end <= start]
    after = [
        mention for mention in mentions if mention.start >= end and mention.start - end <= _GAP and not _owns(clause, mention)
    ]
    if len(before) >= 2:
        first, second = before[-2], before[-1]
        between = clause[first.end : second.start]
        near = start - second.end <= _GAP + 4 and len(between) <= _GAP and not _owns(clause, second)
        if near and re.search("[把将跟和与同拜]", between):
            return (second, first) if "拜" in between else (first, second)
    if before and after:
        # The nearest being before the verb that owns nothing and stands in no aside (在五行山下).
        for agent in reversed(before):
            between = clause[agent.end : start]
            if (
                _owns(clause, agent)
                or agent.entry.kind not in BEINGS
                or clause[max(0, agent.start - 1) : agent.start] in ("在", "给", "对")
            ):
                continue
            return (agent, after[0]) if len(between) <= 2 * _GAP else None
    return None


def _owns(clause: str, mention: Mention) -> bool:
    """Whether a name only says whose something is (唐僧的马)."""
    return clause[mention.end : mention.end + 1] == "的" and not _MOMENT.match(clause, mention.end + 1)


def _ties(clause: str, mentions: list[Mention]) -> list[Claim]:
    found = []
    for tie, words in TIES.items():
        for word in words:
            at = clause.find(word)
            if at < 0:
                continue
            owners = [
                mention
                for mention in mentions
                if mention.end <= at and at - mention.end <= 6 and (_owns(clause, mention) or word == "养的")
            ]
            if not owners:
                continue
            owner = owners[-1]
            subjects = [mention for mention in mentions if mention.end <= owner.start]
            if (
                subjects
                and re.search("是|为|当|做", clause[subjects[-1].end : owner.start])
                and "哪" not in clause[subjects[-1].end : at]
            ):
                found.append(Claim(owner.entry.id, tie, subjects[-1].entry.id, word))
                break
            named = next((mention for mention in mentions if mention.start == at + len(word)), None)
            if named is not None and named.entry is not owner.entry:
                found.append(Claim(owner.entry.id, tie, named.entry.id, word))
                break
    return found


@dataclass(frozen=True, slots=True)
class _Told:
    """An event as claims are held against it: its folded words, and who is named in it."""

    words: str
    text: str
    event_id: str
    named: frozenset[str]
    spans: tuple[tuple[str, int, int], ...]
    claims: tuple[Claim, ...]

    def tells(self, claim: Claim) -> bool:
        """Whether both are named here, and a word of the deed stands, not denied, close to both of them.

        Not when the sentence plainly gives the deed to another, or only reports that one asked or said it.
        """
        if claim.agent not in self.named or claim.patient not in self.named:
            return False
        if any(
            known.deed == claim.deed and known.patient == claim.patient and known.agent != claim.agent for known in self.claims
        ):
            return False
        doers, sufferers = self.spans_of(claim.agent), self.spans_of(claim.patient)
        if claim.deed in _PLAIN and not (doers and sufferers):
            return False
        whole = [(0, len(self.words))]
        for word in _TIE_TELLING.get(claim.deed) or TELLING[claim.deed]:
            for start, end in sufferers or whole:
                at = self._find(word, max(0, start - _NEAR), end + _NEAR)
                if at < 0 or _DENIED.search(self.words[max(0, at - 4) : at]) or _REFUSED.search(self.words[max(0, at - 9) : at]):
                    continue
                for first, last in doers or whole:
                    if first - _FAR <= at <= last + _FAR and not _REPORTED.search(self.words[last:at]):
                        return True
        return False

    def _find(self, word: str, start: int, end: int) -> int:
        """The first place of a word in [start, end) that is no part of a name (灭 in 灭法国); -1 when there is none."""
        at = self.words.find(word, start, end)
        while at >= 0 and any(first < at + len(word) and at < last for _, first, last in self.spans):
            at = self.words.find(word, at + 1, end)
        return at

    def spans_of(self, name: str) -> list[tuple[int, int]]:
        return [(start, end) for known, start, end in self.spans if known == name]


@cache
def _told() -> dict[str, tuple[_Told, ...]]:
    """The events by the ids of whoever is named in them. Built once, in some tenths of a second."""
    lexicon = load_lexicon()
    by_name: dict[str, list[_Told]] = {}
    for event in load_events():
        words = fold_loosely("\n".join((event.text, *event.also)))
        spans = tuple((mention.entry.id, mention.start, mention.end) for mention in lexicon.mentions(words))
        named = {name for name, _, _ in spans}
        named |= {entry.id for person in event.people if (entry := lexicon.named(person)) is not None}
        told = _Told(words, event.text, event.id, frozenset(named), spans, read_claims(words, lexicon))
        for name in named:
            by_name.setdefault(name, []).append(told)
    return {name: tuple(items) for name, items in by_name.items()}


def judge(claim: Claim, lexicon: Lexicon) -> Judgement:
    """Whether the events support a claim, say that another did it (or that it was the other way round), or are silent."""
    deed = claim.deed
    told = _told().get(claim.patient, ())
    alike = {deed, _OTHER_SIDE.get(deed, deed)}
    read = [(known, item) for item in told for known in item.claims if known.deed in alike]
    for known, item in read:
        straight = known.deed == deed and (known.agent, known.patient) == (claim.agent, claim.patient)
        turned = known.deed == _OTHER_SIDE.get(deed) and (known.agent, known.patient) == (claim.patient, claim.agent)
        if straight or turned:
            return Judgement(claim, "supported", (), item.text, item.event_id)
    if deed not in TIES:
        for known, item in read:
            if known.deed == deed and (known.agent, known.patient) == (claim.patient, claim.agent):
                return Judgement(claim, "contradicted", (_name(lexicon, claim.patient),), item.text, item.event_id)
    for known, item in read:
        if known.deed == deed and known.patient == claim.patient and deed in _SINGLE:
            return Judgement(claim, "contradicted", (_name(lexicon, known.agent),), item.text, item.event_id)
    for item in told:
        if item.tells(claim):
            return Judgement(claim, "supported", (), item.text, item.event_id)
    return Judgement(claim, "unknown")


def untold(question: str, lexicon: Lexicon) -> tuple[str, str] | None:
    """(name, what is asked of it) when a question asks for a relative, a death or a marriage of which no event tells."""
    folded = fold_loosely(question)
    for clause in _SCENE_CUT.split(folded):
        beings = [mention for mention in lexicon.mentions(clause) if mention.entry.kind in BEINGS]
        for mention in beings:
            asked = _RELATIVE.match(clause, mention.end)
            if asked is not None and not _near(mention.entry.id, _ASKED[asked[1]]):
                return mention.entry.name, asked[1]
        if len(beings) == 1 and re.search("怎么死|死的|死了|死在|谁打死|谁杀", clause) and not _near(beings[0].entry.id, _DEATH):
            return beings[0].entry.name, "死"
    return None


def _near(name: str, words: tuple[str, ...]) -> bool:
    """Whether an event has one of the words close to a name."""
    for item in _told().get(name, ()):
        for start, end in item.spans_of(name) or [(0, len(item.words))]:
            window = item.words[max(0, start - _NEAR) : end + _NEAR]
            if any(word in window for word in words):
                return True
    return False


# What is asked of someone, and the words by which an event would tell it.
_ASKED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("爸爸", "父亲", "爹", "老爸"), ("父", "爹")),
    **dict.fromkeys(("妈妈", "母亲", "老妈"), ("母", "妈")),
    **dict.fromkeys(("爹妈", "父母", "爹娘", "爸妈"), ("父", "母", "爹")),
    **dict.fromkeys(("儿子", "孩子"), ("儿", "子", "生")),
    "女儿": ("女", "公主"),
    **dict.fromkeys(("妻子", "老婆", "媳妇"), ("妻", "夫人", "媳妇", "娶", "婆", "招", "公主", "女")),
    **dict.fromkeys(("丈夫", "老公"), ("夫", "嫁", "招", "妻", "王")),
    **dict.fromkeys(("哥哥", "弟弟", "妹妹", "姐姐"), ("兄", "弟", "哥", "妹", "姐", "姊")),
    **dict.fromkeys(("师父", "师傅"), ("师", "教", "传授")),
}
_RELATIVE = re.compile("(?:的|他|她)?(?:亲)?(" + "|".join(sorted(_ASKED, key=len, reverse=True)) + ")")
_DEATH = ("打死", "杀", "斩", "死在", "死了", "死后", "烧死", "砍", "害死", "咬死", "剿", "丧命", "而死", "打成", "结果了")


def strangers(question: str, lexicon: Lexicon) -> tuple[str, ...]:
    """The names of those whom a clause of the question brings together and no scene of the events does; () when there are none.

    A scene is an event with the two before and after it in its chapter; places need only be of the same chapter.
    """
    scenes = _scenes()
    for clause in _SCENE_CUT.split(fold_loosely(question)):
        entries = list(dict.fromkeys(m.entry for m in lexicon.mentions(clause) if m.entry.kind not in ("term", "office")))
        if len(entries) < 2:
            continue
        everyone = {entry.id for entry in entries}
        acting = {entry.id for entry in entries if entry.kind != "place"}
        chapters = {number for number, named in scenes.chapters.items() if everyone <= named}
        if not any(number in chapters and acting <= named for number, named in scenes.windows):
            return tuple(entry.name for entry in entries)
    return ()


@dataclass(frozen=True, slots=True)
class _Scenes:
    chapters: dict[int, set[str]]
    windows: tuple[tuple[int, frozenset[str]], ...]


@cache
def _scenes() -> _Scenes:
    by_event = event_names()
    named: list[tuple[int, frozenset[str]]] = []
    chapters: dict[int, set[str]] = {}
    for event in load_events():
        who = by_event.get(event.id, frozenset())
        named.append((event.chapter, who))
        chapters.setdefault(event.chapter, set()).update(who)
    windows = []
    for at, (number, _) in enumerate(named):
        near = named[max(0, at - 2) : at + 3]
        windows.append((number, frozenset().union(*(who for chapter, who in near if chapter == number))))
    return _Scenes(chapters, tuple(dict.fromkeys(windows)))


@cache
def event_names() -> dict[str, frozenset[str]]:
    """{event id: ids of the lexicon entries named in it, its place among them}."""
    lexicon = load_lexicon()
    names = {item.event_id: item.named for items in _told().values() for item in items}
    for event in load_events():
        place = lexicon.named(event.place) if event.place else None
        if place is not None:
            names[event.id] = names.get(event.id, frozenset()) | {place.id}
    return names


def _name(lexicon: Lexicon, identifier: str) -> str:
    entry = lexicon.get(identifier)
    return entry.name if entry is not None else identifier


_NEAR, _FAR = 10, 24
# Deeds of which an event that tells them names both sides in its sentence.
_PLAIN = frozenset({"kill", "marry", "eat", "steal", "give", "teach"})
_DENIED = re.compile("没|不|未|想|要|劝|假|怕|险|几乎|谎|骗|说|叫")
_REFUSED = re.compile("逼|拒|不肯|不敢|谎|没有|诬|冤")
_REPORTED = re.compile("谁|问|疑|以为|责怪")
# A patient suffers these once, from one agent.
_SINGLE = frozenset({"kill", "mount", "parent"})
# Besides beings, what deeds may be done to.
_ACTING = frozenset({"treasure", "weapon"})
_WORDS = sorted(((word, deed) for deed, words in DEEDS.items() for word in words), key=lambda item: -len(item[0]))
