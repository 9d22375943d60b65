"""An app over a small edition that every machine can have, and one over the novel."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from xiyou_tui.corpus.model import Chapter, Edition, edition_id
from xiyou_tui.study import Study, open_study
from xiyou_tui.tui.app import XiyouApp

SMALL = {
    1: ("灵石生猴出世 石猴入洞称王", ["却说花果山上有块仙石。石中生出一个石猴！众猴见了欢喜。", "石猴道：“谁敢进洞？我进去！”众猴拍手道：“好大王！”", "有诗为证："]),
    2: ("石猴访道拜师 祖师传授神通", ["石猴离了花果山，渡过大海，来到一座洞府。", "祖师问道：“你姓甚么？”猴王道：“我无姓。”祖师遂取名悟空。", "毕竟不知后事如何，且听下回分解。"]),
}  # fmt: skip


def small_edition() -> Edition:
    """Two short chapters of our own words, with prose, verse and a closing formula."""
    chapters = []
    for number, (title, paragraphs) in SMALL.items():
        blocks = [(text, "closing" if "下回分解" in text else "prose", False) for text in paragraphs]
        if number == 1:
            blocks += [("花果山中无岁月，", "verse", False), ("水帘洞里有春秋。", "verse", False)]
        chapters.append(Chapter.compose(number, title, blocks))  # type: ignore[arg-type]
    made = tuple(chapters)
    return Edition(edition_id(made), "小本西游", "novel", "simplified", "tests", made)


@pytest.fixture
def small(study: Study) -> Edition:
    edition = small_edition()
    study.library.add(edition)
    return edition


@pytest.fixture
def app(home: object) -> XiyouApp:
    """The app on a fresh home: only the synopsis volume is there."""
    return XiyouApp(open_study())


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times on the screen do not depend on where the tests run."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
