"""What becomes of answers outside their conversation, in the real stores."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from xiyou_tui.chat.answer import answer_by_extract
from xiyou_tui.chat.keeping import export_conversation, keep_sample, kept_citations, with_sources
from xiyou_tui.chat.model import Answer
from xiyou_tui.corpus.retrieval import Retriever
from xiyou_tui.errors import ChatError
from xiyou_tui.study import Study

QUESTION = "白骨精变成了哪些人？"


@pytest.fixture
def answer(synopsis_retriever: Retriever) -> Answer:
    return answer_by_extract(QUESTION, synopsis_retriever)


def test_sources_name_the_chapter_of_each_mark_that_shows(study: Study, answer: Answer) -> None:
    text, _, sources = with_sources(answer, study.library).partition("\n出处")
    assert text == f"问：{QUESTION}\n答（摘引）：\n{answer.text}"
    shown = {answer.citations[part.citation].mark for part in answer.parts if part.citation is not None}
    lines = sources.splitlines()
    assert "提要，非原文" in lines[0] and {line.split()[0] for line in lines[1:]} == shown
    assert all("回" in line for line in lines[1:])


def test_without_its_edition_an_answer_keeps_its_words(study: Study, answer: Answer) -> None:
    assert with_sources(replace(answer, edition="gone"), study.library) == f"问：{QUESTION}\n答（摘引）：\n{answer.text}"


def test_only_what_still_stands_in_the_text_is_cited(answer: Answer) -> None:
    first = answer.citations[0]
    assert first.citation in kept_citations(answer, f"见{first.mark}。")
    assert first.citation in kept_citations(answer, f"「{first.quote}」")
    assert kept_citations(answer, "三次变化。") == ()


def test_a_question_in_review_is_one_sample(study: Study, answer: Answer) -> None:
    assert keep_sample(study.samples, answer, "女子、妇人、老公公。") == "new"
    assert keep_sample(study.samples, answer, "女子、妇人、老公公。") == "same"
    assert keep_sample(study.samples, answer, "原著未提及。") == "replaced"
    [sample] = study.samples.list()
    assert (sample.kind, sample.answer, sample.refusal, sample.status) == ("refusal", "原著未提及。", True, "review")
    study.samples.change([sample.id], action="通过", status="approved")
    assert keep_sample(study.samples, answer, "女子、妇人、老公公。") == "new"


def test_a_conversation_is_written_under_its_title(study: Study, answer: Answer) -> None:
    store = study.conversations
    talk = store.create("a/b：白骨精？")
    store.add_question(talk.id, QUESTION)
    store.add_answer(talk.id, answer)
    markdown, record = export_conversation(store, study.places.exports, talk.id)
    assert markdown.name.startswith("ab白骨精-") and markdown.with_suffix("") == record.with_suffix("")
    assert markdown.read_text("utf-8") == store.as_markdown(talk.id)
    assert json.loads(record.read_text("utf-8")) == store.as_record(talk.id)
    with pytest.raises(ChatError):
        export_conversation(store, study.places.exports, "none")
