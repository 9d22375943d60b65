"""What the novel is silent about: written knowledge of names, ages, kin and fates that readers ask for and it does not give."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache

from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import BEINGS, Lexicon, load_lexicon
from xiyou_tui.storage.places import find_assets

# How each thing is asked for, right after the name of the one it is asked of.
_ASKING = {
    "name": "叫(?:什么|啥|何)名|(?:真|本|全|大|俗|俗家|闺)?名字?(?:叫|是)?(?:什么|啥|何)|叫(?:什么|啥)(?:$|[，？?呢啊])|姓(?:什么|啥|甚)|姓名|全名|真名|本名|各叫",
    "age": "多少岁|几岁|多大(?:年|岁|了|$|[？?])|什么年纪|年纪多大|年龄|岁数|芳龄|多大年纪",
    "parents": "爹妈|父母|爹娘|爸妈|爸爸|妈妈|父亲|母亲|亲爹|亲娘|家里人",
    "father": "爸爸|父亲|亲爹|爹(?!妈|娘)",
    "mother": "妈妈|母亲|亲娘",
    "spouse": "妻子|老婆|媳妇|丈夫|老公|娶了?谁|嫁(?:给)?了?谁|嫁人|娶妻|结婚|成家",
    "spouse2": "又嫁|改嫁|再嫁|又娶|再婚|后来嫁|嫁给了?谁",
    "wifename": "(?:妻子|媳妇|老婆|母亲|妈妈)(?:叫什么|叫啥|姓什么|名字|的名字)",
    "children": "几个孩子|孩子|生了几个|生过几|儿子|女儿|儿女|后代",
    "siblings": "哥哥|弟弟|姐姐|妹妹|兄弟姐妹|几个兄弟",
    "fate": "后来(?:去|到|怎|如何|又|还|怎么样)|下落|结局|最后(?:去|怎么样|如何)|后来呢|去哪里?了|去向",
    "death": "怎么死|什么时候死|死了吗|死在",
    "origin": "来历|什么变的|什么修炼|原形|出身",
    "teacher": "师父|师傅|跟谁学|拜谁|谁的徒弟|谁教的?",
    "meet": "怎么认识|如何认识|怎么在一起|怎么相识|如何相识|什么时候认识",
    "post": "什么职|职位|职务|什么官|封了?什么|差事",
    "height": "^的?(?:身高|有?多高)",
    "weight": "^的?(?:体重|有?多重|有?多少斤)",
    "owner": "谁的坐骑|谁家的?坐骑|哪位.{0,4}坐骑|主人",
}
_OTHERS = re.compile("女儿|闺女|儿子|孩子|妻子|老婆|媳妇|丈夫|师父|徒弟|女婿|手下|坐骑|家|的(?:什么|那|哪)")
_CUT = re.compile(r"[，。！？；、,!?;\s]")
_REACH = 14
_GOES_ON = re.compile("[她妳他]|后来|然后|又|还|妻子|老婆|丈夫|父母|爹|妈|儿子|女儿|师父|年纪|名字|多大")


@dataclass(frozen=True, slots=True)
class Silence:
    """One thing of which the novel says nothing: of whom (ids), what (keys of the ways of asking), and how it puts it."""

    who: frozenset[str]
    asks: tuple[str, ...]
    note: str


def find_silence(question: str, lexicon: Lexicon) -> str:
    """The note for a question about something the novel is silent on; an empty string for every other question.

    The thing asked for must follow the name within the same stretch of the question, or begin the next one (蝎子精修炼之前，她爹妈是谁).
    """
    folded = fold_loosely(question)
    last: str | None = None
    start = 0
    for end in [*(match.start() for match in _CUT.finditer(folded)), len(folded)]:
        clause = folded[start:end]
        start = end + 1
        mentions = lexicon.mentions(clause)
        beings = [mention for mention in mentions if mention.entry.kind in BEINGS]
        for mention in beings:
            # 孙悟空的金箍棒有多重 asks for the weight of the staff.
            until = next((other.start for other in mentions if other.start >= mention.end), len(clause))
            note = _silent(mention.entry.id, clause[mention.end : min(until, mention.end + _REACH)])
            if note:
                return note
        if not beings and last is not None and _GOES_ON.match(clause):
            note = _silent(last, clause[: _REACH + 2])
            if note:
                return note
        if len(beings) == 2 and re.search(_ASKING["meet"], clause):
            note = _silent(beings[0].entry.id, "怎么认识")
            if note:
                return note
        last = beings[0].entry.id if beings else last
    return ""


def _silent(identifier: str, words: str) -> str:
    if words.startswith("是"):
        # 小白龙是哪个龙王的儿子 asks whose son, and that may well be told.
        words = re.split("的", words, maxsplit=1)[0]
    for silence in load_silences():
        if identifier not in silence.who:
            continue
        for ask in silence.asks:
            asked = re.search(_ASKING[ask], words)
            # 高太公的女儿叫什么 asks for no name of his own.
            if asked is not None and not (ask == "name" and _OTHERS.search(words[: asked.start()])):
                return silence.note
    return ""


@cache
def load_silences() -> tuple[Silence, ...]:
    """The silences that ship with the program."""
    lexicon = load_lexicon()
    made = []
    for line in (find_assets() / "untold.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        who = frozenset(entry.id for word in record["who"] if (entry := lexicon.named(word)) is not None)
        made.append(Silence(who, tuple(record["asks"]), str(record["note"])))
    return tuple(made)
