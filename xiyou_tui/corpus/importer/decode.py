"""Bytes to text: byte order marks, UTF-8, UTF-16, GB18030 and Big5, told apart by how much common Chinese each reading yields."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass

from xiyou_tui.errors import CorpusError

# The most frequent characters of vernacular Chinese in either script, and its punctuation. A wrong encoding turns text
# into rare characters, so the share of these tells the right one.
_COMMON = frozenset(
    "的一是不了人我在有他这這个個们們来來到时時大地为為子中你说說道那里裡裏上下去得那着著回有也又却卻与與行者三藏師师父八戒悟空妖怪王僧见見"
    "出就将將如何此之以只把叫等前后後天山门門年日生水手心头頭打老小没沒无無好看么麼甚自家正起经經真佛国國西东東南北化身法儿兒面长長"
    "，。：？！；、“”「」『』《》　…— \n"
)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CANDIDATES = ("utf-8", "gb18030", "big5hkscs", "utf-16-le", "utf-16-be")
_SAMPLE = 60_000
# Below this share of common characters a reading is noise, not Chinese.
_LEAST = 0.12


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the encoding it was read in, and how many lines needed another encoding or could not be read at all."""

    text: str
    encoding: str
    foreign_lines: int = 0
    broken_lines: int = 0
    nul_count: int = 0


def decode(data: bytes, name: str) -> Decoded:
    """Read `data` as text; raises CorpusError when it is empty or no text. `name` is for the message."""
    if not data.strip(b"\0\t\r\n "):
        raise CorpusError(f"「{name}」是空的。", kept="已有的底本都没有改动。", next_step="换一个有内容的文本文件。", code="empty-file")
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    encoding = marked or _guess_utf16(data) or _choose(data)
    if encoding is None or not encoding.startswith("utf-16"):
        _refuse_binary(data, name)
    if encoding is None:
        raise CorpusError(
            f"「{name}」不像中文文本：按 UTF-8、GB18030、Big5、UTF-16 都读不出来。",
            kept="已有的底本都没有改动。",
            next_step="用编辑器另存为 UTF-8 的纯文本，再导入。",
            code="not-text",
        )
    decoded = _decode_lines(data, encoding)
    nuls = decoded.text.count("\0")
    if nuls:
        return Decoded(decoded.text.replace("\0", ""), encoding, decoded.foreign_lines, decoded.broken_lines, nuls)
    return decoded


def _refuse_binary(data: bytes, name: str) -> None:
    sample = data[:_SAMPLE]
    controls = sum(count for byte in (*range(9), *range(14, 27), *range(28, 32)) if (count := sample.count(byte)))
    if controls > max(16, len(sample) // 50):
        raise CorpusError(
            f"「{name}」是二进制文件，不是文本。", kept="已有的底本都没有改动。", next_step="换成 TXT、HTML、Markdown、EPUB、ZIP 或装着章回文件的目录。", code="binary-file"
        )


def _guess_utf16(data: bytes) -> str | None:
    """UTF-16 without a mark: ASCII line ends and spaces leave NUL bytes on one side only."""
    sample = data[: _SAMPLE // 2 * 2]
    if len(sample) < 4 or b"\0" not in sample:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    for encoding, own, other in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if own > 4 * other + 1:
            text = sample.decode(encoding, "replace")
            if score(text) >= _LEAST:
                return encoding
    return None


def score(text: str) -> float:
    """The share of common Chinese characters among all that is not ASCII, less what could not be read."""
    sample = [character for character in text[:_SAMPLE] if character > "\x7f"]
    if not sample:
        return 1.0 if text.isascii() else 0.0
    bad = sum(1 for character in sample if character == "\ufffd" or "\ue000" <= character <= "\uf8ff")
    return (sum(1 for character in sample if character in _COMMON) - 4 * bad) / len(sample)


def _choose(data: bytes) -> str | None:
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    middle = max(0, len(data) // 2 - _SAMPLE // 2)
    # Samples begin after a line end and at an even place, so that no reading starts in the middle of a character.
    start = (data.find(b"\n", middle) + 2) // 2 * 2 if middle else 0
    samples = [data[:_SAMPLE], data[start : start + _SAMPLE]]
    ranked = sorted(((sum(score(s.decode(encoding, "replace")) for s in samples), encoding) for encoding in _CANDIDATES), reverse=True)
    best, encoding = ranked[0]
    return encoding if best / len(samples) >= _LEAST else _choose_by_lines(data)


def _choose_by_lines(data: bytes) -> str | None:
    """The encoding that reads most lines of a text in which several are mixed; None when none reads a third."""
    lines = [line for line in data[: 4 * _SAMPLE].split(b"\n") if not line.isascii()]
    read = {name: sum(1 for line in lines if (text := _reader(name)(line)) is not None and score(text) >= _LEAST) for name in _CANDIDATES[:3]}
    encoding = max(read, key=lambda name: read[name])
    return encoding if 3 * read[encoding] > len(lines) else None


def _decode_lines(data: bytes, encoding: str) -> Decoded:
    """The whole text; where the encoding fails, line by line with the encoding that reads each line best."""
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError:
        pass
    if encoding.startswith(("utf-16", "utf-32")):
        text = data.decode(encoding, "replace")
        return Decoded(text, encoding, broken_lines=sum(1 for line in text.split("\n") if "\ufffd" in line))
    lines: list[str] = []
    foreign = broken = 0
    readers = [_reader(name) for name in (encoding, "utf-8", "gb18030", "big5hkscs")]
    for line in data.split(b"\n"):
        own = readers[0](line)
        if own is not None:
            lines.append(own)
            continue
        others = [read for reader in readers[1:] if (read := reader(line)) is not None and score(read) >= 2 * _LEAST]
        if others:
            lines.append(max(others, key=score))
            foreign += 1
        else:
            lines.append(line.decode(encoding, "replace"))
            broken += 1
    return Decoded("\n".join(lines), encoding, foreign, broken)


def _reader(encoding: str) -> Callable[[bytes], str | None]:
    def read(line: bytes) -> str | None:
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            return None

    return read
