"""Rows into batches: windows over a chapter's tokens, length bucketing, and an order that follows from seed and epoch alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens of one training row; `trained[i]` says whether token i is a target (the first never is)."""

    name: str
    tokens: list[int]
    trained: list[bool]

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def targets(self) -> int:
        """How many tokens the loss is taken over."""
        return sum(self.trained)


def cut_windows(name: str, tokens: Sequence[int], length: int) -> list[Row]:
    """Windows over one text in which every token but the first is a target exactly once.

    A window holds at most `length` + 1 tokens: the first is context only, the last token of the window before it. The text is divided
    evenly, so that no window is a short remainder and next to nothing is padding.
    """
    targets = len(tokens) - 1
    if targets < 1:
        return []
    count = -(-targets // length)
    bounds = [targets * index // count for index in range(count + 1)]
    return [
        Row(f"{name}#{index + 1}", list(tokens[start : end + 1]), [False] + [True] * (end - start))
        for index, (start, end) in enumerate(pairwise(bounds))
    ]


def epoch_batches(lengths: Sequence[int], batch: int, seed: int, epoch: int, order: str = "shuffled") -> list[list[int]]:
    """Row numbers of one epoch's batches. Every row comes exactly once; rows of like length share a batch.

    Depends on nothing but its arguments, so that a resumed run needs to remember only its step. `order` "short-first" keeps the
    batches from short to long in the first epoch.
    """
    chance = random.Random(f"{seed}/{epoch}")
    rows = list(range(len(lengths)))
    chance.shuffle(rows)
    rows.sort(key=lambda row: lengths[row])
    batches = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    if not (order == "short-first" and epoch == 0):
        chance.shuffle(batches)
    return batches


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which batches a step takes, and how many steps there are. A pure function of its fields."""

    lengths: tuple[int, ...]
    batch: int
    accumulate: int
    epochs: float
    max_steps: int
    seed: int
    order: str = "shuffled"

    @property
    def per_epoch(self) -> int:
        """Batches in one epoch."""
        return -(-len(self.lengths) // self.batch)

    @property
    def total_batches(self) -> int:
        return max(1, round(self.per_epoch * self.epochs))

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run; the last one may hold fewer batches, none is dropped."""
        steps = -(-self.total_batches // self.accumulate)
        return min(steps, self.max_steps) if self.max_steps else steps

    def batches(self, step: int, rank: int = 0, ranks: int = 1) -> list[list[int]]:
        """The batches of `step` (from 1): row numbers. With several ranks, this one's share of each, empty ones left out.

        Rows of a batch stand in order of length, so dealing them out in turn gives every rank about the same work.
        """
        first = (step - 1) * self.accumulate
        found = []
        for index in range(first, min(first + self.accumulate, self.total_batches)):
            epoch, within = divmod(index, self.per_epoch)
            found.append(self._epoch(epoch)[within][rank::ranks])
        return [rows for rows in found if rows]

    def epoch_after(self, step: int) -> float:
        """How many epochs are done after `step`."""
        return min(step * self.accumulate, self.total_batches) / self.per_epoch

    def _epoch(self, epoch: int) -> list[list[int]]:
        known = _EPOCHS.get(self)
        if known is None or known[0] != epoch:
            known = (epoch, epoch_batches(self.lengths, self.batch, self.seed, epoch, self.order))
            _EPOCHS.clear()
            _EPOCHS[self] = known
        return known[1]


# The batches of the epoch in use; one schedule at a time is live in a trainer.
_EPOCHS: dict[Schedule, tuple[int, list[list[int]]]] = {}


def padding_share(lengths: Sequence[int], batches: Sequence[Sequence[int]], multiple: int = 1) -> float:
    """Share of positions that are padding when each batch is padded to its longest row (rounded up to `multiple`)."""
    used = total = 0
    for batch in batches:
        width = -(-max(lengths[row] for row in batch) // multiple) * multiple
        used += sum(lengths[row] for row in batch)
        total += width * len(batch)
    return 1 - used / total if total else 0.0
