"""What the event index tells: whether a claim is told, told otherwise or not at all; who never meets; what is left untold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise
from typing import Literal

from xiyou_tui.chat.claims import Claim, read_claims
from xiyou_tui.chat.deeds import OTHER_SIDE, TELLING, TIES
from xiyou_tui.chat.nearby import mentions_in
from xiyou_tui.chat.roles import load_roles
from xiyou_tui.corpus.events import load_events
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import BEINGS, Entry, Lexicon, load_lexicon
from xiyou_tui.corpus.model import Edition

_SCENE_CUT = re.compile(r"[，。！？；：、,!?;:\s]|的时候|以后|之后|之前|那会儿|那晚")
_NEAR, _FAR = 10, 24
# Deeds of which an event that tells them names both sides in its sentence.
_PLAIN = frozenset({"kill", "marry", "eat", "steal", "give", "teach"})
_DENIED = re.compile("没|不|未|想|要|劝|假|怕|险|几乎|谎|骗|说|叫")
_REFUSED = re.compile("逼|拒|不肯|不敢|谎|没有|诬|冤")
_REPORTED = re.compile("谁|问|疑|以为|责怪")
# A patient suffers these once, from one agent.
_SINGLE = frozenset({"kill", "mount", "parent"})
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


# Deeds and ties by the kin that the patient is to the agent, and the agent to the patient ("": the table lists no such).
_KIN_OF = {
    "marry": ("spouse", "spouse"), "spouse": ("spouse", "spouse"), "child": ("children", "parents"), "parent": ("parents", "children"),
    "master": ("teacher", ""), "disciple": ("", "teacher"), "teach": ("", "teacher"), "sibling": ("siblings", "siblings"), "bear": ("children", "parents"),
}  # fmt: skip
Outcome = Literal["supported", "contradicted", "unknown"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the events say about a claim; `others` are names of those who really did it, `event` the sentence that says so."""

    claim: Claim
    outcome: Outcome
    others: tuple[str, ...] = ()
    event: str = ""
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """An event as claims are held against it: its folded words, and who is named in it."""

    words: str
    text: str
    event_id: str
    named: frozenset[str]
    spans: tuple[tuple[str, int, int], ...]

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims of its sentence, read when first asked for."""
        return _claims(self.words)

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
        for word in TELLING[claim.deed]:
            for start, end in sufferers or whole:
                at = self.find_word(word, max(0, start - _NEAR), end + _NEAR)
                if at < 0 or _DENIED.search(self.words[max(0, at - 4) : at]) or _REFUSED.search(self.words[max(0, at - 9) : at]):
                    continue
                for first, last in doers or whole:
                    if first - _FAR <= at <= last + _FAR and not _REPORTED.search(self.words[last:at]):
                        return True
        return False

    def find_word(self, word: str, start: int, end: int) -> int:
        """The first place of a word in [start, end) that is no part of a name (灭 in 灭法国); -1 when there is none."""
        at = self.words.find(word, start, end)
        while at >= 0 and any(first < at + len(word) and at < last for _, first, last in self.spans):
            at = self.words.find(word, at + 1, end)
        return at

    def spans_of(self, name: str) -> list[tuple[int, int]]:
        return [(start, end) for known, start, end in self.spans if known == name]


@cache
def _claims(words: str) -> tuple[Claim, ...]:
    return read_claims(words, load_lexicon())


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
        told = _Told(words, event.text, event.id, frozenset(named), spans)
        for name in named:
            by_name.setdefault(name, []).append(told)
    return {name: tuple(items) for name, items in by_name.items()}


def judge(claim: Claim, lexicon: Lexicon) -> Judgement:
    """Whether the events support a claim, say that another did it (or that it was the other way round), or are silent."""
    deed = claim.deed
    told = _told().get(claim.patient, ())
    alike = {deed, OTHER_SIDE.get(deed, deed)}
    read = [(known, item) for item in told for known in item.claims if known.deed in alike]
    for known, item in read:
        straight = known.deed == deed and (known.agent, known.patient) == (claim.agent, claim.patient)
        turned = known.deed == OTHER_SIDE.get(deed) and (known.agent, known.patient) == (claim.patient, claim.agent)
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
    return Judgement(claim, "supported" if _in_tables(claim) else "unknown")


def _in_tables(claim: Claim) -> bool:
    """Whether the table of roles has it: who killed or took whom, and who is kin to whom."""
    roles = load_roles()
    agent, patient = roles.get(claim.agent), roles.get(claim.patient)
    if patient is not None:
        done = {"kill": patient.killed, "subdue": patient.taken | patient.killed, "seize": patient.taken, "mount": patient.owner}
        if claim.agent in done.get(claim.deed, frozenset()):
            return True
    of_agent, of_patient = _KIN_OF.get(claim.deed, ("", ""))
    return (agent is not None and claim.patient in agent.kin.get(of_agent, ())) or (
        patient is not None and claim.agent in patient.kin.get(of_patient, ())
    )


def not_owned(question: str, lexicon: Lexicon) -> tuple[str, str, str] | None:
    """(who, thing, real owner) when a question gives someone a weapon or treasure that is another's (沙僧的九齿钉耙)."""
    folded = fold_loosely(question)
    mentions = lexicon.mentions(folded)
    for owner, thing in pairwise(mentions):
        if (
            thing.entry.kind not in ("weapon", "treasure")
            or owner.entry.kind not in BEINGS
            or folded[owner.end : thing.start] != "的"
        ):
            continue
        owners = [entry for entry in lexicon.entries if entry.kind in BEINGS and thing.entry.id in entry.related]
        if owners and owner.entry not in owners and owner.entry.id not in thing.entry.related:
            return owner.entry.name, thing.entry.name, owners[0].name
    return None


def untold(question: str, edition: Edition, lexicon: Lexicon) -> tuple[str, str] | None:
    """(name, what is asked of it) when a question asks for a relative or a death of which no event tells and the text nowhere near
    the name."""
    folded = fold_loosely(question)
    for clause in _SCENE_CUT.split(folded):
        beings = [mention for mention in lexicon.mentions(clause) if mention.entry.kind in BEINGS]
        for mention in beings:
            asked = _RELATIVE.match(clause, mention.end)
            if asked is not None and not _near(mention.entry, _ASKED[asked[1]], edition, lexicon, _NEAR):
                return mention.entry.name, asked[1]
        if (
            len(beings) == 1
            and re.search("怎么死|死的|死了|死在|谁打死|谁杀", clause)
            and not _near(beings[0].entry, _DEATH, edition, lexicon, _FAR)
        ):
            return beings[0].entry.name, "死"
    return None


def _near(entry: Entry, words: tuple[str, ...], edition: Edition, lexicon: Lexicon, reach: int) -> bool:
    """Whether an event, or the text, has one of the words close to a name."""
    for item in _told().get(entry.id, ()):
        for start, end in item.spans_of(entry.id) or [(0, len(item.words))]:
            window = item.words[max(0, start - reach) : end + reach]
            if any(word in window for word in words):
                return True
    return any(word in window for window in mentions_in(edition, lexicon, entry, reach) for word in words)


def strangers(question: str, lexicon: Lexicon) -> tuple[str, ...]:
    """The names of those whom a clause of the question brings together and no scene of the events does; () when there are none.

    A scene is an event with the two before and after it in its chapter; places need only be of the same chapter.
    """
    scenes = _scenes()
    if re.search("什么关系|啥关系|亲戚", question):
        # Who is kin need not meet.
        return ()
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


def events_naming(first: str, second: str) -> tuple[str, ...]:
    """The folded words of every event that names both (ids of entries)."""
    return tuple(item.words for item in _told().get(first, ()) if second in item.named)


def never_together(question: str, lexicon: Lexicon) -> tuple[str, str] | None:
    """Two names of the question that nothing tells together and the lexicon does not relate; None when there are none.

    Beings and things have to stand in one event; a place or an art in an event or the one before or after it.
    """
    entries = list(dict.fromkeys(m.entry for m in lexicon.mentions(fold_loosely(question)) if m.entry.kind not in ("sutra", "term", "office")))
    for first, second in combinations(entries, 2):
        pair = frozenset((first.id, second.id))
        near = {first.kind, second.kind} & {"place", "term"}
        if second.id in first.related or first.id in second.related or pair in _pairs(1 if near else 0):
            continue
        return first.name, second.name
    return None


@cache
def _pairs(around: int) -> frozenset[frozenset[str]]:
    """All twos that some event names together, or it and those up to so many before and after it in its chapter."""
    by_event, events = event_names(), load_events()
    found: set[frozenset[str]] = set()
    for at, event in enumerate(events):
        near = events[max(0, at - around) : at + around + 1]
        named = frozenset().union(*(by_event.get(other.id, frozenset()) for other in near if other.chapter == event.chapter))
        found.update(frozenset(pair) for pair in combinations(named, 2))
    return frozenset(found)


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


def tellings_of(name: str) -> tuple[str, ...]:
    """The folded words of every event that names an entry (by its id)."""
    return tuple(item.words for item in _told().get(name, ()))


def _name(lexicon: Lexicon, identifier: str) -> str:
    entry = lexicon.get(identifier)
    return entry.name if entry is not None else identifier
