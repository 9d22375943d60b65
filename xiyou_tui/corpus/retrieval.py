"""Ranked retrieval: the passages of an edition that answer a modern question, best first.

Three sources of evidence are added up: the words of the passage itself, the event sentences that rest on it (written in
modern words, they bridge the question to the old text), and how much its chapter is about the question.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from xiyou_tui.corpus.bm25 import GramIndex
from xiyou_tui.corpus.events import AnchoredEvent, Event, anchor, anchor_events, attach_to_chapters, load_events
from xiyou_tui.corpus.evidence import Evidence, Weigher
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Entry, Lexicon, load_lexicon
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.corpus.modern import load_modern
from xiyou_tui.corpus.own_questions import OwnQuestions
from xiyou_tui.corpus.passages import cut_passages
from xiyou_tui.corpus.query import FUNCTION, Query, analyse
from xiyou_tui.corpus.synopsis import load_synopsis


@dataclass(frozen=True, slots=True)
class Tuning:
    """The weights of the sources. Few on purpose; benchmarks/retrieval.py measures them on questions not tuned on."""

    text: float = 0.45
    near_event: float = 0.45
    near_characters: float = 80.0
    best_event: float = 0.5
    second_event: float = 0.5
    asked: float = 0.5
    asked_before: float = 0.6
    neighbour: float = 0.03
    chapter: float = 1.4
    within: float = 0.4
    scene: float = 0.36
    synopsis: float = 3.0
    saturation: float = 1.1
    named_chapter: float = 0.5
    single: float = 0.77
    function_pair: float = 0.6
    name: float = 2.0
    modern: float = 1.4
    hint: float = 5.0
    quoted: float = 2.0
    described: float = 1.0
    described_entries: int = 5


# Scoring loops touch at most so many postings; the commonest grams are left out first. Keeps the time flat as the text grows.
BUDGET = 10_000
CANDIDATES = 200
# From this share on an event speaks for a passage beside the one it rests on.
SPEAKS = 0.2
# Below this share it is not worth the loop.
FAINT = 0.08


@dataclass(frozen=True, slots=True)
class Feature:
    """A group of phrases of which the best one counts, or a single gram."""

    phrases: tuple[tuple[str, float], ...]
    weight: float
    scene: bool = False


# Documents, and what a phrase found in them is worth.
Postings = list[tuple[Sequence[int], float]]


@dataclass(slots=True)
class _Sums:
    """What the features of one question have added up to so far."""

    passages: dict[int, float] = field(default_factory=dict)
    events: dict[int, float] = field(default_factory=dict)
    chapters: dict[int, float] = field(default_factory=dict)
    total: float = 0.0


class Retriever:
    """Search over one edition. Building takes about a second for the novel; afterwards any thread may call."""

    def __init__(
        self, edition: Edition, *, lexicon: Lexicon | None = None, events: Iterable[Event] | None = None, tuning: Tuning | None = None
    ) -> None:
        self.edition = edition
        self.lexicon = lexicon or load_lexicon()
        self.tuning = tuning or Tuning()
        self._modern = load_modern()
        self.passages = cut_passages(edition)
        self.texts = GramIndex([fold_loosely(passage.text) for passage in self.passages])
        self.events = _anchored(edition, events)
        self.sentences = GramIndex([_sentence(item.event) for item in self.events])
        self._asked = GramIndex([fold_loosely("\n".join(item.event.asks)) for item in self.events])
        self._own = OwnQuestions(self.events, self.lexicon)
        self._glosses = GramIndex([_described(entry) for entry in self.lexicon.entries])
        self._chapter_of = [passage.chapter for passage in self.passages]
        self._sizes = Counter(self._chapter_of)
        self._firsts: dict[int, int] = {}
        for number, chapter in enumerate(self._chapter_of):
            self._firsts.setdefault(chapter, number)
        self._summaries, self._summarised = self._synopses()
        self._reach = self._reaches()
        self._events_of: dict[int, list[AnchoredEvent]] = {}
        for item, reach in zip(self.events, self._reach, strict=True):
            for number, share in reach:
                if share >= SPEAKS:
                    self._events_of.setdefault(number, []).append(item)

    def analyse(self, question: str) -> Query:
        """What the question asks for, with the expansions that a search would use."""
        return analyse(question, self.lexicon, self._modern)

    def search(self, question: str, *, top: int = 10, people: Sequence[str] = (), places: Sequence[str] = ()) -> list[Place]:
        """The `top` passages for a question, best first. `score` is comparable between questions: about the share of what
        was asked for that the passage and its events hold. With `people` or `places` only passages that name all of them
        (or whose events do) come. A blank question, or one that meets nothing, gives an empty list.
        """
        ranked = self._rank(self.analyse(question), self._allowed(people, places))
        return [replace(self.passages[number], score=score) for number, score in ranked[:top]]

    def evidence(
        self, question: str, *, top: int = 5, people: Sequence[str] = (), places: Sequence[str] = ()
    ) -> tuple[Evidence, ...]:
        """The passages that `search` would give, each with what in it and its events answers the question, and what is missing."""
        query = self.analyse(question)
        weigher = Weigher(query, self.texts, self.sentences)
        ranked = self._rank(query, self._allowed(people, places))[:top]
        return tuple(weigher.weigh(replace(self.passages[number], score=score), self.events_of(number)) for number, score in ranked)

    def asked_before(self, question: str) -> bool:
        """Whether the question is surely one of ours in other words, so that the text is known to answer it."""
        return self._own.surely_answer(question)

    def unknown_words(self, question: str) -> tuple[str, ...]:
        """The words of the question that neither the text nor the events know at all, as a refusal names them."""
        return Weigher(self.analyse(question), self.texts, self.sentences).unknown

    def events_of(self, passage: int) -> list[AnchoredEvent]:
        """The events that rest on passage number `passage`, or begin so near beside it that they speak for it as well."""
        return self._events_of.get(passage, [])

    def _rank(self, query: Query, allowed: set[int] | None) -> list[tuple[int, float]]:
        """(passage, score) of the best CANDIDATES passages, best first; equal scores in the order of the text."""
        tuning, chapter_of = self.tuning, self._chapter_of
        sums = _Sums()
        spent = 0
        for size, feature, in_texts, in_sentences in self._lists(self._features(query)):
            spent += size
            if spent > BUDGET and sums.passages:
                break
            self._add(sums, feature, in_texts, in_sentences)
        total = (sums.total or 1.0) * (1 + tuning.best_event)
        passages = self._with_best_events(sums)
        chapters = {chapter: tuning.chapter * value for chapter, value in sums.chapters.items()}
        named = frozenset(query.chapters)
        candidates: Iterable[int] = passages
        if named:
            candidates = passages.keys() | {number for number, chapter in enumerate(chapter_of) if chapter in named}
        ranked = []
        for number in candidates if allowed is None else allowed.intersection(candidates):
            chapter = chapter_of[number]
            beside = passages.get(number - 1, 0.0) + passages.get(number + 1, 0.0)
            score = (passages.get(number, 0.0) + tuning.neighbour * beside + chapters.get(chapter, 0.0)) / total
            ranked.append((-score - tuning.named_chapter if chapter in named else -score, number))
        best = [(number, -score) for score, number in heapq.nsmallest(CANDIDATES, ranked)]
        return self._asked_before(query.question, best, allowed)

    def _asked_before(self, question: str, ranked: list[tuple[int, float]], allowed: set[int] | None) -> list[tuple[int, float]]:
        """Where the question is one of ours in other words, the passages that answer it come first."""
        lifted: dict[int, float] = {}
        best = ranked[0][1] if ranked else 0.0
        for event, share in self._own.answering(question).items():
            number = self._reach[event][0][0]
            if allowed is None or number in allowed:
                lifted[number] = max(best + self.tuning.asked_before * share, lifted.get(number, 0.0))
        if not lifted:
            return ranked
        scores = dict(ranked) | lifted
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:CANDIDATES]

    def _add(self, sums: _Sums, feature: Feature, in_texts: Postings, in_sentences: Postings) -> None:
        """Add what one feature gives to each passage, event and chapter."""
        tuning, chapter_of, reaches = self.tuning, self._chapter_of, self._reach
        credit = _best_shares([(found, share * tuning.text) for found, share in in_texts])
        told = _best_shares(in_sentences)
        get = credit.get
        for number, share in told.items():
            for passage, part in reaches[number]:
                value = share * part
                if value > get(passage, 0.0):
                    credit[passage] = value
        general = self.texts.idf(len(credit))
        sums.total += feature.weight * general * max((share for _, share in (*in_texts, *in_sentences)), default=0.0)

        amounts: dict[int, float] = {}
        holders: dict[int, int] = {}
        for passage, value in credit.items():
            chapter = chapter_of[passage]
            if chapter in amounts:
                amounts[chapter] += value
                holders[chapter] += 1
            else:
                amounts[chapter], holders[chapter] = value, 1
        summed = _best_shares([(self._summaries.containing(phrase), share) for phrase, share in feature.phrases])
        for number, share in summed.items():
            if self._summarised[number] in amounts:
                amounts[self._summarised[number]] += share * tuning.synopsis
        absent = len(self._sizes) - len(amounts)
        scarce = feature.weight * math.log(1 + (absent + 0.5) / (len(amounts) + 0.5))
        telling: dict[int, float] = {}
        for chapter, value in amounts.items():
            sums.chapters[chapter] = sums.chapters.get(chapter, 0.0) + scarce * value / (value + tuning.saturation)
            # What most passages of a chapter hold tells which chapter is asked for, but not which passage.
            held = holders[chapter]
            within = math.log(1 + (self._sizes[chapter] - held + 0.5) / (held + 0.5))
            telling[chapter] = feature.weight * (tuning.within * min(general, within) + (1 - tuning.within) * general)
        if feature.scene and general > 0.5:
            self._spread(credit)
        passages, events = sums.passages, sums.events
        get = passages.get
        for passage, value in credit.items():
            passages[passage] = get(passage, 0.0) + telling[chapter_of[passage]] * value
        get = events.get
        for number, share in told.items():
            events[number] = get(number, 0.0) + telling[chapter_of[reaches[number][0][0]]] * share

    def _with_best_events(self, sums: _Sums) -> dict[int, float]:
        """The sums of the passages, balanced by length, and added to each what the one event that fits best is worth."""
        norms, weight = self.sentences.norms, self.tuning.best_event
        best: dict[int, float] = {}
        second: dict[int, float] = {}
        for number, score in sums.events.items():
            score *= norms[number]
            for passage, part in self._reach[number]:
                value = score * part
                first = best.get(passage, 0.0)
                if value > first:
                    best[passage], second[passage] = value, first
                elif value > second.get(passage, 0.0):
                    second[passage] = value
        for passage, value in second.items():
            best[passage] += self.tuning.second_event * value
        lengths = self.texts.norms
        return {number: score * lengths[number] + weight * best.get(number, 0.0) for number, score in sums.passages.items()}

    def _spread(self, credit: dict[int, float]) -> None:
        """Let a name count through the scene around it: a text that has named someone goes on with 他 and 那妖."""
        chapter_of, keep = self._chapter_of, self.tuning.scene
        last = len(chapter_of) - 1
        for number, value in list(credit.items()):
            chapter, value = chapter_of[number], value * keep
            for step in (1, 2):
                for other in (number - step, number + step):
                    if 0 <= other <= last and chapter_of[other] == chapter and value > credit.get(other, 0.0):
                        credit[other] = value
                value *= keep

    def _features(self, query: Query) -> list[Feature]:
        features = _features(query, self.tuning)
        return features + self._described_entries(query, features)

    def _described_entries(self, query: Query, features: list[Feature]) -> list[Feature]:
        """Names that the question does not say but describes (唐僧的妈妈, 聊诗的老头), by the glosses of the lexicon."""
        scores: dict[int, float] = {}
        total = 0.0
        for feature in features:
            best: dict[int, float] = {}
            for phrase, share in feature.phrases:
                for number in self._glosses.containing(phrase):
                    best[number] = max(share, best.get(number, 0.0))
            telling = feature.weight * self._glosses.idf(len(best) or 1)
            total += telling
            for number, share in best.items():
                scores[number] = scores.get(number, 0.0) + telling * share
        known = {entry.id for term in query.terms for entry in term.entries}
        found = []
        for number in heapq.nlargest(self.tuning.described_entries, scores, key=lambda number: (scores[number], -number)):
            entry = self.lexicon.entries[number]
            if entry.id not in known:
                names = tuple((fold_loosely(name), 1.0) for name in self.lexicon.search_names(entry))
                found.append(Feature(names, self.tuning.described * scores[number] / (total or 1.0), True))
        return found

    def _lists(self, features: list[Feature]) -> list[tuple[int, Feature, Postings, Postings]]:
        """For each feature the documents of either index that hold its phrases; rare features first, unheard ones left out."""
        jobs = []
        for feature in features:
            in_texts = [(self.texts.containing(phrase), share) for phrase, share in feature.phrases]
            in_sentences = [(self.sentences.containing(phrase), share) for phrase, share in feature.phrases]
            in_sentences += [(self._asked.containing(phrase), share * self.tuning.asked) for phrase, share in feature.phrases]
            size = sum(len(found) for found, _ in in_texts) + sum(len(found) for found, _ in in_sentences)
            if size:
                jobs.append((size, feature, in_texts, in_sentences))
        jobs.sort(key=lambda job: job[0])
        return jobs

    def _allowed(self, people: Sequence[str], places: Sequence[str]) -> set[int] | None:
        """The passages that name every one of the given people and places, or None when none is given."""
        allowed: set[int] | None = None
        for word in (*people, *places):
            entry = self.lexicon.named(word)
            names = {word, *(self.lexicon.search_names(entry) if entry else ())}
            holding: set[int] = set()
            for name in map(fold_loosely, names):
                holding.update(self.texts.containing(name))
                for number in self.sentences.containing(name):
                    holding.add(self._reach[number][0][0])
            allowed = holding if allowed is None else allowed & holding
        return allowed

    def _synopses(self) -> tuple[GramIndex, list[int]]:
        """Title and synopsis of each chapter, and the chapter of this edition that they tell of.

        The traditions number a few chapters differently: a synopsis tells of the chapter that holds most of its events.
        """
        where: dict[int, Counter[int]] = {}
        for item in self.events:
            where.setdefault(item.event.chapter, Counter())[item.chapter] += 1
        told = [chapter for chapter in load_synopsis().chapters if chapter.number in where]
        index = GramIndex([fold_loosely(f"{chapter.title}\n{chapter.text}") for chapter in told])
        return index, [where[chapter.number].most_common(1)[0][0] for chapter in told]

    def _reaches(self) -> list[tuple[tuple[int, float], ...]]:
        """For each event the passages it speaks for: the one it rests on, and the next one where it stands close to it."""
        starts: dict[int, list[int]] = {}
        for passage in self.passages:
            starts.setdefault(passage.chapter, []).append(passage.start)
        tuning = self.tuning
        reaches = []
        for item in self.events:
            number = self._firsts[item.chapter] + max(0, bisect_right(starts[item.chapter], item.start) - 1)
            passage = self.passages[number]
            reach = [(number, 1.0)]
            for other, distance in ((number - 1, item.start - passage.start), (number + 1, passage.end - item.end)):
                part = tuning.near_event * math.exp(-max(0, distance) / tuning.near_characters)
                if part > FAINT and 0 <= other < len(self.passages) and self._chapter_of[other] == item.chapter:
                    reach.append((other, part))
            reaches.append(tuple(reach))
        return reaches


def _anchored(edition: Edition, events: Iterable[Event] | None) -> tuple[AnchoredEvent, ...]:
    if edition.is_synopsis:
        return attach_to_chapters(edition, load_events() if events is None else events)
    return anchor_events(edition) if events is None else anchor(edition, events).found


def _sentence(event: Event) -> str:
    """What an event is indexed under."""
    return fold_loosely("\n".join((event.text, *event.also, " ".join(event.people), event.place)))


def _described(entry: Entry) -> str:
    return fold_loosely("\n".join((*entry.own_names, entry.gloss)))


def _best_shares(postings: Postings) -> dict[int, float]:
    """{document: the largest share among the phrases it holds}."""
    best: dict[int, float] = {}
    for found, share in sorted(postings, key=lambda item: item[1]):
        best.update(dict.fromkeys(found, share))
    return best


def _features(query: Query, tuning: Tuning) -> list[Feature]:
    """The features of a question: its names and terms as groups of phrases, its words as single grams, each once."""
    features = {}
    for term in query.terms:
        if term.phrases:
            features[term.phrases] = Feature(term.phrases, term.weight * getattr(tuning, term.kind), term.kind == "name")
        if term.kind in ("words", "quoted"):
            run = term.text
            for pair in (run[at : at + 2] for at in range(len(run) - 1)):
                features.setdefault(((pair, 1.0),), Feature(((pair, 1.0),), tuning.function_pair if FUNCTION.intersection(pair) else 1.0))
            for character in run:
                if character not in FUNCTION:
                    features.setdefault(((character, 1.0),), Feature(((character, 1.0),), tuning.single))
    return list(features.values())
