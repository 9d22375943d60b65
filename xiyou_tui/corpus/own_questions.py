"""Our own questions on the events, and the popular ones: which events answer a reader's question that is one of them in other words."""

from __future__ import annotations

from collections.abc import Sequence

from xiyou_tui.corpus.events import AnchoredEvent
from xiyou_tui.corpus.lexicon import Lexicon
from xiyou_tui.corpus.likeness import QuestionIndex
from xiyou_tui.corpus.popular import load_popular

# So like one of ours a question has to be to count as answered by the text.
SURELY = 0.5


class OwnQuestions:
    """The questions that the given events answer; an event is named by its number among them."""

    def __init__(self, events: Sequence[AnchoredEvent], lexicon: Lexicon) -> None:
        numbers = {item.event.id: number for number, item in enumerate(events)}
        asks: list[tuple[str, tuple[int, ...]]] = [(ask, (number,)) for number, item in enumerate(events) for ask in item.event.asks]
        for popular in load_popular():
            answering = tuple(numbers[event] for event in popular.events if event in numbers)
            asks += [(ask, answering) for ask in popular.asks if answering]
        self._answering = [answering for _, answering in asks]
        self._index = QuestionIndex([ask for ask, _ in asks], lexicon)

    def answering(self, question: str) -> dict[int, float]:
        """{event: how much (0..1) speaks for it}: the likeness of the question that it answers, less for its second and third answers."""
        found: dict[int, float] = {}
        for near in self._index.nearest(question):
            for order, event in enumerate(self._answering[near.number]):
                found[event] = max(near.share / (1 + order), found.get(event, 0.0))
        return found

    def surely_answer(self, question: str) -> bool:
        """Whether the question is so like one of them that the text is known to answer it."""
        return bool(self._index.nearest(question, top=1, least=SURELY))
