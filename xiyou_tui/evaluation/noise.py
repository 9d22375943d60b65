"""Passages that have nothing to do with the question, mixed among those a model is shown: does the answer hold (RGB's noise robustness)?"""

from __future__ import annotations

import random
from collections.abc import Sequence

from xiyou_tui.corpus.model import Place

# Distractors come from chapters that retrieval did not point to down to this rank.
RELATED = 20


class Noise:
    """Replaces the last of the shown passages by `count` from other chapters and shuffles them; the same seed mixes the same.

    At least one found passage stays. With a count of 0 nothing is changed.
    """

    def __init__(self, passages: Sequence[Place], count: int, seed: int) -> None:
        self._passages = passages
        self._count = count
        self._seed = seed

    def mix(self, question: str, ranked: Sequence[Place], most: int) -> Sequence[Place]:
        """The passages to show in place of the first `most` of the ranked ones."""
        if not self._count or not ranked:
            return ranked
        chance = random.Random(f"{self._seed} {question}")
        count = min(self._count, max(0, most - 1))
        related = {place.chapter for place in ranked[:RELATED]}
        others = [place for place in self._passages if place.chapter not in related]
        shown = [*ranked[: most - count], *chance.sample(others, min(count, len(others)))]
        chance.shuffle(shown)
        return shown
