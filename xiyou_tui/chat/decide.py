"""Whether a question can be answered from the text: decided on what the evidence covers, with the grounds kept for showing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from xiyou_tui.chat.analyse import Analysis
from xiyou_tui.chat.asked import left_untold
from xiyou_tui.chat.claims import read_claims
from xiyou_tui.chat.coverage import as_written
from xiyou_tui.chat.evidence import Candidate, Evidence
from xiyou_tui.chat.extract import ALSO, QUOTES
from xiyou_tui.chat.famous import told_otherwise
from xiyou_tui.chat.foreign import unknown_share
from xiyou_tui.chat.measured import unmeasured
from xiyou_tui.chat.numbers import wrong_number
from xiyou_tui.chat.roles import Otherwise
from xiyou_tui.chat.scope import find_foreign
from xiyou_tui.chat.told import Judgement, judge, never_together, not_owned, strangers, untold
from xiyou_tui.chat.untold import find_silence
from xiyou_tui.chat.wanted import find_lack
from xiyou_tui.corpus.model import Place

if TYPE_CHECKING:
    from xiyou_tui.corpus.retrieval import Retriever

Verdict = Literal["supported", "out_of_scope", "false_premise", "unsupported"]

# Weights of a candidate's rank beside retrieval's own score: names met, other words met.
RANK_NAMES, RANK_WORDS = 0.2, 0.4
# How sure the evidence makes: its strength, the lead of the best passage over the fifth (a question that has its scene finds
# it with a lead), and a little less for every name that has to fit. Fitted on the even half of the dev questions, held
# against the odd half; three features on purpose.
LEAD, PER_NAME, LEAST = 2.0, 0.2, 0.1
# With a word from outside the novel that may also be meant lightly, the evidence must be this strong.
LEAST_WITH_WEAK = 0.75
# A question that names nobody and nothing of the novel needs its words found, and words that the novel knows.
LEAST_NAMELESS, MOST_UNKNOWN = 0.55, 0.27


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict and its grounds. `reason` is one or two Chinese sentences, empty when supported; `strength` in 0..1 is how
    much of the question the best evidence covers; `searched` the names under which the text was searched; `shown` the passages
    that tell it otherwise."""

    verdict: Verdict
    reason: str
    strength: float = 0.0
    searched: tuple[str, ...] = ()
    premise: Judgement | None = None
    shown: tuple[Place, ...] = ()

    @property
    def answerable(self) -> bool:
        return self.verdict == "supported"


def rank(evidence: Evidence) -> tuple[Candidate, ...]:
    """The candidates, best first, by retrieval's score together with what each covers of the question."""

    def merit(item: Candidate) -> float:
        return item.place.score + RANK_NAMES * item.coverage.names + RANK_WORDS * item.coverage.words

    return tuple(sorted(evidence.candidates, key=merit, reverse=True))


def strength(evidence: Evidence) -> float:
    """How much of the question the best candidates cover, names and other words alike, in 0..1."""
    found = [0.0]
    for item in evidence.candidates[:12]:
        found.append(item.coverage.names * (0.25 + 0.75 * item.coverage.words))
        if item.best is not None:
            found.append(item.best.coverage.names * (0.25 + 0.75 * item.best.coverage.words))
    return min(1.0, max(found))


def sureness(evidence: Evidence) -> float:
    """Strength, lead and number of names in one figure; below LEAST nothing supports an answer."""
    scores = sorted((item.place.score for item in evidence.candidates), reverse=True)
    lead = scores[0] - scores[min(4, len(scores) - 1)] if scores else 0.0
    return strength(evidence) + LEAD * lead - PER_NAME * len(evidence.needs.names)


def decide(analysis: Analysis, evidence: Evidence, retriever: Retriever) -> Decision:
    """Decide from the evidence alone, in milliseconds."""
    power = strength(evidence)
    foreign = find_foreign(analysis.resolved, retriever.edition, retriever.lexicon)
    if foreign is not None and (foreign.certain or power < LEAST_WITH_WEAK):
        reason = f"问题问到「{foreign.word}」，属于{foreign.label}，不在《西游记》原著之内。"
        found: Decision | None = Decision("out_of_scope", reason, power)
    else:
        found = (
            _told_otherwise(analysis, retriever)
            or _not_given(analysis, retriever)
            or _not_so_told(analysis, retriever)
            or _unsure(analysis, evidence, retriever)
        )
    return replace(found or Decision("supported", "", power), strength=power, searched=searched_names(evidence))


def _told_otherwise(analysis: Analysis, retriever: Retriever) -> Decision | None:
    """A false premise of which written knowledge or an event tells better."""
    told = told_otherwise(analysis.resolved, retriever.lexicon)
    if told is not None:
        return Decision("false_premise", f"原著写的不是这样：{told.told}。", shown=_tells(told, retriever))
    premise = false_premise(analysis, retriever)
    if premise is not None:
        return Decision("false_premise", _premise_reason(premise, retriever), premise=premise)
    return None


def _not_given(analysis: Analysis, retriever: Retriever) -> Decision | None:
    """What is asked for, the novel does not give."""
    asked, lexicon = analysis.resolved, retriever.lexicon
    silence = find_silence(asked, lexicon) or left_untold(asked, lexicon)
    if silence:
        return Decision("unsupported", silence)
    if (gap := untold(asked, retriever.edition, lexicon)) is not None:
        return Decision("unsupported", f"原著没有交代{gap[0]}的「{gap[1]}」。")
    # The synopses leave out too much to say what the novel does not give.
    lack = None if retriever.edition.is_synopsis else find_lack(asked, retriever.edition, lexicon)
    return Decision("unsupported", lack.note) if lack is not None else None


def _not_so_told(analysis: Analysis, retriever: Retriever) -> Decision | None:
    """Names, numbers and words brought together as nothing in the novel does."""
    asked, lexicon = analysis.resolved, retriever.lexicon
    reason = ""
    if (another := not_owned(asked, lexicon)) is not None:
        reason = f"{another[1]}不是{another[0]}的，原著里它是{another[2]}的。"
    elif apart := strangers(asked, lexicon):
        reason = f"{'、'.join(apart)}在原著里没有一同出现过。"
    elif (pair := never_together(asked, lexicon)) is not None:
        reason = f"按情节索引，没有一件事同时写到{pair[0]}和{pair[1]}。"
    elif number := wrong_number(asked, retriever.edition, lexicon):
        reason = f"问题说到「{number}」，原著在这里没有写过这个数。"
    return Decision("false_premise", reason) if reason else None


def _unsure(analysis: Analysis, evidence: Evidence, retriever: Retriever) -> Decision | None:
    """What was found is too little to answer from. A question that the index is known to answer is never that."""
    if retriever.asked_before(analysis.resolved):
        return None
    if not evidence.candidates:
        return Decision("unsupported", "问题里没有可以在原著中查找的词语。")
    nameless = not analysis.subjects and not analysis.chapters and not analysis.quoted
    if nameless and (strength(evidence) < LEAST_NAMELESS or unknown_share(evidence.needs, retriever.edition) > MOST_UNKNOWN):
        return Decision("unsupported", "问题里没有《西游记》的人物、地方或宝物，所说的事书中也找不到。")
    if sureness(evidence) < LEAST:
        missed = evidence.candidates[0].coverage
        words = (*missed.missed_names, *missed.missed_words)[:4]
        lacking = "、".join(as_written(word, analysis.resolved) for word in words)
        return Decision("unsupported", f"没有一段同时写到问题里的这些内容：{lacking}。" if lacking else "没有一段能支持回答。")
    measure = unmeasured(analysis.resolved, [item.place.text for item in rank(evidence)[: QUOTES + ALSO]])
    if measure and analysis.kind not in ("count", "list"):
        return Decision("unsupported", f"相关的原文没有写到「{measure}」。")
    return None


def _tells(told: Otherwise, retriever: Retriever) -> tuple[Place, ...]:
    """The passages nearest to what the text does tell, those of its chapter first."""
    found = retriever.search(told.told, top=12)
    return tuple(sorted(found, key=lambda place: place.chapter != told.chapter)[:2])


def false_premise(analysis: Analysis, retriever: Retriever) -> Judgement | None:
    """The first claim of the question that the events contradict or know nothing of; None when all it claims is told."""
    lexicon, asked = retriever.lexicon, analysis.resolved
    judged = [judge(claim, lexicon) for claim in read_claims(asked, lexicon)]
    return next((item for item in judged if item.outcome != "supported"), None)


def _premise_reason(judged: Judgement, retriever: Retriever) -> str:
    names = [
        entry.name if entry is not None else ""
        for entry in map(retriever.lexicon.get, (judged.claim.agent, judged.claim.patient))
    ]
    asked = f"问题说到{'、'.join(name for name in names if name)}和「{judged.claim.words}」"
    if judged.outcome == "contradicted":
        return f"{asked}，原著写的不是这样（写的是{'、'.join(judged.others)}）。"
    return f"{asked}，原著没有写过这件事。"


def searched_names(evidence: Evidence) -> tuple[str, ...]:
    """The words of the question and the other names they were searched under, for a refusal to show."""
    shown = []
    for term in evidence.query.terms:
        word = as_written(term.text, evidence.query.question)
        if term.kind == "name":
            names = [name for entry in term.entries[:1] for name in (entry.name, *entry.aliases) if name != word]
            shown.append(f"{word}（{'、'.join(names[:4])}）" if names else word)
        elif term.kind in ("words", "quoted"):
            shown.append(word)
    return tuple(dict.fromkeys(shown))
