"""Count the usual length of every chapter and the names that mark it, from complete texts; writes two files into assets/.

    python packaging/count_chapters.py SHIDETANG_TEXT ZHENGDAOSHU_TEXT

The first text must follow the 世德堂 numbering (the 陈光蕊 story as an appendix), the second the 证道书 numbering (the story as chapter 9).
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections import Counter
from pathlib import Path

from xiyou_tui.corpus.importer import import_text
from xiyou_tui.corpus.model import Chapter, Edition
from xiyou_tui.corpus.script import to_simplified

ASSETS = Path(__file__).parents[1] / "assets"
OTHERS = re.compile(r"[^\u3400-\u9fff\U00020000-\U0003ffff]+")
MARKS = 10
DIFFERENT = range(9, 13)


def letters(chapter: Chapter) -> str:
    return OTHERS.sub("", chapter.text[chapter.body :])


def phrases(chapter: Chapter) -> Counter[str]:
    """Sequences of two to four characters inside a clause, with how often the chapter has them."""
    counted: Counter[str] = Counter()
    for clause in OTHERS.split(to_simplified(chapter.text[chapter.body :])):
        for size in (2, 3, 4):
            counted.update(clause[index : index + size] for index in range(len(clause) - size + 1))
    return counted


def pick_marks(own: Counter[str], spread: Counter[str]) -> list[str]:
    """The phrases that recur in this chapter and stand in hardly any other; none contains another."""
    ranked = sorted((phrase for phrase, count in own.items() if count >= 2 and spread[phrase] <= 2), key=lambda phrase: (-own[phrase] * len(phrase) / spread[phrase], phrase))
    chosen: list[str] = []
    for phrase in ranked:
        if len(chosen) == MARKS:
            break
        if not any(phrase in other or other in phrase or phrase[1:] == other[:-1] or phrase[:-1] == other[1:] for other in chosen):
            chosen.append(phrase)
    return chosen


def main(first: Edition, second: Edition) -> None:
    lengths = {
        chapter.number: round(statistics.mean([len(letters(chapter)), len(letters(second.chapter(chapter.number)))]))
        if chapter.number <= 100 and chapter.number not in DIFFERENT
        else len(letters(chapter))
        for chapter in first.chapters
    }
    other = {number: len(letters(second.chapter(number))) for number in DIFFERENT}
    write("chapter-lengths.json", {
        "about": "每回通常有多少汉字（不算标点、空白和回目），由两种全本数出；shidetang 为世德堂本回目，101 是附录（陈光蕊），zhengdaoshu 只列回目不同的几回",
        "shidetang": lengths, "zhengdaoshu": other,
    })  # fmt: skip
    counted = {chapter.number: phrases(chapter) for chapter in first.chapters}
    spread: Counter[str] = Counter()
    for own in counted.values():
        spread.update(own.keys())
    # A mark must stand in both texts, so that it does not rest on a misprint of one.
    agreed = {
        number: Counter({phrase: min(count, again[phrase]) for phrase, count in own.items() if phrase in again})
        if number <= 100 and number not in DIFFERENT and (again := phrases(second.chapter(number)))
        else own
        for number, own in counted.items()
    }
    marks = {number: pick_marks(own, spread) for number, own in agreed.items()}
    # Against the chapters that both traditions share, each of the other tradition's four marks itself.
    shared = Counter[str]()
    for number, own in counted.items():
        if number not in DIFFERENT and number <= 100:
            shared.update(own.keys())
    others = {number: phrases(second.chapter(number)) for number in DIFFERENT}
    for own in others.values():
        shared.update(own.keys())
    write("chapter-marks.json", {
        "about": "每回反复出现、别的回几乎没有的几个词（简体），由全本数出，用来认出没有回目或放错地方的回",
        "shidetang": marks, "zhengdaoshu": {number: pick_marks(own, shared) for number, own in others.items()},
    })  # fmt: skip


def write(name: str, record: dict[str, object]) -> None:
    lines = [f' {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}' for key, value in record.items()]
    (ASSETS / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main(*(import_text(Path(argument)).edition for argument in sys.argv[1:3]))
