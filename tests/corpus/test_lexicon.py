"""The lexicon: any name leads to its entry, and an entry to the chapters it appears in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.corpus.lexicon import KINDS, load_lexicon
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.modern import load_modern


def test_size_and_shape() -> None:
    lexicon = load_lexicon()
    assert len(lexicon.entries) >= 400
    assert len({entry.id for entry in lexicon.entries}) == len(lexicon.entries)
    assert {entry.kind for entry in lexicon.entries} <= set(KINDS)
    assert all(entry.gloss and entry.name for entry in lexicon.entries)
    assert all(lexicon.get(identifier) for entry in lexicon.entries for identifier in entry.related)


@pytest.mark.parametrize(
    ("word", "name"),
    [("行者", "孙悟空"), ("孫行者", "孙悟空"), ("白骨精", "白骨精"), ("女儿国", "西梁女国"), ("金箍棒", "如意金箍棒"), ("八戒", "猪八戒"), ("觀音", "观音菩萨")],
)
def test_named(word: str, name: str) -> None:
    entry = load_lexicon().named(word)
    assert entry is not None
    assert entry.name == name


def test_a_name_of_its_own_comes_before_an_alias() -> None:
    lexicon = load_lexicon()
    assert lexicon.named("弼马温") is not lexicon.named("孙悟空")
    assert {entry.name for entry in lexicon.owners("弼马温")} >= {"弼马温", "孙悟空"}


def test_unknown_and_blank() -> None:
    lexicon = load_lexicon()
    assert lexicon.named("诸葛亮") is None
    assert lexicon.named("") is None
    assert lexicon.mentions("") == []


def test_mentions_are_the_longest() -> None:
    text = "孙悟空用如意金箍棒打死白骨精"
    assert [text[m.start : m.end] for m in load_lexicon().mentions(text)] == ["孙悟空", "如意金箍棒", "白骨精"]


@given(st.text(alphabet="孙悟空行者大圣唐僧三藏白骨精的了，打", max_size=40))
def test_mentions_are_disjoint_and_true(text: str) -> None:
    lexicon = load_lexicon()
    end = 0
    for mention in lexicon.mentions(text):
        assert mention.start >= end
        end = mention.end
        assert mention.entry in lexicon.owners(text[mention.start : mention.end])


def test_search() -> None:
    lexicon = load_lexicon()
    assert lexicon.search("牛魔")[0].name == "牛魔王"
    assert all(entry.kind == "place" for entry in lexicon.search("", kind="place", limit=500))
    assert len(lexicon.search("", kind="place", limit=500)) >= 50


def test_search_names_leave_out_what_the_novel_never_says() -> None:
    lexicon = load_lexicon()
    monkey = lexicon.named("孙悟空")
    assert monkey is not None
    names = lexicon.search_names(monkey)
    assert "行者" in names
    assert "猴哥" not in names
    assert "师兄" not in names


def test_appearances_are_counted(novel: Edition) -> None:
    lexicon = load_lexicon()
    bones = lexicon.named("白骨精")
    assert bones is not None
    assert 27 in lexicon.appearances(bones, novel)


def test_modern_words_lead_to_old_ones_and_back() -> None:
    modern = load_modern()
    assert len(modern.terms) >= 200
    match = next(modern.matches("父亲是谁"))
    assert (match.word, match.start, match.end) == ("父亲", 0, 2)
    assert "爹爹" in match.originals
    assert "爸爸" in match.synonyms
    assert "父亲" in next(modern.matches("爹爹")).synonyms
