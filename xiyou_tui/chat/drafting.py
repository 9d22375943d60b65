"""Samples drafted from the written index, for a person to review: facts with their quotes, and refusals of all three kinds.

No model takes part. A fact is a question of ours on an event, told by its sentence and quoted at the phrase it rests on; a refusal
is drafted only where the rules that the chat refuses by would refuse it. All arrive in review and train nothing before that.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, zip_longest

from xiyou_tui.chat.asked import left_untold
from xiyou_tui.chat.famous import load_deed_words, told_otherwise
from xiyou_tui.chat.scope import find_foreign, load_domains
from xiyou_tui.chat.untold import find_silence
from xiyou_tui.chat.wanted import find_lack
from xiyou_tui.corpus.events import AnchoredEvent, anchor_events
from xiyou_tui.corpus.lexicon import BEINGS, Lexicon, load_lexicon
from xiyou_tui.corpus.library import Library
from xiyou_tui.corpus.model import Citation, Edition, chinese_number
from xiyou_tui.corpus.popular import load_popular
from xiyou_tui.errors import SampleError
from xiyou_tui.samples.citations import locate_sentence
from xiyou_tui.samples.duplicates import NearIndex
from xiyou_tui.samples.model import REFUSAL_PHRASE, REFUSAL_REASONS, Sample, new_sample
from xiyou_tui.samples.store import SampleFilter, SampleStore
from xiyou_tui.storage.places import find_assets

# Questions as near as this to one that is there, or to one that the model is examined with, are not drafted.
NEAR = 0.5
LONGEST_QUOTE = 60
# A book of which the index tells hardly anything (another novel) can't be drafted from.
LEAST_EVENTS = 100
# Nothing is asked of those whom the text names only once.
LEAST_NAMED = 2
# Some of ours are notes of what somebody might look for (八戒躲进草里), no questions.
_INTERROGATIVE = re.compile("谁|什么|啥|怎|咋|为何|哪|几|多少|多[久大高长远重]|吗|何处|何时|干嘛|是不是|有没有")
# 他对村里有什么好处 is no question without the one before it.
_LEANING = re.compile("[他她它那这]")
_KINDS = (
    ("quote", re.compile("原话|说了?(?:句|什么|啥)|写了?什么|哪[几两]?句|什么诗|咋说|怎么说")),
    ("count", re.compile("几[个次只条年天岁名位回]|多少|多重|多大|多高|多久")),
    ("explain", re.compile("为什么|为啥|为何|怎么会|凭什么|原因|什么意思")),
)
# What readers like to know of somebody; only what the novel does not give is drafted.
_ASKS = (
    "{}今年多大年纪？", "{}的母亲叫什么名字？", "{}的父亲叫什么名字？", "{}骑的是什么坐骑？", "{}的本领是跟谁学的？", "{}娶了谁？", "{}有多高？",
    "{}有几个孩子？", "{}是什么变的？", "{}有哥哥吗？", "{}是在哪里出生的？", "{}最爱吃什么？", "{}修炼了多少年？",
)  # fmt: skip
_PREMISES = ("{who}为什么{verb}{what}？", "{who}是怎么{verb}{what}的？", "{who}是什么时候{verb}{what}的？")
_FOREIGN = ("《西游记》里怎么写{}的？", "原著哪一回写到{}？", "{}在《西游记》里出现过吗？")
_BOOKS = ("红楼梦", "三国演义", "水浒传", "封神演义", "其他小说", "神话传说")
_DOERS = ("孙悟空", "猪八戒", "沙僧", "唐僧", "白龙马", "观音菩萨", "太上老君", "二郎神", "哪吒", "托塔李天王", "太白金星", "牛魔王", "红孩儿")


@dataclass(frozen=True, slots=True)
class Order:
    """What to draft: how many, which share of them refusals, from which chapters (none given: all). The same seed draws the same."""

    count: int = 20
    refusals: float = 0.3
    chapters: tuple[int, ...] = ()
    seed: int = 0


def draft_samples(order: Order, edition: Edition, lexicon: Lexicon, known: Iterable[Sample]) -> tuple[Sample, ...]:
    """Up to `order.count` samples in review, facts and refusals mixed; fewer where nothing new is left to draft.

    Chapters that the `known` samples cite least come first, and nothing near a known question is drafted again. Raises SampleError
    on the synopsis volume and on a book that the index does not tell of: there is nothing to quote.
    """
    anchored = () if edition.is_synopsis else anchor_events(edition)
    if len(anchored) < LEAST_EVENTS:
        raise SampleError(
            "起草要引原著的字句，当前底本里没有。", next_step="先在原著页按 o 导入《西游记》，或按 w 从网上取。", code="nothing-to-quote"
        )
    chance = random.Random(order.seed)
    samples = list(known)
    near = NearIndex((sample.id, sample.question) for sample in samples)
    for number, question in enumerate(_examined()):
        near.put(f"examined-{number}", question)
    refused = round(order.count * min(1.0, max(0.0, order.refusals)))
    cited = Counter(citation.chapter for sample in samples for citation in sample.citations)
    refusals = _take(_refusals(edition, lexicon, chance), refused, near)
    facts = _take(_facts(anchored, edition, order.chapters, cited, chance), order.count - len(refusals), near)
    mixed = [*facts, *refusals]
    chance.shuffle(mixed)
    return tuple(mixed)


def _take(drafts: Iterator[Sample], count: int, near: NearIndex) -> list[Sample]:
    """The first `count` drafts whose questions are new."""
    taken: list[Sample] = []
    for draft in drafts:
        if len(taken) >= count:
            break
        if not near.near(draft.question, threshold=NEAR):
            near.put(draft.id, draft.question)
            taken.append(draft)
    return taken


def _facts(
    anchored: Sequence[AnchoredEvent], edition: Edition, chapters: Sequence[int], cited: Counter[int], chance: random.Random
) -> Iterator[Sample]:
    """Drafts on events, one chapter after another, those cited least first, and round again."""
    by_chapter: dict[int, list[AnchoredEvent]] = {}
    for item in anchored:
        if (item.event.asks or item.event.id in _first_asked()) and (not chapters or item.chapter in chapters):
            by_chapter.setdefault(item.chapter, []).append(item)
    for items in by_chapter.values():
        chance.shuffle(items)
    order = sorted(by_chapter, key=lambda chapter: (cited[chapter], chance.random()))
    for item in chain.from_iterable(zip_longest(*(by_chapter[chapter] for chapter in order))):
        draft = None if item is None else _fact(item, edition, chance)
        if draft is not None:
            yield draft


def _fact(item: AnchoredEvent, edition: Edition, chance: random.Random) -> Sample | None:
    citation = locate_sentence(item.event.key, edition, item.chapter)
    if citation is None:
        return None
    # What every reader asks first comes before what only this event answers.
    asks = _first_asked().get(item.event.id, item.event.asks)
    asks = tuple(words for words in asks if _INTERROGATIVE.search(words) and not _LEANING.match(words))
    if not asks:
        return None
    question = _asking(chance.choice(asks))
    kind = next((kind for kind, words in _KINDS if words.search(question)), "fact")
    answer = f"{item.event.text}。原文：“{_quote(item, citation, edition)}”（{edition.chapter(item.chapter).label}）。"
    tags = tuple(dict.fromkeys((*item.event.people[:3], item.event.place)))
    return new_sample(
        kind, question, answer, citations=(citation,), status="review", source="index", tags=tuple(tag for tag in tags if tag)
    )


def _quote(item: AnchoredEvent, citation: Citation, edition: Edition) -> str:
    """The sentence where it is short and holds no speech of its own; else the phrase that the event rests on."""
    sentence = edition.resolve(citation)
    plain = sentence.strip("“”‘’ \u3000")
    if len(plain) <= LONGEST_QUOTE and not re.search("[“”‘’\n]", plain):
        return plain
    return edition.chapter(item.chapter).text[item.start : item.end].strip("“”‘’，。：；")


def _refusals(edition: Edition, lexicon: Lexicon, chance: random.Random) -> Iterator[Sample]:
    """Drafts of refusals, the three kinds in turn."""
    kinds = (_untold(edition, lexicon, chance), _false(lexicon, chance), _foreign(edition, lexicon, chance))
    for drafts in zip_longest(*kinds):
        yield from (draft for draft in drafts if draft is not None)


def _untold(edition: Edition, lexicon: Lexicon, chance: random.Random) -> Iterator[Sample]:
    asked = [(entry, form) for entry in lexicon.entries if entry.kind in BEINGS for form in _ASKS]
    chance.shuffle(asked)
    for entry, form in asked:
        if sum(lexicon.appearances(entry, edition).values()) < LEAST_NAMED:
            continue
        question = form.format(entry.name)
        note = find_silence(question, lexicon) or left_untold(question, lexicon)
        if not note and (lack := find_lack(question, edition, lexicon)) is not None:
            note = lack.note
        if note:
            yield _refusal(question, f"{REFUSAL_PHRASE}。{note}", "not-told", entry.name)


def _false(lexicon: Lexicon, chance: random.Random) -> Iterator[Sample]:
    deeds = list(load_deed_words())
    chance.shuffle(deeds)
    for verb, what, rightful in deeds:
        if verb.startswith("拜"):
            continue
        verb = f"被{verb}" if verb.startswith("封") else verb
        doers = [name for name in _DOERS if name not in rightful and name != what]
        question = chance.choice(_PREMISES).format(who=chance.choice(doers), verb=verb, what=what)
        told = told_otherwise(question, lexicon)
        if told is not None:
            where = f"（第{chinese_number(told.chapter)}回）" if 0 < told.chapter <= 100 else ""
            yield _refusal(question, f"{REFUSAL_PHRASE}这件事。书里写的是：{told.told}{where}。", "false-premise", what)


def _foreign(edition: Edition, lexicon: Lexicon, chance: random.Random) -> Iterator[Sample]:
    named = [
        (word, domain.label) for domain in load_domains() if domain.name in _BOOKS for word in domain.words if word not in domain.label
    ]
    chance.shuffle(named)
    for word, label in named:
        question = chance.choice(_FOREIGN).format(word)
        found = find_foreign(question, edition, lexicon)
        if found is None or not found.certain:
            continue
        yield _refusal(question, f"{REFUSAL_PHRASE}。{word}出自{label}，不在《西游记》里。", "out-of-scope", word)


def _refusal(question: str, answer: str, reason: str, tag: str) -> Sample:
    return new_sample(
        "refusal", question, answer, refusal=True, reason=REFUSAL_REASONS[reason], status="review", source="index", tags=(tag,)
    )


def _asking(words: str) -> str:
    return words if words.endswith(("？", "?")) else f"{words}？"


@cache
def _first_asked() -> dict[str, tuple[str, ...]]:
    """The popular questions by the event that answers them best."""
    found: dict[str, tuple[str, ...]] = {}
    for popular in load_popular():
        found[popular.events[0]] = (*found.get(popular.events[0], ()), *popular.asks)
    return found


@cache
def _examined() -> tuple[str, ...]:
    """The questions of the sets that ship: what the model is examined with must not be trained on."""
    lines = [line for path in sorted((find_assets() / "questions").glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    return tuple(str(json.loads(line)["question"]) for line in lines)


def draft_into(store: SampleStore, library: Library, order: Order) -> tuple[Sample, ...]:
    """Draft and save, as one step that can be undone. The bin counts as known: what was thrown away is not drafted again."""
    known = [*store.list(), *store.list(SampleFilter(deleted=True))]
    drafted = draft_samples(order, library.current(), load_lexicon(), known)
    with store.batch():
        for sample in drafted:
            store.save(sample, action="起草")
    return drafted


def parse_chapters(typed: str) -> tuple[int, ...]:
    """1-10 or 3,27 as chapter numbers; nothing for nothing. Raises SampleError for anything else."""
    chapters: list[int] = []
    for piece in filter(None, re.split(r"[,，、\s]+", typed.strip())):
        match = re.fullmatch(r"(\d{1,3})(?:[-–—~至到](\d{1,3}))?", piece)
        if match is None or not 1 <= int(match[1]) <= int(match[2] or match[1]):
            raise SampleError(f"看不懂回数「{piece}」。", next_step="写作 1-10 或 3,27。", code="bad-chapters")
        chapters += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(dict.fromkeys(chapters))
