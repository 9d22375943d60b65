"""How well a model reads chapters it should not have been trained on: perplexity, with its interval, beside the figures of an evaluation.

Perplexity counts tokens, so it compares runs of one base model; bits per character compares any two models.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xiyou_tui.evaluation.measures import ROUNDS, SEED, interval
from xiyou_tui.storage.files import write_json

if TYPE_CHECKING:
    from xiyou_tui.chat.client import EngineClient
    from xiyou_tui.corpus.model import Place
    from xiyou_tui.evaluation.systems import SystemSpec

# So many passages at most, spread evenly over the held-out chapters: minutes on a laptop, not hours.
MOST = 60
FILE = "perplexity.json"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model made of the passages: of each its negative log-likelihood (nats), tokens and characters."""

    model: str
    adapter: str
    label: str
    chapters: tuple[int, ...]
    passages: tuple[tuple[float, int, int], ...]

    @property
    def perplexity(self) -> float:
        return math.exp(min(60.0, self._sum(0) / max(1, self._sum(1))))

    @property
    def bits_per_character(self) -> float:
        return self._sum(0) / max(1, self._sum(2)) / math.log(2)

    def _sum(self, column: int) -> float:
        return sum(passage[column] for passage in self.passages)

    def interval(self) -> tuple[float | None, float | None]:
        """The 95 % bootstrap interval of the perplexity, over passages."""
        chance = random.Random(SEED)
        drawn = []
        for _ in range(ROUNDS if len(self.passages) > 1 else 0):
            chosen = chance.choices(self.passages, k=len(self.passages))
            drawn.append(math.exp(min(60.0, sum(nll for nll, _, _ in chosen) / max(1, sum(tokens for _, tokens, _ in chosen)))))
        return interval(drawn)

    def as_record(self) -> dict[str, Any]:
        low, high = self.interval()
        return {
            "model": self.model,
            "adapter": self.adapter,
            "label": self.label,
            "chapters": list(self.chapters),
            "perplexity": round(self.perplexity, 4),
            "low": low and round(low, 4),
            "high": high and round(high, 4),
            "bits_per_character": round(self.bits_per_character, 4),
            "tokens": int(self._sum(1)),
            "passages": [list(passage) for passage in self.passages],
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Reading:
        passages = tuple((float(nll), int(tokens), int(characters)) for nll, tokens, characters in record["passages"])
        return cls(str(record["model"]), str(record["adapter"]), str(record["label"]), tuple(record["chapters"]), passages)

    def describe(self) -> str:
        """One line for reports and screens."""
        low, high = self.interval()
        span = f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else ""
        return f"{self.label}：困惑度 {self.perplexity:.2f}{span}，每字 {self.bits_per_character:.3f} 比特"


def choose_passages(passages: Sequence[Place], chapters: frozenset[int]) -> tuple[Place, ...]:
    """Up to MOST passages of the chapters, evenly spread."""
    found = [place for place in passages if place.chapter in chapters]
    if len(found) <= MOST:
        return tuple(found)
    return tuple(found[round(index * (len(found) - 1) / (MOST - 1))] for index in range(MOST))


async def read_held_out(engine: EngineClient, spec: SystemSpec, passages: Sequence[Place]) -> Reading | None:
    """What the model of a spec makes of the passages; None when it was stopped. Raises ChatError."""
    from xiyou_tui.chat.protocol import ReadRequest

    request = ReadRequest("perplexity", spec.model, tuple(place.text for place in passages), spec.adapter)
    found = await engine.read(request)
    if len(found) < len(passages) or not found:
        return None
    rows = tuple((nll, tokens, len(place.text)) for (nll, tokens), place in zip(found, passages, strict=True))
    return Reading(spec.model, spec.adapter, spec.backing, tuple(sorted({place.chapter for place in passages})), rows)


def kept_readings(directory: Path) -> tuple[Reading, ...]:
    """The readings an evaluation has; none where the file is missing or broken."""
    try:
        return tuple(Reading.from_record(record) for record in json.loads((directory / FILE).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def keep_readings(directory: Path, readings: Sequence[Reading]) -> None:
    write_json(directory / FILE, [reading.as_record() for reading in readings])
