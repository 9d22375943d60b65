"""RAFT rows (Zhang et al., 2024): questions asked over numbered passages, the right one among distractors or not at all. Light."""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xiyou_tui.corpus.model import Citation, Edition, Place
from xiyou_tui.corpus.passages import cut_passages

# A question and the passages shown with it → the chat messages that a chat would send.
Ask = Callable[[str, Sequence[Place]], Sequence[Mapping[str, str]]]

PASSAGES = 4
# Of the answerable rows, this share shows no passage that answers: the model must say so.
WITHOUT_GOLD = 0.2
NOTHING = "给出的段落里没有，原著未提及。"
QUOTE = re.compile("[“「『](?P<text>[^“”「」『』]{4,})[”」』]")


class Rafter:
    """Makes RAFT rows over one edition; the same seed and sample always give the same row."""

    def __init__(self, edition: Edition, ask: Ask, seed: int) -> None:
        self._edition = edition
        self._ask = ask
        self._seed = seed
        self._passages = list(cut_passages(edition))
        self._starts = [(place.chapter, place.start) for place in self._passages]

    def row(self, id: str, question: str, answer: str, citations: Sequence[Citation], refusal: bool) -> dict[str, Any] | None:
        """Messages of one row, and whether it is a refusal; None for an answer whose citations are not of this edition."""
        chance = random.Random(f"{self._seed}/{id}")
        gold = sorted({self._at(cited.chapter, cited.start) for cited in citations if cited.edition == self._edition.id})
        if not refusal and not gold:
            return None
        hidden = not refusal and chance.random() < WITHOUT_GOLD
        chosen = [] if hidden or refusal else gold[: PASSAGES - 1]
        chosen += self._distractors(chance, set(gold), gold, PASSAGES - len(chosen))
        chance.shuffle(chosen)
        shown = [self._passages[index] for index in chosen]
        said = (
            answer
            if refusal
            else NOTHING
            if hidden
            else cite(answer, shown, [chosen.index(index) for index in gold if index in chosen])
        )
        messages = [dict(message) for message in self._ask(question, shown)]
        return {"messages": [*messages, {"role": "assistant", "content": said}], "refusal": refusal or hidden}

    def _distractors(self, chance: random.Random, avoid: set[int], gold: Sequence[int], count: int) -> list[int]:
        # Half from near the right place, which look alike; the rest from anywhere.
        near = [index + shift for index in gold for shift in (-3, -2, 2, 3) if 0 <= index + shift < len(self._passages)]
        pool = [index for index in dict.fromkeys(near) if index not in avoid]
        chance.shuffle(pool)
        found = pool[: count // 2]
        free = [index for index in range(len(self._passages)) if index not in avoid and index not in found]
        return found + chance.sample(free, min(count - len(found), len(free)))

    def _at(self, chapter: int, start: int) -> int:
        return max(0, bisect_right(self._starts, (chapter, start)) - 1)


def cite(answer: str, shown: Sequence[Place], gold: Sequence[int]) -> str:
    """`answer` as a chat over passages writes it: quotes that stand in a passage become `[n]<q>…</q>`, else the source goes to the end."""
    used = False

    def mark(match: re.Match[str]) -> str:
        nonlocal used
        for index in sorted(range(len(shown)), key=lambda index: index not in gold):
            if match["text"] in shown[index].text:
                used = True
                return f"[{index + 1}]<q>{match['text']}</q>"
        # Not the words of a passage shown: it must not look like a quote.
        return match["text"]

    text = QUOTE.sub(mark, answer)
    return text if used or not gold else f"{text}[{gold[0] + 1}]"
