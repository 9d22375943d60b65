"""Conversations in the real database: kept, listed, searched, renamed, deleted and restored, exported."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xiyou_tui.chat.answer import answer_by_extract
from xiyou_tui.chat.conversations import ConversationStore
from xiyou_tui.chat.model import Exchange
from xiyou_tui.corpus.retrieval import Retriever
from xiyou_tui.errors import ChatError
from xiyou_tui.study import Study


@pytest.fixture
def store(study: Study) -> ConversationStore:
    return study.conversations


def test_questions_and_answers_come_back_as_they_were(store: ConversationStore, synopsis_retriever: Retriever) -> None:
    talk = store.create()
    store.add_question(talk.id, "白骨精变成了哪些人？")
    answer = answer_by_extract("白骨精变成了哪些人？", synopsis_retriever)
    kept = store.add_answer(talk.id, answer)
    question, reply = store.messages(talk.id)
    assert question.text == "白骨精变成了哪些人？"
    assert reply.answer == answer
    assert reply.number == kept.number
    assert store.get(talk.id).title == "白骨精变成了哪些人？"
    assert store.get(talk.id).questions == 1
    assert store.history(talk.id) == (Exchange("白骨精变成了哪些人？", answer.text),)
    assert store.history(talk.id, before=question.number) == ()
    store.rate(reply.number, 1)
    assert store.messages(talk.id)[1].rating == 1
    with pytest.raises(ChatError):
        store.rate(reply.number, 5)


def test_conversations_are_listed_searched_renamed_deleted_and_restored(store: ConversationStore) -> None:
    first, second = store.create("甲"), store.create("乙")
    store.add_question(first.id, "100% 的_把握？")
    assert [talk.id for talk in store.list()] == [first.id, second.id]
    assert [talk.id for talk in store.list("100%")] == [first.id]
    assert [talk.id for talk in store.list("的_")] == [first.id]
    assert store.list("的x") == ()
    assert store.rename(second.id, "丙").title == "丙"
    with pytest.raises(ChatError):
        store.rename(second.id, "  ")
    store.delete(first.id)
    assert [talk.id for talk in store.list()] == [second.id]
    store.restore(first.id)
    assert len(store.list()) == 2
    with pytest.raises(ChatError):
        store.get("none")


def test_a_question_is_edited_by_dropping_what_came_after(store: ConversationStore, synopsis_retriever: Retriever) -> None:
    talk = store.create()
    store.add_question(talk.id, "甲")
    store.add_answer(talk.id, answer_by_extract("孙悟空是谁", synopsis_retriever))
    later = store.add_question(talk.id, "乙")
    store.truncate(talk.id, later.number)
    assert store.messages(talk.id)[0].text == "甲"
    assert len(store.messages(talk.id)) == 2


def test_refused_questions_gather_once_each(store: ConversationStore, synopsis_retriever: Retriever) -> None:
    talk = store.create()
    for _ in range(2):
        store.add_question(talk.id, "诸葛亮是谁？")
        store.add_answer(talk.id, answer_by_extract("诸葛亮是谁？", synopsis_retriever))
    store.add_answer(talk.id, answer_by_extract("孙悟空是谁？", synopsis_retriever))
    refused = store.refused()
    assert [message.answer.question for message in refused if message.answer] == ["诸葛亮是谁？"]


def test_export_keeps_evidence_apart_and_marks_in_place(store: ConversationStore, synopsis_retriever: Retriever) -> None:
    talk = store.create("对话")
    store.add_question(talk.id, "白骨精变成了哪些人？")
    answer = answer_by_extract("白骨精变成了哪些人？", synopsis_retriever)
    store.add_answer(talk.id, answer)
    text = store.as_markdown(talk.id)
    assert text.startswith("# 对话")
    assert "> 「" in text
    assert answer.citations[0].mark in text
    record = json.loads(json.dumps(store.as_record(talk.id), ensure_ascii=False))
    assert record["messages"][1]["answer"]["citations"][0]["mark"] == answer.citations[0].mark


def test_an_answer_of_an_unknown_shape_keeps_its_words(study: Study, store: ConversationStore) -> None:
    talk = store.create()
    study.connection.execute(
        "INSERT INTO message (conversation, role, text, detail, time) VALUES (?, 'assistant', '旧答案', '{\"a\": 1}', 0)",
        (talk.id,),
    )
    assert store.messages(talk.id)[0].text == "旧答案"
    assert store.messages(talk.id)[0].answer is None


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()))
def test_any_question_is_kept_and_found(store: ConversationStore, text: str) -> None:
    talk = store.create()
    store.add_question(talk.id, text)
    assert store.messages(talk.id)[0].text == text
    assert talk.id in [found.id for found in store.list(text)]
