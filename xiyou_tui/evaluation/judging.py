"""From a reply to an outcome: what of one answer is right, held against the question's gold and against the edition itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from xiyou_tui.chat.model import Answer
from xiyou_tui.chat.render import MODEL_SOURCE
from xiyou_tui.chat.verify import sentences_of
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.errors import XiyouError
from xiyou_tui.evaluation.matching import Gold, printed
from xiyou_tui.evaluation.questions import Question

Verdict = Literal["right", "wrong", "over_refused", "refused", "under_refused", "failed"]
VERDICTS: dict[Verdict, str] = {
    "right": "答对",
    "wrong": "答错",
    "over_refused": "误拒",
    "refused": "拒对",
    "under_refused": "该拒未拒",
    "failed": "没答成",
}
GOOD: frozenset[str] = frozenset({"right", "refused"})
# Retrieval is measured down to this rank.
DEPTH = 10
# A shorter string in quotation marks is a name or a word, put forward as no quote.
SHORTEST_QUOTE = 4
_QUOTED = re.compile("「([^「」\n]+)」|“([^“”\n]+)”")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a system gave back. `ranked` are the passages its retrieval found, best first (None: it has no retrieval); `quotes`
    what the model itself put in quotation marks, where no renderer stands between it and the reader (None: one does); `support`
    how many of its sentences have support, of how many, where the answer's parts do not say."""

    answer: Answer | None
    milliseconds: float
    ranked: tuple[Place, ...] | None = None
    quotes: tuple[str, ...] | None = None
    error: XiyouError | None = None
    support: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question judged. Shares and ranks are None where they don't apply; `at` and `size` say where the whole answer is kept."""

    system: str
    id: str
    kind: str
    answerable: bool
    verdict: Verdict
    contained: bool = False
    told: bool = False
    evidence: bool | None = None
    chapter: bool | None = None
    precision: float | None = None
    quotes: int = 0
    verbatim: int = 0
    citations: int = 0
    resolved: int = 0
    passage_rank: int | None = None
    chapter_rank: int | None = None
    ranked: bool = False
    milliseconds: float = 0.0
    bugs: tuple[str, ...] = ()
    error: str = ""
    at: int = 0
    size: int = 0
    supported: int = 0
    claims: int = 0

    @property
    def good(self) -> bool:
        return self.verdict in GOOD

    @property
    def answered(self) -> bool:
        """Whether an answer was given: right, wrong, or to a question that has none."""
        return self.verdict in ("right", "wrong", "under_refused")

    @property
    def refused(self) -> bool:
        return self.verdict in ("over_refused", "refused")

    def placed(self, at: int, size: int) -> Outcome:
        return replace(self, at=at, size=size)

    def as_record(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in _FIELDS}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Outcome:
        """The outcome that `as_record` wrote; raises KeyError, TypeError or ValueError when it is none."""
        if record["verdict"] not in VERDICTS:
            raise ValueError(record["verdict"])
        known = {name: record[name] for name in _FIELDS if name in record}
        return cls(**known | {"bugs": tuple(record.get("bugs", ()))})


_FIELDS = tuple(field.name for field in fields(Outcome))


def judge(system: str, question: Question, reply: Reply, edition: Edition) -> Outcome:
    """The outcome of a reply. Quotes and citations are checked against `edition`, not against what the answer says of itself."""
    gold, answer = question.gold, reply.answer
    ranked = reply.ranked if question.answerable else None
    passage_rank = _first(ranked, lambda place: gold.locates(printed(edition, place)))
    chapter_rank = _first(ranked, lambda place: place.chapter in question.chapters)
    outcome = Outcome(
        system,
        question.id,
        question.kind,
        question.answerable,
        "failed",
        evidence=False if question.evidence else None,
        chapter=False if question.chapters else None,
        passage_rank=passage_rank,
        chapter_rank=chapter_rank,
        ranked=ranked is not None,
        milliseconds=round(reply.milliseconds, 2),
        error=reply.error.what if reply.error is not None else "",
    )
    if answer is None:
        return outcome
    quotes, verbatim, faults = _check_quotes(answer, reply, edition)
    resolved, broken = _check_citations(answer, edition)
    outcome = replace(
        outcome,
        quotes=quotes,
        verbatim=verbatim,
        citations=len(answer.citations),
        resolved=resolved,
        bugs=(*faults, *broken),
    )
    if not answer.refused:
        supported, claims = reply.support or _count_supported(answer)
        outcome = replace(outcome, supported=supported, claims=claims)
    if answer.refused:
        return replace(outcome, verdict="over_refused" if question.answerable else "refused")
    if not question.answerable:
        return replace(outcome, verdict="under_refused")
    passages = list({printed(edition, cited.place): cited.place for cited in answer.citations}.items())
    holding = [gold.holds(text) for text, _ in passages]
    told = gold.holds("\n".join(part.text for part in answer.parts if part.kind == "summary"))
    return replace(
        outcome,
        verdict="right" if told or any(holding) else "wrong",
        contained=any(holding),
        told=told,
        evidence=any(gold.has_evidence(text) for text, _ in passages) if question.evidence else None,
        chapter=any(place.chapter in question.chapters for _, place in passages) if question.chapters else None,
        precision=sum(holding) / len(holding) if holding else None,
    )


def explain(outcome: Outcome, question: Question) -> tuple[str, ...]:
    """What was wrong (or good) about an outcome, as Chinese sentences."""
    lines: list[str] = []
    match outcome.verdict:
        case "right" if not outcome.contained:
            lines.append("答案在概述里，引文里没有。")
        case "right" if outcome.evidence is False:
            lines.append("引文里有答案的字句，但不是指定的那一处依据。")
        case "wrong":
            near = "引到了正确的那一回，但没有引到那一段。" if outcome.chapter else "没有引到正确的那一回。"
            lines.append("引文和概述里都没有答案。" + (near if question.chapters else ""))
        case "over_refused":
            lines.append("原著写了，却拒答了。")
        case "under_refused":
            lines.append(f"原著没有写，却答了{'（' + question.note + '）' if question.note else ''}。")
        case "failed":
            lines.append(f"没有答成：{outcome.error or '没有得到回答。'}")
    if outcome.answerable and outcome.ranked:
        if outcome.passage_rank is None:
            lines.append(f"检索前 {DEPTH} 段里没有依据" + ("，也没有那一回。" if outcome.chapter_rank is None and question.chapters else "。"))
        elif outcome.verdict in ("wrong", "over_refused"):
            lines.append(f"检索把依据排在第 {outcome.passage_rank}。")
    lines += [f"缺陷：{bug}" for bug in outcome.bugs]
    return tuple(lines)


def _first(places: Sequence[Place] | None, wanted: Any) -> int | None:
    return next((rank for rank, place in enumerate((places or ())[:DEPTH], 1) if wanted(place)), None)


def _check_quotes(answer: Answer, reply: Reply, edition: Edition) -> tuple[int, int, list[str]]:
    """Quotes, those that are the text's own characters, and what is a bug: with a renderer in between none may differ."""
    if reply.quotes is not None:
        wanted = [quote for quote in reply.quotes if len(quote) >= SHORTEST_QUOTE]
        return len(wanted), sum(_stands(edition, quote) for quote in wanted), []
    count = exact = 0
    faults = []
    for part in answer.parts:
        if part.kind == "evidence":
            count += 1
            cited = answer.cited(part)
            stored = "" if cited is None else _slice(edition, cited.place)
            if part.text and part.text == stored:
                exact += 1
            else:
                faults.append(f"引文和底本不同：「{part.text[:24]}」")
        elif part.source == MODEL_SOURCE:
            for quote in (first or second for first, second in _QUOTED.findall(part.text)):
                if len(quote) < SHORTEST_QUOTE:
                    continue
                count += 1
                if _stands(edition, quote):
                    exact += 1
                else:
                    faults.append(f"模型的话里有底本没有的引号：「{quote[:24]}」")
    return count, exact, faults


def _count_supported(answer: Answer) -> tuple[int, int]:
    """(sentences with support, sentences that claim something) among the model's own words, as the verifier left them."""
    found = [
        part.verified
        for part in answer.parts
        if part.kind == "summary" and part.source == MODEL_SOURCE and part.verified is not None
        for _ in sentences_of(part.text)
    ]
    return found.count(True), len(found)


def _check_citations(answer: Answer, edition: Edition) -> tuple[int, list[str]]:
    resolved, faults = 0, []
    for cited in answer.citations:
        try:
            good = edition.resolve(cited.citation) == cited.place.text and _slice(edition, cited.place) == cited.place.text
        except XiyouError:
            good = False
        resolved += good
        if not good:
            faults.append(f"引文打不开：{cited.mark}")
    return resolved, faults


def _slice(edition: Edition, place: Place) -> str:
    return edition.chapter(place.chapter).text[place.start : place.end] if edition.has_chapter(place.chapter) else ""


def _stands(edition: Edition, quote: str) -> bool:
    return any(quote in chapter.text for chapter in edition.chapters)


def right_words(gold: Gold) -> str:
    """The gold answer as one line, its phrasings joined."""
    return " ／ ".join(gold.answers) or "（只给了依据）"
