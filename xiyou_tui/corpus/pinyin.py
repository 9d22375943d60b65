"""Readings of rare characters. Rare means outside the 3,755 common characters of the national standard GB 2312."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

FIRST_RARE = 0xD8  # Level 2 of GB 2312 begins with this byte.


def is_rare(character: str) -> bool:
    """Whether a reader may want to be told how a Chinese character is read."""
    if not ("\u3400" <= character <= "\u9fff" or character >= "\U00020000"):
        return False
    try:
        return character.encode("gb2312")[0] >= FIRST_RARE
    except UnicodeEncodeError:
        # Traditional forms of common characters are no riddle; the caller passes simplified text where it has it.
        return True


def rare_readings(text: str, *, limit: int = 24) -> list[tuple[str, str]]:
    """(character, reading with tone mark) for each rare character of a text, once, in order; unknown readings are left out."""
    readings: dict[str, str] = {}
    for character in text:
        if len(readings) >= limit:
            break
        if character not in readings and is_rare(character):
            (reading,) = _pinyin().pinyin(character, style=_pinyin().Style.TONE, errors=lambda _: [""])[0][:1] or ("",)
            if reading:
                readings[character] = reading
    return list(readings.items())


@cache
def _pinyin() -> Any:
    # Single characters are all that is asked for; the dictionary of phrases would cost memory and a second of loading.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    import pypinyin

    return pypinyin
