"""An index over single characters and pairs of characters, in flat arrays: what ranked retrieval scores with.

Documents are short (a passage, a sentence), so a gram counts once in a document however often it stands there. That keeps
the loops short and loses nothing measurable at this length. Weights follow BM25 (Robertson and Zaragoza, 2009).
"""

from __future__ import annotations

import math
import sys
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

_UTF16 = f"utf-16-{sys.byteorder[0]}e"
K1 = 1.2
B = 0.5


class GramIndex:
    """The documents that hold a gram, how much a gram tells, and the documents that hold a longer phrase.

    `texts` must be folded. Postings of all grams lie in one array, found by bisection over sorted gram codes.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.size = len(texts)
        lists: dict[int, list[int]] = defaultdict(list)
        for number, text in enumerate(texts):
            for code in _codes(text):
                lists[code].append(number)
        marks = {ord(character) for character in set().union(*texts) if not character.isalnum()}
        kind = "H" if self.size < 0x10000 else "I"
        codes, offsets, postings = array("I"), array("I", [0]), array(kind)
        for code in sorted(lists):
            if code & 0xFFFF in marks or code >> 16 in marks:
                continue
            codes.append(code)
            postings.extend(lists[code])
            offsets.append(len(postings))
        self._codes, self._offsets, self._postings = codes, offsets, memoryview(postings)
        mean = sum(map(len, texts)) / max(1, self.size) or 1.0
        self.norms = array("f", ((K1 + 1) / (1 + K1 * (1 - B + B * len(text) / mean)) for text in texts))
        # Bound to this index, so that phrases asked again and again (the names of a person) are looked up once.
        self.containing = lru_cache(maxsize=2048)(self._containing)

    def postings(self, gram: str) -> Sequence[int]:
        """The numbers of the documents that hold a gram of one or two characters, rising."""
        code = _code(gram)
        at = bisect_left(self._codes, code)
        if at == len(self._codes) or self._codes[at] != code:
            return ()
        return self._postings[self._offsets[at] : self._offsets[at + 1]]

    def idf(self, frequency: int) -> float:
        """How much a term tells that stands in `frequency` documents; 0 for one that stands in none."""
        return math.log(1 + (self.size - frequency + 0.5) / (frequency + 0.5)) if frequency else 0.0

    def _containing(self, phrase: str) -> Sequence[int]:
        """The numbers of the documents that hold `phrase`, rising; of any length."""
        if len(phrase) <= 2:
            return self.postings(phrase) if phrase else ()
        pairs = sorted((self.postings(phrase[at : at + 2]) for at in range(len(phrase) - 1) if phrase[at : at + 2].isalnum()), key=len)
        candidates: Sequence[int] = pairs[0] if pairs else range(self.size)
        if len(pairs) > 1 and len(pairs[0]) > 64:
            rarer = set(pairs[0])
            candidates = [number for number in pairs[1] if number in rarer]
        texts = self.texts
        return [number for number in candidates if phrase in texts[number]]


def _codes(text: str) -> set[int]:
    """The codes of the distinct grams of a text. Two neighbouring 16-bit units read as one 32-bit number make a pair."""
    raw = text.encode(_UTF16, "surrogatepass")
    whole = len(raw) // 4 * 4
    rest = (len(raw) - 2) // 4 * 4 if len(raw) > 2 else 0
    view = memoryview(raw)
    return {*view.cast("H"), *view[:whole].cast("I"), *view[2 : 2 + rest].cast("I")}


def _code(gram: str) -> int:
    raw = gram.encode(_UTF16, "surrogatepass")
    return int.from_bytes(raw[:4], sys.byteorder)
