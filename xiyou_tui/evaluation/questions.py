"""Question sets: JSONL, one question a line, checked line by line. Sets ship with the program or are the user's own files."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xiyou_tui.errors import EvaluationError
from xiyou_tui.evaluation.matching import Gold, fold_pattern
from xiyou_tui.storage.places import Places, find_assets

KINDS = {
    "fact": "事实",
    "explain": "解释",
    "quote": "引文",
    "name": "人物名号",
    "count": "计数",
    "multi": "多轮",
    "out_of_scope": "超出原著",
    "false_premise": "前提不实",
    "not_told": "原著没写",
}
LONGEST_PATTERN = 300
# A group that repeats something that repeats: on the wrong text it takes forever.
_NESTED = re.compile(r"\([^()]*[+*}][^()]*\)\s*[+*{]")
SHOWN_FAULTS = 8


@dataclass(frozen=True)
class Question:
    """One question with its gold. `answers` are phrasings of one answer, `evidence` regular expressions over the text."""

    id: str
    kind: str
    text: str
    answerable: bool
    answers: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    chapters: tuple[int, ...] = ()
    note: str = ""

    @cached_property
    def gold(self) -> Gold:
        return Gold(self.answers, self.evidence)

    @property
    def kind_label(self) -> str:
        return KINDS.get(self.kind, self.kind)

    def as_record(self) -> dict[str, Any]:
        record: dict[str, Any] = {"id": self.id, "kind": self.kind, "question": self.text, "answerable": self.answerable}
        return record | {
            "answers": list(self.answers),
            "evidence": list(self.evidence),
            "chapters": list(self.chapters),
            **({"note": self.note} if self.note else {}),
        }


@dataclass(frozen=True)
class QuestionSet:
    """A set as it was read. `hash` is that of its questions, so that two runs of the same set can be told from others."""

    name: str
    path: Path
    questions: tuple[Question, ...]

    @cached_property
    def hash(self) -> str:
        content = json.dumps([question.as_record() for question in self.questions], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def answerable(self) -> int:
        return sum(question.answerable for question in self.questions)


def sets_directory(places: Places) -> Path:
    """Where the user's own sets may lie, to be found by name."""
    return places.data / "questions"


def list_sets(places: Places) -> list[Path]:
    """The sets that can be named: those shipped first, then the user's."""
    shipped = sorted((find_assets() / "questions").glob("*.jsonl"))
    own = sorted(sets_directory(places).glob("*.jsonl")) if sets_directory(places).is_dir() else []
    return [*shipped, *own]


def find_set(places: Places, name: str) -> QuestionSet:
    """The set with this name or at this path; raises EvaluationError when there is none or a line of it is wrong."""
    named = next((path for path in list_sets(places) if path.stem == name), None)
    path = named or Path(name).expanduser()
    if not path.is_file():
        known = "、".join(found.stem for found in list_sets(places))
        raise EvaluationError(f"没有题集「{name}」。", next_step=f"写一个 JSONL 文件的路径，或这些名字之一：{known}。", code="no-set")
    return load_questions(path)


def load_questions(path: Path) -> QuestionSet:
    """The questions of a JSONL file. Raises EvaluationError that names every wrong line (the first few in full)."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise EvaluationError(f"题集读不了：{path}（{error.strerror or error}）。", next_step="检查路径和权限。", code="no-set") from error
    questions: list[Question] = []
    faults: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            question = parse_question(json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8")))
            if question.id in seen:
                raise ValueError(f"编号 {question.id} 和第 {seen[question.id]} 行重复")
            seen[question.id] = number
            questions.append(question)
        except UnicodeDecodeError:
            faults.append((number, "不是 UTF-8"))
        except json.JSONDecodeError as error:
            faults.append((number, f"不是 JSON（第 {error.colno} 字起）"))
        except RecursionError:
            faults.append((number, "括号套得太深"))
        except ValueError as error:
            faults.append((number, str(error)))
    if faults:
        raise _refuse(path, faults)
    if not questions:
        raise EvaluationError(f"题集是空的：{path}。", next_step="每行写一题，格式见 docs/evaluation.md。", code="empty-set")
    return QuestionSet(path.stem, path, tuple(questions))


def parse_question(record: object) -> Question:
    """The question in a decoded line; raises ValueError, in Chinese, that says what is wrong with it."""
    if not isinstance(record, dict):
        raise ValueError("一行要是一个 {…}")
    for key, kind, word in (("id", str, "文字"), ("question", str, "文字"), ("answerable", bool, "true 或 false")):
        if key not in record:
            raise ValueError(f"缺 {key}")
        if not isinstance(record[key], kind):
            raise ValueError(f"{key} 要写{word}")
        if kind is str and not record[key].strip():
            raise ValueError(f"{key} 是空的")
    kind_name = record.get("kind", "fact")
    if not isinstance(kind_name, str) or not kind_name.strip():
        raise ValueError("kind 要写文字")
    answers, evidence = _texts(record, "answers"), _texts(record, "evidence")
    chapters = record.get("chapters") or []
    if not isinstance(chapters, list) or not all(type(number) is int and number > 0 for number in chapters):
        raise ValueError("chapters 要写回数的列表，如 [27]")
    for pattern in evidence:
        _check_pattern(pattern)
    if record["answerable"] and not (answers or evidence):
        raise ValueError("能答的题要有 answers 或 evidence")
    if not record["answerable"] and (answers or evidence):
        raise ValueError("答不了的题不该有 answers 或 evidence")
    note = record.get("note")
    return Question(
        record["id"].strip(),
        kind_name.strip(),
        " ".join(record["question"].split()),
        record["answerable"],
        answers,
        evidence,
        tuple(chapters),
        note if isinstance(note, str) else "",
    )


def choose_questions(questions: Sequence[Question], limit: int, seed: int) -> tuple[Question, ...]:
    """`limit` of the questions in their order, every kind by its share; all of them when `limit` is 0. The same for the same seed."""
    if limit <= 0 or limit >= len(questions):
        return tuple(questions)
    shuffled = list(range(len(questions)))
    random.Random(seed).shuffle(shuffled)
    totals = Counter(question.kind for question in questions)
    met: Counter[str] = Counter()
    order = []
    for index in shuffled:
        kind = questions[index].kind
        met[kind] += 1
        # Halfway points spread every kind evenly over the order, whatever its size.
        order.append(((met[kind] - 0.5) / totals[kind], index))
    return tuple(questions[index] for index in sorted(index for _, index in sorted(order)[:limit]))


def _texts(record: dict[str, Any], key: str) -> tuple[str, ...]:
    found = record.get(key) or []
    if not isinstance(found, list) or not all(isinstance(item, str) and item.strip() for item in found):
        raise ValueError(f"{key} 要写文字的列表，不留空的")
    return tuple(found)


def _check_pattern(pattern: str) -> None:
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"evidence 太长（{len(pattern)} 字，最多 {LONGEST_PATTERN}）")
    if _NESTED.search(pattern):
        raise ValueError(f"evidence 里重复套重复，会算不完：{pattern[:40]}")
    try:
        re.compile(fold_pattern(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"evidence 不是正则表达式（{error}）：{pattern[:40]}") from None


def _refuse(path: Path, faults: Sequence[tuple[int, str]]) -> EvaluationError:
    told = "\n".join(f"  第 {number} 行：{reason}" for number, reason in faults[:SHOWN_FAULTS])
    more = f"\n  ……还有 {len(faults) - SHOWN_FAULTS} 行" if len(faults) > SHOWN_FAULTS else ""
    return EvaluationError(
        f"题集 {path.name} 有 {len(faults)} 行不对：\n{told}{more}",
        kept="文件没有改动，也没有开始评测。",
        next_step="改好这些行，再试一次。",
        code="bad-set",
    )
