"""Characters made uniform, one by one or as pairs: spaces, small forms, control characters, straight quotes, stray angle brackets."""

from __future__ import annotations

import re

# Small and half-width forms of the same punctuation; each keeps its length.
_SAME = str.maketrans({"﹔": "；", "﹗": "！", "﹖": "？", "﹕": "：", "﹐": "，", "﹒": "．", "､": "、", "｡": "。", "｢": "「", "｣": "」", "＂": '"', "＇": "'"})
_GONE = re.compile(r"[\u0000-\u0008\u000b\u000e-\u001f\u007f-\u0084\u0086-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]")
# No chapter is as long as this in one line, unless the lines were lost.
_ENDLESS = 20_000
_CLOSED = re.compile(r"(下[回文]分解[。．.！!]?[”」]?)(?=[^\n”」])")
_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029\u000c]")


def clean_source(text: str) -> str:
    """One kind of line end; no control or invisible characters; small forms of punctuation full-width."""
    return _GONE.sub("", _LINE_ENDS.sub("\n", text)).translate(_SAME)


def break_endless_lines(text: str) -> str:
    """A text whose line ends were lost gets them back where a chapter surely closes."""
    longest = max(map(len, text.split("\n")))
    return _CLOSED.sub("\\1\n", text) if longest > _ENDLESS else text


def curl_quotes(text: str) -> str:
    """Straight quotes of one paragraph as curly ones, paired in turn; the length stays.

    Where a mark is missing, the neighbours decide: after a colon a quote opens, at the very end of a paragraph it closes.
    """
    if '"' not in text and "'" not in text:
        return text
    pieces = list(text)
    for mark, opening, closing in (('"', "“", "”"), ("'", "‘", "’")):
        is_open = False
        for index, character in enumerate(pieces):
            if character in (opening, closing):
                is_open = character == opening
            elif character == mark:
                before = pieces[index - 1] if index else ""
                last = index == len(pieces) - 1
                opens = not is_open
                if before == "：" and not last:
                    opens = True
                elif last and index:
                    opens = False
                pieces[index] = opening if opens else closing
                is_open = opens
    return "".join(pieces)


def without_angles(text: str) -> tuple[str, int]:
    """The text without ASCII angle brackets (the answer grammar needs them), and how many there were."""
    count = text.count("<") + text.count(">")
    return (text.replace("<", "〈").replace(">", "〉"), count) if count else (text, 0)
