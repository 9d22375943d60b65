"""A small edition of our own words for tests of the corpus."""

from __future__ import annotations

from xiyou_tui.corpus.model import Chapter, Edition, edition_id

FIRST = "却说行者按落云头，对唐僧道：“师父，前面有座山，名唤黑松岭，岭上有个妖精，神通广大。”"
SECOND = "唐僧听了大惊失色，叫八戒、沙僧小心看守行李马匹，自己在林边坐下，只等行者回来。"


def edition_of(*chapters: list[str], script: str = "simplified", title: str = "小本") -> Edition:
    """An edition of these chapters, each a list of paragraphs."""
    made = tuple(
        Chapter.compose(number, f"题目{number} 下句{number}", ((text, "prose", False) for text in paragraphs))
        for number, paragraphs in enumerate(chapters, 1)
    )
    return Edition(edition_id(made), title, "novel", script, "tests", made)  # type: ignore[arg-type]
