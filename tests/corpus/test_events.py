"""The index of events and how its phrases are found in editions that differ."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conftest import corpus_file
from tests.corpus.made import make_edition
from xiyou_tui.corpus.events import Event, anchor, anchor_events, anchoring, events_between, load_events
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.model import Edition


def event(chapter: int, key: str, number: int = 1) -> Event:
    return Event(f"{chapter:03d}-{number:02d}", chapter, "一件事", (), "", key)


def test_the_index_is_whole() -> None:
    events = load_events()
    assert len(events) >= 3000
    assert len({event.id for event in events}) == len(events)
    assert {event.chapter for event in events} == set(range(1, 102))
    assert min(Counter(event.chapter for event in events).values()) >= 15
    assert all(4 <= len(event.key) <= 20 and 10 <= len(event.text) <= 120 for event in events)


def test_no_sentence_is_taken_from_the_novel(novel: Edition) -> None:
    text = "".join(fold_loosely(chapter.text) for chapter in novel.chapters)
    assert not [event.id for event in load_events() if fold_loosely(event.text) in text]


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("却说那妖变做个月貌花容的女儿，走来。", "exact"),
        ("卻說那妖變做個月貌花容的女兒，走來。", "exact"),
        ("却说那妖变做个月貌，花容的女儿走来。", "exact"),
        ("却说那妖变做个花容的女儿走来。", "approximate"),
    ],
)
def test_a_phrase_is_found_in_other_dress(text: str, how: str) -> None:
    edition = make_edition(text)
    found = anchor(edition, [event(1, "月貌花容的女儿")]).found
    assert [item.how for item in found] == [how]
    assert fold_loosely(text[found[0].start : found[0].end]).endswith("容的女儿")


def test_another_chapter_and_nowhere() -> None:
    edition = make_edition("山中无事。", "只见月貌花容的女儿。")
    result = anchor(edition, [event(1, "月貌花容的女儿"), event(2, "完全没有这句话")])
    assert [(item.chapter, item.how) for item in result.found] == [(2, "moved")]
    assert [lost.key for lost in result.lost] == ["完全没有这句话"]


def test_a_repeated_phrase_goes_on_from_the_event_before() -> None:
    edition = make_edition("行者笑道。后来妖怪走了。行者笑道。")
    found = anchor(edition, [event(1, "妖怪走了", 1), event(1, "行者笑道", 2)]).found
    assert [item.start for item in found] == [7, 12]


def test_all_events_stand_in_the_novel(novel: Edition) -> None:
    result = anchoring(novel)
    assert len(result.found) >= 0.99 * len(load_events())
    assert all(fold_loosely(novel.chapter(item.chapter).text[item.start : item.end]) == fold_loosely(item.event.key) for item in result.found)
    inside = events_between(result.found, 27, 0, len(novel.chapter(27).text))
    assert len(inside) >= 20


def test_most_events_stand_in_another_edition() -> None:
    from xiyou_tui.corpus.importer import import_text

    edition = import_text(corpus_file("simplified-html.txt")).edition
    assert len(anchor_events(edition)) >= 0.97 * len(load_events())
