"""Samples are kept with their history; every step can be taken back, nothing is really deleted."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xiyou_tui.corpus.model import Citation
from xiyou_tui.errors import SampleError
from xiyou_tui.samples.model import KINDS, STATUSES, Sample, Turn, new_sample
from xiyou_tui.samples.query import next_word, parse_filter, toggle_word
from xiyou_tui.samples.store import SampleFilter, SampleStore
from xiyou_tui.storage.database import open_database
from xiyou_tui.study import Study


def test_a_sample_comes_back_as_it_was_saved(study: Study) -> None:
    citation = Citation("e" * 16, 27, 3, 9, "f" * 16)
    sample = new_sample("multi", "问", "答", citations=[citation], tags=["尸魔"], note="注", reason="", split="valid")
    stored = study.samples.save(sample)
    assert study.samples.get(sample.id) == stored
    assert replace(stored, changed=sample.changed) == sample
    assert Sample.from_record(stored.as_record()) == stored


def test_an_unchanged_sample_makes_no_step(study: Study) -> None:
    stored = study.samples.save(new_sample("fact", "问", "答"))
    assert study.samples.save(stored) == stored
    assert [entry.action for entry in study.samples.history(stored.id)] == ["新建"]


def test_every_step_can_be_taken_back(study: Study) -> None:
    store = study.samples
    first = store.save(new_sample("fact", "问", "答"))
    second = store.save(replace(first, status="approved"), action="通过")
    store.delete(first.id)
    assert store.count() == 0 and store.count(SampleFilter(deleted=True)) == 1
    assert [entry.action for entry in store.undo()] == ["删除"]
    assert store.get(first.id) == second
    store.undo()
    assert store.get(first.id) == first
    store.undo()
    assert store.count() == 0, "taking back the creation moves it to the bin"
    assert store.undo() == []
    assert [entry.undone for entry in store.history(first.id)] == [True, True, True]


def test_a_batch_is_one_step_and_a_failing_batch_leaves_nothing(study: Study) -> None:
    store = study.samples
    ids = [store.save(new_sample("fact", f"问{n}", "答")).id for n in range(3)]
    assert store.change(ids, action="通过", status="approved") == 3
    assert len(store.undo()) == 3
    assert {row.status for row in store.rows()} == {"draft"}
    with pytest.raises(RuntimeError), store.batch():
        store.delete(ids[0])
        raise RuntimeError
    assert store.count() == 3


def test_undoing_one_sample_of_a_batch_leaves_the_others(study: Study) -> None:
    store = study.samples
    ids = [store.save(new_sample("fact", f"问{n}", "答")).id for n in range(2)]
    store.change(ids, action="通过", status="approved")
    store.save(replace(store.get(ids[1]), note="后来写的"))
    store.undo(ids[0])
    assert store.get(ids[0]).status == "draft"
    assert (store.get(ids[1]).status, store.get(ids[1]).note) == ("approved", "后来写的")


@given(steps=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["save", "status", "delete", "undo"])), max_size=25))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_taking_everything_back_ends_where_it_began(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]]
) -> None:
    store = SampleStore(open_database(tmp_path_factory.mktemp("db") / "x.db"))
    samples = [store.save(new_sample("fact", f"问{n}", "答")) for n in range(3)]
    begun = [store.get(sample.id) for sample in samples]
    done = 0
    for number, (at, step) in enumerate(steps):
        sample = store.get(samples[at].id)
        if step == "undo" and done:
            store.undo()
            done -= 1
        elif step == "save":
            store.save(replace(sample, note=f"第 {number} 步"))
            done += 1
        elif step == "status":
            other = "approved" if sample.status == "draft" else "draft"
            store.save(replace(sample, status=other))
            done += 1
        elif step == "delete" and sample.deleted is None:
            store.delete(sample.id)
            done += 1
    for _ in range(done):
        assert store.undo()
    assert [store.get(sample.id) for sample in samples] == begun


def test_filters_and_rows_agree(study: Study) -> None:
    store = study.samples
    store.save(new_sample("refusal", "诸葛亮说“你好”？", "原著未提及。", reason="书外之事", tags=["三国"]))
    store.save(new_sample("fact", "100% 的_题", "答", status="approved", citations=[Citation("e", 27, 0, 1, "h")]))
    store.save(new_sample("multi", turns=[Turn("system", "规矩"), Turn("user", "甲"), Turn("assistant", "乙")], status="review"))
    for filter, count in (
        (SampleFilter(), 3),
        (SampleFilter(status=("approved", "review")), 2),
        (SampleFilter(kind=("refusal",)), 1),
        (SampleFilter(text="“你好”"), 1),
        (SampleFilter(text="100% _"), 1),
        (SampleFilter(text="诸葛亮 未提及"), 1),
        (SampleFilter(text="诸葛亮 没有"), 0),
        (SampleFilter(refusal=False), 2),
        (SampleFilter(chapter=27), 1),
        (SampleFilter(tag="三国"), 1),
        (SampleFilter(split="valid"), 0),
        (SampleFilter(source="hand"), 3),
        (SampleFilter(limit=2), 2),
    ):
        assert len(store.list(filter)) == len(store.rows(filter)) == count, filter
        assert [sample.id for sample in store.list(filter)] == [row.id for row in store.rows(filter)]
    assert {row.question for row in store.rows()} == {"诸葛亮说“你好”？", "100% 的_题", "甲"}


@given(text=st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_looked_for_and_found_by_itself(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    store = SampleStore(open_database(tmp_path_factory.mktemp("db") / "x.db"))
    store.save(new_sample("fact", text, "答"))
    assert store.count(SampleFilter(text=text)) == 1


def test_what_people_type_becomes_a_filter() -> None:
    assert parse_filter("待审 拒答 第二十七回 #孙悟空 白骨 夫人") == SampleFilter(
        ("review",), ("refusal",), "白骨 夫人", chapter=27, tag="孙悟空"
    )
    assert parse_filter("27回").chapter == 27 and parse_filter("附录").chapter == 101
    assert parse_filter("回收站").deleted and parse_filter("自带").source == "starter"
    labels = tuple(STATUSES.values())
    assert [next_word("白骨", labels), next_word("草稿 白骨", labels), next_word("退回 白骨", labels)] == [
        "草稿 白骨",
        "待审 白骨",
        "白骨",
    ]
    assert toggle_word(toggle_word("白骨", "回收站"), "回收站") == "白骨"


def test_unknown_names_and_ids_are_told_in_chinese(study: Study) -> None:
    with pytest.raises(SampleError, match="没有「riddle」这种题型"):
        new_sample("riddle")
    with pytest.raises(SampleError, match="没有样本"):
        study.samples.get("nothing")
    with pytest.raises(SampleError, match="半个字符"):
        study.samples.save(new_sample("fact", "\ud800", "答"))
    assert set(KINDS) == {"fact", "explain", "quote", "refusal", "count", "multi"}


def test_the_beginning_of_an_id_is_enough(study: Study) -> None:
    stored = study.samples.save(new_sample("fact", "问", "答", id="abcdef123456"))
    assert study.samples.get("abcd") == stored


def test_a_full_disk_is_told_and_leaves_what_was_there(study: Study) -> None:
    store = study.samples
    stored = store.save(new_sample("fact", "问", "答"))
    pages = study.connection.execute("PRAGMA page_count").fetchone()[0]
    study.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SampleError, match="样本没有存成"):
        store.save(new_sample("fact", "问", "长" * 200_000))
    assert [row.id for row in store.rows()] == [stored.id]


def test_an_older_database_is_brought_up(study: Study) -> None:
    columns = {row[1] for row in study.connection.execute("PRAGMA table_info(sample_history)")}
    assert {"batch", "undone"} <= columns
    assert isinstance(study.connection, sqlite3.Connection)


def test_who_cites_a_chapter(study: Study) -> None:
    near, far = Citation("e", 27, 50, 60, "h"), Citation("e", 27, 3, 9, "i")
    stored = study.samples.save(new_sample("fact", "问", "答", citations=[near, far]))
    study.samples.save(new_sample("fact", "别的", "答", citations=[Citation("other", 27, 0, 1, "j")]))
    assert [(citation, row.id) for citation, row in study.samples.citing("e", 27)] == [(far, stored.id), (near, stored.id)]
