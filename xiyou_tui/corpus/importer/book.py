"""Which book a text is: told by its chapter titles, and where those say nothing by the words that mark the chapters."""

from __future__ import annotations

from xiyou_tui.corpus.importer.expected import recognise
from xiyou_tui.corpus.importer.records import Section
from xiyou_tui.corpus.importer.tradition import match_title

# So many sections are read for their words: enough to tell, and quick.
_READ = 8


def is_this_novel(sections: list[Section]) -> bool:
    """Whether the sections are chapters of 《西游记》. Its sequels, with the same people in them, are not."""
    titled = [section.title for section in sections if section.kind == "chapter" and len(section.title) >= 4]
    if titled:
        return 2 * sum(1 for title in titled if match_title(title)) >= len(titled)
    chapters = [section for section in sections if section.lines]
    step = max(1, len(chapters) // _READ)
    return any(recognise("".join(section.lines), "zhengdaoshu") is not None for section in chapters[::step])
