"""Conversations that were held long ago, with answers made of real places of an edition."""

from __future__ import annotations

import json
from collections.abc import Sequence

from xiyou_tui.chat.model import Answer, Part, Stage, assert_verbatim, cite_places
from xiyou_tui.corpus.find import find
from xiyou_tui.corpus.model import Edition
from xiyou_tui.study import Study


def cited_answer(edition: Edition, question: str, words: Sequence[str], *, summary: str = "", refused: bool = False, more: str = "") -> Answer:
    """An answer made of real places of the edition: the first place of each word, and with `more` every place of that."""
    places = [find(edition, word)[0] for word in words]
    parts = [Part("notice", "原著未提及。书里没有写到这件事。"), Part("notice", "最接近的原文：")] if refused else []
    if summary:
        parts.append(Part("summary", summary, 0, None, "情节索引"))
    parts += [Part("evidence", place.text, index) for index, place in enumerate(places)]
    citations = cite_places(edition, [*places, *(find(edition, more) if more else ())])
    stages = (Stage("分析", ("类型：问事实",), 0.25), Stage("判断", ("可以回答（依据强度 0.91）",), 1.5))
    return assert_verbatim(
        Answer(question, "extract", "", refused, "书里没有写到这件事。" if refused else "", tuple(parts), citations, edition.id, stages), edition
    )


def keep(study: Study, *answers: Answer) -> str:
    """Store a conversation of these answers as if it had been held long ago; it is the one the pane opens."""
    talk = study.conversations.create()
    for answer in answers:
        study.conversations.add_question(talk.id, answer.question)
        study.conversations.add_answer(talk.id, answer)
    study.connection.execute("UPDATE conversation SET changed = 1710000000 WHERE id = ?", (talk.id,))
    study.connection.execute("INSERT OR REPLACE INTO state (key, value) VALUES ('chat.conversation', ?)", (json.dumps(talk.id),))
    return talk.id
