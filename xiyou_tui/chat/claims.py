"""Who did what to whom: claims read out of a modern sentence, for false premises and for a model's own words.

Reads only plain patterns: A 打死 B, A 把 B 收走, B 被 A 吃掉, B 是 A 的坐骑. What it can't read it leaves alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from xiyou_tui.chat.deeds import TIES, WORDS
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import BEINGS, Lexicon, Mention

# What is wished, feared or denied is not claimed.
_UNREAL = re.compile("去|想|打算|企图|准备|要不|没有|没|不|别|差点|险些|假装|谎称|说要|会不会|有没有|是否|能否|怎么不|为什么不")
_CLAUSE = re.compile(r"[，。！？；：、,!?;:\s]")
# 打死玉面公主的时候: the 的 belongs to the moment.
_MOMENT = re.compile("时候|时|那|话|事|原因|吗|是|$")
_GAP = 8
# At each place the longest word, since WORDS has the longest first.
_DEED = re.compile("|".join(word for word, _ in WORDS))
_DEED_OF = dict(reversed(WORDS))
# Besides beings, what deeds may be done to.
_ACTING = frozenset({"treasure", "weapon"})


@dataclass(frozen=True, slots=True)
class Claim:
    """A deed or tie read from a sentence: `agent` did `deed` to `patient` (ids of lexicon entries); ties: patient is agent's X."""

    agent: str
    deed: str
    patient: str
    words: str


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
    start = 0
    for end in [*(match.start() for match in _CLAUSE.finditer(folded)), len(folded)]:
        if end > start:
            inside = [Mention(m.entry, m.start - start, m.end - start) for m in beings if start <= m.start and m.end <= end]
            yield folded[start:end], inside
        start = end + 1


def _deeds(clause: str, mentions: list[Mention]) -> list[Claim]:
    found: list[Claim] = []
    if len(mentions) < 2:
        return found
    for match in _DEED.finditer(clause):
        word, at = match.group(), match.start()
        deed = _DEED_OF[word]
        if any(m.start < match.end() and at < m.end for m in mentions):
            continue
        pair = _pair(clause, mentions, at, match.end())
        if pair is not None and len(word) == 1 and pair[1].start > at + 3:
            # A single character is part of many a word; it counts where the one who suffers it follows at once.
            continue
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
    found: list[Claim] = []
    if len(mentions) < 2:
        return found
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
