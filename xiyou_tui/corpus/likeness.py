"""How like two questions are, whatever names they use: for finding a question of ours that is the reader's own in other words."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Lexicon

# Words that ask the same, made one; longest first. The first of each line stands for all.
_SAME = (
    "为什么 为何 为啥 为甚么 干嘛要 怎么会 凭什么 什么原因 啥原因 何故", "怎么 怎样 如何 咋样 咋", "什么 甚么 啥 哪种 何种", "谁 哪位 哪个人 什么人 何人 哪一位",
    "多少 几多 几", "多久 多长时间 多少时间", "武器 兵器 兵刃 家伙", "妻子 老婆 媳妇 夫人 娘子", "丈夫 老公", "父亲 爸爸 老爸 爹", "母亲 妈妈 老妈 娘亲",
    "师父 师傅 老师", "徒弟 弟子", "原形 真身 本相 原身 本体", "来历 来头 出身 身世 背景", "住 居住", "结局 下场", "打死 打杀 杀死 弄死", "收服 降服 收伏 降伏 制服",
    "抓 捉 逮", "哪里 哪儿 何处 什么地方 啥地方", "名字 姓名 名号", "一共 总共 共有 合计", "封 封为 封了", "厉害 本领 本事 神通", "喜欢 爱",
)  # fmt: skip
# What says nothing of what is asked.
_EMPTY = re.compile(
    fold_loosely("请问|请教|告诉我|我想知道|想问|一下|在?《?西游记》?(?:里面|里|中)?|小说里?|原著里?|书里|书中|到底|究竟|其实|本来|当初|具体|那个|这个|的|了|呢|吗|啊|呀|过|是|有|都|就|才|把|被")
)
# From here on four of five questions are answered where the likest question of ours is (measured on five sets of questions).
LEAST, LEAST_NAMELESS = 0.3, 0.6
# Those who are everywhere may be named or not; a question that differs in one of them counts for so much of its likeness.
_EVERYWHERE, ALMOST = frozenset({"tang-seng", "sun-wukong"}), 0.75
_MARKS = re.compile(r"[^\w]+")
@dataclass(frozen=True, slots=True)
class Likeness:
    """How like (0..1) a question is to text number `number` of those indexed."""

    share: float
    number: int


class QuestionIndex:
    """Questions to be found by a question in other words about the same names. Any thread may ask."""

    def __init__(self, questions: Sequence[str], lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        read = [read_question(question, lexicon) for question in questions]
        counts = Counter(word for _, words in read for word in words)
        size = len(questions)
        self._weight = {word: math.log(1 + size / count) for word, count in counts.items()}
        self._unknown = math.log(1 + size)
        self._totals = [sum(self._weight[word] for word in words) for _, words in read]
        # By who is named, since hardly any other question comes into question; within them by word.
        self._naming: defaultdict[frozenset[str], defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, (names, words) in enumerate(read):
            for word in words:
                self._naming[names][word].append(number)

    def nearest(self, question: str, *, top: int = 4, least: float = LEAST, nameless: float = LEAST_NAMELESS) -> list[Likeness]:
        """The likest questions that name the same, best first: by the weight of the words of both over that of the words of either.

        At least `least` of it, or `nameless` where nobody and nothing is named.
        """
        names, words = read_question(question, self._lexicon)
        least = least if names else nameless
        total = sum(self._weight.get(word, self._unknown) for word in words)
        # 紧箍咒是谁给的 and 紧箍咒是谁给唐僧的 may well be one question.
        almost = [names ^ {name} for name in _EVERYWHERE if names and names != {name}]
        beings = frozenset(name for name in names if (entry := self._lexicon.get(name)) is None or entry.kind != "place")
        if beings and beings != names:
            # 狮驼岭的大鹏 is 大鹏 all the same.
            almost.append(beings)
        found = []
        for known, worth in [(names, 1.0), *((other, ALMOST) for other in almost)]:
            common: defaultdict[int, float] = defaultdict(float)
            postings: Mapping[str, list[int]] = self._naming.get(known, {})
            for word in words:
                weight = self._weight.get(word, 0.0)
                for number in postings.get(word, ()):
                    common[number] += weight
            for number, both in common.items():
                share = worth * both / (total + self._totals[number] - both)
                if share >= least:
                    found.append(Likeness(share, number))
        return sorted(found, key=lambda item: (-item.share, item.number))[:top]


def read_question(question: str, lexicon: Lexicon) -> tuple[frozenset[str], frozenset[str]]:
    """Who and what is named (ids of entries), and single characters and pairs of the other words, those that ask the same made one."""
    folded = fold_loosely(question)
    names = set()
    for mention in reversed(lexicon.mentions(folded)):
        if mention.entry.kind in ("term", "office") or mention.entry.id == "xitian":
            continue
        names.add(mention.entry.id)
        folded = f"{folded[: mention.start]}\n{folded[mention.end :]}"
    for one, others in _same():
        folded = others.sub(one, folded)
    runs = _MARKS.split(_EMPTY.sub("", folded))
    words = {character for run in runs for character in run} | {run[at : at + 2] for run in runs for at in range(len(run) - 1)}
    return frozenset(names), frozenset(words)


@cache
def _same() -> tuple[tuple[str, re.Pattern[str]], ...]:
    made = []
    for line in _SAME:
        one, *others = map(fold_loosely, line.split())
        made.append((one, re.compile("|".join(sorted(map(re.escape, others), key=len, reverse=True)))))
    return tuple(made)
