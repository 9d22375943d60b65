"""Reading what a model wrote: cleaned of whatever could harm a terminal, split into own words, references and quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Terminal escape sequences as a whole (CSI, OSC, single), so that their payload does not stay behind as rubbish.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])|\x9b[0-?]*[ -/]*[@-~]")
# Controls except the line break, bidirectional and zero-width marks, line separators, surrogates, private use, specials.
_HARMFUL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\uffff"
    "\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
_STACKED = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{2,}")
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_SPECIAL = re.compile(r"<\|[^<>|\n]{0,40}\|>|</?(?:s|bos|eos|pad|unk)>")
_PIECE = re.compile(
    r"\[(?P<id>\d{1,3})\]\s*<q>(?P<tagged>.*?)(?P<close></q>|\Z|(?=<q>))"
    r"|<q>(?P<bare>.*?)(?P<bareclose></q>|\Z|(?=<q>))"
    r"|\[(?P<ref>\d{1,3})\]"
    r"|“(?P<m1>[^”\n]{1,300})”|「(?P<m2>[^」\n]{1,300})」|『(?P<m3>[^』\n]{1,300})』|\"(?P<m4>[^\"\n]{1,300})\"|＂(?P<m5>[^＂\n]{1,300})＂",
    re.DOTALL,
)
# Marks are made by the renderer alone: whatever the model writes that looks like one is taken out, as are stray delimiters.
_FORGED = re.compile(r"〔[^〔〕\n]{0,20}〕?|[〔〕]|【\s*\d[^【】\n]{0,12}】|</?q>?|\[\s*\d{1,3}\s*[·.．:：]\s*\d{1,3}\s*\]")
_QUOTATION = re.compile('[“”「」『』"＂]')


@dataclass(frozen=True, slots=True)
class Words:
    """The model's own words, without quotation marks; `references` are the passage numbers it put after them."""

    text: str
    references: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """Something the model puts forward as a quote. `number` is the passage it names; `closed` False where it broke off."""

    text: str
    number: int | None = None
    closed: bool = True


def clean(text: str) -> str:
    """`text` without escape sequences, control, invisible and private characters, and special tokens; breaks become \\n."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _HARMFUL.sub("", _ESCAPES.sub("", text.replace("\t", " ")))
    return _STACKED.sub(lambda match: match.group()[0], _SPECIAL.sub("", text))


def parse_output(raw: str) -> tuple[Words | Quote, ...]:
    """The pieces of a model's output in order. Never raises, whatever `raw` holds."""
    text = clean(_THOUGHT.sub("", raw))
    pieces: list[Words | Quote] = []
    at = 0
    for match in _PIECE.finditer(text):
        _add_words(pieces, text[at : match.start()])
        at = match.end()
        if match["ref"] is not None:
            _add_reference(pieces, int(match["ref"]))
        elif match["id"] is not None:
            pieces.append(Quote(match["tagged"].strip(), int(match["id"]), match["close"] == "</q>"))
        elif match["bare"] is not None:
            pieces.append(Quote(match["bare"].strip(), None, match["bareclose"] == "</q>"))
        else:
            pieces.append(Quote(next(match[name] for name in ("m1", "m2", "m3", "m4", "m5") if match[name] is not None).strip()))
    _add_words(pieces, text[at:])
    return tuple(piece for piece in pieces if piece.text)


def plain_words(text: str) -> str:
    """`text` as own words may be shown: no quotation marks, no citation marks, no delimiters."""
    before = None
    while before != text:
        # Taking one forgery out may join the halves of another.
        before, text = text, _QUOTATION.sub("", _FORGED.sub("", text))
    return text


def _add_words(pieces: list[Words | Quote], text: str) -> None:
    words = plain_words(text)
    if words.strip():
        pieces.append(Words(words))


def _add_reference(pieces: list[Words | Quote], number: int) -> None:
    if pieces and isinstance(pieces[-1], Words):
        last = pieces[-1]
        pieces[-1] = Words(last.text, (*last.references, number))


class StreamText:
    """Turns raw tokens into text that can be shown while it streams: cleaned, and the quote tags written as 「」.

    `feed` returns only what is new; a tail that may be the beginning of a tag is held back until it is clear.
    """

    _TAIL = re.compile(r"(?:\[\d{0,3}\]?\s?)?(?:<[/q|]?[^<>\n]{0,40})?\Z")

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, raw: str, *, last: bool = False) -> str:
        """The text to append to what is shown."""
        self._pending += raw
        cut = len(self._pending) if last else self._TAIL.search(self._pending).start()  # type: ignore[union-attr]
        if not last and len(self._pending) - cut > 48:
            cut = len(self._pending)
        ready, self._pending = self._pending[:cut], self._pending[cut:]
        shown = re.sub(r"(?:\[\d{1,3}\]\s?)?<q>", "「", ready).replace("</q>", "」")
        return clean(re.sub(r"\[\d{1,3}\]|</?think>|〔|〕", "", shown))
