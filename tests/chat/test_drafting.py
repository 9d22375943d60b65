"""Drafting samples from the index: what arrives, from where, and what never does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from xiyou_tui.chat.drafting import NEAR, Order, draft_into, draft_samples, parse_chapters
from xiyou_tui.corpus.lexicon import load_lexicon
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.errors import SampleError
from xiyou_tui.samples.checks import check_sample
from xiyou_tui.samples.duplicates import NearIndex, similarity
from xiyou_tui.samples.store import SampleFilter
from xiyou_tui.storage.places import find_assets
from xiyou_tui.study import Study

LEXICON = load_lexicon()


def test_facts_quote_the_text_and_refusals_say_so(novel: Edition) -> None:
    drafted = draft_samples(Order(60, 0.3, seed=3), novel, LEXICON, ())
    assert len(drafted) == 60
    refusals = [sample for sample in drafted if sample.refusal]
    assert len(refusals) == 18
    assert {sample.reason for sample in refusals} == {"书中没有交代", "前提有误", "书外之事"}
    assert all(sample.answer.startswith("原著未提及") and not sample.citations for sample in refusals)
    for sample in drafted:
        assert (sample.status, sample.source) == ("review", "index")
        if not sample.refusal:
            (citation,) = sample.citations
            quote = sample.answer.partition("原文：“")[2].partition("”")[0]
            assert quote and quote in novel.resolve(citation)


def test_the_same_seed_draws_the_same_and_another_draws_others(novel: Edition) -> None:
    first, again, other = (
        [sample.question for sample in draft_samples(Order(20, seed=seed), novel, LEXICON, ())] for seed in (1, 1, 2)
    )
    assert first == again
    assert set(first) != set(other)


def test_only_the_chapters_asked_for_and_the_least_cited_first(novel: Edition) -> None:
    some = draft_samples(Order(10, 0.0, (27, 28)), novel, LEXICON, ())
    assert {sample.citations[0].chapter for sample in some} == {27, 28}
    all_of_27 = draft_samples(Order(30, 0.0, (27,)), novel, LEXICON, ())
    then = draft_samples(Order(5, 0.0, (27, 28)), novel, LEXICON, all_of_27)
    assert then[0].citations[0].chapter == 28 or {sample.citations[0].chapter for sample in then} == {27, 28}


def test_nothing_known_and_nothing_examined_is_drafted(novel: Edition) -> None:
    first = draft_samples(Order(40, seed=5), novel, LEXICON, ())
    second = draft_samples(Order(40, seed=5), novel, LEXICON, first)
    near = NearIndex((sample.id, sample.question) for sample in first)
    assert not any(near.near(sample.question, threshold=NEAR) for sample in second)
    sets = sorted((find_assets() / "questions").glob("*.jsonl"))
    examined = [json.loads(line)["question"] for path in sets for line in path.read_text("utf-8").splitlines()]
    assert all(similarity(sample.question, question) < NEAR for sample in (*first, *second) for question in examined)


def test_a_volume_with_nothing_to_quote_is_refused() -> None:
    with pytest.raises(SampleError) as caught:
        draft_samples(Order(), load_synopsis(), LEXICON, ())
    assert caught.value.code == "nothing-to-quote"


@pytest.mark.parametrize(("typed", "chapters"), [("", ()), ("3，27", (3, 27)), ("1-3", (1, 2, 3)), ("9至10 12", (9, 10, 12))])
def test_chapters_are_read_as_people_type_them(typed: str, chapters: tuple[int, ...]) -> None:
    assert parse_chapters(typed) == chapters


@pytest.mark.parametrize("typed", ["第三回", "5-2", "0", "1-", "x"])
def test_what_is_no_chapter_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(SampleError):
        parse_chapters(typed)


def test_drafts_are_saved_as_one_step_pass_the_checks_and_do_not_come_back(study: Study, novel: Edition) -> None:
    study.library.add(novel)
    drafted = draft_into(study.samples, study.library, Order(30, seed=8))
    assert study.samples.count(SampleFilter(status=("review",))) == 30
    errors = [
        finding for sample in drafted for finding in check_sample(sample, study.library, study.samples) if finding.severity == "error"
    ]
    assert not errors
    assert len(study.samples.undo()) == 30
    assert study.samples.count() == 0
    thrown = study.samples.save(replace(drafted[0], deleted=None))
    study.samples.delete(thrown.id)
    again = draft_into(study.samples, study.library, Order(30, seed=8))
    assert thrown.question not in {sample.question for sample in again}
