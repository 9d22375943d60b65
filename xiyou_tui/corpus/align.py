"""Finding a passage of one edition in another: exactly, else by alignment, else not at all.

Editions differ in script, variant characters, punctuation and wording, and cut chapters 9 to 12 differently. What was cited
on one is looked for in the other near the same place first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from xiyou_tui.corpus.find import find
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.model import Citation, Edition

GRAM = 3
# Below this share of agreeing characters two passages are not taken for the same one.
ALIKE = 0.6
MARGIN = 24


@dataclass(frozen=True, slots=True)
class Aligned:
    """Where a passage stands in another edition; `likeness` is the share of agreeing characters, 1.0 for exact places."""

    citation: Citation
    how: Literal["exact", "fuzzy"]
    likeness: float


def align_text(text: str, target: Edition, *, chapter: int = 0, near: int = 0) -> Aligned | None:
    """The place of `target` where `text` stands, nearest to (chapter, near) when it stands there more than once; else None."""
    if not text.strip():
        return None
    if target.has_chapter(chapter) and target.chapter(chapter).text.startswith(text, near):
        return Aligned(target.cite(chapter, near, near + len(text)), "exact", 1.0)
    places = find(target, text)
    if places:
        best = min(places, key=lambda place: (abs(place.chapter - chapter) if chapter else 0, abs(place.start - near)))
        return Aligned(target.cite(best.chapter, best.start, best.end), "exact", 1.0)
    return _align_loosely(text, target, chapter)


def align(citation: Citation, source: Edition, target: Edition) -> Aligned | None:
    """The place of `target` that corresponds to a citation made on `source`. Raises CorpusError when it does not hold there."""
    text = source.resolve(citation)
    if source.id == target.id:
        return Aligned(citation, "exact", 1.0)
    return align_text(text, target, chapter=citation.chapter, near=citation.start)


def _align_loosely(text: str, target: Edition, chapter: int) -> Aligned | None:
    wanted = fold_loosely(text)
    if len(wanted) < GRAM:
        return None
    grams: dict[str, list[int]] = {}
    for index in range(len(wanted) - GRAM + 1):
        grams.setdefault(wanted[index : index + GRAM], []).append(index)
    order = sorted(target.chapters, key=lambda found: (abs(found.number - chapter) if chapter else 0, found.number))
    best: Aligned | None = None
    for index, candidate in enumerate(order):
        found = _best_window(wanted, grams, fold_loosely(candidate.text))
        if found is not None and (best is None or found[2] > best.likeness):
            start, end, likeness = found
            best = Aligned(target.cite(candidate.number, start, end), "fuzzy", likeness)
        # The chapters around the old place come first; a good match there is the passage itself.
        if best is not None and (best.likeness >= 0.85 or index >= 8):
            break
    return best


def _best_window(wanted: str, grams: dict[str, list[int]], text: str) -> tuple[int, int, float] | None:
    """The span of `text` most like `wanted` as (start, end, likeness), or None. Grams vote for where it would begin."""
    votes: Counter[int] = Counter()
    for gram, positions in grams.items():
        at = text.find(gram)
        seen = 0
        while at >= 0 and seen < 40:
            for position in positions:
                votes[(at - position) // 16] += 1
            seen += 1
            at = text.find(gram, at + 1)
    if not votes:
        return None
    # Neighbouring slots are one place: insertions shift what follows them.
    slot = max(votes, key=lambda number: votes[number] + votes[number - 1] + votes[number + 1])
    if votes[slot] + votes[slot - 1] + votes[slot + 1] < max(1, len(wanted) // 8):
        return None
    first = max(0, slot * 16 - MARGIN - 16)
    last = min(len(text), slot * 16 + len(wanted) + MARGIN + 32)
    matcher = SequenceMatcher(None, wanted, text[first:last], autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    agreeing = sum(block.size for block in blocks)
    likeness = agreeing / len(wanted)
    if likeness < ALIKE:
        return None
    # What was cited before the first and after the last agreeing character is taken to be as long as it was.
    start = max(0, first + blocks[0].b - min(blocks[0].a, MARGIN))
    end = min(len(text), first + blocks[-1].b + blocks[-1].size + min(len(wanted) - blocks[-1].a - blocks[-1].size, MARGIN))
    return start, end, likeness
