"""A small edition of our own words with questions on it, and answers of every sort to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xiyou_tui.chat.model import Answer, Part, cite_places
from xiyou_tui.corpus.find import find
from xiyou_tui.corpus.model import Chapter, Edition, edition_id
from xiyou_tui.evaluation.questions import Question

TEXT = {
    1: ("灵石生猴 石猴称王", ["花果山上有块仙石，高三丈六尺。石中生出一个石猴。", "石猴跳进水帘洞，众猴拜他为王。"]),
    2: ("访道拜师 取名悟空", ["石猴渡海来到灵台方寸山，祖师给他取名悟空。", "悟空学会了筋斗云，一翻十万八千里。"]),
    3: ("借宝龙宫 大闹天宫", ["悟空到东海借得金箍棒，重一万三千五百斤。", "玉帝差天兵来拿他，却拿不住。"]),
}

RECORDS = [
    {"id": "T1", "kind": "fact", "question": "仙石有多高？", "answerable": True, "answers": ["三丈六尺", "三丈六"], "evidence": ["高三丈六尺"], "chapters": [1]},
    {"id": "T2", "kind": "fact", "question": "金箍棒有多重？", "answerable": True, "answers": ["一万三千五百斤"], "evidence": ["重一万三千"], "chapters": [3]},
    {"id": "T3", "kind": "name", "question": "谁给石猴取的名？", "answerable": True, "answers": ["祖师"], "chapters": [2]},
    {"id": "T4", "kind": "out_of_scope", "question": "诸葛亮借了什么风？", "answerable": False, "note": "三国"},
    {"id": "T5", "kind": "out_of_scope", "question": "今天天气怎么样？", "answerable": False},
]  # fmt: skip


def make_edition() -> Edition:
    made = tuple(Chapter.compose(number, title, [(text, "prose", False) for text in texts]) for number, (title, texts) in TEXT.items())
    return Edition(edition_id(made), "小本", "novel", "simplified", "tests", made)


@pytest.fixture(scope="session")
def edition() -> Edition:
    return make_edition()


@pytest.fixture
def set_file(tmp_path: Path) -> Path:
    return write_set(tmp_path / "small.jsonl", RECORDS)


def write_set(path: Path, records: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return path


@pytest.fixture
def questions() -> dict[str, Question]:
    from xiyou_tui.evaluation.questions import parse_question

    return {str(record["id"]): parse_question(record) for record in RECORDS}


def quoting(edition: Edition, question: str, *phrases: str, summary: str = "") -> Answer:
    """An answer that quotes the places where the phrases stand."""
    places = [find(edition, phrase)[0] for phrase in phrases]
    citations = cite_places(edition, places)
    parts = [Part("summary", summary, None, True, "模型")] if summary else []
    parts += [Part("evidence", cited.quote, index) for index, cited in enumerate(citations)]
    return Answer(question, "extract", "", False, "", tuple(parts), citations, edition.id)


def refusing(edition: Edition, question: str) -> Answer:
    return Answer(question, "extract", "", True, "原著没有写到。", (Part("notice", "原著未提及。"),), (), edition.id)
