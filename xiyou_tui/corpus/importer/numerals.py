"""Chapter numbers in every style that files of this novel use: 第一百回, 第一零零回, 第九八回, 第一○○回, 第廿三回, 第001回."""

from __future__ import annotations

NUMERALS = "0-9０-９〇○零一二三四五六七八九十百廿卅壹贰貳叁參肆伍陆陸柒捌玖拾佰两兩"
_DIGITS = {digit: value for value, digits in enumerate(("0０〇○零", "1１一壹", "2２二贰貳两兩", "3３三叁參", "4４四肆", "5５五伍", "6６六陆陸", "7７七柒", "8８八捌", "9９九玖")) for digit in digits}
_UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100}


def parse_number(text: str) -> int | None:
    """The value of a numeral, positional (九八, 一○○, 098) or additive (九十八, 一百零八); None when it is neither."""
    text = text.replace("廿", "二十").replace("卅", "三十")
    if not text:
        return None
    if not any(character in _UNITS for character in text):
        value = 0
        for character in text[:6]:
            if character not in _DIGITS:
                return None
            value = value * 10 + _DIGITS[character]
        return value
    total, digit = 0, None
    for character in text:
        if character in _UNITS:
            total += (1 if digit is None else digit) * _UNITS[character]
            digit = None
        elif character in _DIGITS:
            digit = _DIGITS[character] if digit in (None, 0) else digit * 10 + _DIGITS[character]
        else:
            return None
    return total + (digit or 0)
