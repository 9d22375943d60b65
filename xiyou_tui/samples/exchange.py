"""Samples as JSONL in chat format: import keeps the good lines and lists the broken ones, export never overwrites silently."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xiyou_tui.corpus.library import Library
from xiyou_tui.corpus.model import Citation, span_hash
from xiyou_tui.errors import CorpusError, SampleError
from xiyou_tui.samples.citations import cite_paragraph, locate, look_up
from xiyou_tui.samples.model import KINDS, REFUSAL_PHRASE, ROLES, SOURCES, SPLITS, STATUSES, Sample, Turn, new_sample
from xiyou_tui.samples.store import SampleFilter, SampleStore
from xiyou_tui.storage.files import write_bytes

LONGEST_FILE = 256 * 1024 * 1024
LONGEST_LINE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What came of an import: `saved` new samples, `skipped` ones that were there already, `broken` lines by number with the reason.

    `warnings` are lines that were kept although something about them (mostly a citation) could not be.
    """

    saved: int = 0
    skipped: int = 0
    broken: list[tuple[int, str]] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)

    def as_record(self) -> dict[str, Any]:
        return {
            "saved": self.saved,
            "skipped": self.skipped,
            "broken": [{"line": line, "reason": reason} for line, reason in self.broken],
            "warnings": [{"line": line, "reason": reason} for line, reason in self.warnings],
        }


class _BrokenLine(ValueError):
    """Why a line is no sample, in Chinese."""


def import_jsonl(path: Path, store: SampleStore, library: Library) -> ImportOutcome:
    """Read samples from a JSONL file (or a JSON array) into the store, as one step that can be undone.

    Our own rows and the plain rows of other tools (`messages`, `prompt`/`completion`, `instruction`/`output`) are understood;
    what has no status of its own comes in as 待审. Raises SampleError when the file can't be read or is no text at all.
    """
    lines = _read_lines(path)
    known = {sample.id: sample for deleted in (False, True) for sample in store.list(SampleFilter(deleted=deleted))}
    contents = {_content(sample) for sample in known.values() if sample.deleted is None}
    saved = skipped = 0
    broken: list[tuple[int, str]] = []
    warnings: list[tuple[int, str]] = []
    with store.batch():
        for number, line in lines:
            try:
                sample, texts, remarks = _read_row(line, library, store)
            except _BrokenLine as error:
                broken.append((number, str(error)))
                continue
            if _content(sample) in contents:
                skipped += 1
                continue
            if sample.id in known:
                # The same id with other words: both are kept.
                sample = replace(sample, id=new_sample("fact").id)
            known[sample.id] = store.save(sample, action="导入", now=sample.changed)
            contents.add(_content(sample))
            store.remember_texts(texts)
            warnings += [(number, remark) for remark in remarks]
            saved += 1
    return ImportOutcome(saved, skipped, broken, warnings)


def export_jsonl(
    samples: Iterable[Sample],
    path: Path,
    library: Library | None = None,
    store: SampleStore | None = None,
    *,
    overwrite: bool = False,
    plain: bool = False,
) -> int:
    """Write samples as JSONL and return how many; with `plain` only the `messages`, as mlx-lm and most trainers want it.

    Citations carry their text and mark, so that another machine finds them again. Raises SampleError when the file exists
    already and `overwrite` is not set; the file is replaced in one step.
    """
    if path.is_dir():
        raise SampleError(f"{path} 是一个目录，没有导出。", next_step="写上文件名，比如 samples.jsonl。", code="is-directory")
    if path.exists() and not overwrite:
        raise SampleError(
            f"{path} 已经有了，没有覆盖。",
            kept="那个文件没有改动。",
            next_step="换一个文件名，或明说要覆盖（命令行加 --overwrite）。",
            code="exists",
        )
    rows = []
    for sample in samples:
        messages = [turn.as_record() for turn in sample.turns]
        record = {"messages": messages} if plain else _record(sample, library, store)
        # A lone line separator inside a string would break the file for readers that split on it.
        rows.append(json.dumps(record, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
    write_bytes(path, "".join(row + "\n" for row in rows).encode("utf-8"))
    return len(rows)


def _record(sample: Sample, library: Library | None, store: SampleStore | None) -> dict[str, Any]:
    record = sample.as_record()
    del record["deleted"]
    if library is not None:
        for citation, entry in zip(sample.citations, record["citations"], strict=True):
            passage = look_up(citation, library, store)
            entry["text"] = passage.text
            entry["mark"] = passage.mark
    return record


def _content(sample: Sample) -> tuple[tuple[str, str], ...]:
    return tuple((turn.role, turn.text.strip()) for turn in sample.turns)


# Reading a file.


def _read_lines(path: Path) -> list[tuple[int, str | _BrokenLine | dict[str, Any]]]:
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise SampleError(
                f"{path.name} 超过 {LONGEST_FILE // 1024 // 1024} MB，没有读。", next_step="分成几个文件再导入。", code="too-big"
            )
        content = path.read_bytes()
    except OSError as error:
        raise SampleError(
            f"读不了 {path}（{error.strerror or error}）。",
            kept="样本没有改动。",
            next_step="检查路径和权限。",
            code="unreadable",
        ) from error
    if not content.strip():
        raise SampleError(f"{path.name} 是空的。", kept="样本没有改动。", next_step="换一个文件。", code="empty")
    texts = _decode(content, path.name)
    if isinstance(texts, str):
        array = _read_array(texts)
        if array is not None:
            return array
        texts = list(texts.split("\n"))
    return [(number, line) for number, line in enumerate(texts, 1) if not isinstance(line, str) or line.strip()]


def _decode(content: bytes, name: str) -> str | list[str | _BrokenLine]:
    """The text of the file; or its lines one by one, when some of them are in no encoding we know."""
    for bom, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(bom):
            return content.decode(encoding, "replace")
    if b"\0" in content[:65536]:
        raise SampleError(
            f"{name} 不是文本文件。", kept="样本没有改动。", next_step="导入的文件要是 JSONL，一行一条样本。", code="not-text"
        )
    lines: list[str | _BrokenLine] = []
    good = bad = 0
    for line in content.split(b"\n"):
        try:
            lines.append(line.decode("utf-8"))
            good += not line.isascii()
        except UnicodeDecodeError:
            lines.append(_BrokenLine("这一行不是 UTF-8 编码"))
            bad += 1
    if not bad:
        return content.decode("utf-8")
    if bad > good:
        try:
            return content.decode("gb18030")
        except UnicodeDecodeError:
            pass
    return lines


def _read_array(text: str) -> list[tuple[int, str | _BrokenLine | dict[str, Any]]] | None:
    """The entries of a file that is one JSON array, numbered from 1; None for anything else."""
    if not text.lstrip().startswith("["):
        return None
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return [(n, entry if isinstance(entry, dict) else _BrokenLine("这一项不是 JSON 对象")) for n, entry in enumerate(entries, 1)]


# Reading a row.


def _read_row(
    line: str | _BrokenLine | dict[str, Any], library: Library, store: SampleStore
) -> tuple[Sample, list[str], list[str]]:
    """The sample of one row, the texts it cites, and remarks. Raises _BrokenLine."""
    if isinstance(line, _BrokenLine):
        raise line
    record = line if isinstance(line, dict) else _parse(line)
    turns = _read_turns(record)
    answers = "".join(turn.text for turn in turns if turn.role == "assistant")
    kind = _read_name(record, "kind", KINDS, "题型")
    refusal = record.get("refusal")
    if refusal is not None and not isinstance(refusal, bool):
        raise _BrokenLine("refusal 要写 true 或 false")
    if refusal is None:
        refusal = kind == "refusal" or (not kind and REFUSAL_PHRASE in answers)
    if not kind:
        kind = "refusal" if refusal else "multi" if sum(turn.role == "user" for turn in turns) > 1 else "fact"
    citations, texts, remarks = _read_citations(record, library, store)
    tags = record.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise _BrokenLine("tags 要是文字的列表")
    note = _read_text(record, "note")
    sample = new_sample(
        kind,
        turns=turns,
        citations=citations,
        refusal=refusal,
        reason=_read_text(record, "reason"),
        status=_read_name(record, "status", STATUSES, "状态") or "review",
        tags=tags,
        split=_read_name(record, "split", SPLITS, "划分") or "train",
        source=_read_name(record, "source", SOURCES, "来源") or "import",
        note=note,
        id=_read_id(record),
    )
    created, changed = record.get("created"), record.get("changed")
    if isinstance(created, (int, float)) and isinstance(changed, (int, float)) and 0 < created < 1e11 and 0 < changed < 1e11:
        sample = replace(sample, created=float(created), changed=float(changed))
    return sample, texts, remarks


def _parse(line: str) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise _BrokenLine(f"这一行有 {len(line)} 字，太长")
    try:
        record = json.loads(line)
    except RecursionError:
        raise _BrokenLine("JSON 套得太深") from None
    except ValueError as error:
        column = getattr(error, "colno", 0)
        raise _BrokenLine(f"不是 JSON（第 {column} 个字符处）" if column else "不是 JSON") from None
    if not isinstance(record, dict):
        raise _BrokenLine("不是 JSON 对象")
    return record


def _read_turns(record: dict[str, Any]) -> tuple[Turn, ...]:
    if "messages" not in record:
        for ask, reply in (("prompt", "completion"), ("instruction", "output"), ("question", "answer")):
            if isinstance(record.get(ask), str) and isinstance(record.get(reply), str):
                more = record.get("input")
                question = f"{record[ask]}\n{more}" if ask == "instruction" and isinstance(more, str) and more else record[ask]
                return _require_turns([Turn("user", question), Turn("assistant", record[reply])])
        raise _BrokenLine("没有 messages")
    messages = record["messages"]
    if not isinstance(messages, list) or not messages:
        raise _BrokenLine("messages 是空的" if messages == [] else "messages 不是列表")
    turns = []
    for index, message in enumerate(messages, 1):
        if not isinstance(message, dict):
            raise _BrokenLine(f"第 {index} 条消息不是 JSON 对象")
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise _BrokenLine(f"第 {index} 条消息的角色「{str(role)[:20]}」不认识，要写 user 或 assistant")
        if not isinstance(content, str):
            raise _BrokenLine(f"第 {index} 条消息没有文字")
        turns.append(Turn(role, content))
    return _require_turns(turns)


def _require_turns(turns: list[Turn]) -> tuple[Turn, ...]:
    roles = [turn.role for turn in turns]
    if "user" not in roles:
        raise _BrokenLine("没有问题（user 的消息）")
    if "assistant" not in roles:
        raise _BrokenLine("没有回答（assistant 的消息）")
    spoken = [role for role in roles if role != "system"]
    if "system" in roles[1:]:
        raise _BrokenLine("system 消息只能在最前面")
    if spoken != ["user", "assistant"] * (len(spoken) // 2):
        raise _BrokenLine("一问一答的次序不对")
    for turn in turns:
        if turn.role != "system" and not turn.text.strip():
            raise _BrokenLine("问题是空的" if turn.role == "user" else "回答是空的")
        try:
            turn.text.encode("utf-8")
        except UnicodeEncodeError:
            raise _BrokenLine("有半个字符（坏的 \\u 转义）") from None
    return tuple(turns)


def _read_name(record: dict[str, Any], key: str, known: dict[str, str], what: str) -> str:
    value = record.get(key)
    if value is None or value == "":
        return ""
    if value in known:
        return str(value)
    by_label = {label: name for name, label in known.items()}
    if value in by_label:
        return by_label[value]
    raise _BrokenLine(f"{what}「{str(value)[:20]}」不认识，要写 " + "、".join(known))


def _read_text(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _BrokenLine(f"{key} 要是文字")
    return value


def _read_id(record: dict[str, Any]) -> str:
    value = record.get("id")
    # Ids of other tools may be anything; ours are short words, since files are named by them.
    return (
        value if isinstance(value, str) and 3 <= len(value) <= 64 and value.replace("-", "").isalnum() and value.isascii() else ""
    )


def _read_citations(record: dict[str, Any], library: Library, store: SampleStore) -> tuple[list[Citation], list[str], list[str]]:
    entries = record.get("citations") or []
    if not isinstance(entries, list):
        raise _BrokenLine("citations 不是列表")
    citations, texts, remarks = [], [], []
    for index, entry in enumerate(entries, 1):
        found, text = _read_citation(entry, library, store)
        if found is None:
            remarks.append(f"第 {index} 条引文在当前底本里找不到，没有收" + (f"：「{text[:16]}」" if text else ""))
        else:
            citations.append(found)
            if span_hash(text) == found.hash:
                texts.append(text)
    return citations, texts, remarks


def _read_citation(entry: Any, library: Library, store: SampleStore) -> tuple[Citation | None, str]:
    """A citation from a row, moved to the current edition where that holds its text; and the text as far as it is known."""
    current = library.current()
    if isinstance(entry, str):
        try:
            found: Citation | None = cite_paragraph(current, entry)
        except CorpusError:
            found = locate(entry, current)
        return found, current.resolve(found) if found is not None else entry
    if not isinstance(entry, dict):
        raise _BrokenLine("引文要是 JSON 对象或位置")
    try:
        citation = Citation.from_record(entry) if entry.get("edition") and entry.get("hash") else None
        chapter = int(entry.get("chapter") or 0)
        start = int(entry.get("start") or 0)
    except (TypeError, ValueError, KeyError, OverflowError):
        raise _BrokenLine("引文的回数或位置不是数字") from None
    text = entry.get("text") or entry.get("quote") or ""
    if not isinstance(text, str):
        raise _BrokenLine("引文的 text 要是文字")
    if citation is not None:
        passage = look_up(citation, library, store)
        if passage.state in ("here", "moved"):
            return passage.citation, passage.text
    if text:
        found = locate(text, current, chapter=chapter, near=max(0, start))
        if found is not None:
            return found, current.resolve(found)
    # Our own record of another edition is kept as it is: the edition may be imported later.
    return citation, text
