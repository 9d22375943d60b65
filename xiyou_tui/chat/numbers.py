"""Numbers that a question takes for granted (三万六千斤): whether the text has them near anyone or anything the question names."""

from __future__ import annotations

import re

from xiyou_tui.corpus.find import find
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Lexicon
from xiyou_tui.corpus.model import Edition

_NUMBER = re.compile(
    r"(?<![第几来数])([一二两三四五六七八九][一二两三四五六七八九十百千万零]*[十百千万][一二两三四五六七八九十百千万零]*|[十百千][一二三四五六七八九]|[0-9]{2,5}|[两三四五六七八九](?=年))(?:多|余|来)?"
    r"(斤|年|岁|丈|尺|里|卷|天|日|人|位|名|两|株|棵|粒|颗|层|间|座|难|变|根|只|口|头|句|字|回|次|个|万)"
)
_REACH = 200
# Days and rounds are counted loosely.
# What the text may say for a measure.
_MEASURES = {
    "年": "年载岁春",
    "岁": "岁年载",
    "变": "变般",
    "难": "难",
    "人": "人个名员众",
    "根": "根条",
    "天": "天日",
    "日": "天日",
}
_HEADS = "个位名员众口人条只头匹尊"
# Near these every number stands somewhere.
_EVERYWHERE = frozenset({"sun-wukong", "tang-seng", "zhu-bajie", "sha-seng", "xitian", "xi-tian"})
_LOOSE = frozenset({"回", "次"})


def wrong_number(question: str, edition: Edition, lexicon: Lexicon) -> str:
    """A number with its measure that the question states and the text has nowhere near what it names; "" when all is well."""
    folded = fold_loosely(question)
    if re.search("第[0-9一二三四五六七八九十百]+[回章]", folded):
        folded = re.sub("第[0-9一二三四五六七八九十百]+[回章]", "", folded)
    mentions = [mention for mention in lexicon.mentions(folded) if mention.entry.kind != "term"]
    rare = [mention for mention in mentions if mention.entry.id not in _EVERYWHERE]
    names = [list(lexicon.search_names(mention.entry)) for mention in rare or mentions]
    for match in _NUMBER.finditer(folded):
        if any(mention.start < match.end() and match.start() < mention.end for mention in lexicon.mentions(folded)):
            continue
        number, measure = match[1], match[2]
        if measure in _LOOSE:
            continue
        if number.isdecimal():
            number = _written(int(number))
        if not names:
            continue
        # The text may put another measure, or none: 一万三千五百斤, 三百六十五名.
        measures = _MEASURES.get(measure, _HEADS if measure in _HEADS else measure)
        hits = [place for place in find(edition, number) if _measured(edition, place.chapter, place.end, measures)]
        near = (place for place in hits if _named(edition, place.chapter, place.start, names))
        if next(near, None) is None:
            return match.group()
    return ""


def _written(number: int) -> str:
    """13500 as the text writes it: 一万三千五百."""
    digits, gap = str(number), False
    parts: list[str] = []
    for at, digit in enumerate(digits):
        if digit == "0":
            gap = bool(parts)
            continue
        parts.append(
            ("零" if gap else "") + "一二三四五六七八九"[int(digit) - 1] + "万千百十 "[at - len(digits) + 5 :][:1].strip()
        )
        gap = False
    written = "".join(parts)
    return written.removeprefix("一") if 10 <= number < 20 else written


def _measured(edition: Edition, chapter: int, at: int, measures: str) -> bool:
    return any(character in measures for character in edition.chapter(chapter).text[at : at + 2])


def _named(edition: Edition, chapter: int, at: int, names: list[list[str]]) -> bool:
    text = edition.chapter(chapter).text[max(0, at - _REACH) : at + _REACH]
    return any(any(name in text for name in group) for group in names)
