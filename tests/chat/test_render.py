"""The promise: whatever a model writes, quotes are the stored text at the stored place, and marks are never forged."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chat.test_markup import NASTY
from xiyou_tui.chat.answer import Course, prepare
from xiyou_tui.chat.model import Answer, Mode
from xiyou_tui.chat.render import render_output
from xiyou_tui.corpus.model import Place
from xiyou_tui.corpus.retrieval import Retriever

QUESTION = "白骨精变成了哪些人？"


def assert_holds(answer: Answer, retriever: Retriever) -> None:
    """Every quote is verbatim and cited, every citation resolves, and no other part looks like a quote or a mark."""
    edition = retriever.edition
    for cited in answer.citations:
        assert edition.resolve(cited.citation) == cited.place.text
        assert edition.chapter(cited.place.chapter).text[cited.place.start : cited.place.end] == cited.place.text
        assert cited.mark == edition.mark(cited.place.chapter, cited.place.start)
    for part in answer.parts:
        if part.kind == "evidence":
            assert part.citation is not None
            assert part.text == answer.citations[part.citation].place.text
        elif part.source == "模型":
            assert not re.search("[〔〕「」“”]", part.text)
    assert Answer.from_detail(answer.as_detail()) == answer


@pytest.fixture(scope="module")
def course(synopsis_retriever: Retriever) -> Course:
    return prepare(QUESTION, synopsis_retriever)


def shown(course: Course) -> list[Place]:
    return [item.place for item in course.ranked[:4]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=NASTY, mode=st.sampled_from(["retrieve", "closed"]), data=st.data())
def test_arbitrary_output_never_breaks_the_promise(
    synopsis_retriever: Retriever, course: Course, raw: str, mode: Mode, data: st.DataObject
) -> None:
    places = shown(course)
    passage = data.draw(st.sampled_from(places))
    start = data.draw(st.integers(0, len(passage.text) - 1))
    piece = passage.text[start : start + data.draw(st.integers(1, 60))]
    mangled = piece.replace("的", "地").replace("，", "、")
    text = f"{raw}[1]<q>{piece}</q>{raw}[2]<q>{mangled}</q>“{piece}”「{mangled}」{raw}"
    answer = render_output(text, course, synopsis_retriever, mode=mode, model="m", shown=places if mode == "retrieve" else ())
    assert_holds(answer, synopsis_retriever)


def test_a_quote_is_found_in_the_passage_it_names(synopsis_retriever: Retriever, course: Course) -> None:
    places = shown(course)
    quote = places[1].text[:10]
    answer = render_output(f"[2]<q>{quote}</q>", course, synopsis_retriever, mode="retrieve", model="m", shown=places)
    assert [part.text for part in answer.parts if part.kind == "evidence"] == [quote]
    assert answer.citations[0].place.start == places[1].start
    assert not answer.refused


def test_what_is_said_over_and_over_is_shown_once(synopsis_retriever: Retriever, course: Course) -> None:
    places = shown(course)
    sentence, quote = f"{places[0].text.split('。')[0]}。", places[1].text[:10]
    once = render_output(f"{sentence}[2]<q>{quote}</q>", course, synopsis_retriever, mode="retrieve", model="m", shown=places)
    again = render_output(sentence * 3 + f"[2]<q>{quote}</q>" * 4, course, synopsis_retriever, mode="retrieve", model="m", shown=places)
    assert [part.kind for part in once.parts[:2]] == ["summary", "evidence"]
    assert again.parts == once.parts


def test_a_sentence_that_was_cut_off_is_left_out(synopsis_retriever: Retriever, course: Course) -> None:
    places = shown(course)
    first, second = places[0].text.replace("\n", "").split("。")[:2]
    whole, half = f"{first}。", second[:6]
    for raw, cut, left in (
        (whole + half, True, whole), (whole + half, False, whole + half), (whole, True, whole), (f"{whole}{half}[1]", True, whole + half),
    ):  # fmt: skip
        answer = render_output(raw, course, synopsis_retriever, mode="retrieve", model="m", shown=places, cut=cut)
        assert "".join(part.text for part in answer.parts if part.source == "模型") == left
    alone = render_output(half, course, synopsis_retriever, mode="retrieve", model="m", shown=places, cut=True)
    assert not any(part.source == "模型" for part in alone.parts)


@pytest.mark.parametrize("mode", ["retrieve", "closed"])
def test_a_question_said_back_is_no_answer(synopsis_retriever: Retriever, course: Course, mode: Mode) -> None:
    places = shown(course) if mode == "retrieve" else []
    for raw in (QUESTION, "白骨精变成了什么？白骨精三次变成了谁?"):
        answer = render_output(raw, course, synopsis_retriever, mode=mode, model="m", shown=places)
        assert not any(part.source == "模型" for part in answer.parts)
        assert not any("都有依据" in line for stage in answer.stages for line in stage.lines)


def test_a_quote_that_is_not_in_the_text_is_no_evidence_and_is_marked(synopsis_retriever: Retriever, course: Course) -> None:
    places = shown(course)
    real = places[0].text[:7]
    raw = f"[1]<q>{real}</q>他说“白骨精其实是玉皇大帝的三女儿变的”。"
    answer = render_output(raw, course, synopsis_retriever, mode="retrieve", model="m", shown=places)
    assert [part.text for part in answer.parts if part.kind == "evidence"] == [real]
    words = [part for part in answer.parts if part.kind == "summary"]
    assert any(part.verified is False for part in words)
    assert "〔未核实〕" in answer.text
    dropped = render_output(raw, course, synopsis_retriever, mode="retrieve", model="m", shown=places, unverified="drop")
    assert "三女儿" not in dropped.text
    assert "略去" in dropped.text


def test_forged_citations_are_taken_out(synopsis_retriever: Retriever, course: Course) -> None:
    places = shown(course)
    raw = f"白骨精三次变化〔999·1〕。[1]<q>{places[0].text[:8]}</q>【27·3】[99]"
    answer = render_output(raw, course, synopsis_retriever, mode="retrieve", model="m", shown=places)
    assert "999" not in answer.text
    assert_holds(answer, synopsis_retriever)


def test_an_output_of_which_nothing_holds_gives_way_to_the_text_itself(synopsis_retriever: Retriever, course: Course) -> None:
    answer = render_output("量子力学方程组", course, synopsis_retriever, mode="retrieve", model="m", shown=shown(course))
    assert not answer.refused
    assert "摘引" in answer.parts[0].text
    assert "量子" not in answer.text
    closed = render_output("量子力学方程组", course, synopsis_retriever, mode="closed", model="m")
    assert closed.refused
    assert "量子" not in closed.text


def test_endless_output_is_cut(synopsis_retriever: Retriever, course: Course) -> None:
    answer = render_output("白骨精变成女子。" * 5000, course, synopsis_retriever, mode="retrieve", model="m", shown=shown(course))
    assert len(answer.text) < 5000


def test_a_stopped_answer_keeps_what_was_written(synopsis_retriever: Retriever, course: Course) -> None:
    answer = render_output("白骨精", course, synopsis_retriever, mode="retrieve", model="m", shown=shown(course), stopped=True)
    assert answer.stopped
    assert "白骨精" in answer.text
