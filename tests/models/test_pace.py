"""How fast and how long: what a person is told while waiting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.models.pace import Pace, show_left


def test_a_steady_stream_has_its_speed() -> None:
    pace = Pace()
    for second in range(20):
        pace.add(second, 5_000_000 + second * 1000)
    assert pace.speed == 1000 and pace.left(60_000) == 60


def test_only_the_last_seconds_count() -> None:
    pace = Pace()
    for second in range(30):
        pace.add(second, second * 1_000_000 if second < 10 else 10_000_000 + second)
    assert pace.speed < 10


def test_what_begins_anew_and_what_rests_is_not_counted() -> None:
    pace = Pace()
    pace.add(0, 900)
    pace.add(1, 0)
    assert pace.speed == 0 and pace.left(10) is None
    pace.add(2, 500)
    assert pace.speed == 500
    pace.rest()
    pace.add(100, 500)
    pace.add(101, 1500)
    assert pace.speed == 1000


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 10**9)), max_size=30), st.integers(0, 10**12))
def test_it_never_divides_by_nothing(steps: list[tuple[float, int]], rest: int) -> None:
    pace, now = Pace(), 0.0
    for seconds, done in steps:
        now += seconds
        pace.add(now, done)
        assert pace.speed >= 0
        left = pace.left(rest)
        assert left is None or left >= 0
        assert show_left(left or 0)


def test_times_are_told_roughly() -> None:
    assert [show_left(seconds) for seconds in (3, 60, 750, 7800)] == ["还要不到一分钟", "还要 1 分钟", "还要 12 分钟", "还要 2 小时 10 分"]
