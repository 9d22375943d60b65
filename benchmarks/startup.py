"""How soon the app is there: first paint against a minimal Textual app, `--help` against bare Python. Run: python benchmarks/startup.py

Each pair is measured in turns in one run; the ratio of the medians is what counts.
"""

from __future__ import annotations

import os
import pty
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = int(os.environ.get("ROUNDS", "11"))
MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("minimal app on the screen")
Minimal().run()
"""


def first_paint(command: list[str], mark: bytes, environment: dict[str, str]) -> float:
    """Seconds from exec until `mark` arrives at a pseudo terminal of 120×40."""
    import fcntl
    import struct
    import termios

    started = time.perf_counter()
    pid, handle = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.execvpe(command[0], command, environment)
    seen = b""
    try:
        while mark not in seen:
            if time.perf_counter() - started > 30:
                raise TimeoutError(f"nothing painted: {seen[-200:]!r}")
            if select.select([handle], [], [], 0.005)[0]:
                seen += os.read(handle, 1 << 16)
        return time.perf_counter() - started
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(handle)


def elapsed(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - started


def main() -> None:
    home = tempfile.mkdtemp()
    environment = dict(os.environ, TERM="xterm-256color", COLORTERM="truecolor", XIYOU_HOME=home, PYTHONPATH=str(ROOT))
    python = sys.executable
    novel = Path(os.environ.get("XIYOU_CORPUS", ROOT.parent / "shared" / "corpus")) / "simplified-gbk.txt"
    app, minimal = [python, "-m", "xiyou_tui"], [python, "-c", MINIMAL]
    rows: list[tuple[str, list[float], list[float], float]] = []
    texts = ["synopsis volume"] + (["whole novel"] if novel.exists() else [])
    for text in texts:
        if text == "whole novel":
            subprocess.run([*app, "corpus", "import", str(novel)], check=True, capture_output=True, env=environment)
        ours, theirs, reading = [], [], []
        first_paint(app, "第一回".encode(), environment)
        for _ in range(ROUNDS):
            theirs.append(first_paint(minimal, b"minimal app", environment))
            ours.append(first_paint(app, "西 游 记".encode(), environment))
            reading.append(first_paint(app, "第一回".encode(), environment))
        rows.append((f"first paint, {text}", ours, theirs, 1.3))
        rows.append((f"the reader stands, {text}", reading, theirs, 0.0))
    ours, theirs = [], []
    for _ in range(ROUNDS * 3):
        theirs.append(elapsed([python, "-c", "pass"], environment))
        ours.append(elapsed([*app, "--help"], environment))
    rows.append(("xiyou --help", ours, theirs, 4.0))
    shutil.rmtree(home)
    for name, ours, theirs, target in rows:
        ratio = statistics.median(ours) / statistics.median(theirs)
        verdict = f"(target {target}x) {'ok' if ratio <= target else 'MISSED'}" if target else "(no target)"
        print(
            f"{name:36} {statistics.median(ours) * 1e3:6.0f} ms against {statistics.median(theirs) * 1e3:6.0f} ms: "
            f"{ratio:.2f}x {verdict}"
        )


if __name__ == "__main__":
    main()
