"""Windows, batches and schedules: nothing is lost, nothing comes twice, next to nothing is padding."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.corpus.model import Edition
from xiyou_tui.training.packing import Schedule, cut_windows, epoch_batches, padding_share

lengths = st.lists(st.integers(1, 300), min_size=1, max_size=60)


@given(st.lists(st.integers(0, 50), max_size=200), st.integers(1, 40))
def test_every_token_but_the_first_is_a_target_exactly_once(tokens: list[int], length: int) -> None:
    windows = cut_windows("w", tokens, length)
    trained = [token for row in windows for token, target in zip(row.tokens, row.trained, strict=True) if target]
    assert trained == tokens[1:]
    assert all(len(row) <= length + 1 and not row.trained[0] for row in windows)
    # A window's context is what stands before it in the text.
    position = 0
    for row in windows:
        assert row.tokens == tokens[position : position + len(row)]
        position += row.targets


@given(lengths, st.integers(1, 9), st.integers(0, 3), st.integers(0, 5), st.sampled_from(["shuffled", "short-first"]))
def test_an_epoch_holds_every_row_once(rows: list[int], batch: int, seed: int, epoch: int, order: str) -> None:
    batches = epoch_batches(rows, batch, seed, epoch, order)
    assert sorted(row for found in batches for row in found) == list(range(len(rows)))
    assert batches == epoch_batches(rows, batch, seed, epoch, order)
    assert all(len(found) <= batch for found in batches)


@given(lengths, st.integers(1, 9), st.integers(1, 5), st.integers(1, 3))
def test_a_schedule_drops_no_remainder(rows: list[int], batch: int, accumulate: int, epochs: int) -> None:
    schedule = Schedule(tuple(rows), batch, accumulate, float(epochs), 0, 7)
    seen = [row for step in range(1, schedule.steps + 1) for found in schedule.batches(step) for row in found]
    assert sorted(seen) == sorted(list(range(len(rows))) * epochs)
    assert schedule.epoch_after(schedule.steps) == epochs


def test_a_step_s_batches_do_not_depend_on_the_steps_before() -> None:
    schedule = Schedule(tuple(range(1, 50)), 4, 2, 3.0, 0, 7)
    forward = [schedule.batches(step) for step in range(1, schedule.steps + 1)]
    backward = [schedule.batches(step) for step in range(schedule.steps, 0, -1)]
    assert forward == backward[::-1]


def test_batches_change_from_epoch_to_epoch() -> None:
    rows = [10] * 64
    assert epoch_batches(rows, 4, 7, 0) != epoch_batches(rows, 4, 7, 1)


def test_short_first_rises() -> None:
    rows = [30, 5, 20, 10, 40, 1]
    widths = [max(rows[row] for row in found) for found in epoch_batches(rows, 2, 7, 0, "short-first")]
    assert widths == sorted(widths)


def test_the_novel_packs_with_next_to_no_padding(novel: Edition) -> None:
    windows = [row for chapter in novel.chapters for row in cut_windows("w", range(len(chapter.text)), 512)]
    sizes = [len(row) - 1 for row in windows]
    assert padding_share(sizes, epoch_batches(sizes, 4, 7, 0), 8) <= 0.02
