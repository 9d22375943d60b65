"""What a modern question asks for: people and places, chapters, quoted words, and terms with what the novel says for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.importer.numerals import NUMERALS, parse_number
from xiyou_tui.corpus.lexicon import Entry, Lexicon
from xiyou_tui.corpus.modern import ModernMatch, ModernTerms

QuestionKind = Literal["who", "where", "when", "why", "how", "number", "count", "yes-no", "quote", "what"]
TermKind = Literal["name", "modern", "words", "quoted", "hint"]

# First match decides. Written in folded characters (哪 stands for 那 as well).
_KINDS: tuple[tuple[QuestionKind, str], ...] = (
    ("count", r"(几|多少)(次|回|遍|处)|出现.{0,4}(几|多少)|哪几回|哪些回|哪几章|一共.*(几|多少)次"),
    ("why", r"为什么|为啥|为何|原因|缘故|怎么会|干嘛|凭什么|因为什么|何故"),
    ("number", r"多少|几[^乎]|多[大高长重久远深宽]|第几|哪一[回章]"),
    ("who", r"谁|哪位|何人|哪个(人|妖|神|徒弟|和尚|国王|菩萨)|什么人"),
    ("where", r"哪里|哪儿|何处|什么地方|在哪"),
    ("when", r"什么时候|何时|哪[一]?[年天日]|多久"),
    ("quote", r"原文|原话|怎么说的|说了(什么|哪)|哪句话|诗"),
    ("how", r"怎么|怎样|如何|什么办法|用什么"),
    ("yes-no", r"吗|是不是|有没有|是否|能不能|会不会"),
)
# Phrases of asking, which say nothing of what is asked for. Longest first.
_ASKING = re.compile(
    r"在?西游记(这[部本]书|全书|原著|小说|原文)?[里中]?|请问|请你?(说明|介绍|解释|列举|告诉我)|告诉我|原著[里中]?|小说[里中]?|书[里中]|全书|"
    r"为什么|为啥|为何|因为什么|什么原因|干嘛|干啥|是啥|叫啥|啥|咋样?|是什么样的?|什么样的?|怎么样|怎么回事|怎样|怎么|如何|是什么|为什么|有什么|叫什么|什么时候|什么地方|什么|"
    r"哪一?[回章]|第几[回章]|哪几[回章]|哪里|哪儿|哪些|哪个|哪位|哪种|哪一?[年天日]|在哪|哪|多少|几个|几次|几回|几|"
    r"是谁|谁|的时候|当时|到底|究竟|分别|发生了?|讲了?些?|说了些?|有没有|是不是|是否|能不能|可不可以|一共|总共|曾经|具体|大概|吗|呢|吧|呀|？"
)
# What answers a question about a size stands in the text as a measure.
_HINTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"多重|几斤|多少斤|重量", ("斤",)),
    (r"多高|多长|多宽|多粗|多深|身高|高度|长度", ("丈", "尺", "寸")),
    (r"多远|多少里|几里|距离|路程", ("里",)),
    (r"多少年|几年|多少岁|几岁|多大(年纪|岁数|了)|年龄|岁数", ("年", "岁", "载", "春秋")),
    (r"多久|多长时间|几天|多少天", ("日", "年", "月", "时辰")),
    (r"多少(个)?(人|妖|和尚|士兵)|几个(人|妖|和尚)", ("个", "名")),
    (r"住(在|哪)|哪座山|什么山|什么洞|洞府|老家|家在|老窝", ("洞", "府", "山", "庄", "岭")),
    (r"多少(钱|银|两)|价钱|价格", ("两", "钱", "贯")),
    (r"什么时辰|什么时候|几点|哪一年|哪天", ("时", "更", "年", "月")),
)
# Characters that bind words and tell nothing by themselves; a pair with one of them tells little.
FUNCTION = frozenset("的了是在有被把和与跟对给他这哪个着过又也都就还没不而及其于以上下里中向从到之为所让使时后前一么吗呢请说出来去会要能得地最")

_QUOTED = re.compile(r'"([^"]{1,60})"|\'([^\']{1,60})\'|《([^》]{1,30})》')
_CHAPTER = re.compile(rf"第?([{NUMERALS}]{{1,7}})[回章]?(?:[至到—~-]第?([{NUMERALS}]{{1,7}}))?[回章]")
_RUN = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Term:
    """One thing the question asks for, as it is written there and folded, and the (folded) phrases that speak for it, each with
    its weight in 0..1."""

    shown: str
    text: str
    kind: TermKind
    phrases: tuple[tuple[str, float], ...]
    entries: tuple[Entry, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """An analysed question. `terms` is what retrieval scores with; the other fields say what was understood."""

    question: str
    kind: QuestionKind
    terms: tuple[Term, ...]
    entities: tuple[Entry, ...]
    chapters: tuple[int, ...]
    quoted: tuple[str, ...]

    @property
    def expansions(self) -> dict[str, tuple[str, ...]]:
        """For each term the other phrases that were looked for, as a refusal shows them."""
        found = {term.shown: tuple(phrase for phrase, _ in term.phrases if phrase != term.text) for term in self.terms if term.kind != "words"}
        return {text: phrases for text, phrases in found.items() if phrases}

    def as_record(self) -> dict[str, Any]:
        return {
            "question": self.question,
            "kind": self.kind,
            "terms": [term.shown for term in self.terms],
            "entities": [{"id": entry.id, "name": entry.name, "kind": entry.kind} for entry in self.entities],
            "expansions": {text: list(phrases) for text, phrases in self.expansions.items()},
            "chapters": list(self.chapters),
            "quoted": list(self.quoted),
        }


def analyse(question: str, lexicon: Lexicon, modern: ModernTerms) -> Query:
    """Take a question apart. Works on any text, also on a few keywords; offsets play no part in the result."""
    shown = question.strip()
    folded = left = fold_loosely(shown)
    terms: list[Term] = []
    entities: list[Entry] = []

    chapters, left = _chapters(left)
    quoted = []
    for match in _QUOTED.finditer(left):
        start, end = match.span(match.lastindex or 0)
        words = left[start:end]
        if words == "西游记":
            continue
        quoted.append(shown[start:end])
        if len(words) > 1 and lexicon.named(words) is None:
            terms.append(Term(shown[start:end], words, "quoted", ((words, 1.0),)))

    for mention in lexicon.mentions(left):
        word = left[mention.start : mention.end]
        if word == "西游记":
            continue
        left = _blank(left, mention.start, mention.end)
        if mention.entry in entities:
            continue  # named twice, as in 青牛精（独角兕大王）
        entities.append(mention.entry)
        terms.append(_name_term(shown[mention.start : mention.end], word, lexicon.owners(word), lexicon))

    for pattern, measures in _HINTS:
        if re.search(pattern, folded):
            terms.append(Term(measures[0], measures[0], "hint", tuple((measure, 1.0) for measure in measures)))
    kind: QuestionKind = next((kind for kind, pattern in _KINDS if re.search(pattern, folded)), "what")
    left = _ASKING.sub(lambda match: "\n" * len(match.group()), left)

    for found in modern.matches(left):
        if len(found.word) == 1 and found.word in FUNCTION:
            continue
        terms.append(_modern_term(shown[found.start : found.end], found))
    for run in _RUN.finditer(left):
        if len(run.group()) > 1 or run.group() not in FUNCTION:
            terms.append(Term(shown[run.start() : run.end()], run.group(), "words", ()))
    return Query(question, kind, tuple(terms), tuple(entities), chapters, tuple(quoted))


def _name_term(shown: str, word: str, owners: tuple[Entry, ...], lexicon: Lexicon) -> Term:
    phrases = {word: 1.0}
    for rank, owner in enumerate(owners[:2]):
        for name in lexicon.search_names(owner):
            phrases.setdefault(fold_loosely(name), 0.8 if rank == 0 else 0.5)
    return Term(shown, word, "name", tuple(phrases.items()), owners[:2])


def _modern_term(shown: str, match: ModernMatch) -> Term:
    # The word itself is scored with the run of words it stands in.
    phrases: dict[str, float] = {}
    for original in match.originals:
        phrases.setdefault(original, 0.7 if len(original) > 1 else 0.4)
    for synonym in match.synonyms:
        phrases.setdefault(synonym, 0.6 if len(synonym) > 1 else 0.3)
    return Term(shown, match.word, "modern", tuple(phrases.items()), weight=1.0 if len(match.word) > 1 else 0.5)


def _chapters(folded: str) -> tuple[tuple[int, ...], str]:
    """The chapter numbers a question names (第27回, 第三十到三十二回), and the question without them."""
    numbers: list[int] = []
    for match in _CHAPTER.finditer(folded):
        if not match.group().startswith("第") and not match.group(1).isascii():
            continue  # 三回 counts times, 第三回 names a chapter
        first = parse_number(match.group(1))
        last = parse_number(match.group(2)) if match.group(2) else first
        if first and last and first <= last <= first + 30:
            numbers.extend(number for number in range(first, last + 1) if number not in numbers)
            folded = _blank(folded, *match.span())
    return tuple(numbers), folded


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + "\n" * (end - start) + text[end:]
