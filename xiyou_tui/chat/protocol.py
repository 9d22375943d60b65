"""What passes between the interface and the engine process: one JSON object a line, requests in, events out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

# A line longer than this is no event of ours: the reader gives up on it instead of filling memory.
LINE_LIMIT = 4 * 1024 * 1024


class PromptTooLong(ValueError):
    """The conversation has more tokens than the model can read."""


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """One generation. `messages` are chat turns {role, content}; `quotable` the texts quotes may be taken from, by number.

    With `constrained`, the engine decodes under a grammar that admits quotes only as substrings of `quotable` (1-based ids).
    With `edition` (and `constrained`), quotes may be taken from that whole edition instead, whose texts were sent before.
    `bias` maps words to logit offsets. `seed` makes sampling repeatable.
    """

    id: str
    model: str
    messages: tuple[dict[str, str], ...]
    adapter: str = ""
    temperature: float = 0.2
    top_p: float = 0.8
    max_tokens: int = 400
    seed: int = 0
    quotable: tuple[str, ...] = ()
    constrained: bool = False
    bias: dict[str, float] = field(default_factory=dict)
    edition: str = ""

    def as_record(self) -> dict[str, Any]:
        return {"type": "generate", **asdict(self)}


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """One question to the base model: does the passage support the sentence? The answer is `data["probability"]` of a done event."""

    id: str
    model: str
    sentence: str
    passage: str
    adapter: str = ""

    def as_record(self) -> dict[str, Any]:
        return {"type": "judge", **asdict(self)}


def parse_judge(record: dict[str, Any]) -> JudgeRequest:
    """The request in a decoded line; raises KeyError where it is none."""
    wanted = {name: str(record[name]) for name in ("id", "model", "sentence", "passage")}
    return JudgeRequest(adapter=str(record.get("adapter", "")), **wanted)


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Texts to be read, not answered: how likely the model finds them. The done event's `data` holds `nll` (nats) and `tokens` of each."""

    id: str
    model: str
    texts: tuple[str, ...]
    adapter: str = ""

    def as_record(self) -> dict[str, Any]:
        return {"type": "read", **asdict(self)}


def parse_read(record: dict[str, Any]) -> ReadRequest:
    """The request in a decoded line; raises KeyError or TypeError where it is none."""
    texts = tuple(str(text) for text in record["texts"])
    return ReadRequest(str(record["id"]), str(record["model"]), texts, str(record.get("adapter", "")))


def parse_generate(record: dict[str, Any]) -> GenerateRequest:
    """The request in a decoded line; raises KeyError, TypeError or ValueError when it is none."""
    messages = tuple({"role": str(item["role"]), "content": str(item["content"])} for item in record["messages"])
    return GenerateRequest(
        id=str(record["id"]),
        model=str(record["model"]),
        messages=messages,
        adapter=str(record.get("adapter", "")),
        temperature=float(record.get("temperature", 0.2)),
        top_p=float(record.get("top_p", 0.8)),
        max_tokens=int(record.get("max_tokens", 400)),
        seed=int(record.get("seed", 0)),
        quotable=tuple(str(text) for text in record.get("quotable", ())),
        constrained=bool(record.get("constrained", False)),
        bias={str(word): float(value) for word, value in dict(record.get("bias", {})).items()},
        edition=str(record.get("edition", "")),
    )


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """One event of a kind in KINDS; `request` is "" where it concerns none.

    `text` holds the tokens of a token event, the whole output of a done event, the message of a failed one; `data` the rest
    (done: tokens, seconds, first_token_seconds, finish "stop|length|stopped|repetition"; prefill, after the first: done, total;
    failed: code, next_step).
    """

    kind: str
    request: str = ""
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        return encode({"type": self.kind, "id": self.request, "text": self.text, "data": self.data})


# What a model is asked for.
ModelRequest = GenerateRequest | JudgeRequest | ReadRequest
KINDS = frozenset({"ready", "loading", "loaded", "prefill", "token", "done", "failed", "released", "pong"})


def encode(record: dict[str, Any]) -> bytes:
    """One line of the protocol; lone surrogates, which UTF-8 can't carry, become question marks."""
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """The JSON object in a line, or None where the line holds something else."""
    try:
        record = json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def decode_event(line: bytes) -> EngineEvent | None:
    """The event in a line of the engine's output; None for anything that is not one (garbage is skipped, never fatal)."""
    record = decode(line)
    if record is None or record.get("type") not in KINDS:
        return None
    data = record.get("data")
    return EngineEvent(
        str(record["type"]), str(record.get("id", "")), str(record.get("text", "")), data if isinstance(data, dict) else {}
    )
