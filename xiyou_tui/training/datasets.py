"""`data.jsonl` into token rows: packed chapters for DAPT, conversations with explicit targets for SFT, pairs for DPO."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xiyou_tui.errors import TrainingError
from xiyou_tui.training.packing import Row, cut_windows
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.run import RunDirectory


@dataclass(frozen=True, slots=True)
class Pair:
    """A preference pair: the same prompt with the better and the worse answer."""

    name: str
    chosen: Row
    rejected: Row

    def __len__(self) -> int:
        return max(len(self.chosen), len(self.rejected))


@dataclass(frozen=True, slots=True)
class Encoded:
    """Everything a trainer feeds on. `checks` are rows by name that are never trained on."""

    train: Sequence[Row]
    checks: dict[str, Sequence[Row]] = field(default_factory=dict)
    pairs: Sequence[Pair] = ()
    check_pairs: Sequence[Pair] = ()
    warnings: tuple[str, ...] = ()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a `data.jsonl`; raises TrainingError when the file is gone or broken."""
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"训练数据读不了：{path}（{error}）。", next_step="用同样的配方重新开一次。", code="no-data"
        ) from error


def read_run(run: RunDirectory) -> list[dict[str, Any]]:
    """All rows of a run, with the general text that was drawn for it. Raises TrainingError as `read_rows` does."""
    return [*read_rows(run.data), *(read_rows(run.general) if run.general.exists() else ())]


def encode(rows: Sequence[dict[str, Any]], recipe: Recipe, tokenizer: Any) -> Encoded:
    """Token rows for the recipe's stage. Raises TrainingError that names rows which are too long or have no answer."""
    if recipe.stage == "dapt":
        return _encode_chapters(rows, recipe, tokenizer)
    return (_encode_conversations if recipe.stage == "sft" else _encode_pairs)(rows, recipe, tokenizer)


def encode_conversation(name: str, messages: Sequence[dict[str, str]], tokenizer: Any) -> Row:
    """One conversation in the model's own chat template; targets are every assistant turn with its end token, nothing else.

    The text is rendered once with marks in place of the answers, so that what belongs to an answer is known and not guessed. Prompt
    and answer are tokenised apart, as they are when the model answers. Raises TrainingError where the template does not admit it.
    """
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    if not answers or not all(answer.strip() for answer in answers):
        raise TrainingError(f"样本 {name} 没有回答。", next_step="补上回答，或不让它参加训练。", code="no-answer")
    ends = end_tokens(tokenizer)
    tokens: list[int] = []
    trained: list[bool] = []

    def put(text: str, target: bool) -> None:
        found = tokenizer.encode(text, add_special_tokens=False)
        tokens.extend(found)
        trained.extend([target] * len(found))

    pieces = _template_pieces(name, messages, answers, tokenizer)
    put(pieces[0], False)
    for answer, after in zip(answers, pieces[1:], strict=True):
        end = next((mark for mark in ends if after.lstrip("\n ").startswith(mark)), "")
        cut = after.index(end) + len(end) if end else 0
        put(answer, True)
        put(after[:cut], True)
        put(after[cut:], False)
        if not end:
            # A template without an end mark would teach the model never to stop.
            tokens.append(int(tokenizer.eos_token_id))
            trained.append(True)
    trained[0] = False
    return Row(name, tokens, trained)


def encode_prompt(messages: Sequence[dict[str, str]], tokenizer: Any) -> list[int]:
    """The tokens after which the model is to answer."""
    text = _render(messages, tokenizer, add_generation_prompt=True)
    return list(tokenizer.encode(text, add_special_tokens=False))


def end_tokens(tokenizer: Any) -> list[str]:
    """Marks that end a turn, as text: the tokenizer's end token first, then other end tokens it knows."""
    ids = [tokenizer.eos_token_id, *sorted(getattr(tokenizer, "eos_token_ids", ()) or ())]
    return [
        mark
        for mark in dict.fromkeys(tokenizer.convert_ids_to_tokens(int(number)) for number in ids if number is not None)
        if mark
    ]


def _encode_chapters(rows: Sequence[dict[str, Any]], recipe: Recipe, tokenizer: Any) -> Encoded:
    # A chapter stands between two end-of-text marks: its first token is predicted too, and the model learns that texts end.
    mark, begin = document_mark(tokenizer), begin_mark(tokenizer)
    cut: dict[str, list[Row]] = {}
    for number, row in enumerate(rows):
        # Most editions carry the title as the chapter's first paragraph.
        titled = not row["title"] or row["text"].startswith(row["title"])
        text = row["text"] if titled else f"{row['title']}\n{row['text']}"
        tokens = [mark if begin is None else begin, *tokenizer.encode(text, add_special_tokens=False), mark]
        name = f"第{row['chapter']}回" if row["chapter"] else f"通用{number}"
        cut.setdefault(row["split"], []).extend(cut_windows(name, tokens, recipe.max_length))
    train, warnings = list(cut.get("train", ())), []
    if general := cut.get("general"):
        chosen, reached = _mix(train, general, recipe)
        train += chosen
        if not reached:
            warnings.append("通用文本不够长，全部用上也到不了所要的份额。")
    checks = {"held_out": cut.get("held_out", ()), "general": cut.get("general_held_out", ())}
    return Encoded(train, {name: found for name, found in checks.items() if found}, warnings=tuple(warnings))


def _encode_conversations(rows: Sequence[dict[str, Any]], recipe: Recipe, tokenizer: Any) -> Encoded:
    require_template(tokenizer)
    encoded: dict[str, list[Row]] = {"train": [], "validation": []}
    for row in rows:
        encoded[row["split"]].append(encode_conversation(row["id"], row["messages"], tokenizer))
    _refuse_long([row for found in encoded.values() for row in found], recipe.max_length)
    return Encoded(encoded["train"], {"validation": encoded["validation"]} if encoded["validation"] else {})


def _encode_pairs(rows: Sequence[dict[str, Any]], recipe: Recipe, tokenizer: Any) -> Encoded:
    require_template(tokenizer)
    pairs: dict[str, list[Pair]] = {"train": [], "validation": []}
    for row in rows:
        sides = [
            encode_conversation(row["id"], [*row["messages"], {"role": "assistant", "content": row[side]}], tokenizer)
            for side in ("chosen", "rejected")
        ]
        pairs[row["split"]].append(Pair(row["id"], sides[0], sides[1]))
    _refuse_long([row for found in pairs.values() for pair in found for row in (pair.chosen, pair.rejected)], recipe.max_length)
    return Encoded([pair.chosen for pair in pairs["train"]], pairs=pairs["train"], check_pairs=pairs["validation"])


def document_mark(tokenizer: Any) -> int:
    """The token that stands between texts: <|endoftext|> where the vocabulary has it, else the end token."""
    # The vocabulary is asked, since some models (SmolLM2, GPT-2) have the same mark stand for what is unknown.
    return int(tokenizer.get_vocab().get("<|endoftext|>", tokenizer.eos_token_id))


def begin_mark(tokenizer: Any) -> int | None:
    """The token with which texts begin, for tokenizers that put one there themselves (Llama 3, Gemma); None for others."""
    begin = getattr(tokenizer, "bos_token_id", None)
    if begin is None:
        return None
    return int(begin) if list(tokenizer.encode("书"))[:1] == [begin] else None


def require_template(tokenizer: Any) -> None:
    """Raise TrainingError when the model has no chat template or no end token: it can't be taught to answer then."""
    if not getattr(tokenizer, "chat_template", None):
        raise TrainingError(
            "这个模型没有对话模板，不能做问答训练。",
            next_step="换一个 Instruct 或 Chat 模型；通读阶段可以用它。",
            code="no-template",
        )
    if tokenizer.eos_token_id is None:
        raise TrainingError("这个模型的词表没有结束符，学不会停下来。", next_step="换一个模型。", code="no-end-token")


def _template_pieces(name: str, messages: Sequence[dict[str, str]], answers: Sequence[str], tokenizer: Any) -> list[str]:
    """The rendered text around the answers: one piece before the first, one after each."""
    marks = [f"\ue000{index}\ue001" for index in range(len(answers))]
    waiting = iter(marks)
    marked = [{**message, "content": next(waiting)} if message["role"] == "assistant" else message for message in messages]
    rest = _render(marked, tokenizer)
    pieces = []
    for mark in marks:
        before, found, rest = rest.partition(mark)
        if not found:
            raise TrainingError(
                f"样本 {name}：模型的对话模板丢掉了一个回答，不能用它训练多轮。",
                next_step="拆成单轮样本，或换一个模型。",
                code="template",
            )
        pieces.append(before)
    return [*pieces, rest]


def _render(messages: Sequence[dict[str, str]], tokenizer: Any, **options: Any) -> str:
    try:
        return str(tokenizer.apply_chat_template(list(messages), tokenize=False, enable_thinking=False, **options))
    except Exception as error:  # templates raise what they like, through jinja
        system = any(message["role"] == "system" for message in messages)
        raise TrainingError(
            f"模型的对话模板不接受这样的对话（{error}）。" + ("很可能它没有 system 角色。" if system else ""),
            kept="样本没有改动。",
            next_step="关掉「带系统提示」再开始，或换一个模型。" if system else "检查样本里各轮的先后，或换一个模型。",
            code="template",
        ) from error


def _refuse_long(rows: Sequence[Row], limit: int) -> None:
    long = sorted((row for row in rows if len(row) > limit + 1), key=len, reverse=True)
    if not long:
        return
    named = "、".join(f"{row.name}（{len(row)}）" for row in long[:8]) + (f" 等 {len(long)} 条" if len(long) > 8 else "")
    raise TrainingError(
        f"有 {len(long)} 条样本超过窗口长度 {limit} 个词元：{named}。",
        kept="样本没有改动，也没有截断任何一条。",
        next_step=f"把「窗口长度」加到 {len(long[0])} 以上，或改短、退回这些样本。",
        code="too-long",
    )


def _mix(train: Sequence[Row], general: Sequence[Row], recipe: Recipe) -> tuple[list[Row], bool]:
    """Windows of general text up to their share of all trained tokens, drawn by the seed; and whether the share was reached."""
    wanted = sum(row.targets for row in train) * recipe.general_share / (1 - recipe.general_share)
    pool = list(general)
    random.Random(f"{recipe.seed}/general").shuffle(pool)
    chosen: list[Row] = []
    got = 0
    for row in pool:
        if got >= wanted:
            return chosen, True
        chosen.append(row)
        got += row.targets
    return chosen, got >= wanted
