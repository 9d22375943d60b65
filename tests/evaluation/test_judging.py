"""What counts as an answer, and what counts as a broken promise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.chat.model import Answer, Part, cite_places
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.errors import ChatError
from xiyou_tui.evaluation.judging import Outcome, Reply, explain, judge
from xiyou_tui.evaluation.matching import Gold, fold_pattern, locate_evidence, printed, squeeze
from xiyou_tui.evaluation.questions import Question

from .conftest import make_edition, quoting, refusing

EDITION = make_edition()


def verdict(question: Question, answer: Answer | None, **more: object) -> Outcome:
    return judge("extract", question, Reply(answer, 5.0, **more), EDITION)  # type: ignore[arg-type]


def test_script_variants_and_punctuation_make_no_difference() -> None:
    gold = Gold(("觔斗雲，十萬八千里！",), ("一翻（?:了)?十万".replace("（", "("),))
    assert gold.has_answer("……筋斗云十万八千里。")
    assert gold.has_evidence("一翻十萬八千里")
    assert not gold.has_answer("十万八千里") and not gold.has_evidence("翻十万")


def test_full_width_marks_in_a_pattern_are_text_not_operators() -> None:
    gold = Gold((), ("真的？（不是）",))
    assert gold.has_evidence("真的?(不是)") and gold.has_evidence("真的？（不是）")
    assert not gold.has_evidence("真不是")
    assert fold_pattern(r"\D？") == r"\D\?"


@given(st.text(max_size=60))
def test_any_literal_finds_itself(text: str) -> None:
    import re

    wide = "".join(character for character in text if ord(character) > 0x2E7F)
    if wide:
        assert Gold((), (re.escape(wide),)).has_evidence(f"前{wide}后")
    if squeeze(text):
        assert Gold((text,)).has_answer(f"「{text}」")


def test_a_passage_with_the_title_is_read_as_a_book_prints_it(edition: Edition) -> None:
    chapter = edition.chapter(2)
    assert printed(edition, Place(2, 1, 0, len(chapter.title), chapter.title)) == "第二回\u3000访道拜师 取名悟空"
    assert printed(edition, Place(2, 1, 3, 5, chapter.text[3:5])) == chapter.text[3:5]
    place = locate_evidence(edition, Gold((), ("第二回　访道拜师",)))
    assert place is not None and place.text == chapter.title


def test_the_evidence_is_located_in_its_paragraph(edition: Edition, questions: dict[str, Question]) -> None:
    place = locate_evidence(edition, questions["T2"].gold, questions["T2"].chapters)
    assert place is not None and (place.chapter, place.paragraph) == (3, 1)
    assert locate_evidence(edition, Gold((), ("没有这句",)), (1, 99)) is None


def test_an_answer_in_the_quotes_or_in_the_words_is_right(questions: dict[str, Question]) -> None:
    quoted = verdict(questions["T1"], quoting(EDITION, "问", "仙石，高三丈六尺", "众猴拜他"))
    assert (quoted.verdict, quoted.contained, quoted.told, quoted.evidence, quoted.chapter, quoted.precision) == ("right", True, False, True, True, 0.5)
    told = verdict(questions["T2"], quoting(EDITION, "问", "众猴拜他", summary="重一萬三千五百斤"))
    assert (told.verdict, told.contained, told.told, told.evidence, told.chapter, told.precision) == ("right", False, True, False, False, 0.0)
    assert any("概述" in line for line in explain(told, questions["T2"]))


def test_wrong_refused_and_failed(questions: dict[str, Question]) -> None:
    wrong = verdict(questions["T1"], quoting(EDITION, "问", "众猴拜他"))
    assert (wrong.verdict, wrong.chapter) == ("wrong", True)
    assert verdict(questions["T1"], refusing(EDITION, "问")).verdict == "over_refused"
    assert verdict(questions["T4"], refusing(EDITION, "问")).verdict == "refused"
    assert verdict(questions["T4"], quoting(EDITION, "问", "众猴拜他")).verdict == "under_refused"
    failed = verdict(questions["T1"], None, error=ChatError("模型坏了。"))
    assert (failed.verdict, failed.error, failed.answered, failed.refused) == ("failed", "模型坏了。", False, False)


def test_ranks_come_from_the_evidence_or_else_the_answer(questions: dict[str, Question]) -> None:
    ranked = tuple(Place(number, 1, 0, len(chapter.text), chapter.text) for number, chapter in ((c.number, c) for c in EDITION.chapters))
    found = verdict(questions["T2"], refusing(EDITION, "问"), ranked=ranked)
    assert (found.passage_rank, found.chapter_rank) == (3, 3)
    assert verdict(questions["T3"], refusing(EDITION, "问"), ranked=ranked).passage_rank == 2
    assert verdict(questions["T2"], refusing(EDITION, "问"), ranked=()).passage_rank is None
    assert not verdict(questions["T4"], refusing(EDITION, "问"), ranked=ranked).ranked


def test_a_quote_that_differs_by_one_character_is_a_bug(questions: dict[str, Question]) -> None:
    answer = quoting(EDITION, "问", "仙石，高三丈六尺")
    good = verdict(questions["T1"], answer)
    assert (good.quotes, good.verbatim, good.citations, good.resolved, good.bugs) == (1, 1, 1, 1, ())
    forged = replace(answer, parts=(replace(answer.parts[0], text="仙石，高三丈七尺"),))
    bad = verdict(questions["T1"], forged)
    assert (bad.quotes, bad.verbatim) == (1, 0) and len(bad.bugs) == 1


def test_an_answer_that_vouches_for_itself_is_not_believed(questions: dict[str, Question]) -> None:
    """The part, the place and the citation agree with each other, but the text is not the edition's."""
    answer = quoting(EDITION, "问", "仙石，高三丈六尺")
    cited = answer.citations[0]
    lying = replace(cited, place=replace(cited.place, text="仙石，高三丈七尺"))
    bad = verdict(questions["T1"], replace(answer, citations=(lying,), parts=(replace(answer.parts[0], text="仙石，高三丈七尺"),)))
    assert bad.verbatim == 0 and bad.resolved == 0 and len(bad.bugs) == 2


def test_quotation_marks_in_a_models_own_words_are_held_to_the_promise(questions: dict[str, Question]) -> None:
    answer = quoting(EDITION, "问", "众猴拜他", summary="他说「我是齐天大圣」，又说「众猴拜他为王」。")
    outcome = verdict(questions["T1"], answer)
    assert (outcome.quotes, outcome.verbatim, len(outcome.bugs)) == (3, 2, 1)


def test_what_a_bare_model_quotes_is_measured_and_no_bug_of_ours(questions: dict[str, Question]) -> None:
    outcome = verdict(questions["T1"], refusing(EDITION, "问"), quotes=("众猴拜他为王", "我是齐天大圣", "悟空"))
    assert (outcome.quotes, outcome.verbatim, outcome.bugs) == (2, 1, ())


def test_an_outcome_survives_being_written_down(questions: dict[str, Question]) -> None:
    outcome = verdict(questions["T1"], quoting(EDITION, "问", "仙石，高三丈六尺"), ranked=()).placed(7, 9)
    assert Outcome.from_record(outcome.as_record()) == outcome
    for broken in ({}, {**outcome.as_record(), "verdict": "maybe"}):
        with pytest.raises((KeyError, ValueError)):
            Outcome.from_record(broken)


def test_citations_of_a_count_that_hold_nothing_do_not_break_the_precision(questions: dict[str, Question]) -> None:
    answer = Answer("问", "extract", "", False, "", (Part("summary", "共 0 处", None, True, "全书检索"),), cite_places(EDITION, []), EDITION.id)
    assert verdict(questions["T1"], answer).precision is None
