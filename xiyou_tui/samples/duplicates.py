"""Near-duplicates among questions: exact Jaccard over character 3-grams, found without comparing every pair.

Prefix filtering (Bayardo, Ma, Srikant: Scaling up all pairs similarity search, WWW 2007): two sets of Jaccard ≥ t share one of
their rarest n - ceil(t·n) + 1 members, so only those are indexed. Exact, unlike MinHash, and fast enough in plain Python.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

# Texts are compared by what they say: punctuation, spaces and letter case do not count.
_NOISE = re.compile(r"[\s\W_]+")
THRESHOLD = 0.75


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two texts that say nearly the same; `similarity` is the Jaccard coefficient, 1.0 for equal ones."""

    first: str
    second: str
    similarity: float


def grams(text: str) -> frozenset[str]:
    """The character 3-grams of a text, its ends marked so that short texts have some too; empty for an empty text."""
    plain = _NOISE.sub("", text).lower()
    if not plain:
        return frozenset()
    padded = f"^{plain}$"
    return frozenset(padded[index : index + 3] for index in range(len(padded) - 2))


def similarity(first: str, second: str) -> float:
    """Jaccard coefficient of two texts, 0.0 to 1.0."""
    a, b = grams(first), grams(second)
    return len(a & b) / len(a | b) if a and b else 0.0


class NearIndex:
    """Texts by key, to be asked for near-duplicates of one more text; keys may be replaced and removed."""

    def __init__(self, texts: Iterable[tuple[str, str]] = ()) -> None:
        self._grams: dict[str, frozenset[str]] = {}
        self._holders: defaultdict[str, set[str]] = defaultdict(set)
        for key, text in texts:
            self.put(key, text)

    def put(self, key: str, text: str) -> None:
        """Hold a text under a key, in place of the one before."""
        self.remove(key)
        found = grams(text)
        self._grams[key] = found
        for gram in found:
            self._holders[gram].add(key)

    def remove(self, key: str) -> None:
        for gram in self._grams.pop(key, ()):
            self._holders[gram].discard(key)

    def near(self, text: str, *, threshold: float = THRESHOLD, without: str = "") -> list[tuple[str, float]]:
        """(key, similarity) of all texts at least `threshold` similar, most similar first; `without` is left out."""
        wanted = grams(text)
        if not wanted:
            return []
        rare = sorted(wanted, key=lambda gram: (len(self._holders.get(gram, ())), gram))[: _prefix(len(wanted), threshold)]
        candidates = {key for gram in rare for key in self._holders.get(gram, ())} - {without}
        found = []
        for key in candidates:
            other = self._grams[key]
            score = len(wanted & other) / len(wanted | other)
            if score >= threshold:
                found.append((key, score))
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def find_duplicates(texts: Iterable[tuple[str, str]], *, threshold: float = THRESHOLD) -> list[Duplicate]:
    """All pairs of (key, text) at least `threshold` similar, most similar first."""
    sets = [(key, grams(text)) for key, text in texts]
    frequency = Counter(gram for _, found in sets for gram in found)
    # By size, so that a set only meets smaller ones, which must not be smaller than t times its own size.
    ordered = sorted(
        ((key, found, sorted(found, key=lambda gram: (frequency[gram], gram))) for key, found in sets if found),
        key=lambda e: len(e[1]),
    )
    holders: defaultdict[str, list[int]] = defaultdict(list)
    pairs = []
    for index, (key, found, by_rarity) in enumerate(ordered):
        prefix = by_rarity[: _prefix(len(found), threshold)]
        least = threshold * len(found)
        candidates = {other for gram in prefix for other in holders[gram] if len(ordered[other][1]) >= least}
        for other in candidates:
            smaller = ordered[other][1]
            shared = len(found & smaller)
            score = shared / (len(found) + len(smaller) - shared)
            if score >= threshold:
                first, second = sorted((key, ordered[other][0]))
                pairs.append(Duplicate(first, second, score))
        for gram in prefix:
            holders[gram].append(index)
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def _prefix(size: int, threshold: float) -> int:
    return size - math.ceil(threshold * size - 1e-9) + 1
