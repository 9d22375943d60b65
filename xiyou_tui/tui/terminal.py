"""Workarounds for terminals and for Chinese: line breaking, full-width keys, clipboard. All of them live here.

Line breaking replaces two private patterns, `textual._wrap.re_chunk` (TextArea) and `rich._wrap.re_word` (Static, Content,
Markdown), which is why textual and rich are pinned exactly.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

OPENERS = "“‘（《〈「『【〔［｛([{"
CLOSERS = "”’）》〉」』】〕］｝)]}，。！？；：、．…—·,.!?;:%％～"
# A run that must not be broken: opening marks + one character or one run of Latin ones + closing marks. The classes are kept
# small: each that reaches past U+00FF costs a millisecond to compile, and this module is on the way to the first picture.
_OPEN, _CLOSE = f"[{re.escape(OPENERS)}]*", f"[{re.escape(CLOSERS)}]*"
_LATIN = r"[0-9A-Za-z_@#$&*+/=<>|\\^~'\"À-ÿ-]+"
_CORE = rf"(?=\S){_OPEN}(?:{_LATIN}|\S?){_CLOSE}"
CHUNK = re.compile(rf"{_CORE}\s*|\s+")
WORD = re.compile(rf"\s*{_CORE}\s*|\s+")

# A key with punctuation also listens for what an active input method sends in its place.
FULL_WIDTH = {
    "question_mark": "fullwidth_question_mark",
    "slash": "ideographic_comma,fullwidth_solidus",
    "left_square_bracket": "left_black_lenticular_bracket,left_corner_bracket,fullwidth_left_square_bracket",
    "right_square_bracket": "right_black_lenticular_bracket,right_corner_bracket,fullwidth_right_square_bracket",
    "full_stop": "ideographic_full_stop,fullwidth_full_stop",
    "comma": "fullwidth_comma",
    "colon": "fullwidth_colon",
    "semicolon": "fullwidth_semicolon",
    "exclamation_mark": "fullwidth_exclamation_mark",
    "plus": "fullwidth_plus_sign",
    "minus": "fullwidth_hyphen_minus",
    "less_than_sign": "left_double_angle_bracket",
    "greater_than_sign": "right_double_angle_bracket",
}


def install_line_breaking() -> None:
    """Make Textual and Rich break lines by the rules of Chinese typography. Safe to call more than once."""
    import rich._wrap
    import textual._wrap

    textual._wrap.re_chunk = CHUNK
    rich._wrap.re_word = WORD


def widen_keys(keys: str) -> str:
    """A comma-separated list of key names, each followed by what an input method sends instead of it."""
    widened = []
    for key in keys.split(","):
        widened.append(key)
        if key in FULL_WIDTH:
            widened.append(FULL_WIDTH[key])
    return ",".join(widened)


def cell_width(character: str) -> int:
    """How many terminal cells one character takes (0, 1 or 2), as Rich and so the whole interface counts."""
    from rich.cells import cell_len

    return cell_len(character)


def break_lines(text: str, width: int, *, measure: Callable[[str], int] | None = None) -> list[tuple[int, int]]:
    """Cut one paragraph into lines of at most `width` cells; returns [start, end) offsets, without gaps or overlaps.

    No line begins with a closing mark or ends with an opening one, unless a single unit is wider than the line.
    """
    from rich.cells import cell_len

    measure = measure or cell_len
    if not text:
        return [(0, 0)]
    width = max(2, width)
    lines: list[tuple[int, int]] = []
    start, used, position = 0, 0, 0
    for match in CHUNK.finditer(text):
        size = measure(match.group().rstrip())
        if used + size > width and position > start:
            lines.append((start, position))
            start, used = position, 0
        if size > width:
            for index in range(match.start(), match.end()):
                step = measure(text[index])
                if used + step > width and index > start:
                    lines.append((start, index))
                    start, used = index, 0
                used += step
        else:
            used += measure(match.group())
        position = match.end()
    lines.append((start, len(text)))
    return lines


def copy_text(text: str, write: Callable[[str], None] | None = None) -> bool:
    """Put text on the clipboard; True only when something took it.

    `pbcopy` and its like come first, since Terminal.app ignores OSC 52 silently; `write` sends raw text to the terminal.
    """
    commands = [["pbcopy"]] if sys.platform == "darwin" else []
    if os.environ.get("WAYLAND_DISPLAY"):
        commands.append(["wl-copy"])
    if os.environ.get("DISPLAY"):
        commands += [["xclip", "-selection", "clipboard"], ["xsel", "-ib"]]
    for command in commands:
        if not shutil.which(command[0]):
            continue
        try:
            environment = {**os.environ, "LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"}
            subprocess.run(command, input=text.encode("utf-8"), check=True, timeout=3, env=environment, capture_output=True)
            return True
        except (OSError, subprocess.SubprocessError):
            continue
    if write is None or os.environ.get("TERM_PROGRAM") == "Apple_Terminal":
        return False
    write(f"\x1b]52;c;{base64.b64encode(text.encode('utf-8')).decode()}\a")
    return True


def announce(write: Callable[[str], None], title: str, text: str) -> None:
    """Set the window's title, and ask the terminals that can (iTerm2, Ghostty, WezTerm, kitty) for a desktop notification."""

    def plain(words: str) -> str:
        return "".join(letter for letter in words if letter.isprintable() and letter not in ";")

    write(f"\x1b]2;{plain(title)}\a")
    program = os.environ.get("TERM_PROGRAM", "").lower()
    if program in ("iterm.app", "ghostty", "wezterm") or os.environ.get("KITTY_WINDOW_ID"):
        write(f"\x1b]9;{plain(title)}：{plain(text)}\a")
