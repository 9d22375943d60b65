"""Measures: worked by hand once, and their invariants; differences between systems on the same questions."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.errors import EvaluationError
from xiyou_tui.evaluation.compare import compare
from xiyou_tui.evaluation.judging import Outcome
from xiyou_tui.evaluation.measures import ALL, BY_NAME, MEASURES, Summary, interval, resample, show_share, summarise

VERDICTS = {True: ("right", "wrong", "over_refused", "failed"), False: ("refused", "under_refused", "failed")}


@st.composite
def outcomes(draw: st.DrawFn, most: int = 30) -> list[Outcome]:
    made = []
    for number in range(draw(st.integers(0, most))):
        answerable = draw(st.booleans())
        verdict = draw(st.sampled_from(VERDICTS[answerable]))
        quotes, citations = draw(st.integers(0, 600)), draw(st.integers(0, 600))
        made.append(
            Outcome(
                "extract", str(number), draw(st.sampled_from(["fact", "count"])), answerable, verdict,  # type: ignore[arg-type]
                contained=verdict == "right", evidence=draw(st.sampled_from([None, False, True])) if answerable else None,
                precision=draw(st.one_of(st.none(), st.floats(0, 1))) if verdict in ("right", "wrong") else None,
                quotes=quotes, verbatim=draw(st.integers(0, quotes)), citations=citations, resolved=citations,
                passage_rank=draw(st.one_of(st.none(), st.integers(1, 10))) if answerable else None, ranked=answerable,
                milliseconds=draw(st.floats(0, 1e4)),
            )
        )  # fmt: skip
    return made


def test_worked_by_hand() -> None:
    made = [
        Outcome("x", "1", "fact", True, "right", True, True, True, True, 0.5, 4, 4, 2, 2, 1, 1, True, 10.0),
        Outcome("x", "2", "fact", True, "right", False, True, False, True, 0.0, 2, 2, 2, 2, 7, 2, True, 20.0),
        Outcome("x", "3", "fact", True, "wrong", False, False, False, False, 0.25, 2, 1, 4, 3, None, None, True, 30.0, ("差一字",)),
        Outcome("x", "4", "fact", True, "over_refused", ranked=True, milliseconds=40.0),
        Outcome("x", "5", "out", False, "refused"),
        Outcome("x", "6", "out", False, "refused"),
        Outcome("x", "7", "out", False, "under_refused", quotes=2, verbatim=2, supported=3, claims=4),
    ]
    figures = summarise("x", made).all.figures
    expected = {
        "verbatim": 9 / 10, "resolvable": 7 / 8, "contained": 1 / 4, "told": 2 / 4, "right": 2 / 4, "evidence": 1 / 3, "chapter": 2 / 3, "precision": 0.25,
        "wrong": 2 / 4, "coverage": 4 / 7, "refusal_recall": 2 / 3, "refusal_precision": 2 / 3, "refusal_f1": 2 / 3, "over_refusal": 1 / 4,
        "passage_r1": 1 / 4, "passage_r5": 1 / 4, "passage_r10": 2 / 4, "failed": 0.0, "supported": 3 / 4,
    }  # fmt: skip
    for name, value in expected.items():
        assert figures[name].value == pytest.approx(value), name
    assert summarise("x", made).bugs == 1
    assert summarise("x", made).all.longest == 40.0


@given(outcomes())
def test_figures_stay_in_bounds_and_intervals_in_order(made: list[Outcome]) -> None:
    summary = summarise("extract", made, rounds=40)
    for group in summary.groups.values():
        for figure in group.figures.values():
            if figure.value is None:
                assert figure.denominator == 0
                continue
            assert 0 <= figure.value <= 1
            if figure.low is not None and figure.high is not None:
                assert 0 <= figure.low <= figure.high <= 1
    assert sum(group.questions for name, group in summary.groups.items() if name != ALL) == len(made)
    recall, precision, f1 = (summary.all.figures[name].value for name in ("refusal_recall", "refusal_precision", "refusal_f1"))
    if recall and precision:
        assert f1 == pytest.approx(2 * recall * precision / (recall + precision))
    assert Summary.from_record("extract", summary.as_record()).as_record() == summary.as_record()


@given(outcomes(), st.integers(0, 5))
def test_the_packed_sums_are_the_sums(made: list[Outcome], seed: int) -> None:
    rows = [[measure.count(outcome) for measure in MEASURES] for outcome in made]
    drawn = resample([rows, rows], 3, seed)
    generator = random.Random(seed)
    for left, right in drawn:
        chosen = generator.choices(range(len(rows)), k=len(rows))
        plain = [(sum(rows[n][m][0] for n in chosen), sum(rows[n][m][1] for n in chosen)) for m in range(len(MEASURES))]
        assert left == right == plain


@given(outcomes())
def test_the_same_seed_gives_the_same_intervals(made: list[Outcome]) -> None:
    assert summarise("x", made, rounds=20, seed=3) == summarise("x", made, rounds=20, seed=3)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth, inside = 0.8, 0
    for seed in range(60):
        generator = random.Random(seed)
        made = [Outcome("x", str(n), "fact", True, "right" if generator.random() < truth else "wrong") for n in range(200)]
        figure = summarise("x", made, rounds=200).all.figures["right"]
        assert figure.low is not None and figure.high is not None
        inside += figure.low <= truth <= figure.high
    assert 52 <= inside <= 60


def test_nothing_asked_gives_no_figures() -> None:
    summary = summarise("x", [])
    assert all(figure.value is None for figure in summary.all.figures.values()) and summary.all.median is None
    assert interval([]) == (None, None) and show_share(None) == "—" and show_share(1.0) == "100%" and show_share(0.9996) == "100.0%"


def test_every_measure_has_a_name_of_its_own_and_says_what_it_means() -> None:
    assert len(BY_NAME) == len(MEASURES)
    assert all(measure.help and measure.label for measure in MEASURES)


def test_the_same_outcomes_do_not_differ() -> None:
    made = [Outcome("x", str(n), "fact", True, "right" if n % 3 else "wrong", bool(n % 3)) for n in range(60)]
    found = compare(made, made)
    assert found.questions == 60 and not found.gained and not found.lost
    assert all(difference.direction == 0 and difference.delta in (0, None) for difference in found.differences.values())


def test_a_sure_difference_has_a_direction_and_names_its_questions() -> None:
    before = [Outcome("x", str(n), "fact", True, "right" if n % 2 else "over_refused", bool(n % 2)) for n in range(80)]
    after = [Outcome("y", str(n), "fact", True, "right", True) for n in range(10, 90)]
    found = compare(before, after)
    assert found.questions == 70 and len(found.gained) == 35 and not found.lost
    assert found.differences["contained"].direction == 1
    assert found.differences["over_refusal"].direction == 1, "less of it is better"
    assert found.differences["coverage"].direction == 0, "more answers are neither better nor worse"
    assert compare(after, before).differences["contained"].direction == -1


def test_sets_without_a_common_question_are_not_compared() -> None:
    with pytest.raises(EvaluationError):
        compare([Outcome("x", "1", "fact", True, "right")], [Outcome("x", "2", "fact", True, "right")])
