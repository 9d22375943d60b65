"""What is asked of someone that the novel does not give: a name, an age, years of practice, parents, husband or wife, children.

Held against what it does give (`assets/roles.jsonl` lists kin and ages completely), so that whoever is in no list has none told.
"""

from __future__ import annotations

import re

from xiyou_tui.chat.roles import SOMEBODY, Clause, Role, clauses, load_roles
from xiyou_tui.corpus.fold import fold_loosely
from xiyou_tui.corpus.lexicon import Lexicon, Mention

_NAME = re.compile(
    fold_loosely(
        "(?:各自|分别|各|都|本人|本名|真名|原名|全名|到底|究竟|的)*(?:叫|名字|姓|真名|本名|名叫|起名|取名|取的?|起的?|是)+的?(?:了|个|做|作)?(?:什么|啥|甚|何)(?:名字?|姓|呢|呀|啊|来着)?(?:谁名谁|名谁)?[？?呢呀啊]*$"
        "|姓(?:什么|啥|甚)|(?:真实?|全|本)?(?:姓名|名字|名讳)(?:是|叫|呢|$)|(?:起|取)(?:了|的|过)?(?:个)?(?:什么|啥|何)名"
    )
)
_ANOTHER_NAME = re.compile(
    "法名|名号|自称|另外|别名|外号|又叫|也叫|化名|假名|封号|绰号|小名|官名|称号|道号|原来叫|以前叫|大王$|号$|哪[几些两三]|法号|[山洞国寺河庙]$"
)
_AGE = re.compile("多少岁|几岁|多大(?:年纪|年龄|岁数|了|$)|什么年纪|年纪多大|年纪有多大|年龄|岁数|芳龄|高寿|活了多(?:少年|久)")
_PRACTICE = re.compile(
    "(?:修炼|修行|修道|炼|修|得道|成精)(?:了)?(?:多少|几百|几千|几|多)(?:年|久)|多少年(?:的)?(?:道行|修行|修炼)|道行.{0,3}多少年"
)
_LAY_NAMED = ("tang-seng", "zhu-bajie", "sun-wukong")
_PRACTISED = ("sun-wukong", "hong-haier", "laoyuan", "tang-seng", "yudi", "diyong-furen")
_BETWEEN = re.compile(
    fold_loosely(
        "(?:自己|本人|今年|现在|到底|究竟|实际上?|真正|死的?时候?|死后|当时|的|有|已经|那时候?|那年|她|他|它|一共|总共|出场|才能|究|竟|大概|在.{1,6}(?:里|时|时候|之前|以前|前)|当.{2,6}(?:之前|以前|时|的时候))*"
    )
)
_KIN = {
    "parents": "父母|爹妈|爹娘|爸妈|双亲|亲生父母",
    "children": "儿子|女儿|孩子|儿女|子女|小孩",
    "spouse": "老婆|妻子|媳妇|丈夫|老公|夫人|娘子|浑家",
    "siblings": "哥哥|弟弟|姐姐|妹妹|亲兄弟|姐妹",
    "teacher": "师父|师傅|老师",
}
_KIN_WORDS = {"parents": "父母", "children": "儿女", "spouse": "配偶", "siblings": "兄弟姐妹", "teacher": "师父"}
_BORN = re.compile("生(?:了|下来?|出来?|过|的)(?:的)?.{0,6}(?:儿子|女儿|孩子|儿女|娃|双胞胎)")
_FATE = re.compile(
    fold_loosely(
        "(?:后来|最后|最终|以后|之后|从此).{0,8}(?:去了?哪|到哪|下落|怎么样了?[？?呢]*$|如何了?[？?呢]*$|怎样了|改嫁|再嫁|又嫁|嫁给|嫁了|娶了谁|成家|活到|活了多|去向|还在吗)|去了哪|下落|去向|改嫁|结局"
    )
)
_DIED = re.compile(
    "(?:最后|后来)?(?:是|究竟是|到底是)?(?:怎么死|什么时候死|被谁(?:杀|打死|害死|砍|吃)|死在|死于|几岁死|死后|临死)"
)
# What no novel of its time tells of anyone, and of whom this one does.
_MEASURED = re.compile(
    "身高|有多高|体重|血型|星座|属什么|属相|生肖|生日是|哪年出生|哪一年出生|出生年份|出生在哪一?年|工资|月薪|几两俸禄"
)
_SIZED = ("sun-wukong", "niu-mowang", "tang-seng", "sha-seng", "baixiang", "hunshi-mowang", "sai-taisui")
_RELATIVE = re.compile("|".join(_KIN.values()) + "|闺女|哥哥|弟弟|姐姐|妹妹|师父|徒弟")
_TITLE = re.compile(
    "樵夫|国王|皇帝|太子|王子|王后|皇后|女王|土地|山神|驿丞|太医|白马|太监|宫女|老婆婆|婆婆|屠夫|船夫|店家|店主|大臣|艄公|乳母"
)
_CONTINUES = re.compile("俗|本名|真名|[她他它]|爹|妈|父|母|妻|老婆|丈夫|儿子|女儿|今年|年纪|多大|又?姓|名字|叫什么|家")


def left_untold(question: str, lexicon: Lexicon) -> str:
    """What the question asks for that the novel does not give, as a Chinese sentence; an empty string when it may be told."""
    last: Mention | None = None
    fate = _fate_untold(question, lexicon)
    if fate:
        return fate
    for clause in clauses(question, lexicon):
        carried = clause
        if not clause.beings and last is not None and _CONTINUES.match(clause.text):
            name = last.entry.name
            shifted = Mention(last.entry, 0, len(name))
            carried = Clause(fold_loosely(name) + clause.text, (shifted,))
        told = _kin_untold(carried) or _name_untold(carried, lexicon) or _age_untold(carried) or _death_untold(clause, lexicon)
        if told:
            return told
        if clause.beings:
            last = clause.beings[0] if len(clause.beings) == 1 and not _RELATIVE.search(clause.text) else None
    return ""


def _fate_untold(question: str, lexicon: Lexicon) -> str:
    """What became of one of whom the novel tells no more; the one is whom the question names first."""
    folded = fold_loosely(question)
    asked = _FATE.search(folded)
    beings = [mention for clause in clauses(question, lexicon) for mention in clause.beings]
    if asked is None or not beings:
        return ""
    role = load_roles().get(beings[0].entry.id)
    if role is None or not role.vanishes or _RELATIVE.search(folded[: asked.start()]):
        return ""
    return f"书中此后没有再写{beings[0].entry.name}的下落。"


def _kin_untold(clause: Clause) -> str:
    for mention in clause.beings:
        role = load_roles().get(mention.entry.id)
        rest = clause.text[mention.end :]
        for tie, words in _KIN.items():
            asked = re.match(
                f"(?!是)(?:的|他|她|和[^的]{{1,6}}的|一?共?(?:有|生)(?:了|过|没有|几|多少)*)?(?:亲生|亲|那个?|[一两二三几]个?|后来的|当.{{2,6}}之前的|[^的]{{1,6}}的)?(?:{words})",
                rest,
            )
            if asked is None and tie == "children":
                asked = _BORN.search(rest) if len(clause.beings) == 1 else None
            if asked is not None and re.search("[谁哪]", asked.group()):
                # 白马原来是谁的儿子 asks for the other side of the tie.
                continue
            if asked is not None and not _kin(role, tie) and not _has_kin(mention, clause, tie):
                return f"书中没有写{mention.entry.name}的{_KIN_WORDS[tie]}。"
    return ""


def _has_kin(mention: Mention, clause: Clause, tie: str) -> bool:
    """Whether the tie is said of another being named beside this one (牛魔王和铁扇公主的儿子)."""
    return any(other is not mention and _kin(load_roles().get(other.entry.id), tie) for other in clause.beings)


def _kin(role: Role | None, tie: str) -> frozenset[str]:
    return role.kin[tie] if role is not None else frozenset()


def _name_untold(clause: Clause, lexicon: Lexicon) -> str:
    asked = _NAME.search(clause.text)
    if asked is None:
        return ""
    head = clause.text[: asked.start()]
    if _ANOTHER_NAME.search(head[-4:]) or _ANOTHER_NAME.search(asked.group()):
        return ""
    if (
        re.search("俗家(?:的?本?名|的?姓)|俗姓|出家前", clause.text)
        and clause.beings
        and clause.beings[0].entry.id not in _LAY_NAMED
    ):
        return f"书中没有写{clause.beings[0].entry.name}俗家的姓名。"
    if re.search("[百千].{0,2}[个位名].*(?:各|分别|都|每)", clause.text):
        return "书中没有一一写出他们的名字。"
    relative = re.search(
        "(?:"
        + "|".join(f"(?P<{tie}>{words})" for tie, words in _KIN.items() if tie not in ("parents", "teacher"))
        + ")(?:的|们)?$",
        head,
    )
    if relative is not None:
        owners = [m for m in clause.beings if m.end <= relative.start() + 1]
        tie = relative.lastgroup or ""
        if owners and all(_kin(load_roles().get(m.entry.id), tie) <= {SOMEBODY} for m in owners):
            return f"书中没有写{owners[-1].entry.name}的{_KIN_WORDS[tie]}叫什么名字。"
        return ""
    beings = [mention for mention in clause.beings if head[mention.end :] in ("", "精", "们", "怪", "妖怪")]
    role = load_roles().get(beings[0].entry.id) if beings else None
    if role is not None and role.nameless and "姓" not in asked.group()[:2]:
        return f"书中没有写{beings[0].entry.name}另有名字。"
    title = re.search(f"(?:{_TITLE.pattern})(?:的|本人)?$", head)
    places = [m.entry.name for m in lexicon.mentions(clause.text) if m.entry.kind == "place"]
    if title is not None and places and not re.search("大唐|长安|唐", head):
        return f"书中没有写{places[0]}这位{title.group().removesuffix('的')}叫什么名字。"
    if title is not None and title.group() in ("土地", "山神", "白马", "驿丞", "樵夫") and "渔" not in head:
        return f"书中没有写这里的{title.group()}叫什么名字。"
    return ""


def _death_untold(clause: Clause, lexicon: Lexicon) -> str:
    asked = _DIED.search(clause.text)
    if asked is None or clause.text.startswith("假"):
        return ""
    before = [mention for mention in clause.beings if mention.end == asked.start()]
    place = [m for m in lexicon.mentions(clause.text) if m.entry.kind == "place"]
    king = re.search("(?:国王|皇帝|王后|皇后|太子|公主)$", clause.text[: asked.start()])
    if before:
        role = load_roles().get(before[-1].entry.id)
        if role is not None and (role.killed or role.open or role.dies):
            return ""
        return f"书中没有写{before[-1].entry.name}死。"
    return f"书中没有写{place[0].entry.name}的{king.group()}死。" if king is not None and place else ""


def _age_untold(clause: Clause) -> str:
    age, practice = _AGE.search(clause.text), _PRACTICE.search(clause.text)
    for mention in clause.beings:
        if age is not None and age.group() == "多大" and mention.entry.kind == "creature" and clause.text[: age.start()].endswith("有"):
            # 那些蜘蛛有多大 asks for the size.
            continue
        if age is not None and mention.end <= age.start() and _BETWEEN.fullmatch(clause.text, mention.end, age.start()):
            role = load_roles().get(mention.entry.id)
            if role is None or not role.age:
                return f"书中没有写{mention.entry.name}的年纪。"
        measured = _MEASURED.search(clause.text, mention.end)
        if (
            measured is not None
            and mention.entry.id not in _SIZED
            and _BETWEEN.fullmatch(clause.text, mention.end, measured.start())
        ):
            return f"书中没有写{mention.entry.name}的{'身高' if '高' in measured.group() else measured.group()}。"
        if (
            practice is not None
            and mention.end <= practice.start()
            and len(clause.beings) == 1
            and mention.entry.id not in _PRACTISED
        ):
            return f"书中没有写{mention.entry.name}修炼了多少年。"
    return ""
