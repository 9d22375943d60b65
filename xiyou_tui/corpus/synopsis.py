"""The synopsis volume (提要卷): written for this project, shipped with it, and marked as synopsis wherever it shows."""

from __future__ import annotations

import json
import re
from functools import cache

from xiyou_tui.corpus.model import FIRST_APPENDIX, Chapter, ChapterKind, Edition, edition_id
from xiyou_tui.storage.places import find_assets

TITLE = "《西游记》提要卷"
NOTICE = "提要，非原文"


@cache
def load_synopsis() -> Edition:
    """The synopsis volume as an edition: one chapter per 回, one paragraph per sentence."""
    chapters = []
    titles = load_titles()
    for line in (find_assets() / "synopsis.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        number, text = int(record["chapter"]), str(record["text"]).strip()
        sentences = [part for part in re.split(r"(?<=[。！？])(?![”」』])", text) if part]
        kind: ChapterKind = "chapter" if number < FIRST_APPENDIX else "appendix"
        chapters.append(Chapter.compose(number, titles[number], ((sentence, "prose", False) for sentence in sentences), kind))
    chapters.sort(key=lambda chapter: chapter.number)
    made = tuple(chapters)
    return Edition(edition_id(made), TITLE, "synopsis", "simplified", "xiyou", made)


@cache
def load_titles() -> dict[int, str]:
    """The couplet title of each of the 100 chapters (and the appendix, 101), in simplified characters."""
    records = map(json.loads, (find_assets() / "chapters.jsonl").read_text("utf-8").splitlines())
    return {int(record["chapter"]): str(record["title"]) for record in records}
