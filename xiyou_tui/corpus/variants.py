"""Where two editions differ in a passage."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from xiyou_tui.corpus.align import align
from xiyou_tui.corpus.fold import fold
from xiyou_tui.corpus.model import Citation, Edition


@dataclass(frozen=True, slots=True)
class Variant:
    """One piece of a comparison. `same` pieces agree (up to script and graphic variants); others give both wordings."""

    same: bool
    here: str
    there: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A passage beside its counterpart in another edition, cut into agreeing and differing pieces, in order."""

    citation: Citation
    counterpart: Citation
    pieces: tuple[Variant, ...]

    @property
    def differences(self) -> int:
        return sum(1 for piece in self.pieces if not piece.same)


def compare(citation: Citation, source: Edition, target: Edition) -> Comparison | None:
    """Compare a passage of `source` with its counterpart in `target`; None when the other edition has none."""
    found = align(citation, source, target)
    if found is None:
        return None
    here, there = source.resolve(citation), target.resolve(found.citation)
    pieces = []
    for tag, a, b, c, d in SequenceMatcher(None, fold(here), fold(there), autojunk=False).get_opcodes():
        pieces.append(Variant(tag == "equal", here[a:b], there[c:d]))
    return Comparison(citation, found.citation, tuple(pieces))
