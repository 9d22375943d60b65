"""Small editions made on the spot, for tests of find and retrieval that need no full text."""

from __future__ import annotations

from xiyou_tui.corpus.model import Chapter, Edition, Paragraph, Script, edition_id


def make_edition(*chapters: str, script: Script = "simplified") -> Edition:
    """An edition with the given chapter texts (paragraphs end with a newline), numbered from 1."""
    made = []
    for number, text in enumerate(chapters, 1):
        paragraphs, offset = [], 0
        for index, line in enumerate(text.split("\n"), 1):
            paragraphs.append(Paragraph(index, offset, offset + len(line)))
            offset += len(line) + 1
        made.append(Chapter(number, f"第{number}章", text, tuple(paragraphs)))
    whole = tuple(made)
    return Edition(edition_id(whole), "试文", "other", script, "test", whole)
