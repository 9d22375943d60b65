"""摘引: an answer from retrieval alone, no model: text of the edition, quoted verbatim, or an honest refusal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from xiyou_tui.chat.analyse import Analysis, analyse
from xiyou_tui.chat.chapters import TITLE_SOURCE, chapters_asked_for, chapters_line, tell_chapters, title_places
from xiyou_tui.chat.concordance import Concordance, around, build_concordance
from xiyou_tui.chat.decide import Decision, decide, rank
from xiyou_tui.chat.evidence import Candidate, Evidence, gather
from xiyou_tui.chat.extract import choose, quotable
from xiyou_tui.chat.model import REFUSAL, Answer, Exchange, Mode, Part, Stage, assert_verbatim, cite_places
from xiyou_tui.corpus.model import Edition, Place

if TYPE_CHECKING:
    from xiyou_tui.corpus.retrieval import Retriever

Made = TypeVar("Made")

EVENT_SOURCE = "情节索引"
SYNOPSIS_SOURCE = "提要"
COUNT_SOURCE = "全书检索"
# A refusal shows so many of the nearest passages.
NEAREST = 2
# A count lists every chapter; so many places of it are quoted, the rest are opened from the list.
COUNT_QUOTES = 12


@dataclass
class Course:
    """The stages a question went through before an answer is written, each with what it found."""

    question: str
    edition: Edition
    analysis: Analysis
    evidence: Evidence
    ranked: tuple[Candidate, ...]
    decision: Decision
    concordance: Concordance | None = None
    stages: list[Stage] = field(default_factory=list)

    def branch(self) -> Course:
        """The same course with stages of its own: two answers to one question don't mix their traces."""
        return replace(self, stages=list(self.stages))

    @staticmethod
    def clock() -> float:
        """A start for `stage`."""
        return time.perf_counter()

    def stage(self, name: str, lines: Sequence[str], started: float) -> Stage:
        """Note a stage that ran since `started` (perf_counter)."""
        made = Stage(name, tuple(lines), round((time.perf_counter() - started) * 1000, 2))
        self.stages.append(made)
        return made


def prepare(question: str, retriever: Retriever, history: Sequence[Exchange] = ()) -> Course:
    """Run the stages analyse, expand, retrieve and decide. The same for every mode."""
    edition = retriever.edition
    stages: list[Stage] = []

    def timed(name: str, run: Callable[[], Made], show: Callable[[Made], Sequence[str]]) -> Made:
        started = time.perf_counter()
        made = run()
        stages.append(Stage(name, tuple(show(made)), round((time.perf_counter() - started) * 1000, 2)))
        return made

    analysis = timed("分析", lambda: analyse(question, retriever.lexicon, history), lambda made: made.lines)
    query = timed("扩展", lambda: retriever.analyse(analysis.resolved), lambda made: _expansion_lines(made.expansions))
    evidence = timed("检索", lambda: gather(query, retriever, top=20), lambda made: _passage_lines(edition, made.candidates))
    concordance = None
    if analysis.kind in ("count", "list"):
        concordance = timed("全书查找", lambda: build_concordance(analysis, edition, retriever.lexicon), _concordance_lines)
    decision = timed("判断", lambda: decide(analysis, evidence, retriever), _decision_lines)
    return Course(analysis.question, edition, analysis, evidence, rank(evidence), decision, concordance, stages)


def answer_by_extract(question: str, retriever: Retriever, *, history: Sequence[Exchange] = ()) -> Answer:
    """The passages that answer `question`, quoted; refused where nothing in the text supports an answer."""
    course = prepare(question, retriever, history)
    return extract_answer(course)


def extract_answer(course: Course, *, mode: Mode = "extract", model: str = "", notice: str = "") -> Answer:
    """The extractive answer to a prepared question; with a notice first where it stands in for a model's answer."""
    analysis, edition = course.analysis, course.edition
    if analysis.kind == "chapter":
        told = tell_chapters(edition, analysis.chapters)
        if told is not None:
            return finish(course, mode, model, *told)
    if course.concordance is not None and course.concordance.places and course.decision.verdict not in ("out_of_scope", "false_premise"):
        return count_answer(course, course.concordance)
    if not course.decision.answerable:
        return refusal(course)
    extract = choose(edition, course.ranked)
    places = [*extract.quotes, *extract.also]
    parts = [Part("notice", notice)] if notice else []
    if analysis.kind in ("where", "list", "story"):
        numbers = chapters_asked_for(course.ranked, analysis, edition)
        parts.append(Part("summary", chapters_line(edition, analysis, numbers), None, None, TITLE_SOURCE))
        titles = [place for place in title_places(edition, numbers) if place not in places]
        parts += [Part("evidence", place.text, len(places) + index) for index, place in enumerate(titles)]
        places += titles
    parts += [Part("summary", text, places.index(place), None, EVENT_SOURCE) for text, place in extract.events]
    parts += [Part("evidence", place.text, index) for index, place in enumerate(places[: len(extract.quotes)])]
    if extract.also:
        parts.append(Part("notice", "另见："))
        parts += [Part("evidence", place.text, len(extract.quotes) + index) for index, place in enumerate(extract.also)]
    return finish(course, mode, model, parts, places)


def finish(
    course: Course,
    mode: Mode,
    model: str,
    parts: Sequence[Part],
    places: Sequence[Place],
    *,
    refused: bool = False,
    reason: str = "",
    stopped: bool = False,
) -> Answer:
    """The answer of these parts over these places, its quotes asserted equal to the stored text."""
    notices = (Part("notice", "底本是提要卷：以上是提要，非原文。"),) if course.edition.is_synopsis else ()
    citations = cite_places(course.edition, places)
    answer = Answer(
        course.question,
        mode,
        model,
        refused,
        reason,
        (*parts, *notices),
        citations,
        course.edition.id,
        tuple(course.stages),
        stopped,
    )
    return assert_verbatim(answer, course.edition)


def refusal(course: Course, mode: Mode = "extract", model: str = "", *, head: str = REFUSAL, reason: str = "") -> Answer:
    """「原著未提及」 (or another `head`) with its grounds: what was searched under which names, and what came nearest."""
    decision = course.decision
    why = reason or decision.reason
    parts = [Part("notice", f"{head}。{why}")]
    if decision.searched:
        parts.append(Part("notice", "查找过：" + "；".join(decision.searched) + "。"))
    places: list[Place] = []
    if decision.verdict != "out_of_scope":
        nearest = decision.shown or tuple(item.place for item in course.ranked[:NEAREST])
        places = [quotable(course.edition, place) for place in nearest]
    if places:
        said = "原著写到的是：" if decision.verdict == "false_premise" else "最接近的原文："
        parts.append(Part("notice", said))
        parts += [Part("evidence", place.text, index) for index, place in enumerate(places)]
    return finish(course, mode, model, parts, places, refused=True, reason=why)


def count_answer(course: Course, found: Concordance, mode: Mode = "extract", model: str = "") -> Answer:
    """The answer to a counting or listing question: counts over the whole text, by chapter, every place cited."""
    edition = course.edition
    names = "、".join(f"“{name}”" for name in found.names[:6]) + ("等" if len(found.names) > 6 else "")
    chapters = found.by_chapter
    lines = [f"{found.subject}在全书出现 {len(found.places)} 处，分布在 {len(chapters)} 回（查找了 {names}）。"]
    if found.together:
        kept = found.together_by_chapter
        lines.append(f"其中与“{found.verb}”同句的有 {len(found.together)} 处：{_chapter_list(edition, kept)}。")
    lines.append(f"各回次数：{_chapter_list(edition, chapters)}。")
    if found.in_titles:
        titles = "、".join(
            f"{edition.chapter(number).label}《{edition.chapter(number).title}》" for number in found.in_titles[:6]
        )
        lines.append(f"见于回目：{titles}。")
    chosen = found.together or found.places
    firsts = list({place.chapter: place for place in reversed(chosen)}.values())[::-1]
    shown = [around(edition, place) for place in firsts[:COUNT_QUOTES]]
    # Every hit is a citation that opens; the first of each chapter is quoted with its sentence.
    places = [*shown, *found.places]
    parts = [Part("summary", line, None, True, COUNT_SOURCE) for line in lines]
    parts += [Part("evidence", place.text, index) for index, place in enumerate(shown)]
    if len(firsts) > COUNT_QUOTES:
        parts.append(Part("notice", f"引文只列前 {COUNT_QUOTES} 回各一处，其余见出处列表。"))
    return finish(course, mode, model, parts, places)


def _chapter_list(edition: Edition, counts: dict[int, int]) -> str:
    return "、".join(f"{edition.chapter(number).label} {count} 处" for number, count in counts.items())


def _expansion_lines(expansions: dict[str, tuple[str, ...]]) -> list[str]:
    return [f"{word} → {'、'.join(others[:8])}" for word, others in expansions.items()] or ["没有别名可扩展"]


def _passage_lines(edition: Edition, candidates: Sequence[Candidate]) -> list[str]:
    return [
        f"{edition.mark(item.place.chapter, item.place.start)} 分 {item.place.score:.2f}，"
        f"人名地名 {item.coverage.names:.0%}，其他词 {item.coverage.words:.0%}：{item.place.text[:24]}…"
        for item in candidates[:8]
    ] or ["没有找到相关段落"]


def _concordance_lines(found: Concordance | None) -> list[str]:
    if found is None:
        return ["问题里没有可以数的东西"]
    return [f"查找 {'、'.join(found.names)}", f"共 {len(found.places)} 处，{len(found.by_chapter)} 回"]


def _decision_lines(decision: Decision) -> list[str]:
    words = {
        "supported": "可以回答",
        "out_of_scope": "超出原著范围",
        "false_premise": "前提与原著不符",
        "unsupported": "原著没有依据",
    }
    return [f"{words[decision.verdict]}（依据强度 {decision.strength:.2f}）", *([decision.reason] if decision.reason else [])]
