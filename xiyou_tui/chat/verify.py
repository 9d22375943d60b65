"""Checking a model's own words, sentence by sentence, against the evidence: names, numbers, chapters, deeds, content."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from xiyou_tui.chat.analyse import chapter_numbers, parse_number
from xiyou_tui.chat.claims import read_claims
from xiyou_tui.chat.coverage import as_written, cover, needs_of
from xiyou_tui.chat.evidence import event_text, events_in
from xiyou_tui.chat.told import judge
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.model import Place

if TYPE_CHECKING:
    from xiyou_tui.corpus.retrieval import Retriever

# The share of a sentence's words that evidence has to cover; measured on event sentences against right and wrong passages.
ENOUGH = 0.6
# Every passage put to a judge costs one reading by the model.
MOST_JUDGED = 2
_SENTENCE = re.compile(r"[^。！？!?\n]+[。！？!?]*|\n+")
_NUMBER = re.compile(
    r"[0-9０-９]+|[零〇一二两三四五六七八九十百千万]{2,}|[零〇一二两三四五六七八九十百千万](?=[个位只件次回难年岁斤丈尺里两名座条把颗遍天日月万千百])"
)
_EMPTY = re.compile(
    r"^(?:[，、：:\s]|根据|依据|原文|原著|书中|文中|以上|如下|因此|所以|可见|总之|综上|答案?|是|的|写道|说|提到|记载|内容)*[。！？!?：:\s]*$"
)

__all__ = ["ENOUGH", "Judge", "Verdict", "sentences_of", "verify_sentence"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of checking one sentence. `supported` is None for one that claims nothing; `place` is the passage that
    supports it best; `problems` say in Chinese what did not hold."""

    supported: bool | None
    place: Place | None = None
    share: float = 0.0
    problems: tuple[str, ...] = ()


class Judge(Protocol):
    """One more signal, such as a base model with a fixed prompt: the probability (0..1) that a passage supports a sentence.

    It can only lower what the other checks found: a sentence they do not support is never asked about.
    """

    def __call__(self, sentence: str, passage: str) -> float: ...


def sentences_of(text: str) -> list[str]:
    """The sentences of a model's own words, line breaks dropped."""
    return [piece.strip() for piece in _SENTENCE.findall(text) if piece.strip()]


def verify_sentence(
    sentence: str, evidence: Sequence[Place], retriever: Retriever, *, judge_model: Judge | None = None
) -> Verdict:
    """Check one sentence against passages (with the events that rest on them); the best passage decides.

    A sentence is supported when one passage holds its names and numbers and ENOUGH of its other words, its chapter numbers
    are those of cited passages, and no event says that someone else did the deed. With `judge_model`, the
    supporting passages are put to it, best first, and where it doubts one the share of words is lowered to the mean of both.
    """
    if _EMPTY.match(sentence):
        return Verdict(None)
    problems: list[str] = []
    lexicon = retriever.lexicon
    for claim in read_claims(sentence, lexicon):
        judged = judge(claim, lexicon)
        if judged.outcome == "contradicted":
            problems.append(f"原著写的是{'、'.join(judged.others)}，不是这样")
    chapters = chapter_numbers(sentence)
    shown = {place.chapter for place in evidence}
    wrong = [number for number in chapters if number not in shown]
    if wrong:
        problems.append(f"第 {'、'.join(map(str, wrong))} 回不在依据里")
    # Numbers are compared by value below, so they do not count as words; nor does the model's talk to the reader (你是专家).
    needs = needs_of(retriever.analyse(re.sub(r"[0-9０-９你您我]+", " ", sentence)))
    if not needs.names and not needs.runs:
        return Verdict(None if not problems else False, None, 0.0, tuple(problems))
    best: Verdict | None = None
    held: list[Verdict] = []
    for place in evidence:
        texts = [fold_loosely(place.text), *(event_text(item) for item in events_in(retriever.edition, place))]
        found = cover(needs, texts)
        share = found.words
        lacking = list(problems)
        if found.missed_names:
            names = "、".join(as_written(name, sentence) for name in found.missed_names)
            lacking.append(f"依据里没有{names}")
        unmet = _unmet_numbers(sentence, "\n".join(texts))
        if unmet:
            lacking.append(f"依据里没有这个数：{'、'.join(unmet)}")
        if share < ENOUGH:
            lacking.append(f"只有 {share:.0%} 的内容有依据")
        verdict = Verdict(not lacking, place, share, tuple(lacking))
        if verdict.supported and judge_model is not None:
            held.append(verdict)
        if best is None or (len(verdict.problems), -verdict.share) < (len(best.problems), -best.share):
            best = verdict
    if held and judge_model is not None:
        return _judged(sentence, sorted(held, key=lambda verdict: -verdict.share)[:MOST_JUDGED], judge_model)
    return best or Verdict(False, None, 0.0, (*problems, "没有依据"))


def _judged(sentence: str, held: Sequence[Verdict], judge_model: Judge) -> Verdict:
    """The first verdict that stands before the judge, else the first with its share lowered."""
    lowered: list[Verdict] = []
    for verdict in held:
        assert verdict.place is not None
        share = min(verdict.share, (verdict.share + judge_model(sentence, verdict.place.text)) / 2)
        if share >= ENOUGH:
            return replace(verdict, share=share)
        lowered.append(replace(verdict, supported=False, share=share, problems=("模型评审不认为依据支持这句话",)))
    return lowered[0]


def _unmet_numbers(sentence: str, evidence: str) -> list[str]:
    """The numbers of a sentence (chapter numbers apart) that the evidence does not hold, in any way of writing them."""
    plain = re.sub(r"第[零〇一二两三四五六七八九十百0-9０-９]+[回章]", "", sentence)
    held = {value for word in _NUMBER.findall(evidence) if (value := _value(word)) is not None}
    held |= {
        value for word in re.findall(r"[零〇一二两三四五六七八九十百千万]+", evidence) if (value := _value(word)) is not None
    }
    return [word for word in dict.fromkeys(_NUMBER.findall(plain)) if word not in evidence and _value(word) not in held]


def _value(word: str) -> int | None:
    if "万" in word and not word.isdecimal():
        head, _, tail = word.partition("万")
        high = parse_number(head) if head else 1
        low = parse_number(tail) if tail else 0
        return None if high is None or low is None else high * 10000 + low
    return parse_number(word)
