"""Question sets: read line by line, refused with the numbers of the wrong lines, drawn fairly."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.errors import EvaluationError
from xiyou_tui.evaluation.questions import Question, choose_questions, find_set, list_sets, load_questions, parse_question
from xiyou_tui.storage.places import Places

from .conftest import RECORDS, write_set

WORDS = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=12)
GOOD = {"id": "1", "kind": "fact", "question": "问", "answerable": True, "answers": ["答"]}


def test_the_shipped_set_is_whole(places: Places) -> None:
    shipped = find_set(places, "dev")
    assert (len(shipped.questions), shipped.answerable) == (480, 360)
    assert all(question.evidence and question.chapters for question in shipped.questions if question.answerable)
    assert len({question.text for question in shipped.questions}) == 480


def test_a_set_is_found_by_name_and_by_path(places: Places, set_file: Path) -> None:
    own = places.data / "questions" / "mine.jsonl"
    own.parent.mkdir()
    own.write_bytes(set_file.read_bytes())
    assert [path.stem for path in list_sets(places)] == ["dev", "fresh", "mine"]
    assert find_set(places, "mine").hash == find_set(places, str(set_file)).hash
    with pytest.raises(EvaluationError) as failure:
        find_set(places, "nowhere")
    assert "dev" in failure.value.next_step


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": ""}, "id 是空的"),
        ({"id": 3}, "id 要写文字"),
        ({"question": None}, "question 要写文字"),
        ({"answerable": "yes"}, "true 或 false"),
        ({"answers": "答"}, "answers 要写文字的列表"),
        ({"answers": []}, "要有 answers 或 evidence"),
        ({"evidence": ["(未完"]}, "不是正则表达式"),
        ({"evidence": ["(a+)+"]}, "重复套重复"),
        ({"evidence": ["长" * 301]}, "太长"),
        ({"chapters": [0]}, "chapters 要写回数"),
        ({"chapters": [True]}, "chapters 要写回数"),
        ({"answerable": False}, "不该有 answers"),
        ({"kind": 5}, "kind 要写文字"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    with pytest.raises(EvaluationError) as failure:
        load_questions(write_set(tmp_path / "bad.jsonl", [GOOD, {**GOOD, "id": "2", **change}]))
    assert "第 2 行" in failure.value.what and reason in failure.value.what


def test_all_wrong_lines_are_named_and_none_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    lines = [json.dumps(GOOD).encode(), b"{", b"[1]", b"\xff\xfe", b"[" * 20000, json.dumps(GOOD).encode(), b""]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(EvaluationError) as failure:
        load_questions(path)
    told = failure.value.what
    assert "有 5 行不对" in told and all(f"第 {number} 行" in told for number in (2, 3, 4, 5, 6))
    assert "和第 1 行重复" in told


def test_an_empty_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n\n")
    for name in ("empty", "missing"):
        with pytest.raises(EvaluationError):
            load_questions(tmp_path / f"{name}.jsonl")


def test_a_byte_order_mark_and_unknown_keys_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "marked.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({**GOOD, "difficulty": 3}).encode())
    assert load_questions(path).questions[0].answers == ("答",)


@given(id=WORDS, text=WORDS, kind=WORDS, answers=st.lists(WORDS, min_size=1, max_size=3), chapters=st.lists(st.integers(1, 101), max_size=3))
def test_a_question_survives_being_written_down(id: str, text: str, kind: str, answers: list[str], chapters: list[int]) -> None:
    question = Question(id, kind, text, True, tuple(answers), (), tuple(chapters))
    assert parse_question(json.loads(json.dumps(question.as_record()))) == question


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5), share=st.floats(0.05, 1.0), seed=st.integers(0, 99))
def test_a_draw_keeps_the_order_and_the_balance_of_kinds(sizes: list[int], share: float, seed: int) -> None:
    questions = [Question(f"{kind}-{n}", str(kind), "问", False) for kind, size in enumerate(sizes) for n in range(size)]
    limit = max(1, int(len(questions) * share))
    drawn = choose_questions(questions, limit, seed)
    assert len(drawn) == limit and drawn == choose_questions(questions, limit, seed)
    assert [questions.index(question) for question in drawn] == sorted(questions.index(question) for question in drawn)
    for kind, count in Counter(question.kind for question in drawn).items():
        # Kinds with equal halfway points stand in a row, so that a large one may be ahead by one for every other two.
        assert abs(count - limit * sizes[int(kind)] / len(questions)) <= max(1.5, len(sizes) / 2)


def test_no_limit_means_all() -> None:
    questions = [parse_question(record) for record in RECORDS]
    assert choose_questions(questions, 0, 1) == choose_questions(questions, 99, 2) == tuple(questions)
