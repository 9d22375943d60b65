"""Characters that a typist could not enter: described ones become the character, unknown ones stay as a marked note.

Collections of this novel write □【左“属”右“立刀”】, 〔马剌〕 or [口迷] for characters outside the old character sets.
"""

from __future__ import annotations

import re

# Description (its quotes and commas removed) → character. Each was checked against a complete traditional edition.
_DESCRIBED = {
    "左属右立刀": "劚", "左屬右立刀": "劚", "上左齿右可下女": "𡤫", "上左齒右可下女": "𡤫", "左反犬右各": "狢", "左犬右各": "狢", "左鱼右便": "鯾",
    "左魚右便": "鯾", "左反犬右禺": "𤟹", "左犬右禺": "𤟹", "左足右龙": "躘", "左足右龍": "躘", "左口右迷": "𠺗", "左马右剌": "𩤲", "左馬右剌": "𩤲",
}  # fmt: skip
# Two components side by side.
_PAIRS = {"口迷": "𠺗", "马剌": "𩤲", "馬剌": "𩤲", "足龙": "躘", "足龍": "躘", "鱼便": "鯾", "魚便": "鯾", "犭禺": "𤟹", "犭各": "狢"}
# A note whose beginning and end were torn off.
_TORN = {"吅、中“秃宝盖”（“冠”头、下“斗”，古时酒器）": "斝"}
# What old fonts kept in the private area and later standards gave a code of its own (GB 18030, 0xFE50–0xFEA0).
_PRIVATE = {
    "\ue81e": "龴", "\ue826": "龵", "\ue82b": "龶", "\ue82c": "龷", "\ue832": "龸", "\ue843": "龹", "\ue854": "龺", "\ue864": "龻", "\ue81a": "㑳",
    "\ue81b": "㑇", "\ue81f": "㖞", "\ue820": "㘚", "\ue821": "㘎", "\ue824": "㥮", "\ue825": "㤘", "\ue827": "㧏", "\ue828": "㧟", "\ue829": "㩳",
    "\ue82a": "㧐", "\ue82d": "㭎", "\ue82e": "㱮", "\ue82f": "㳠",
}  # fmt: skip

_NOTE = re.compile(r"□?[【\[]([^【】\[\]\n]{4,48})[】\]]")
_PAIR = re.compile(r"□?[〔\[【（(]([⿰⿱]?[^\W\d_]{2})[〕\]】）)]|(?P<loose>[^\W\d_]{2})[\ue000-\uf8ff]")
_PRIVATE_USE = re.compile(r"[\ue000-\uf8ff]")
_PUNCTUATION = re.compile(r"[\s“”\"‘’'「」『』，,、。;；:：]")
_INTERESTING = re.compile(r"[□【\[〔（(\ue000-\uf8ff秃]")


def resolve_glyphs(text: str) -> tuple[str, int, int]:
    """The text with its notes resolved; how many became characters, and how many stay as a note or a blank □."""
    if not _INTERESTING.search(text):
        return text, 0, 0
    found = 0

    def described(match: re.Match[str]) -> str:
        nonlocal found
        character = _DESCRIBED.get(_PUNCTUATION.sub("", match[1]))
        if character:
            found += 1
            return character
        return match[0]

    def paired(match: re.Match[str]) -> str:
        nonlocal found
        pair = match["loose"] or match[1].lstrip("⿰⿱")
        if pair in _PAIRS:
            found += 1
            return _PAIRS[pair]
        if match["loose"]:
            return match["loose"] + private(match[0][2:])
        return match[0]

    def private(character: str) -> str:
        nonlocal found
        known = _PRIVATE.get(character)
        if known:
            found += 1
        # The code means nothing without its font: a blank says honestly that a character is missing.
        return known or "□"

    for torn, character in _TORN.items():
        if torn in text:
            text = text.replace(torn, character)
            found += 1
    text = _NOTE.sub(described, text)
    text = _PAIR.sub(paired, text)
    text = _PRIVATE_USE.sub(lambda match: private(match[0]), text)
    return text, found, text.count("□")
