"""Terminal workarounds: line breaking by the rules of Chinese, keys under an input method, the clipboard."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from xiyou_tui.tui import terminal
from xiyou_tui.tui.terminal import CLOSERS, OPENERS, break_lines, copy_text, install_line_breaking, widen_keys

CHINESE = st.text(st.sampled_from("却说那唐僧道行者听言“”‘’（），。！？；：、……——《》「」abc XY12 　劚𤟤"), max_size=120)


@given(CHINESE, st.integers(4, 40))
@settings(max_examples=400)
def test_lines_cover_the_text_and_never_grow_too_wide(text: str, width: int) -> None:
    lines = break_lines(text, width)
    assert "".join(text[start:end] for start, end in lines) == text
    for start, end in lines:
        assert cell_len(text[start:end].rstrip()) <= width


@given(CHINESE, st.integers(24, 60))
@settings(max_examples=400)
def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one(text: str, width: int) -> None:
    lines = [text[start:end].strip() for start, end in break_lines(text, width)]
    for before, after in itertools.pairwise(lines):
        if not before or not after:
            continue
        # A run of marks wider than a whole line can't be kept together, and a blank may stand before a mark.
        joined = text.replace(" ", "").replace("　", "")
        longest = max((len(run) for run in _runs(joined)), default=0)
        if longest < width // 2 and " " not in text and "　" not in text:
            assert after[0] not in CLOSERS
            assert before[-1] not in OPENERS


def _runs(text: str) -> list[str]:
    return [match.group() for match in terminal.CHUNK.finditer(text)]


def test_rich_and_textual_wrap_by_the_same_rules() -> None:
    install_line_breaking()
    from rich.console import Console
    from textual._wrap import compute_wrap_offsets

    text = "行者道：“师父，（你且）坐下，等老孙去看看来。”三藏道：“徒弟，仔细些！”" * 3
    wrapped = Text(text).wrap(Console(width=21), 21)
    assert all(line.plain.strip()[0] not in CLOSERS for line in wrapped if line.plain.strip())
    offsets = compute_wrap_offsets(text, 21, 4)
    assert all(text[offset] not in CLOSERS for offset in offsets)


def test_keys_listen_for_their_full_width_twins() -> None:
    assert widen_keys("slash,ctrl+f") == "slash,ideographic_comma,fullwidth_solidus,ctrl+f"


def test_the_kitty_protocol_is_off_before_textual_is_imported() -> None:
    program = "import os, sys; sys.argv = ['xiyou', '--version']\nfrom xiyou_tui.__main__ import main\ntry: main()\nexcept SystemExit: pass\n" + (
        "print(os.environ['TEXTUAL_DISABLE_KITTY_KEY'])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "TEXTUAL_DISABLE_KITTY_KEY"}
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert out.stdout.splitlines()[-1] == "1"


def test_copying_says_so_only_when_something_took_it(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM_PROGRAM", "Apple_Terminal")
    assert not copy_text("原文", lambda _: None)
    monkeypatch.setenv("TERM_PROGRAM", "iTerm.app")
    written: list[str] = []
    assert copy_text("原文", written.append)
    assert written[0].startswith("\x1b]52;c;")
