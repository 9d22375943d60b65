"""The questions that readers ask first, and how a question is known again in other words."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.corpus.events import load_events
from xiyou_tui.corpus.fold import fold
from xiyou_tui.corpus.lexicon import load_lexicon
from xiyou_tui.corpus.likeness import QuestionIndex, read_question
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.popular import load_popular
from xiyou_tui.corpus.retrieval import Retriever
from xiyou_tui.storage.places import find_assets

LEXICON = load_lexicon()
ASKED = ("孙悟空的武器是什么", "沙僧的兵器叫什么", "白骨精是怎么死的", "火焰山是怎么来的", "取经一共花了多少年")


def test_every_popular_question_has_its_events_and_stands_once() -> None:
    known = {event.id for event in load_events()}
    popular = load_popular()
    asks = [ask for record in popular for ask in record.asks]
    assert len(popular) > 900
    assert all(record.asks and record.events and known.issuperset(record.events) for record in popular)
    assert len(asks) == len(set(asks))


@pytest.mark.parametrize(
    ("question", "known"),
    [
        ("行者用什么兵器？", None),
        ("孙大圣的兵器是啥？", "孙悟空的武器是什么"),
        ("请问白骨夫人到底是咋死的呀", "白骨精是怎么死的"),
        ("火焰山怎么来的？", "火焰山是怎么来的"),
        ("猪八戒的武器是什么", None),
        ("西天取经总共花了多少年", "取经一共花了多少年"),
    ],
)
def test_a_question_is_known_again_by_names_and_words(question: str, known: str | None) -> None:
    near = QuestionIndex(ASKED, LEXICON).nearest(question, least=0.5)
    assert (ASKED[near[0].number] if near else None) == known


@given(st.text(max_size=30))
def test_any_text_is_read_and_like_itself(text: str) -> None:
    near = QuestionIndex([text], LEXICON).nearest(text, least=0.99, nameless=0.99)
    assert bool(near) == bool(read_question(text, LEXICON)[1])


def test_the_novel_answers_where_the_table_says(novel: Edition) -> None:
    retriever = Retriever(novel)
    records = [json.loads(line) for line in (find_assets() / "popular.jsonl").read_text("utf-8").splitlines()]
    missed = []
    for record in records[::5]:
        pattern = re.compile(fold(record["holds"]))
        found = retriever.search(record["asks"][0], top=5)
        if not any(pattern.search(fold(place.text.replace("\n", ""))) for place in found):
            missed.append(record["asks"][0])
    assert len(missed) <= len(records[::5]) // 25, missed
