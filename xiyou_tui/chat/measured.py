"""Whether a measure that a question asks for (几斤, 什么颜色) is given at all in what was found."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xiyou_tui.corpus.fold import fold_loosely

# How a measure may be given: what is asked by 年 may be told by 载.
_MEASURES = {
    "岁": "岁年春", "年": "年载春秋", "天": "日天", "日": "日天", "棵": "株棵", "回合": "合", "钱": "两钱贯文金", "银子": "两",
    **{word: word for word in "斤月里丈尺间卷两顷斗层扇变株杯碗场件匹座朵张盏本部封块桶缸亩瓶坛盘首句字"},
}  # fmt: skip
_ASKED = re.compile("(?<!好)(?:几|多少)个?(" + "|".join(sorted(map(fold_loosely, _MEASURES), key=len, reverse=True)) + ")(?!什么|费|上)")
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
        ("多远|多少路(?!费)", f"{_NUMERAL}[多余来有]?[里程]"),
        ("俸禄|工钱|薪水", "俸|禄|工钱|工食|银"),
    )
)


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
