"""The first stage: what kind of question it is, whom and which chapter it is about, and what a follow-up refers to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xiyou_tui.chat.model import Exchange
from xiyou_tui.corpus.lexicon import BEINGS, Entry, Lexicon

QuestionKind = Literal["chapter", "story", "count", "list", "where", "reason", "fact"]
KIND_LABELS: dict[QuestionKind, str] = {
    "chapter": "问某一回的内容",
    "story": "问一段故事在哪几回",
    "count": "计数",
    "list": "列举各回",
    "where": "问在第几回",
    "reason": "问缘由",
    "fact": "问事实",
}

DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
NUMERAL = "[零〇一二两三四五六七八九十百]+|[0-9０-９]+"
_CHAPTER = re.compile(
    rf"第\s*({NUMERAL})\s*[回章]|(?<![0-9.])([0-9０-９]{{1,3}})\s*[回章]|(?<![零〇一二两三四五六七八九十百])([0-9]{{1,3}})\.[0-9]+"
)
_QUOTED = re.compile(r"[“「『《\"]([^”」』》\"]{1,60})[”」』》\"]")
_COUNT = re.compile(r"几次|多少次|(?<!第)(?<!哪)几回(?!里|中|出|写)|几遍|多少回|多少遍|多少处|几处")
_LIST = re.compile(
    r"哪几回|哪些回|哪几章|哪些章|都在哪|(?:出现|提到|写到).{0,4}(?:哪些|几回|哪里)|在哪些地方出现|列出.{0,8}(?:回|处|章)"
)
_STORY = re.compile(r"故事|这一?段|那一?段|[这那]一?难|一事|的事|横跨|占了|写了几|从[哪第].{0,3}回.{0,4}到")
_CHAPTERS = re.compile(r"几回|几章|哪些?回|哪些?章|第几回|回目")
_WHERE = re.compile(r"第几回|哪一回|哪回|第几章|哪一章|哪章|几回书|出自哪")
_CONTENT = re.compile(
    r"(?:主要|大概|大致|都|里|里面|中|的)*(?:讲|说|写|叙述|描写|内容|情节|故事|发生|概括|总结|梗概|回目|标题|题目|大意)"
)
_REASON = re.compile(r"为什么|为何|怎么会|什么原因|何故|因何|缘故|凭什么|干嘛|干吗|怎么不|为的是什么|原因")
_PRONOUN = re.compile(
    r"他们|她们|它们|(?<![其吉])[他她它](?!乡|人)|此人|这人|那人|(?:那|这|该)(?:个|位|只)?(?:妖怪|妖精|妖魔|怪物|魔头|女子|和尚|道士|老者|神仙|宝物|宝贝|兵器|法宝|地方)|那怪|这怪"
)
_CONTINUED = re.compile(
    r"^(?:那|那么)?(?:后来|然后|接着|结果|之后|为什么|为何|怎么会|在?第几回|在?哪一回|原文|原话|出处)[^，。]{0,6}[呢？?吗]*$"
)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a question asks. `resolved` has its pronouns replaced from the conversation; `subjects` are the lexicon entries
    it names, in order; `quoted` the words it puts in quotation marks; `chapters` the chapters it names by number."""

    question: str
    resolved: str
    kind: QuestionKind
    chapters: tuple[int, ...]
    quoted: tuple[str, ...]
    subjects: tuple[Entry, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The findings, for showing."""
        found = [f"类型：{KIND_LABELS[self.kind]}"]
        if self.resolved != self.question:
            found.append(f"接上文理解为：{self.resolved}")
        if self.subjects:
            found.append("提到：" + "、".join(entry.name for entry in self.subjects))
        if self.chapters:
            found.append("回数：" + "、".join(map(str, self.chapters)))
        if self.quoted:
            found.append("引号里的话：" + "、".join(self.quoted))
        return tuple(found)


def analyse(question: str, lexicon: Lexicon, history: Sequence[Exchange] = ()) -> Analysis:
    """Analyse one question, read against the conversation before it."""
    asked = " ".join(question.split())
    resolved = resolve(asked, lexicon, history)
    subjects = tuple(dict.fromkeys(mention.entry for mention in lexicon.mentions(resolved)))
    chapters = chapter_numbers(resolved)
    quoted = tuple(text.strip() for text in _QUOTED.findall(resolved) if text.strip())
    return Analysis(asked, resolved, _kind(resolved, chapters), chapters, quoted, subjects)


def resolve(question: str, lexicon: Lexicon, history: Sequence[Exchange]) -> str:
    """`question` with 他, 那妖怪 and the like replaced by whom the conversation spoke of last, where that is simple.

    A question that names someone before its pronoun is left alone: the pronoun then most likely means that one.
    """
    if not history:
        return question
    last = history[-1]
    if _CONTINUED.match(question):
        return f"{last.question.rstrip('？?。！')}，{question}"
    named = lexicon.mentions(question)
    pronoun = _PRONOUN.search(question)
    if pronoun is None:
        beings = [mention for mention in named if mention.entry.kind in BEINGS]
        if beings or named or len(question) > 14 or _LIST.search(question) or chapter_numbers(question):
            return question
        # 用什么兵器？ after 牛魔王是谁？: the question has no subject of its own.
        spoken = _spoken_of(history, lexicon, BEINGS)
        return f"{spoken.name}{question}" if spoken is not None else question
    if any(mention.start < pronoun.start() and mention.entry.kind in BEINGS for mention in named):
        return question
    word = pronoun.group()
    if re.search("宝|兵器|它", word):
        wanted = frozenset({"treasure", "weapon", "creature"})
    elif "地方" in word:
        wanted = frozenset({"place"})
    else:
        wanted = BEINGS
    spoken = _spoken_of(history, lexicon, wanted)
    if spoken is None:
        return question
    return question[: pronoun.start()] + spoken.name + question[pronoun.end() :]


def _spoken_of(history: Sequence[Exchange], lexicon: Lexicon, kinds: frozenset[str]) -> Entry | None:
    """Whom the conversation spoke of last: the first one named in the latest question that names any, else in its answer."""
    for exchange in reversed(history[-4:]):
        for text in (exchange.question, exchange.answer[:400]):
            for mention in lexicon.mentions(text):
                if mention.entry.kind in kinds:
                    return mention.entry
    return None


def chapter_numbers(text: str) -> tuple[int, ...]:
    """The chapters that `text` names: 第27回, 第二十七回, 27.12."""
    numbers = []
    for match in _CHAPTER.finditer(text):
        value = parse_number(next(group for group in match.groups() if group))
        if value is not None and 1 <= value <= 999:
            numbers.append(value)
    return tuple(dict.fromkeys(numbers))


def parse_number(text: str) -> int | None:
    """二十七, 27 or ２７ as 27; None for what is no number (up to 9999)."""
    if text.isdecimal():
        return int(text)
    total, current = 0, 0
    for character in text:
        if character in DIGITS:
            current = DIGITS[character]
        elif character in "十百千":
            total += (current or 1) * {"十": 10, "百": 100, "千": 1000}[character]
            current = 0
        else:
            return None
    return total + current


def _kind(question: str, chapters: tuple[int, ...]) -> QuestionKind:
    if chapters:
        rest = _CHAPTER.sub("", question)
        if _CONTENT.search(rest) and len(re.sub(r"[\s，。？?！《》西游记原著小说请问的了是一下]", "", rest)) <= 10:
            return "chapter"
    if _STORY.search(question) and _CHAPTERS.search(question):
        return "story"
    if _LIST.search(question):
        return "list"
    if _COUNT.search(question):
        return "count"
    if _WHERE.search(question):
        return "where"
    if _REASON.search(question):
        return "reason"
    return "fact"
