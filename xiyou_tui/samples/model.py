"""The sample: one piece of training data that a person wrote or reviewed. Used by the store, the pane, training and chat."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from xiyou_tui.corpus.model import Citation
from xiyou_tui.errors import SampleError

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")

# Task types, in the order in which the pane lists them.
KINDS = {"fact": "事实", "explain": "解释", "quote": "引文", "refusal": "拒答", "count": "计数", "multi": "多轮"}
STATUSES = {"draft": "草稿", "review": "待审", "approved": "通过", "returned": "退回"}
SPLITS = {"train": "训练", "valid": "验证", "test": "测试"}
SOURCES = {"hand": "手写", "starter": "自带", "import": "导入", "chat": "对话", "model": "模型起草", "index": "索引起草"}

# What every refusal must say, and why one refuses (the pane offers these, any other reason can be typed).
REFUSAL_PHRASE = "原著未提及"
REFUSAL_REASONS = {
    "out-of-scope": "书外之事",
    "false-premise": "前提有误",
    "not-told": "书中没有交代",
    "adaptation": "出自影视或其他书",
    "opinion": "问的是看法，原文没有说法",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Role
    text: str

    def as_record(self) -> dict[str, str]:
        return {"role": self.role, "content": self.text}


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation with the citations it rests on. Immutable: a change is a new record under the same id.

    `created` and `changed` are seconds since the epoch; `deleted` too, and set only for samples in the bin.
    """

    id: str
    kind: str
    turns: tuple[Turn, ...]
    citations: tuple[Citation, ...] = ()
    refusal: bool = False
    reason: str = ""
    status: str = "draft"
    tags: tuple[str, ...] = ()
    split: str = "train"
    source: str = "hand"
    note: str = ""
    created: float = field(default_factory=time.time)
    changed: float = field(default_factory=time.time)
    deleted: float | None = None

    @property
    def question(self) -> str:
        """The first thing the user says; empty when there is none."""
        return next((turn.text for turn in self.turns if turn.role == "user"), "")

    @property
    def answer(self) -> str:
        """The last thing the assistant says; empty when there is none."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "assistant"), "")

    @property
    def exchanges(self) -> tuple[tuple[str, str], ...]:
        """The conversation as (question, answer) pairs; what is missing on either side is empty."""
        return pair_turns(self.turns)

    def as_record(self) -> dict[str, Any]:
        """The whole sample as a JSON-ready record, the shape that the history keeps and `--json` prints."""
        return {
            "id": self.id,
            "kind": self.kind,
            "messages": [turn.as_record() for turn in self.turns],
            "citations": [citation.as_record() for citation in self.citations],
            "refusal": self.refusal,
            "reason": self.reason,
            "status": self.status,
            "tags": list(self.tags),
            "split": self.split,
            "source": self.source,
            "note": self.note,
            "created": self.created,
            "changed": self.changed,
            "deleted": self.deleted,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Sample:
        """The sample that `as_record` described."""
        return cls(
            id=str(record["id"]),
            kind=str(record["kind"]),
            turns=tuple(Turn(turn["role"], str(turn["content"])) for turn in record["messages"]),
            citations=tuple(Citation.from_record(citation) for citation in record["citations"]),
            refusal=bool(record["refusal"]),
            reason=str(record["reason"]),
            status=str(record["status"]),
            tags=tuple(str(tag) for tag in record["tags"]),
            split=str(record["split"]),
            source=str(record["source"]),
            note=str(record["note"]),
            created=float(record["created"]),
            changed=float(record["changed"]),
            deleted=None if record.get("deleted") is None else float(record["deleted"]),
        )

    def with_exchanges(self, exchanges: Iterable[tuple[str, str]]) -> Sample:
        """A copy with other questions and answers; a system turn at the front stays."""
        system = tuple(turn for turn in self.turns[:1] if turn.role == "system")
        return replace(self, turns=system + join_turns(exchanges))


def new_id() -> str:
    """A fresh sample id: 12 hex digits."""
    return secrets.token_hex(6)


def new_sample(
    kind: str,
    question: str = "",
    answer: str = "",
    *,
    citations: Iterable[Citation] = (),
    refusal: bool = False,
    reason: str = "",
    status: str = "draft",
    tags: Iterable[str] = (),
    split: str = "train",
    source: str = "hand",
    note: str = "",
    turns: Iterable[Turn] | None = None,
    id: str = "",
    now: float | None = None,
) -> Sample:
    """A new sample from one question and answer, or from `turns`. Raises SampleError for an unknown kind, status or split."""
    require(kind, KINDS, "题型")
    require(status, STATUSES, "状态")
    require(split, SPLITS, "划分")
    moment = time.time() if now is None else now
    made = tuple(turns) if turns is not None else join_turns([(question, answer)])
    return Sample(
        id=id or new_id(),
        kind=kind,
        turns=made,
        citations=tuple(citations),
        refusal=refusal or kind == "refusal",
        reason=reason,
        status=status,
        tags=tuple(tags),
        split=split,
        source=source,
        note=note,
        created=moment,
        changed=moment,
    )


def require(value: str, known: dict[str, str], what: str) -> None:
    """Raises SampleError when `value` is none of the `known` names; `what` names the field in Chinese."""
    if value not in known:
        choices = "、".join(f"{name}（{label}）" for name, label in known.items())
        raise SampleError(f"没有「{value}」这种{what}。", next_step=f"{what}写 {choices}。")


def pair_turns(turns: Iterable[Turn]) -> tuple[tuple[str, str], ...]:
    """(question, answer) pairs of a conversation, system turns left out."""
    pairs: list[tuple[str, str]] = []
    open_question: str | None = None
    for turn in turns:
        if turn.role == "user":
            if open_question is not None:
                pairs.append((open_question, ""))
            open_question = turn.text
        elif turn.role == "assistant":
            pairs.append((open_question or "", turn.text))
            open_question = None
    if open_question is not None:
        pairs.append((open_question, ""))
    return tuple(pairs)


def join_turns(exchanges: Iterable[tuple[str, str]]) -> tuple[Turn, ...]:
    """The turns of (question, answer) pairs; an empty side gives an empty turn, so that nothing shifts."""
    turns: list[Turn] = []
    for question, answer in exchanges:
        turns += [Turn("user", question), Turn("assistant", answer)]
    return tuple(turns)
