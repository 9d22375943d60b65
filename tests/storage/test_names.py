"""Finding one of many by what people type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.errors import TrainingError
from xiyou_tui.storage.names import find_named, list_directories


@dataclass(frozen=True)
class Thing:
    id: str
    name: str = ""


THINGS = [Thing("20260103-b", "夜里"), Thing("20260102-a", "早上"), Thing("20260102", "夜里"), Thing("20251231", "last")]


def found(name: str, known: list[Thing] = THINGS) -> Thing:
    return find_named(known, name, "运行", TrainingError)


def test_an_id_goes_before_a_beginning_and_last_is_the_newest() -> None:
    assert found("20260102") == THINGS[2]
    assert found("20260102-") == THINGS[1] == found("早上")
    assert found("2025") == THINGS[3]
    assert found("last") == THINGS[0]


@pytest.mark.parametrize(
    ("name", "told"), [("", "没有运行「」"), ("nobody", "没有运行「nobody」"), ("2026", "对得上 3 次运行"), ("夜里", "对得上 2 次运行")]
)
def test_what_fits_none_or_several_is_told(name: str, told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        found(name)


@pytest.mark.parametrize("name", ["", "last", "2026"])
def test_among_none_nothing_is_found(name: str) -> None:
    with pytest.raises(TrainingError, match="没有运行"):
        found(name, [])


@given(st.lists(st.text("01-ab", min_size=1, max_size=6), unique=True, min_size=1), st.data())
def test_whatever_is_found_fits_and_its_own_id_always_finds_it(ids: list[str], data: st.DataObject) -> None:
    known = [Thing(id) for id in ids]
    thing = data.draw(st.sampled_from(known))
    assert found(thing.id, known) == thing
    beginning = thing.id[: data.draw(st.integers(1, len(thing.id)))]
    try:
        assert found(beginning, known).id.startswith(beginning)
    except TrainingError:
        assert sum(id.startswith(beginning) for id in ids) > 1 and beginning not in ids


def test_directories_come_newest_first_without_files_and_drafts(tmp_path: Path) -> None:
    for name in ("20260101-a", "20260102-a", ".20260103-a"):
        (tmp_path / name).mkdir()
    (tmp_path / "20260104").write_text("")
    assert [path.name for path in list_directories(tmp_path)] == ["20260102-a", "20260101-a"]
    assert list_directories(tmp_path / "nowhere") == list_directories(tmp_path / "20260104") == []
