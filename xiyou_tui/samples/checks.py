"""What can be said about a sample without a model: citations hold, quotes are verbatim, refusals say why. Runs live."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from xiyou_tui.corpus.address import parse_numeral
from xiyou_tui.corpus.library import Library
from xiyou_tui.corpus.model import Edition
from xiyou_tui.samples.citations import CitedPassage, look_up
from xiyou_tui.samples.duplicates import NearIndex
from xiyou_tui.samples.model import REFUSAL_PHRASE, Sample
from xiyou_tui.samples.store import SampleStore

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")

# Characters, not tokens: what fits a 2,048-token training row with its prompt, and what still reads as one question.
LONGEST_ANSWER = 1200
LONG_ANSWER = 500
LONGEST_QUESTION = 300

_QUOTES = re.compile(r"“([^“”]{2,})”|「([^「」]{2,})」")
_MARKS = re.compile(r"〔(提要)?(附\d?|\d{1,3})·(\d{1,3})〕")
_CHAPTERS = re.compile(r"第([一二三四五六七八九十百零〇\d]{1,5})回")
_EDGES = "，。！？；：、…— "
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x9b\ufffd]")


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark on a sample. An error should be mended before the sample trains; `field` is where it is mended."""

    code: str
    severity: Severity
    message: str
    field: str = "answer"

    def as_record(self) -> dict[str, Any]:
        return {"code": self.code, "severity": self.severity, "message": self.message, "field": self.field}


def check_sample(
    sample: Sample, library: Library, store: SampleStore | None = None, near: NearIndex | None = None
) -> list[Finding]:
    """All findings on a sample, errors first. With `near` (an index of the other questions) near-duplicates are named too."""
    passages = [look_up(citation, library, store) for citation in sample.citations]
    findings = [*_check_turns(sample), *_check_citations(sample, passages, library.current()), *_check_refusal(sample)]
    findings += _check_words(sample, passages, library)
    if near is not None and sample.question:
        similar = near.near(sample.question, without=sample.id)
        if similar:
            share = f"{similar[0][1]:.0%}"
            findings.append(Finding("duplicate", "warning", f"和样本 {similar[0][0]} 的问题相近（{share}）。", "question"))
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def worst(findings: list[Finding]) -> Severity | None:
    """The gravest severity among findings, or None."""
    return findings[0].severity if findings else None


def _check_turns(sample: Sample) -> list[Finding]:
    findings = []
    exchanges = sample.exchanges or (("", ""),)
    many = len(exchanges) > 1
    for number, (question, answer) in enumerate(exchanges, 1):
        where = f"第 {number} 轮" if many else ""
        if not question.strip():
            findings.append(Finding("empty-question", "error", f"{where}问题是空的。", "question"))
        elif len(question) > LONGEST_QUESTION:
            findings.append(
                Finding("long-question", "warning", f"{where}问题有 {len(question)} 字，超过 {LONGEST_QUESTION} 字。", "question")
            )
        if not answer.strip():
            findings.append(Finding("empty-answer", "error", f"{where}回答是空的。"))
        elif len(answer) > LONGEST_ANSWER:
            findings.append(
                Finding("too-long", "error", f"{where}回答有 {len(answer)} 字，训练时放不下（上限 {LONGEST_ANSWER} 字）。")
            )
        elif len(answer) > LONG_ANSWER:
            findings.append(Finding("long-answer", "hint", f"{where}回答有 {len(answer)} 字，偏长。"))
        for text, field in ((question, "question"), (answer, "answer")):
            if _CONTROL.search(text):
                findings.append(Finding("control-character", "error", f"{where}有看不见的控制字符或乱码。", field))
    if sample.kind == "multi" and not many:
        findings.append(Finding("one-exchange", "warning", "题型是多轮，却只有一轮。", "kind"))
    if sample.kind not in ("multi", "refusal") and many:
        findings.append(Finding("many-exchanges", "hint", f"有 {len(exchanges)} 轮，题型可改为多轮。", "kind"))
    return findings


def _check_citations(sample: Sample, passages: list[CitedPassage], current: Edition) -> list[Finding]:
    findings: list[Finding] = []
    if sample.source == "starter" and current.is_synopsis and not sample.citations:
        return [] if sample.refusal else [Finding("no-citation", "hint", "自带样本的引文在导入原著后自动补上。", "citations")]
    for passage in passages:
        if passage.state == "broken":
            findings.append(Finding("broken-citation", "error", f"引文 {passage.mark} 对不上任何底本。", "citations"))
        elif passage.state == "elsewhere":
            findings.append(
                Finding("other-edition", "warning", f"引文 {passage.mark} 出自另一个底本，当前底本里没有。", "citations")
            )
        elif passage.state == "moved":
            findings.append(Finding("moved-citation", "hint", f"引文已在当前底本找到：{passage.mark}；保存时更新。", "citations"))
    if len({(c.edition, c.chapter, c.start, c.end) for c in sample.citations}) < len(sample.citations):
        findings.append(Finding("repeated-citation", "warning", "同一条引文加了两次。", "citations"))
    if not sample.citations and not sample.refusal:
        severity: Severity = "error" if sample.kind == "quote" else "warning"
        findings.append(Finding("no-citation", severity, "没有引文：回答要有原文依据。", "citations"))
    return findings


def _check_refusal(sample: Sample) -> list[Finding]:
    answers = "".join(answer for _, answer in sample.exchanges)
    if sample.refusal:
        findings = []
        if not sample.reason.strip():
            findings.append(Finding("no-reason", "error", "拒答要写明理由。", "reason"))
        if answers.strip() and REFUSAL_PHRASE not in answers:
            # A false premise is set right by what the text says; the phrase is wanted there too, since training looks for it.
            findings.append(Finding("no-refusal-phrase", "error", f"拒答的回答里要有「{REFUSAL_PHRASE}」。"))
        return findings
    if REFUSAL_PHRASE in answers:
        return [Finding("unmarked-refusal", "warning", f"回答里有「{REFUSAL_PHRASE}」，却没有标成拒答。", "kind")]
    return []


def _check_words(sample: Sample, passages: list[CitedPassage], library: Library) -> list[Finding]:
    answers = "\n".join(answer for _, answer in sample.exchanges)
    questions = "\n".join(question for question, _ in sample.exchanges)
    texts = [passage.text for passage in passages if passage.text]
    current = library.current()
    findings = []
    for match in _QUOTES.finditer(answers):
        quote = (match[1] or match[2]).strip(_EDGES)
        # Words taken up from the question, and the phrase of refusal itself, are not quotations from the text.
        if len(quote) < 2 or quote in questions or quote == REFUSAL_PHRASE:
            continue
        problem = _check_quote(quote, texts, current)
        if problem is not None:
            findings.append(problem)
    marks = {passage.mark for passage in passages}
    for match in _MARKS.finditer(answers):
        if match[0] not in marks:
            findings.append(Finding("unknown-mark", "warning", f"回答里写了 {match[0]}，引文里没有它。", "citations"))
    chapters = {passage.citation.chapter for passage in passages}
    for match in _CHAPTERS.finditer(answers):
        number = parse_numeral(match[1])
        if number and chapters and number not in chapters and match[0] not in questions:
            findings.append(Finding("uncited-chapter", "hint", f"回答提到{match[0]}，引文里没有这一回。", "citations"))
    return findings


def _check_quote(quote: str, texts: list[str], current: Edition) -> Finding | None:
    pieces = [piece.strip(_EDGES) for piece in re.split(r"……|…", quote)]
    shown = quote if len(quote) <= 14 else quote[:13] + "…"
    for piece in (piece for piece in pieces if len(piece) > 1):
        if any(piece in text for text in texts):
            continue
        if any(_same_script(piece, text) for text in texts):
            continue
        bare = _bare(piece)
        if any(bare in _bare(text) for text in texts):
            return Finding("quote-punctuation", "error", f"引号里的「{shown}」和引文标点不同，要一字不改。")
        if any(piece in chapter.text for chapter in current.chapters):
            if len(piece) <= 6:
                continue
            return Finding("quote-uncited", "warning", f"引号里的「{shown}」原文有，但不在这些引文里；补一条引文。", "citations")
        if current.is_synopsis:
            return Finding("quote-unchecked", "hint", f"没有原著底本，「{shown}」没法核对。", "citations")
        return Finding("misquote", "error", f"引号里的「{shown}」和原文不符。")
    return None


def _same_script(piece: str, text: str) -> bool:
    from xiyou_tui.corpus.script import to_simplified

    return to_simplified(piece) in to_simplified(text)


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)
