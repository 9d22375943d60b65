"""The starter samples: enough of them, mixed, a fair share of refusals, and every anchor in its chapter exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from xiyou_tui.corpus.model import Edition
from xiyou_tui.samples.checks import check_sample
from xiyou_tui.samples.duplicates import NearIndex, find_duplicates
from xiyou_tui.samples.model import KINDS, REFUSAL_REASONS
from xiyou_tui.samples.starters import anchor_starters, load_starters, starters, starters_missing
from xiyou_tui.samples.statistics import REFUSAL_TARGET, summarise
from xiyou_tui.samples.store import SampleFilter
from xiyou_tui.study import Study

Make = Callable[..., Edition]


def test_they_are_many_and_mixed() -> None:
    kinds = Counter(starter.kind for starter in starters())
    assert len(starters()) >= 60 and set(kinds) == set(KINDS)
    assert kinds["refusal"] / len(starters()) >= 0.25
    reasons = Counter(starter.reason for starter in starters() if starter.kind == "refusal")
    assert set(reasons) == set(REFUSAL_REASONS.values())
    assert all(len(phrase) <= 16 for starter in starters() for _, phrase in starter.anchors)
    assert find_duplicates((starter.id, starter.turns[0].text) for starter in starters()) == []
    assert len({starter.id for starter in starters()}) == len(starters())


def test_every_anchor_stands_in_its_chapter_exactly_once(novel: Edition) -> None:
    counts = {
        f"{starter.id} {chapter} {phrase}": novel.chapter(chapter).text.count(phrase)
        for starter in starters()
        for chapter, phrase in starter.anchors
    }
    assert {place: count for place, count in counts.items() if count != 1} == {}


def test_on_the_novel_no_check_has_anything_to_say(study: Study, novel: Edition) -> None:
    study.library.add(novel)
    outcome = load_starters(study.samples, study.library)
    assert (outcome.added, outcome.missing) == (len(starters()), ())
    near = NearIndex((row.id, row.question) for row in study.samples.rows())
    found = [(s.id, f.code) for s in study.samples.list() for f in check_sample(s, study.library, study.samples, near)]
    assert found == []
    figures = summarise(study.samples)
    assert figures.approved == figures.total and figures.approved_refusal_share >= REFUSAL_TARGET


def test_without_the_novel_they_load_and_get_their_citations_later(study: Study, novel: Edition) -> None:
    assert load_starters(study.samples, study.library).anchored == 0
    mine = study.samples.list(SampleFilter(kind=("fact",)))[0]
    study.samples.save(mine.with_exchanges([("我改过的问题", "我改过的回答")]))
    study.library.add(novel)
    assert anchor_starters(study.samples, study.library) == sum(bool(s.anchors) for s in starters()) - 1
    assert anchor_starters(study.samples, study.library) == 0
    assert study.samples.get(mine.id).question == "我改过的问题"


def test_loading_again_changes_nothing_and_brings_back_the_bin(study: Study) -> None:
    load_starters(study.samples, study.library)
    assert load_starters(study.samples, study.library).added == 0
    study.samples.delete("starter-001")
    assert starters_missing(study.samples) == 1
    assert load_starters(study.samples, study.library).added == 1
    study.samples.undo()
    assert starters_missing(study.samples) == 1
    study.samples.save(replace(study.samples.get("starter-002"), status="returned"))
    load_starters(study.samples, study.library)
    assert study.samples.get("starter-002").status == "returned"


def test_an_edition_without_their_passages_is_named(study: Study, make_edition: Make) -> None:
    study.library.add(make_edition({1: ["没有这些话。"]}))
    outcome = load_starters(study.samples, study.library)
    assert outcome.added == len(starters()) and outcome.anchored == 0
    assert any("starter-001" in missing for missing in outcome.missing)


def test_statistics_count(study: Study) -> None:
    load_starters(study.samples, study.library)
    study.samples.delete("starter-001")
    record = summarise(study.samples).as_record()
    assert record["total"] == len(starters()) - 1 == sum(record["by_status"].values()) == sum(record["by_kind"].values())
    assert (record["in_bin"], record["refusals_missing"], record["duplicates"]) == (1, 0, [])
    empty = study.samples
    empty.undo()
    empty.undo()
    assert summarise(study.samples).as_record()["approved_refusal_share"] == 0.0


def test_statistics_tell_how_many_refusals_are_missing(study: Study) -> None:
    from xiyou_tui.samples.model import new_sample

    for number in range(9):
        study.samples.save(new_sample("fact", f"第{number}个不同的问题", "答", status="approved"))
    study.samples.save(new_sample("refusal", "拒", "原著未提及。", status="approved"))
    figures = summarise(study.samples)
    assert (figures.refusals_missing, figures.approved_refusal_share) == (2, 0.1)
