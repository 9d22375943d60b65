"""Small texts in the shape of the novel, written for the tests: real titles, made-up sentences."""

from __future__ import annotations

import pytest

from xiyou_tui.corpus.model import chinese_number
from xiyou_tui.corpus.synopsis import load_titles


def make_paragraph(chapter: int, index: int) -> str:
    """A sentence that stands nowhere else: its numbers tell where it belongs."""
    return f"话说第{chinese_number(chapter)}程走到{chinese_number(index)}更，师徒四众牵着马匹，冒着寒风，又行了{chinese_number(chapter * 7 + index)}里路，方才看见一座庄院。"


def make_book(chapters: range = range(1, 101), paragraphs: int = 3) -> str:
    """A book with the novel's titles, `paragraphs` sentences and a closing formula in each chapter."""
    titles = load_titles()
    lines = []
    for chapter in chapters:
        lines.append(f"第{chinese_number(chapter)}回　{titles[chapter].replace(' ', '　')}")
        lines += ["　　" + make_paragraph(chapter, index) for index in range(1, paragraphs + 1)]
        if chapter < 100:
            lines.append(f"　　毕竟不知{chinese_number(chapter)}日后如何，且听下回分解。")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def book() -> str:
    return make_book()
