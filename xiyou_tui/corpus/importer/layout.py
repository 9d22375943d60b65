"""Lines to paragraphs: hard-wrapped lines joined, verse and closing formulas told from prose, endless paragraphs divided."""

from __future__ import annotations

import re
from collections import Counter

from xiyou_tui.corpus.importer.records import Block

CLOSING = re.compile(r"下[回文]?分解")
_CLOSING_STARTS = ("毕竟", "畢竟", "不知", "端的", "欲知", "且听", "且聽", "竟不知", "咦！毕竟", "咦！畢竟", "这一去", "這一去", "这去", "這去", "要知")
_INDENT = re.compile(r"^[ \t　]+")
_SENTENCE_ENDS = "。！？”」』…：；"
_CLAUSE = re.compile(r"[，。！？；：、…．\s]+")
_QUOTES = re.compile(r"[“”‘’「」『』\"'《》〈〉]")
_CUE = re.compile(r"(?:[诗詩词詞赋賦歌颂頌][曰云]|[为為可][证證]|正是|一首|但[只]?[见見]那?)[。：”」]{0,2}$")
_SPEECH = re.compile(r"[道曰云叫问問]：[“「『\"]")
_TOO_LONG = 2000
_MADE_LENGTH = 320


def wrap_width(lines: list[str]) -> int:
    """The width at which a text was hard-wrapped, in characters; 0 when its lines are paragraphs."""
    stripped = [line.strip() for line in lines if line.strip()]
    lengths = Counter(map(len, stripped))
    # Lines that stop in the middle of a clause: paragraphs and verse hardly ever do, wrapped lines mostly.
    broken = Counter(len(line) for line in stripped if "\u3400" <= line[-1] <= "\u9fff")
    total = sum(lengths.values())
    if total < 60:
        return 0
    for width in range(20, 90):
        around = sum(lengths[width + shift] for shift in (-2, -1, 0))
        beyond = sum(count for length, count in lengths.items() if length > width + 4)
        torn = sum(broken[width + shift] for shift in (-2, -1, 0))
        if around > 0.2 * total and torn > 0.35 * around and beyond < 0.03 * total and lengths[width] >= max(lengths[width - 1], lengths[width + 1]):
            return width
    return 0


def to_blocks(lines: list[str], width: int) -> list[Block]:
    """The paragraphs of one chapter's lines. `width` is the text's wrap width, 0 when each line is a paragraph."""
    paragraphs = _unwrap(lines, width) if width else [(line, _indent(line)) for line in mend_runs([line for line in lines if line.strip()])]
    texts = [text.strip() for text, _ in paragraphs]
    deep = [indent >= 4 and bool(width) for _, indent in paragraphs]
    blocks: list[Block] = []
    for index, text in enumerate(texts):
        if is_closing(text):
            blocks.append(Block(text, "closing"))
        elif (deep[index] and len(text) <= 80) or is_verse(text, texts[index - 1] if index else "", after_verse=bool(blocks) and blocks[-1].kind == "verse"):
            blocks.append(Block(text, "verse"))
        elif len(text) > _TOO_LONG:
            blocks += [Block(piece, "prose", True) for piece in divide(text)]
        else:
            blocks.append(Block(text))
    return _smooth(blocks)


def is_closing(text: str) -> bool:
    """Whether a whole paragraph is the formula that closes a chapter (毕竟不知……且听下回分解)."""
    return len(text) <= 70 and bool(CLOSING.search(text[-12:])) and text.startswith(_CLOSING_STARTS)


def is_verse(text: str, before: str = "", *, after_verse: bool = False) -> bool:
    """Whether a whole paragraph is verse or rhymed prose (诗, 词, 赋): clauses of even measure.

    `before` is the paragraph in front; an announcement there (但见那：) or verse (`after_verse`) lowers the bar.
    """
    if not 8 <= len(text) <= 900 or text.startswith("《") or _SPEECH.search(text):
        return False
    lengths = [len(clause) for clause in _CLAUSE.split(_QUOTES.sub("", text)) if clause]
    if len(lengths) < 2 or max(lengths) > 16 or not 3 <= sum(lengths) / len(lengths) <= 9:
        return False
    regular = max(lengths.count(7), lengths.count(5)) / len(lengths)
    if regular == 1 and len(lengths) % 2 == 0:
        return True
    if _CUE.search(before) and len(text) <= 50 and not CLOSING.search(text):
        return True
    # In parallel prose each clause answers the next one (4·4) or the one after that (3·4·3·4).
    answered = [_answers(lengths, index) for index in range(len(lengths))]
    if not any(answered[:2]):
        return False
    even = sum(answered) / len(answered)
    if text[0] in "“「" and before.endswith(("道：", "曰：")) and not _CUE.search(before):
        # What follows 道： is speech, unless its measure is that of a poem.
        return regular >= 0.8
    if before.endswith("：") or _CUE.search(before):
        return even >= 0.65
    if after_verse:
        return even >= 0.85
    return len(lengths) >= 4 and (regular >= 0.85 or (len(lengths) >= 8 and even >= 0.95 and max(lengths) <= 9))


def _answers(lengths: list[int], index: int) -> bool:
    own = lengths[index]
    return any(0 <= index + shift < len(lengths) and lengths[index + shift] == own for shift in (-2, -1, 1, 2))


def _smooth(blocks: list[Block]) -> list[Block]:
    """A short irregular line between two lines of verse is verse as well (词 have lines of uneven length)."""
    smoothed = list(blocks)
    for index in range(1, len(blocks) - 1):
        block = blocks[index]
        if blocks[index - 1].kind == blocks[index + 1].kind == "verse" and _may_be_verse(block):
            smoothed[index] = Block(block.text, "verse", block.made)
    return smoothed


def _may_be_verse(block: Block) -> bool:
    if block.kind != "prose" or len(block.text) > 48 or "：" in block.text or block.text[-1] not in _SENTENCE_ENDS + "，":
        return False
    lengths = [len(clause) for clause in _CLAUSE.split(_QUOTES.sub("", block.text)) if clause]
    return bool(lengths) and max(lengths) <= 10 and 2 * sum(_answers(lengths, index) for index in range(len(lengths))) >= len(lengths)


def divide(text: str) -> list[str]:
    """An endless paragraph in pieces of some 300 characters, cut after a sentence and outside of speech where possible."""
    pieces, start, depth = [], 0, 0
    for index, character in enumerate(text):
        if character in "“「":
            depth += 1
        elif character in "”」":
            depth = max(0, depth - 1)
        length = index + 1 - start
        follower = text[index + 1 : index + 2]
        at_sentence = character in "。！？”」" and follower not in "”」』’"
        if (at_sentence and ((depth == 0 and length >= _MADE_LENGTH) or length >= 3 * _MADE_LENGTH)) or length >= 6 * _MADE_LENGTH:
            pieces.append(text[start : index + 1].strip())
            start, depth = index + 1, 0
    pieces.append(text[start:].strip())
    return [piece for piece in pieces if piece]


def mend_runs(lines: list[str]) -> list[str]:
    """Lines that are paragraphs, except where a few in a row were hard-wrapped: equally long, and broken in the middle of a clause."""
    mended: list[str] = []
    index = 0
    while index < len(lines):
        length = len(lines[index].strip())
        stop = index + 1
        while 20 <= length <= 60 and stop < len(lines) and len(lines[stop].strip()) == length:
            stop += 1
        run = [line.strip() for line in lines[index:stop]]
        broken = sum(1 for line in run if "\u3400" <= line[-1] <= "\u9fff")
        if broken and len(run) + broken >= 3 and stop < len(lines) and len(lines[stop].strip()) < length:
            mended.append(lines[index][: len(lines[index]) - len(lines[index].lstrip())] + "".join([*run, lines[stop].strip()]))
            stop += 1
        else:
            mended += lines[index:stop]
        index = stop
    return mended


def _indent(line: str) -> int:
    """Indentation in full-width characters; two spaces count as one."""
    match = _INDENT.match(line)
    if not match:
        return 0
    return match[0].count("　") + match[0].count("\t") * 4 + match[0].count(" ") // 2


def _unwrap(lines: list[str], width: int) -> list[tuple[str, int]]:
    """Hard-wrapped lines joined into paragraphs: a short line ends one, an indented or blank line begins one."""
    paragraphs: list[tuple[str, int]] = []
    current, indent, flows = "", 0, False
    for line in lines:
        text = line.strip()
        own = _indent(line)
        # Verse that runs over a full line goes on in the next one, indented as it is.
        if current and (not text or (own >= 2 and not (flows and own == indent))):
            paragraphs.append((current, indent))
            current = ""
        if not text:
            continue
        if own >= 4 and len(text) <= width - 4:
            paragraphs.append((text, own))
            continue
        indent = indent if current else own
        gap = " " if current and current[-1].isascii() and text[0].isascii() and current[-1].isalnum() and text[0].isalnum() else ""
        current += gap + text
        flows = own >= 4 and text[-1] not in _SENTENCE_ENDS
        if len(text) + own < width - 3:
            paragraphs.append((current, indent))
            current = ""
    if current:
        paragraphs.append((current, indent))
    return paragraphs
