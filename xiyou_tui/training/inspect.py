"""Rows as a person can read them, token by token, written into the run directory for `trial.preview_rows`. Runs in the child."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from xiyou_tui.training.datasets import Encoded, encode, read_run
from xiyou_tui.training.packing import Row
from xiyou_tui.training.run import RunDirectory, RunMeta


def write_views(run: RunDirectory, meta: RunMeta, tokenizer: Any, limit: int) -> None:
    """Encode the run's data and write its first `limit` rows to `rows.jsonl`; raises TrainingError for rows that can't be trained on."""
    data = encode(read_run(run), meta.recipe, tokenizer)
    with (run.path / "rows.jsonl").open("w", encoding="utf-8") as file:
        for index, (split, row) in enumerate(_rows(data)):
            if index == limit:
                break
            record = {
                "name": row.name,
                "split": split,
                "pieces": pieces(row, tokenizer),
                "tokens": len(row),
                "targets": row.targets,
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def pieces(row: Row, tokenizer: Any) -> list[tuple[str, bool]]:
    """The row's text cut at its tokens, each with whether it is a target; tokens that share a character stay together."""
    found: list[tuple[str, bool]] = []
    waiting: list[int] = []
    for token, target in zip(row.tokens, row.trained, strict=True):
        waiting.append(token)
        text = str(tokenizer.decode(waiting))
        # Half a character decodes to the replacement mark; four bytes are the most one takes.
        if "\ufffd" not in text or len(waiting) >= 4:
            found.append((text, target))
            waiting = []
    if waiting:
        found.append((str(tokenizer.decode(waiting)), row.trained[-1]))
    return found


def _rows(data: Encoded) -> Iterable[tuple[str, Row]]:
    for pair in data.pairs:
        yield "chosen", pair.chosen
        yield "rejected", pair.rejected
    if not data.pairs:
        for row in data.train:
            yield "train", row
    for name, rows in data.checks.items():
        for row in rows:
            yield name, row
