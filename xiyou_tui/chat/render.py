"""From a model's raw output to an answer: quotes printed from the stored text, own words verified, forgeries left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xiyou_tui.chat.answer import Course, extract_answer, finish, refusal
from xiyou_tui.chat.citations import locate_quote, look_up, trim_open_quote
from xiyou_tui.chat.markup import Quote, Words, parse_output, plain_words
from xiyou_tui.chat.model import REFUSAL, Answer, Mode, Part
from xiyou_tui.chat.verify import Judge, Verdict, sentences_of, verify_sentence
from xiyou_tui.corpus.model import Place

if TYPE_CHECKING:
    from xiyou_tui.corpus.retrieval import Retriever

MODEL_SOURCE = "模型"
# Own words longer than this are cut: an answer is no essay, and endless output must not stall the checks.
MOST_SENTENCES = 40
Unverified = Literal["mark", "drop"]
_ENDS = tuple("。！？!?…：:")


@dataclass
class _Draft:
    parts: list[Part]
    places: list[Place]

    def cite(self, place: Place) -> int:
        """The index of a place among the citations, added when it is new."""
        for index, known in enumerate(self.places):
            if (known.chapter, known.start, known.end) == (place.chapter, place.start, place.end):
                return index
        self.places.append(place)
        return len(self.places) - 1


def render_output(
    raw: str,
    course: Course,
    retriever: Retriever,
    *,
    mode: Mode,
    model: str,
    shown: Sequence[Place] = (),
    unverified: Unverified = "mark",
    stopped: bool = False,
    cut: bool = False,
    judge_model: Judge | None = None,
) -> Answer:
    """The verified answer that `raw` amounts to, whatever it holds.

    Quotes become evidence only where their text stands in the edition; everything else is the model's words, each sentence
    checked against the passages shown (closed book: against passages searched for it) and marked or dropped where nothing
    supports it. An output of which nothing holds is turned into a refusal. With `cut` (the model was at its limit, or went
    in circles) a last sentence without an end is left out: half a sentence can say the opposite of the whole.
    """
    started, course = course.clock(), course.branch()
    edition, passages = course.edition, tuple(shown)
    draft = _Draft([], [])
    problems: list[str] = []
    dropped = checked = held = 0
    said: set[str] = set()
    pieces = parse_output(raw)
    for number, piece in enumerate(pieces, 1):
        if checked >= MOST_SENTENCES:
            break
        if isinstance(piece, Quote):
            place = locate_quote(piece.text if piece.closed else trim_open_quote(piece.text), edition, passages, piece.number)
            if place is not None:
                quoted = Part("evidence", place.text, draft.cite(place))
                # A small model falls into repeating itself: said once is enough.
                if draft.parts[-1:] != [quoted]:
                    draft.parts.append(quoted)
                continue
            piece = Words(plain_words(piece.text))
            if len(piece.text.strip()) >= 8:
                problems.append(f"引号里的话原文没有，已按模型的话处理：{piece.text[:20]}")
        cited = tuple(passages[number - 1] for number in piece.references if 1 <= number <= len(passages))
        sentences = sentences_of(piece.text)
        if cut and number == len(pieces) and not piece.references and sentences and not sentences[-1].endswith(_ENDS):
            problems.append(f"没有写完，已略去：{sentences.pop()[:20]}")
        for sentence in sentences:
            checked += 1
            if checked > MOST_SENTENCES:
                break
            if sentence in said:
                continue
            said.add(sentence)
            verdict = _check(sentence, cited, passages, retriever, judge_model)
            held += verdict.supported is True
            problems += [f"{sentence[:16]}…：{problem}" for problem in verdict.problems]
            if verdict.supported is False and unverified == "drop":
                dropped += 1
                continue
            index = draft.cite(verdict.place) if verdict.supported and verdict.place is not None else None
            draft.parts.append(Part("summary", sentence, index, verdict.supported, MODEL_SOURCE))
    course.stage("核对", problems[:12] or [f"{held} 句都有依据" if held else "没有可核对的句子"], started)
    return _settle(draft, course, mode, model, raw=raw, dropped=dropped, stopped=stopped)


def _check(
    sentence: str, cited: tuple[Place, ...], passages: tuple[Place, ...], retriever: Retriever, judge_model: Judge | None
) -> Verdict:
    if REFUSAL in sentence:
        return Verdict(None)
    verdict = _look(sentence, cited, passages, retriever, judge_model)
    # A question tells nothing, least of all the one that was asked: its words stand in the evidence, but it can't be the answer.
    return Verdict(None) if verdict.supported and sentence.endswith(("？", "?")) else verdict


def _look(
    sentence: str, cited: tuple[Place, ...], passages: tuple[Place, ...], retriever: Retriever, judge_model: Judge | None
) -> Verdict:
    if not passages:
        return look_up(sentence, retriever, judge_model=judge_model)
    first = verify_sentence(sentence, cited or passages, retriever, judge_model=judge_model)
    if first.supported is not False:
        return first
    if cited:
        second = verify_sentence(sentence, passages, retriever, judge_model=judge_model)
        if second.supported is not False:
            return second
    # What the passages shown do not say, the novel may say elsewhere; it is then cited from there.
    elsewhere = look_up(sentence, retriever, judge_model=judge_model)
    return elsewhere if elsewhere.supported else first


def _settle(draft: _Draft, course: Course, mode: Mode, model: str, *, raw: str, dropped: int, stopped: bool) -> Answer:
    held = [part for part in draft.parts if part.kind == "evidence" or part.verified]
    if REFUSAL in raw and not any(part.kind == "evidence" for part in draft.parts):
        return refusal(course, mode, model, reason="模型认为原著没有写到。")
    if not held and not stopped:
        why = "模型没有写出回答" if not raw.strip() else "模型的回答没有一句能在原著里找到依据，不予显示"
        if mode == "retrieve" and course.decision.answerable:
            # The evidence is good; only the model failed. What the text says is shown without it.
            return extract_answer(course, mode=mode, model=model, notice=f"{why}。以下改为摘引。")
        return refusal(course, mode, model, head="没有作答", reason=f"{why}。")
    parts = _merge(draft.parts)
    if dropped:
        parts.append(Part("notice", f"有 {dropped} 句没有依据，已略去。"))
    if stopped:
        parts.append(Part("notice", "已停止生成。"))
    return finish(course, mode, model, parts, draft.places, stopped=stopped)


def _merge(parts: Sequence[Part]) -> list[Part]:
    """Neighbouring sentences of the same standing and source, joined."""
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        same = (
            last is not None
            and last.kind == part.kind == "summary"
            and (last.citation, last.verified) == (part.citation, part.verified)
        )
        if same and last is not None:
            merged[-1] = Part("summary", last.text + part.text, part.citation, part.verified, part.source)
        else:
            merged.append(part)
    return merged
