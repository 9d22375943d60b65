"""What a run trains on, gathered from the workplace as plain rows, so that the trainer needs no database. Light."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xiyou_tui.corpus.model import Citation, Edition, Place
from xiyou_tui.errors import TrainingError
from xiyou_tui.training.general import general_row, parse_source
from xiyou_tui.training.raft import Ask, Rafter
from xiyou_tui.training.recipe import Recipe

# Below this share of refusals a model learns to answer everything.
REFUSAL_SHARE = 0.2
# Stands for the question in a frame.
QUESTION = "\ue000"


class TurnLike(Protocol):
    """One message, as samples hold it."""

    @property
    def role(self) -> str: ...
    @property
    def text(self) -> str: ...


class SampleLike(Protocol):
    """What training needs of a sample (the layer of samples stands beside this one, so only its shape is named here)."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def turns(self) -> Sequence[TurnLike]: ...
    @property
    def citations(self) -> Sequence[Citation]: ...
    @property
    def refusal(self) -> bool: ...
    @property
    def status(self) -> str: ...
    @property
    def tags(self) -> Sequence[str]: ...
    @property
    def split(self) -> str: ...


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows ready to be written as `data.jsonl`. `split` of a row is train, validation, held_out or general."""

    stage: str
    source: str
    rows: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...] = ()
    # The chat's system prompt and its question with QUESTION where the question goes.
    frame: tuple[str, str] = ("", "")
    # Characters of general text that the trainer will draw itself from a data set.
    to_draw: int = 0

    @property
    def hash(self) -> str:
        """16 hex digits over the rows: the same rows always have the same hash."""
        digest = hashlib.sha256()
        for row in self.rows:
            digest.update(_dump(row))
        return digest.hexdigest()[:16]

    @property
    def characters(self) -> int:
        """Characters of the rows that are trained on."""
        return self.to_draw + sum(_length(row) for row in self.rows if row["split"] in ("train", "general"))

    def count(self, *splits: str) -> int:
        return sum(row["split"] in splits for row in self.rows)

    def longest(self) -> int:
        """Characters of the longest row (for DAPT, of the longest chapter)."""
        return max((_length(row) for row in self.rows), default=0)

    def sample(self, size: int) -> str:
        """At most `size` characters, from the beginnings of up to twenty rows spread evenly over all."""
        chosen = self.rows[:: max(1, math.ceil(len(self.rows) / 20))]
        return "".join(_text(row)[: size // len(chosen)] for row in chosen)[:size]

    def dump(self) -> bytes:
        """The rows as JSON lines."""
        return b"".join(_dump(row) for row in self.rows)

    def as_record(self) -> dict[str, Any]:
        splits = sorted({row["split"] for row in self.rows})
        return {
            "source": self.source,
            "hash": self.hash,
            "rows": {split: self.count(split) for split in splits},
            "characters": self.characters,
            "warnings": list(self.warnings),
            "frame": list(self.frame),
        }


def gather_chapters(recipe: Recipe, edition: Edition) -> TrainingData:
    """The chapters of an edition for DAPT, held-out ones marked. Raises TrainingError when nothing is left to train on."""
    held_out = choose_held_out(recipe.held_out, edition)
    rows: list[dict[str, Any]] = [
        {
            "chapter": chapter.number,
            "title": chapter.title,
            "text": chapter.text,
            "split": "held_out" if chapter.number in held_out else "train",
        }
        for chapter in edition.chapters
        if chapter.text.strip()
    ]
    if not any(row["split"] == "train" for row in rows):
        raise TrainingError(f"「{edition.title}」里没有可以训练的回。", next_step="少留出几回，或换一个底本。", code="no-data")
    warnings = []
    if edition.is_synopsis:
        warnings.append("训练文本是提要卷，不是原文：只够看看训练怎么走。导入原著后再练才算数。")
    to_draw = 0
    if recipe.general_text and parse_source(recipe.general_text) is not None:
        trained = sum(len(row["text"]) for row in rows if row["split"] == "train")
        to_draw = round(trained * recipe.general_share / (1 - recipe.general_share))
    elif recipe.general_text:
        rows += _general_rows(Path(recipe.general_text).expanduser())
    return TrainingData("dapt", f"{edition.title}（{edition.id}）", tuple(rows), tuple(warnings), to_draw=to_draw)


def gather_samples(recipe: Recipe, samples: Sequence[SampleLike], ask: Ask, edition: Edition | None = None) -> TrainingData:
    """The approved samples for SFT, asked as the chat asks, split by group. Raises TrainingError when there is none to train on.

    With `data.raft`, that share of the single questions comes a second time, over passages of `edition`.
    """
    approved = [sample for sample in samples if sample.status == "approved" and sample.split != "test"]
    rows: list[dict[str, Any]] = []
    for sample in sorted(approved, key=lambda sample: sample.id):
        rows.append({
            "id": sample.id, "kind": sample.kind, "refusal": sample.refusal, "group": group_of(sample),
            "messages": as_asked([(turn.role, turn.text) for turn in sample.turns], ask, recipe.system_prompt),
            "split": "validation" if sample.split == "valid" else "train",
        })  # fmt: skip
    if not rows:
        raise TrainingError(
            "没有「通过」的样本，问答阶段没有东西可学。",
            kept="样本都在。",
            next_step="先在样本里写几条并标为通过，或导入一批样本。",
            code="no-data",
        )
    _split_by_group(rows, recipe.validation_share)
    if recipe.raft and edition is not None:
        rows += _raft_rows(recipe, approved, rows, ask, edition)
    trained = [row for row in rows if row["split"] == "train"]
    if not trained:
        raise TrainingError("通过的样本都标成了验证，没有可训练的。", next_step="把一些样本的用途改为训练。", code="no-data")
    return TrainingData("sft", f"通过的样本 {len(approved)} 条", tuple(rows), tuple(_warn_of_samples(trained)), _frame(ask))


def gather_preferences(recipe: Recipe, connection: sqlite3.Connection, ask: Ask) -> TrainingData:
    """The approved preference pairs for DPO, split by question. Raises TrainingError when there is none."""
    found = connection.execute(
        "SELECT id, prompt, chosen, rejected FROM preference WHERE status = 'approved' AND deleted IS NULL ORDER BY id"
    ).fetchall()
    rows: list[dict[str, Any]] = []
    for pair in found:
        if pair["chosen"].strip() == pair["rejected"].strip():
            continue
        rows.append({
            "id": pair["id"], "messages": as_asked([("user", pair["prompt"])], ask, recipe.system_prompt),
            "chosen": pair["chosen"], "rejected": pair["rejected"], "group": _key(pair["prompt"]), "split": "train",
        })  # fmt: skip
    if not rows:
        raise TrainingError(
            "没有审过的偏好对，偏好阶段没有东西可学。",
            kept="偏好对都在。",
            next_step="在对话里评价和改正回答，再把偏好对标为通过。",
            code="no-data",
        )
    _split_by_group(rows, recipe.validation_share)
    warnings = [f"偏好对只有 {len(rows)} 条：够看训练怎么走，不够改变模型。"] if len(rows) < 50 else []
    return TrainingData("dpo", f"偏好对 {len(rows)} 条", tuple(rows), tuple(warnings), _frame(ask))


def as_asked(turns: Sequence[tuple[str, str]], ask: Ask, system_prompt: bool) -> list[dict[str, str]]:
    """A conversation with every question put as the chat puts it, so that training and chat show the model the same thing.

    A system message of its own stays; without one the chat's goes first, if `system_prompt` says so.
    """
    messages: list[dict[str, str]] = []
    for role, text in turns:
        if role != "user":
            messages.append({"role": role, "content": text})
            continue
        sent = ask(text, ())
        if system_prompt and not messages:
            messages += [dict(message) for message in sent if message["role"] == "system"]
        messages.append({"role": "user", "content": sent[-1]["content"]})
    return messages


def _frame(ask: Ask) -> tuple[str, str]:
    """The chat's system prompt, and its question with a mark where the question goes: for the fixed prompts of a run."""
    sent = ask(QUESTION, ())
    return next((message["content"] for message in sent if message["role"] == "system"), ""), sent[-1]["content"]


def _raft_rows(
    recipe: Recipe, samples: Sequence[SampleLike], rows: Sequence[dict[str, Any]], ask: Ask, edition: Edition
) -> list[dict[str, Any]]:
    rafter = Rafter(edition, ask, recipe.seed)
    known = {row["id"]: row for row in rows}
    single = [
        sample for sample in samples if [turn.role for turn in sample.turns if turn.role != "system"] == ["user", "assistant"]
    ]
    single.sort(key=lambda sample: hashlib.sha256(f"{recipe.seed}/{sample.id}".encode()).digest())
    found = []
    for sample in single[: round(len(single) * recipe.raft)]:
        question, answer = (turn.text for turn in sample.turns if turn.role != "system")
        made = rafter.row(sample.id, question, answer, sample.citations, sample.refusal)
        if made is not None:
            messages = (
                made["messages"] if recipe.system_prompt else [turn for turn in made["messages"] if turn["role"] != "system"]
            )
            found.append({**known[sample.id], **made, "messages": messages, "id": f"{sample.id}+段落"})
    return sorted(found, key=lambda row: str(row["id"]))


def _warn_of_samples(trained: Sequence[dict[str, Any]]) -> list[str]:
    warnings = []
    share = sum(row["refusal"] for row in trained) / len(trained)
    if share == 1:
        warnings.append("训练样本全是拒答：模型会学成什么都不答。请加进能答的样本。")
    elif share < REFUSAL_SHARE:
        warnings.append(f"拒答样本只占 {share:.0%}，低于 20%：模型会倾向于编造。请多写一些该拒答的问题。")
    if len(trained) < 20:
        warnings.append(f"训练样本只有 {len(trained)} 条：够看训练怎么走，不够学会答题。")
    return warnings


class SampleSource(Protocol):
    """Where samples come from: the sample store, by shape."""

    def list(self) -> Sequence[SampleLike]: ...


class LibraryLike(Protocol):
    """Where the text comes from: the library, by shape."""

    def current(self) -> Edition: ...


class Workplace(Protocol):
    """What gathering needs of the open workplace; `Study` fits."""

    @property
    def connection(self) -> sqlite3.Connection: ...
    @property
    def samples(self) -> SampleSource: ...
    @property
    def library(self) -> LibraryLike: ...
    def chat_messages(self, question: str, passages: Sequence[Place] = ()) -> Sequence[Mapping[str, str]]: ...


def gather(recipe: Recipe, study: Workplace) -> TrainingData:
    """The data for a recipe's stage from the workplace. Raises TrainingError when there is nothing to train on."""
    if recipe.stage == "dapt":
        return gather_chapters(recipe, study.library.current())
    if recipe.stage == "sft":
        return gather_samples(recipe, study.samples.list(), study.chat_messages, study.library.current())
    return gather_preferences(recipe, study.connection, study.chat_messages)


def choose_held_out(wish: str, edition: Edition) -> frozenset[int]:
    """Chapter numbers to hold out: `auto` takes every twentieth, `none` none, else numbers. Raises TrainingError for others."""
    numbers = [chapter.number for chapter in edition.chapters if chapter.kind == "chapter"]
    wish = wish.strip().lower()
    if wish in ("", "none"):
        return frozenset()
    if wish == "auto":
        return frozenset(numbers[9::20]) if len(numbers) >= 20 else frozenset(numbers[-1:] if len(numbers) > 3 else ())
    try:
        chosen = frozenset(int(part) for part in re.split(r"[,，、\s]+", wish) if part)
    except ValueError:
        raise TrainingError(
            f"「留出的回」写得不对：{wish}。", next_step="写 auto、none，或回数如 7,50,93。", code="recipe"
        ) from None
    if unknown := sorted(chosen - {chapter.number for chapter in edition.chapters}):
        raise TrainingError(f"「{edition.title}」没有第 {unknown[0]} 回，留不出来。", next_step="改「留出的回」。", code="recipe")
    return chosen


def group_of(sample: SampleLike) -> str:
    """What keeps paraphrases together: a `group:…` tag, else the first question without punctuation."""
    for tag in sample.tags:
        if tag.startswith(("group:", "组:", "组：")):
            return tag
    return _key(next((turn.text for turn in sample.turns if turn.role == "user"), sample.id))


def _split_by_group(rows: list[dict[str, Any]], share: float) -> None:
    # People's own marks win; without any, whole groups go to validation by the hash of their name: adding a sample moves no other.
    if share <= 0 or any(row["split"] == "validation" for row in rows):
        return
    groups = sorted({row["group"] for row in rows}, key=lambda group: hashlib.sha256(group.encode()).digest())
    chosen = set(groups[: round(len(groups) * share)]) if len(groups) > 4 else set()
    for row in rows:
        if row["group"] in chosen:
            row["split"] = "validation"


def _general_rows(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"通用文本读不了：{path}（{error}）。", next_step="给一个 UTF-8 文本文件，或把这一项留空。", code="no-general"
        ) from error
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text) if block.strip()]
    if not blocks:
        raise TrainingError(f"通用文本是空的：{path}。", next_step="换一个文件，或把这一项留空。", code="no-general")
    return [general_row(index, block) for index, block in enumerate(blocks)]


def _key(question: str) -> str:
    return re.sub(r"\W+", "", question)


def _length(row: dict[str, Any]) -> int:
    return len(_text(row))


def _text(row: dict[str, Any]) -> str:
    if "text" in row:
        return str(row["text"])
    return "".join(str(turn["content"]) for turn in row["messages"]) + str(row.get("chosen", "")) + str(row.get("rejected", ""))


def _dump(row: dict[str, Any]) -> bytes:
    return (json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8")
