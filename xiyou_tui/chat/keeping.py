"""What becomes of answers outside their conversation: text to paste, samples, files. The chat pane calls it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Literal

from xiyou_tui.chat.conversations import ConversationStore
from xiyou_tui.chat.model import MODES, REFUSAL, Answer
from xiyou_tui.corpus.library import Library
from xiyou_tui.corpus.model import Citation
from xiyou_tui.errors import XiyouError
from xiyou_tui.samples.model import new_sample
from xiyou_tui.samples.store import SampleFilter, SampleStore
from xiyou_tui.storage.files import write_json, write_text

Kept = Literal["new", "replaced", "same"]


def with_sources(answer: Answer, library: Library) -> str:
    """An answer as one pastes it elsewhere: question, text, and which chapter each mark stands for."""
    lines = [f"问：{answer.question}", f"答（{MODES[answer.mode]}{'，' + answer.model if answer.model else ''}）：", answer.text]
    try:
        edition = library.open(answer.edition)
    except XiyouError:
        return "\n".join(lines)
    used = {part.citation for part in answer.parts}
    cited = dict.fromkeys((known.mark, known.place.chapter) for index, known in enumerate(answer.citations) if index in used)
    if cited:
        lines.append(f"出处（{edition.title}{'，提要，非原文' if edition.is_synopsis else ''}）：")
        lines += [f"{mark} {edition.chapter(number).label}　{edition.chapter(number).title}" for mark, number in cited]
    return "\n".join(lines)


def kept_citations(answer: Answer, text: str) -> tuple[Citation, ...]:
    """The citations that a corrected text still rests on: those whose mark or whose quote stands in it."""
    kept = [cited.citation for cited in answer.citations if cited.mark in text or cited.quote in text]
    return tuple(dict.fromkeys(kept))


def refusal_reason(answer: Answer, text: str) -> str:
    """Why a corrected text refuses, as far as the answer told; empty where the text does not refuse."""
    return answer.reason if text.startswith(REFUSAL) else ""


def keep_sample(samples: SampleStore, answer: Answer, text: str) -> Kept:
    """Keep an answer, with `text` for its words, as a sample in review; raises SampleError.

    The same question in review is one sample, not two: its answer is replaced, unless it is the same.
    """
    refusal = text.startswith(REFUSAL)
    made = new_sample(
        "refusal" if refusal else "fact", answer.question, text, citations=kept_citations(answer, text), refusal=refusal,
        reason=refusal_reason(answer, text), status="review", source="chat",
    )  # fmt: skip
    for known in samples.list(SampleFilter(status=("draft", "review"), text=answer.question, source="chat")):
        if known.question.strip() != answer.question.strip():
            continue
        if known.answer.strip() == text:
            return "same"
        samples.save(new_sample(
            made.kind, made.question, made.answer, citations=made.citations, refusal=made.refusal, reason=made.reason, status="review",
            source="chat", tags=known.tags, split=known.split, note=known.note, id=known.id, now=known.created,
        ), action="对话改正")  # fmt: skip
        return "replaced"
    samples.save(made, action="对话存入")
    samples.remember_texts(cited.quote for cited in answer.citations)
    return "new"


def export_conversation(store: ConversationStore, directory: Path, conversation: str) -> tuple[Path, Path]:
    """Write a conversation as Markdown and as JSON; returns both files. Raises ChatError or StorageError."""
    found = store.get(conversation)
    name = re.sub(r"[^\w\u4e00-\u9fff-]+", "", found.title)[:24] or "对话"
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    markdown, record = directory / f"{stem}.md", directory / f"{stem}.json"
    write_text(markdown, store.as_markdown(conversation))
    write_json(record, store.as_record(conversation))
    return markdown, record
