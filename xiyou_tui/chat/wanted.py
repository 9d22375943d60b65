"""What kind of thing a question wants of somebody or something (a name, an age, a maker), and whether the text gives any such there.

The novel is small enough to look at every place that names the one asked about: where none of them has a word that could give
what is wanted, nothing gives it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from xiyou_tui.chat.nearby import around, mentions_in, names_of
from xiyou_tui.chat.told import tellings_of
from xiyou_tui.corpus.find import BOUNDARY, joined_loosely
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import BEINGS, Entry, Lexicon, Mention
from xiyou_tui.corpus.model import Edition

_NUMERAL = "[一二两三四五六七八九十百千万半数]"
_KIN = "母亲|父亲|妈妈|爸爸|爹妈|父母|爹|娘|岳父|岳母|丈人|妻子|老婆|媳妇|夫人|丈夫|儿子|女儿|孩子|哥哥|弟弟|姐姐|妹妹|师父|师傅|徒弟|祖父|爷爷"
# How kin are called in the text, by a character of the modern word.
_KIN_TOLD = {
    "母妈娘": "母妈娘姆", "父爸爹": "父爹老子", "岳丈": "岳丈", "妻婆媳夫": "妻婆娘室夫配嫁娶", "儿女孩": "儿子女孩", "哥弟": "兄弟哥", "姐妹": "姐姊妹",
    "师": "师", "徒": "徒", "祖爷": "祖公",
}  # fmt: skip
_ASKED_OF = BEINGS | {"treasure", "weapon"}
_RELATIVE = re.compile(f"的?(?:亲生)?({_KIN})(?:都|各自?|到底)?")
_DIRECTLY = re.compile("(?:长大成人|长大|以后|后来|最后|最终|之后|后|有没有|又|再|和[^，]{2,5}|到底|究竟|今年|当时|们|都|各自?|本人|自己|的|总共|一共|是)*")
_LOCAL = re.compile("(?:的|里的?|中的?)?(?:[哪这一]个)?([^的得里中个被把将后前时在是有两二三四五六七八九十]{2,4})(?:到底|究竟)?")
_NAMING = "名唤|名叫|唤做|唤作|唤名|叫做|叫作|名曰|法名|法讳|名讳|乳名|小名|小字|学名|双名|贱名|名为|表字|名是|名号|叫名|诨名|姓名|号称|道号|号为|名[^,。!?;:\"]{1,4}[,。;]"


@dataclass(frozen=True, slots=True)
class Want:
    """A kind of thing wanted: how it is asked for right after the one it is asked of, and how the text would give it within
    `reach` characters of that one."""

    what: str
    asking: re.Pattern[str]
    giving: re.Pattern[str]
    reach: int


@dataclass(frozen=True, slots=True)
class Lack:
    """What is wanted of whom, and not given wherever the text names that one."""

    who: str
    what: str

    @property
    def note(self) -> str:
        """The refusal, as a Chinese sentence."""
        return f"原著写到{self.who}的地方，都没有写{self.what}。"


@cache
def _wants() -> tuple[Want, ...]:
    rows = (
        ("名字", "叫(?:什么|啥|何)名|(?:法名|法号|真名|本名|原名|名字|姓名|大名)(?:是|叫|都叫|各叫)?(?:什么|啥|何)|(?:各|都|都各)?叫(?:什么|啥)[呢啊？?]*$", _NAMING, 40),
        ("姓", "(?:娘家|俗家|本)?姓(?:什么|啥|甚|何)", "姓|氏", 40),
        ("年纪", "(?:活了)?(?:多少岁|几岁|多大(?:年纪|岁数|年龄|了|[呢啊？?]*$))|(?:是)?什么年纪|(?:的)?(?:年纪|年龄|岁数)(?:有)?多大|高寿",
         f"{_NUMERAL}(?:岁|春秋|旬)|年(?:方|登){_NUMERAL}|青春{_NUMERAL}|虚度", 30),
        ("来历", "是?(?:个)?(?:什么|啥|哪种)(?:动物|东西|精怪|野兽|玩意儿?)?(?:成的?精|变成?的|修炼?成的?|所变)|(?:的)?(?:原形|真身|本相|原身)是什么",
         "(?:是|乃|成|变|化|一个)[^,。]{0,8}[精怪]|成精|本相|原身|真象|真相|原是|原来|现出|现了|变的|修成|转世|托生|脱化|本是|正是|是[一个]", 30),
        ("是谁造的", "(?:是)?(?:谁|何人|哪个|哪位|什么人).{0,2}(?:造|做|铸|打造|修建?|建|盖|炼|织)的",
         "造(?!化)|铸|炼|制|打就|修[造建盖]|起盖|盖造|盖了|建|做成|织|传", 30),
        ("跟谁学的", "(?:是)?(?:跟谁|从哪里|从哪儿|在哪里|在哪儿|向谁|拜谁)[^，]{0,3}学", "学|教|传|授|投师|拜师|师父|门下", 25),
        ("坐骑", "骑(?:的是|着|的)?(?:一匹|一头|一只)?(?:什么|啥)|(?:的)?坐骑(?:是|叫)(?:什么|啥)", "骑|跨|坐骑|乘|脚力|坐下", 30),
        ("年数", "[^，]{0,8}(?:多少|几)年", f"{_NUMERAL}[多余来]?(?:年|载|秋|春)|年[深久]", 40),
        ("谁年长", "(?:里头?|中|当中)?(?:谁|哪个)(?:是|的)?(?:大姐|大哥|老大|年纪最?大|最大|岁数最?大|年长)", f"大姐|姐姐|年长|{_NUMERAL}岁|长女|居长|为长|为大|排行|年纪|大的个?", 30),
        ("喜欢什么", "最?(?:爱|喜欢)(?:吃|喝)?[^，]{0,2}(?:什么|啥)", "爱|喜|贪|好[吃喝酒色]|吃|喝", 20),
        ("出生的地方", "(?:是)?在?(?:哪里|哪儿|什么地方|何处)(?:出生|出世|生)的|(?:出生|生)(?:在|于)(?:哪里|哪儿|什么地方|何处)", "生在|所生|生于|出世|人氏|人也|祖居|原籍|产", 30),
        ("住处", "住在?哪[一]?[座个]?(?:宫|殿|府|洞|山)", "宫|殿|府|洞|山|住|居", 40),
        ("嫁娶", "(?:嫁给?了?|娶了?|许给了?)(?:谁|哪)|(?:嫁人|嫁出去|娶亲|娶妻|娶媳妇|娶老婆|成家|结婚|成亲)(?:了吗|了没|没有|过吗|过没)", "嫁|娶|招[赘亲为]|匹配|许配|婚|亲事|夫妻|驸马|女婿|浑家", 40),
        ("长大以后的事", "长大(?:成人)?(?:以后|之后|后)?(?:又|都)?(?:去|做|干|当|成|怎)", "长大|成人|成丁|长成", 40),
        ("受罚", "受(?:了|到)?(?:什么|啥|怎样的)(?:惩罚|处罚|责罚|罚)", "罚|罪|贬|囚|禁|锁|饶|免|发落", 40),
        ("身高", "有?多高|身高", f"{_NUMERAL}[多余来有]?[丈尺寸]", 30),
        ("工钱", "(?:一?[年月天]|给|付)[^，]{0,4}多少(?:工钱|银子|钱)", f"{_NUMERAL}[多余来]?(?:两|钱|贯|文)|银|工钱", 40),
        ("价钱", "(?:花了?|值|用了?|卖)[^，]{0,2}多少(?:银子|钱|银两|两)", f"{_NUMERAL}[多余来]?(?:两|贯|文|金)|银|价|卖", 40),
    )  # fmt: skip
    return tuple(Want(what, re.compile(fold_loosely(asking)), re.compile(fold_loosely(giving)), reach) for what, asking, giving, reach in rows)


def find_lack(question: str, edition: Edition, lexicon: Lexicon) -> Lack | None:
    """What a question wants of somebody that the text gives nowhere near that one's names; None where it may be given.

    The one asked of stands right before the asking words, or is a relative of such a one (寇员外的母亲叫什么名字), or has no name of its
    own but a place (宝林寺的僧官法名叫什么).
    """
    folded = fold_loosely(question)
    mentions = lexicon.mentions(folded)
    for want in _wants():
        asked = want.asking.search(folded)
        mention = next((m for m in reversed(mentions) if asked and m.end <= asked.start()), None)
        if asked is None or mention is None:
            continue
        between = folded[mention.end : asked.start()]
        if re.search("[两三四五六七八九十几][个位名]$", folded[: mention.start]):
            # Several, of whom the lexicon knows one.
            continue
        if mention.entry.kind == "place":
            lack = _of_local(mention, between, want, edition, lexicon)
        elif mention.entry.kind in _ASKED_OF:
            lack = _of_named(mention, between, want, edition, lexicon)
        else:
            continue
        if lack is not None:
            return lack
    return None


def _of_named(mention: Mention, between: str, want: Want, edition: Edition, lexicon: Lexicon) -> Lack | None:
    """Of somebody or something with a name, or a relative of such a one."""
    relative = _RELATIVE.fullmatch(between)
    if relative is None and not _DIRECTLY.fullmatch(between):
        return None
    if want.what == "名字" and mention.entry.kind not in BEINGS:
        # A thing of the lexicon is asked for by another word for it.
        return None
    if want.what == "姓" and relative is not None and re.search("父|爸|爹|祖|爷|[儿女]", relative[1]):
        # Told with one's own.
        return None
    near = list(mentions_in(edition, lexicon, mention.entry, want.reach if relative is None else 2 * want.reach))
    if not near:
        return None
    told = [*near, *tellings_of(mention.entry.id)]
    if relative is not None:
        kin = relative[1]
        if any(_of_relative(window, kin, want, lexicon, mention.entry) for window in told):
            return None
        return Lack(f"{mention.entry.name}的{kin}", want.what)
    return None if any(want.giving.search(window) for window in told) else Lack(mention.entry.name, want.what)


def _of_local(place: Mention, between: str, want: Want, edition: Edition, lexicon: Lexicon) -> Lack | None:
    """Of somebody who is only called by what he is, in the chapters that name his place."""
    called = _LOCAL.fullmatch(between)
    if called is None or re.search(_KIN, called[1]):
        return None
    names = names_of(lexicon, place.entry)
    chapters = [chapter for chapter in joined_loosely(edition).text.split(BOUNDARY) if any(name in chapter for name in names)]
    near = [window for chapter in chapters for window in around(chapter, (called[1][-2:],), want.reach)]
    if not near or any(want.giving.search(window) for window in near):
        return None
    if want.what == "名字" and any(_is_called(window, called[1][-2:], lexicon) for window in near):
        return None
    return Lack(f"{place.entry.name}的{called[1]}", want.what)


def _is_called(window: str, what: str, lexicon: Lexicon) -> bool:
    """Whether somebody's name ends with what he is (混世魔王, asked for as 魔王)."""
    return any(m.entry.kind in BEINGS and window[m.start : m.end].endswith(what) for m in lexicon.mentions(window))


def _of_relative(text: str, kin: str, want: Want, lexicon: Lexicon, owner: Entry) -> bool:
    """Whether a word for the relative stands close to what is wanted, or to the name of one who is kin where a name is wanted."""
    words = "".join(told for characters, told in _KIN_TOLD.items() if any(character in characters for character in kin))
    for match in re.finditer(f"[{words}]", text):
        window = text[max(0, match.start() - 8) : match.end() + 14]
        if want.giving.search(window):
            return True
        if want.what == "名字" and any(m.entry.id in owner.related or owner.id in m.entry.related for m in lexicon.mentions(window)):
            return True
    return False
