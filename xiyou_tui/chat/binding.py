"""Whether what stands between two names is told of these two: a verb that no event about both of them holds, a measure never given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from xiyou_tui.chat.deeds import TELLING, WORDS
from xiyou_tui.chat.roles import Clause, clauses
from xiyou_tui.chat.told import events_naming
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Lexicon
from xiyou_tui.corpus.query import FUNCTION

# Words between two names that claim no deed, or none in particular.
_LIGHT = re.compile(
    fold_loosely(
        "路上|半路|一开始|开始|当初|起初|后来|为什么|为啥|为何|怎么样?|如何|到底|究竟|最后|最终|后来|第几次|第[一二三]次|时候|是不是|有没有|觉得|认为|连|打发|遇到|遇见|碰到|碰见|趁|见到|看见|听说|听见|"
        "知道|想要|打算|决定|希望|之前|之后|以前|以后|用什么|用啥|什么|多少|哪[一个位只里]*|谁|怎样|突然|一起|亲自|终于|真的|先|再"
    )
)
_FREE = frozenset("想让请在从对向又也都就才派叫帮听问说看见打教冲发替拿找做当比算出完派请忙面不去来倒知晓猜") | FUNCTION
_HELD = re.compile("把|将|被")
_JOINT = re.compile("[的把将被和与跟同、]")
_LONGEST = 10
# How a measure may be given: what is asked by 年 may be told by 载.
_MEASURES = {
    "岁": "岁年春", "年": "年载春秋", "天": "日天", "日": "日天", "棵": "株棵", "回合": "合", "钱": "两钱贯文金", "银子": "两",
    **{word: word for word in "斤月里丈尺间卷两顷斗层扇变株杯碗场件匹座朵张盏本部封块桶缸亩瓶坛盘首句字"},
}  # fmt: skip
_ASKED = re.compile("(?<!好)(?:几|多少)个?(" + "|".join(sorted(map(fold_loosely, _MEASURES), key=len, reverse=True)) + ")")
_NUMERAL = "[一二两三四五六七八九十百千万半数]"
# Other ways to ask for a measure, and how one is given.
_KINDS = tuple(
    (re.compile(fold_loosely(asking)), re.compile(fold_loosely(given)))
    for asking, given in (
        ("什么颜色|啥颜色|何种颜色", "[红黄蓝白黑青绿紫金银赤皂朱碧苍]"),
        ("几月几|哪一?天|什么日期|什么日子|几号", f"{_NUMERAL}[月日]|[朝晦望端]|元宵|中秋|重阳|今日|明日|初"),
        ("多高|身高", f"{_NUMERAL}[多余来有]?[丈尺寸]"),
        ("多重|重量", f"{_NUMERAL}[多余来有]?[斤钧担]"),
        ("多久|多长时间|多长的时间", f"{_NUMERAL}[多余来有个]?[年月日时更夜载天刻宵]|片时|霎时|须臾|半晌|一会|顷刻|良久"),
        ("多少钱|价钱|价格|花了多少|值多少", f"{_NUMERAL}[多余来有]?[两钱贯文金千百]|银子|金子|价"),
        ("多远|多少路", f"{_NUMERAL}[多余来有]?[里程]"),
        ("俸禄|工钱|薪水", "俸|禄|工钱|工食|银"),
    )
)


def untold_verb(question: str, lexicon: Lexicon) -> tuple[str, str, str] | None:
    """(name, words, name) where the words between two names stand in no event that names both; None where all may be told.

    Pairs that no event names together are none of its business.
    """
    for clause in clauses(question, lexicon):
        for first, words, second in _bound(clause):
            told = events_naming(first, second)
            characters = [character for character in _LIGHT.sub("", words) if character not in _FREE]
            # An event may tell the same deed in other words.
            telling = [*characters, *(other for word, deed in WORDS if word in words for other in TELLING[deed])]
            if told and characters and not any(word in text for text in told for word in telling):
                names = [entry.name if (entry := lexicon.get(name)) is not None else name for name in (first, second)]
                return names[0], words, names[1]
    return None


def _bound(clause: Clause) -> Iterable[tuple[str, str, str]]:
    """Every (id, words, id) of A 把 B words, A 被 B words, A words B."""
    text, beings = clause.text, clause.beings
    for match in _HELD.finditer(text):
        before = [mention for mention in beings if mention.end <= match.start()]
        after = [mention for mention in beings if 0 <= mention.start - match.end() <= 2]
        if before and after:
            yield before[-1].entry.id, text[after[0].end : after[0].end + 6], after[0].entry.id
    for one, other in pairwise(beings):
        between = text[one.end : other.start]
        if 0 < len(between) <= _LONGEST and not _JOINT.search(between):
            yield one.entry.id, between, other.entry.id


def unmeasured(question: str, passages: Iterable[str]) -> str:
    """What a question asks the measure of (几斤, 什么颜色) when none of the passages gives any such; an empty string otherwise."""
    folded = fold_loosely(question)
    asked = _ASKED.search(folded)
    given = re.compile(f"{_NUMERAL}[多余来有]?[{_MEASURES[asked[1]]}]") if asked is not None else None
    if asked is None:
        asked, given = next(((match, values) for way, values in _KINDS if (match := way.search(folded))), (None, None))
    if asked is None or given is None:
        return ""
    return "" if any(given.search(fold_loosely(text)) for text in passages) else asked.group()
