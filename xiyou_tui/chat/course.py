"""The course of the journey: what comes before what, and who learnt from whom."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from xiyou_tui.chat.roles import Clause, Otherwise, load_roles
from xiyou_tui.corpus.events import load_events
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Lexicon, load_lexicon

_FIRST_THEN = re.compile("先(.{2,14}?)(?:再|然后|之后|以后|后来|后|才)(.{2,14})")
_FRONT_BACK = re.compile("(.{2,12}?)在[前先][、，,]?(.{2,14}?)在后")
_BEFORE = re.compile("(.{2,12}?)(?:之前|以前)(?:就|已经|早就|先)+(.{2,14})")
# When the companions joined; a place counts where the journey has several events in one chapter.
_JOINED = {"sun-wukong": 14, "white-dragon-horse": 15, "zhu-bajie": 19, "sha-seng": 22}
_SETTING_OUT, _SEVERAL, _SLACK = 12, 3, 3
_LEARNING = re.compile(
    "(?:拜|认)(?:了|过)?(.{2,8}?)(?:为|做|作|当)师|(?:从|跟|向|随)(.{2,8}?)(?:那里|那儿|手里|处|身边)?(?:学|拜师)|(?:是|当)(.{2,8}?)的.{0,4}(?:徒弟|弟子)"
)


def wrong_order(question: str, lexicon: Lexicon) -> Otherwise | None:
    """先到 A 再到 B, A 在前 B 在后, B 之前就 A, where the way comes to B first."""
    folded = fold_loosely(question)
    match = _FIRST_THEN.search(folded) or _FRONT_BACK.search(folded)
    before = _BEFORE.search(folded) if match is None else None
    if match is None and before is None:
        return None
    parts = match.groups() if match is not None else before.groups()[::-1] if before is not None else ()
    first, then = (lexicon.mentions(part) for part in parts)
    stops = [max((_stop(m.entry.id) for m in part), default=0) for part in (first, then)]
    # A role's chapter is that of its end, which may be a few after the meeting.
    slack = _SLACK if any(m.entry.id in load_roles() for part in (first, then) for m in part) else 0
    if all(stops) and stops[0] > stops[1] + slack:
        return Otherwise(f"{then[0].entry.name}在第{stops[1]}回，{first[0].entry.name}在第{stops[0]}回，先后正好相反", stops[1])
    return None


def _stop(identifier: str) -> int:
    """The chapter in which the journey comes to a place or meets someone: for places the first with several events there."""
    if identifier in _JOINED:
        return _JOINED[identifier]
    role = load_roles().get(identifier)
    return role.chapter if role is not None and role.chapter else _stops().get(identifier, 0)


@cache
def _stops() -> dict[str, int]:
    lexicon, counts = load_lexicon(), Counter[tuple[str, int]]()
    for event in load_events():
        place = lexicon.named(event.place) if event.place else None
        if place is not None and event.chapter > _SETTING_OUT:
            counts[place.id, event.chapter] += 1
    stops: dict[str, int] = {}
    for (place_id, chapter), often in sorted(counts.items(), key=lambda item: item[0][1]):
        if often >= _SEVERAL:
            stops.setdefault(place_id, chapter)
    return stops


def learnt_elsewhere(clause: Clause) -> Otherwise | None:
    """Someone whose master is told is said to have learnt from another."""
    match = _LEARNING.search(clause.text)
    if match is None:
        return None
    index = match.lastindex or 0
    masters = [m for m in clause.beings if match.start(index) <= m.start and m.end <= match.end(index)]
    pupils = [m for m in clause.beings if m.end <= match.start()]
    if not masters or not pupils:
        return None
    role = load_roles().get(pupils[-1].entry.id)
    if role is None or masters[-1].entry.id in role.kin["teacher"]:
        return None
    told = [entry.name for name in sorted(role.kin["teacher"]) if (entry := load_lexicon().get(name)) is not None]
    if not told:
        return None
    return Otherwise(f"{pupils[-1].entry.name}的师父是{'、'.join(told)}", role.chapter)
