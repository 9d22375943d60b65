"""A small edition of our own words, current in the study, for citations that every machine can resolve."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xiyou_tui.corpus.model import Chapter, Edition, edition_id
from xiyou_tui.study import Study

TEXTS = {
    1: ["花果山顶有一块石头。石头里跳出一个猴子！众猴都来看他。", "猴子说：“谁敢进去？我敢进去！”众猴叫他大王。"],
    2: [
        "猴王坐着木筏过海，走了很久，才到西边的山里。",
        "祖师给他起名叫悟空。悟空很高兴，学会了许多变化。",
        "有诗说：山中没有日子。",
    ],
    27: ["三个人影先后走来，师父都没有认出是谁。", "悟空打了三次，师父写了一封信，叫他回去。"],
}


def _make_edition(texts: dict[int, list[str]], title: str = "小本") -> Edition:
    chapters = tuple(
        Chapter.compose(number, f"第 {number} 回的题", [(text, "prose", False) for text in texts[number]]) for number in texts
    )
    return Edition(edition_id(chapters), title, "novel", "simplified", "tests", chapters)


@pytest.fixture
def make_edition() -> Callable[..., Edition]:
    """Makes an edition of {chapter: paragraphs}."""
    return _make_edition


@pytest.fixture
def edition(study: Study) -> Edition:
    made = _make_edition(TEXTS)
    study.library.add(made)
    return made
