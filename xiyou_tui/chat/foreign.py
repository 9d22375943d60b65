"""Questions that name nobody and nothing of the novel: whether their words are words it, or the index of its events, uses at all."""

from __future__ import annotations

from functools import cache

from xiyou_tui.chat.coverage import Needs
from xiyou_tui.corpus.events import load_events
from xiyou_tui.corpus.find import joined_loosely
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.query import FUNCTION


def unknown_share(needs: Needs, edition: Edition) -> float:
    """The share (0..1) of the pairs of characters in a question's words that stand neither in the text nor in an event."""
    text = joined_loosely(edition).text
    pairs = [run.text[at : at + 2] for run in needs.runs for at in range(len(run.text) - 1)]
    unknown = [pair for pair in pairs if not FUNCTION.intersection(pair) and pair not in _modern_words() and pair not in text]
    return len(unknown) / len(pairs) if pairs else 0.0


@cache
def _modern_words() -> str:
    return "\n".join(fold_loosely("\n".join((event.text, *event.also))) for event in load_events())
