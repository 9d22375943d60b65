"""The fast search for near-duplicates finds exactly what comparing every pair finds."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from xiyou_tui.samples.duplicates import NearIndex, find_duplicates, similarity

words = st.lists(st.text(alphabet="孙悟空猪八戒沙僧师父何", min_size=0, max_size=12), max_size=12)


@given(texts=words, threshold=st.sampled_from([0.3, 0.5, 0.75, 1.0]))
@settings(max_examples=150, deadline=None)
def test_all_pairs_are_found_and_no_others(texts: list[str], threshold: float) -> None:
    named = [(f"{index:02}", text) for index, text in enumerate(texts)]
    expected = {(a, b) for (a, x), (b, y) in combinations(named, 2) if similarity(x, y) >= threshold}
    assert {(pair.first, pair.second) for pair in find_duplicates(named, threshold=threshold)} == expected
    index = NearIndex(named)
    for key, text in named:
        near = {other for other, _ in index.near(text, threshold=threshold, without=key)}
        assert near == {b if a == key else a for a, b in expected if key in (a, b)}


def test_punctuation_and_case_do_not_count() -> None:
    assert similarity("孙悟空，是谁？", "孙悟空是谁") == 1.0
    assert similarity("", "") == 0.0


def test_an_index_forgets_what_is_replaced() -> None:
    index = NearIndex([("a", "孙悟空是谁")])
    index.put("a", "猪八戒在哪里")
    assert index.near("孙悟空是谁") == []
    index.remove("a")
    assert index.near("猪八戒在哪里") == []
