"""Who is what in the novel: written knowledge of origin, end, master and kin, complete for those it lists; and how a clause names doers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import BEINGS, Lexicon, Mention, load_lexicon
from xiyou_tui.storage.places import find_assets

# Somebody is told of, without a name or with a name and no entry of its own.
SOMEBODY, NAMED = "*", "+"
_CLAUSE = re.compile(r"[，。！？；：,!?;:\s]")
_NOT_DOING = ("给", "对", "跟", "向", "在", "从", "把", "将", "替", "帮", "问", "请", "求", "为", "到", "找")
_DISGUISE = re.compile("(?:变成|变作|变做|变化|扮成|假扮|冒充|装成|化作|变的|假冒|变|叫|说|像|假)(?:了|的|一个|个)?$")
_MOMENT = re.compile("时|那|话|事|原因|吗|是|$")
# Who or which one asks for the doer itself.
_ASKED = re.compile("(?<![用拿在把从到被])(?:谁|何人|哪一?[个位路尊些]|什么(?:人|妖|神|菩萨))")
_BODY = re.compile("的.{0,3}(?:手|脚|腿|头|眼|耳|鼻|胳膊|背|脸|嘴|心|肚|命|脑|脖|尾|臂|膊|指|角|牙|皮|身|病|伤)")
_MODIFIES = re.compile("(?:原来|原先|以前|从前|骑|带|穿|住|用|拿|变|养|收|手下|身边)[^，的]{0,4}的")
_PASSIVE = re.compile("被|遭")


@dataclass(frozen=True, slots=True)
class Role:
    """One figure. `origin` what it was before (folded words), the other names are ids; `open`: how it ended isn't told for sure."""

    who: str
    origin: tuple[str, ...]
    taken: frozenset[str]
    killed: frozenset[str]
    owner: frozenset[str]
    end: str
    chapter: int
    open: bool
    kin: dict[str, frozenset[str]]
    age: bool
    nameless: bool
    posts: tuple[str, ...]
    vanishes: bool
    dies: bool

    @property
    def fate_told(self) -> bool:
        """Whether the end is known, so that other ends can be denied."""
        return bool(self.end) and not self.open

    @property
    def mortal(self) -> bool:
        """Whether the novel tells, or may tell, of a death."""
        return bool(self.killed) or self.open or self.dies


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of a question (folded) without a mark, and the beings named in it."""

    text: str
    beings: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """Who does what a verb of a clause says, and to whom, as far as the clause shows it."""

    doers: tuple[Mention, ...]
    sufferers: tuple[Mention, ...]
    passive: bool


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What the text tells against the question: in words, and the chapter (0: none in particular)."""

    told: str
    chapter: int


@cache
def load_roles() -> dict[str, Role]:
    """{id: role} of everyone whom the shipped table lists."""
    lexicon = load_lexicon()
    roles = {}
    for record in _records():
        entry = lexicon.named(record["who"])
        if entry is None:
            continue
        kin = {tie: _ids(lexicon, record.get(tie, ())) for tie in ("children", "spouse", "parents", "siblings", "teacher")}
        roles[entry.id] = Role(
            entry.id,
            tuple(map(fold_loosely, record.get("origin", ()))),
            _ids(lexicon, record.get("taken", ())),
            _ids(lexicon, record.get("killed", ())),
            _ids(lexicon, record.get("owner", ())),
            str(record.get("end", "")),
            int(record.get("chapter", 0)),
            bool(record.get("open", False)),
            kin,
            bool(record.get("age", False)),
            bool(record.get("nameless", False)),
            tuple(map(fold_loosely, record.get("posts", ()))),
            bool(record.get("vanishes", False)),
            bool(record.get("dies", False)),
        )
    return roles


def role_end(role: Role) -> str:
    """The end of a role as a sentence with its name."""
    entry = load_lexicon().get(role.who)
    return (entry.name if entry is not None else "") + role.end


def clauses(question: str, lexicon: Lexicon) -> Iterator[Clause]:
    """The clauses of a question, with beings found by their names and by what they are called besides (国丈, 大象)."""
    for text in _CLAUSE.split(fold_loosely(question)):
        if not text:
            continue
        mentions = lexicon.mentions(text)
        beings = [mention for mention in mentions if mention.entry.kind in BEINGS]
        for word, identifier in _called():
            entry = lexicon.get(identifier)
            at = text.find(word)
            if entry is not None and at >= 0 and not any(m.start < at + len(word) and at < m.end for m in beings):
                beings.append(Mention(entry, at, at + len(word)))
        yield Clause(text, tuple(sorted(beings, key=lambda mention: mention.start)))


def read_action(clause: Clause, start: int, end: int) -> Action:
    """Doers and sufferers of the verb at [start, end): around 被, around 把, or before and after it."""
    text = clause.text
    acting = [mention for mention in clause.beings if not _DISGUISE.search(text[: mention.start])]
    before = [mention for mention in acting if mention.end <= start]
    after = [mention for mention in acting if mention.start >= end and not _owns(text, mention)]
    passive = next((match.start() for match in reversed(list(_PASSIVE.finditer(text, 0, start)))), -1)
    if passive >= 0:
        doers = [m for m in before if m.start > passive and not _owns(text, m)]
        # In 金角他妈被杀 and 跟黑熊精聊天、被打死的书生 it is not the one named before who suffers.
        sufferers = [m for m in before if m.end <= passive and not _owns(text, m) and not re.search("[他她它、]", text[m.end : passive])]
        return Action(tuple(doers[:1]), tuple(sufferers[-1:]) or tuple(after[:1]), True)
    held = [m for m in before if text[max(0, m.start - 1) : m.start] in ("把", "将", "给", "对")]
    free = [m for m in before if m not in held and not _owns(text, m) and not text[: m.start].endswith(_NOT_DOING)]
    doers = free[-1:]
    if doers and _ASKED.search(text, doers[0].end, start):
        doers = []
    while doers and free.index(doers[0]) > 0:
        other = free[free.index(doers[0]) - 1]
        if not re.fullmatch("[和与跟同、]|", text[other.end : doers[0].start]):
            break
        doers.insert(0, other)
    # 吃掉唐僧原来骑的马 is done to the horse.
    near = [m for m in after if m.start - end <= 8 and not _MODIFIES.match(text, m.end)]
    return Action(tuple(doers), tuple(held[-1:] or near[:1]), False)


def _owns(text: str, mention: Mention) -> bool:
    if _BODY.match(text, mention.end):
        return False
    return text[mention.end : mention.end + 1] == "的" and not _MOMENT.match(text, mention.end + 1)


@cache
def _records() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(line) for line in (find_assets() / "roles.jsonl").read_text("utf-8").splitlines())


@cache
def _called() -> tuple[tuple[str, str], ...]:
    lexicon = load_lexicon()
    found = []
    for record in _records():
        entry = lexicon.named(str(record["who"]))
        if entry is not None:
            found += [(fold_loosely(word), entry.id) for word in record.get("called", ())]
    return tuple(sorted(found, key=lambda item: -len(item[0])))


def _ids(lexicon: Lexicon, names: Sequence[str]) -> frozenset[str]:
    return frozenset(entry.id if (entry := lexicon.named(name)) is not None else name for name in names)
