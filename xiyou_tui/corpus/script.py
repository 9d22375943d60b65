"""Simplified and traditional display by OpenCC, character for character, so that offsets stay valid in either script.

OpenCC leaves some characters that editions of this novel use (著 for 着, 觔 for 筋); a fix table maps those afterwards.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

Display = Literal["original", "simplified", "traditional"]

# What OpenCC's t2s leaves in texts of this novel. Only 著 has a second reading (著名, 著作): those are kept.
FIXES_TO_SIMPLIFIED = {"觔": "筋", "裡": "里", "嚐": "尝", "甦": "苏", "麽": "么", "彷": "仿", "佈": "布", "犛": "牦"}
KEEP_ZHU = ("著名", "著作", "著述", "昭著", "显著", "土著", "名著", "编著", "原著", "著书", "著录", "著称", "著者", "论著", "所著")


def to_simplified(text: str) -> str:
    """`text` in simplified characters; always as long as `text`."""
    if text.isascii():
        return text
    converted = _same_length("t2s", text)
    for old, new in FIXES_TO_SIMPLIFIED.items():
        if old in converted:
            converted = converted.replace(old, new)
    return _fix_zhu(converted) if "著" in converted else converted


def to_traditional(text: str) -> str:
    """`text` in traditional characters; always as long as `text`."""
    return text if text.isascii() else _same_length("s2t", text)


def convert(text: str, display: str) -> str:
    """`text` as `display` asks for: original, simplified or traditional."""
    if display == "simplified":
        return to_simplified(text)
    return to_traditional(text) if display == "traditional" else text


def _fix_zhu(text: str) -> str:
    pieces = list(text)
    for index, character in enumerate(pieces):
        if character == "著" and text[index : index + 2] not in KEEP_ZHU and text[max(0, index - 1) : index + 1] not in KEEP_ZHU:
            pieces[index] = "着"
    return "".join(pieces)


def _same_length(direction: str, text: str) -> str:
    converter = _converter(direction)
    converted: str = converter.convert(text)
    if len(converted) == len(text):
        return converted
    # A phrase rule changed the length somewhere: convert line by line, and where that fails too, character by character.
    lines = text.split("\n")
    if len(lines) > 1:
        return "\n".join(_same_length(direction, line) for line in lines)
    single = [str(converter.convert(character)) for character in text]
    return "".join(new if len(new) == 1 else old for old, new in zip(text, single, strict=True))


@cache
def _converter(direction: str) -> Any:
    import opencc

    return opencc.OpenCC(direction)
