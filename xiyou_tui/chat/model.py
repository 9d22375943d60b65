"""The records of an answer: parts, citations, the trace of how it came about, and the events while it streams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from xiyou_tui.corpus.model import Citation, Edition, Place
from xiyou_tui.errors import ChatError

Mode = Literal["extract", "retrieve", "closed"]
MODES: dict[Mode, str] = {"extract": "摘引", "retrieve": "检索", "closed": "内化"}

# evidence: verbatim text of the edition. summary: words of ours or of the model. notice: about the answer itself.
PartKind = Literal["evidence", "summary", "notice"]
PART_LABELS: dict[PartKind, str] = {"evidence": "依据", "summary": "概述", "notice": "说明"}

REFUSAL = "原著未提及"
UNVERIFIED = "〔未核实〕"


@dataclass(frozen=True, slots=True)
class CitedPlace:
    """One numbered citation of an answer: the immutable span, its text and paragraph, and the mark that shows it."""

    number: int
    place: Place
    citation: Citation
    mark: str

    @property
    def quote(self) -> str:
        """The cited characters, exactly as stored."""
        return self.place.text


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer. `citation` is an index into the answer's citations; evidence always has one.

    `verified` is None where nothing is claimed (evidence is verbatim anyway), False for the model's words that the
    verifier could not support; `source` says whose words a summary is: 本程序的情节索引, 提要, or the model.
    """

    kind: PartKind
    text: str
    citation: int | None = None
    verified: bool | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage did, for "how this answer came about": its Chinese name, findings line by line, milliseconds."""

    name: str
    lines: tuple[str, ...]
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. Every evidence part equals the edition's text at its citation's offsets (see `assert_verbatim`)."""

    question: str
    mode: Mode
    model: str
    refused: bool
    reason: str
    parts: tuple[Part, ...]
    citations: tuple[CitedPlace, ...]
    edition: str = ""
    stages: tuple[Stage, ...] = ()
    stopped: bool = False

    @property
    def text(self) -> str:
        """The answer as plain text: evidence in 「」 followed by its mark, summaries as they are, notices last."""
        return "\n".join(part_text(part, self.citations) for part in self.parts)

    def cited(self, part: Part) -> CitedPlace | None:
        """The citation of a part, if it has one."""
        return None if part.citation is None else self.citations[part.citation]

    def as_record(self) -> dict[str, Any]:
        """What `chat ask --json` prints."""
        return {
            "answer": self.text,
            "refused": self.refused,
            "reason": self.reason,
            "citations": [cited.place.as_record() for cited in self.citations],
            "mode": self.mode,
            "model": self.model,
        }

    def as_detail(self) -> dict[str, Any]:
        """The whole answer as JSON-ready data, for the conversation store; `Answer.from_detail` reads it back."""
        return {
            "question": self.question,
            "mode": self.mode,
            "model": self.model,
            "refused": self.refused,
            "reason": self.reason,
            "edition": self.edition,
            "stopped": self.stopped,
            "parts": [[part.kind, part.text, part.citation, part.verified, part.source] for part in self.parts],
            "citations": [
                {"mark": cited.mark, "place": cited.place.as_record(), "citation": cited.citation.as_record()}
                for cited in self.citations
            ],
            "stages": [[stage.name, list(stage.lines), stage.milliseconds] for stage in self.stages],
        }

    @classmethod
    def from_detail(cls, detail: dict[str, Any]) -> Answer:
        """The answer that `as_detail` wrote; raises ChatError when the record is not one."""
        try:
            citations = tuple(
                CitedPlace(index, Place(**item["place"]), Citation.from_record(item["citation"]), str(item["mark"]))
                for index, item in enumerate(detail["citations"], 1)
            )
            parts = tuple(Part(*item) for item in detail["parts"])
            if any(part.citation is not None and not 0 <= part.citation < len(citations) for part in parts):
                raise ValueError("citation index")
            stages = tuple(Stage(name, tuple(lines), float(ms)) for name, lines, ms in detail.get("stages", ()))
            return cls(
                str(detail["question"]),
                detail["mode"],
                str(detail["model"]),
                bool(detail["refused"]),
                str(detail["reason"]),
                parts,
                citations,
                str(detail.get("edition", "")),
                stages,
                bool(detail.get("stopped", False)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ChatError(
                "这条回答的记录读不懂。", kept="记录没有改动，问题和文字都在。", next_step="可以重新提问。", code="bad-answer"
            ) from error


def part_text(part: Part, citations: tuple[CitedPlace, ...]) -> str:
    """One part as plain text, with its citation mark where it has one."""
    mark = "" if part.citation is None else citations[part.citation].mark
    if part.kind == "evidence":
        return f"「{part.text}」{mark}"
    flag = UNVERIFIED if part.verified is False else ""
    return f"{part.text}{flag}{mark}"


def cite_places(edition: Edition, places: Iterable[Place]) -> tuple[CitedPlace, ...]:
    """Numbered citations of places, their text read from the edition itself (whatever text the place carried)."""
    cited = []
    for number, place in enumerate(places, 1):
        chapter = edition.chapter(place.chapter)
        paragraph, text = chapter.paragraph_at(place.start).number, chapter.text[place.start : place.end]
        stored = replace(place, text=text, paragraph=paragraph, score=0.0)
        citation = edition.cite(place.chapter, place.start, place.end)
        cited.append(CitedPlace(number, stored, citation, edition.mark(place.chapter, place.start)))
    return tuple(cited)


def assert_verbatim(answer: Answer, edition: Edition) -> Answer:
    """The answer itself, once every quote equals the stored text at its offsets; raises ChatError where one does not."""
    for cited in answer.citations:
        if edition.resolve(cited.citation) != cited.place.text:
            raise ChatError(
                "引文和底本对不上，这个回答不显示。",
                kept="问题已保留。",
                next_step="重新提问；若再出现，请报告。",
                code="not-verbatim",
            )
    for part in answer.parts:
        if part.kind == "evidence" and (part.citation is None or part.text != answer.citations[part.citation].place.text):
            raise ChatError(
                "有一处引文没有出处，这个回答不显示。",
                kept="问题已保留。",
                next_step="重新提问；若再出现，请报告。",
                code="not-verbatim",
            )
    return answer


@dataclass(frozen=True, slots=True)
class Exchange:
    """One earlier question of the conversation with the text of its answer: what a follow-up question is read against."""

    question: str
    answer: str


# Events of an answer in the making, in the order in which they may arrive.


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage before generation is done (analyse, expand, retrieve, decide)."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class EngineStateChanged:
    """The engine starts, loads a model, generates, is restarted: `text` is one Chinese line for the status bar."""

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class TokenArrived:
    """More text from the model, cleaned of control characters; its quotes are unchecked until the answer is finished."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """The verified answer, which replaces whatever was streamed. `answer.stopped` when the user stopped it."""

    answer: Answer
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerFailed:
    """No answer: the error says what happened, what was kept and what to do; `question` goes back into the box."""

    question: str
    error: ChatError


ChatEvent = StageFinished | EngineStateChanged | TokenArrived | AnswerFinished | AnswerFailed
