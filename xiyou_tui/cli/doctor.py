"""`xiyou doctor`: is everything here that reading, training and chatting need, and what to do where it is not."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from xiyou_tui.cli.output import Parser, add_json, emit
from xiyou_tui.errors import XiyouError
from xiyou_tui.storage.places import Places, find_assets, find_places

MARKS = {"ok": "✓", "warning": "!", "error": "✗"}
LOW_DISK = 2 * 1024**3
# What is measured, and two lines that end in the same column where the terminal draws it as the interface counts it.
MEASURED = "“”…—·汉"
RULER = f"\n      {MEASURED}|\n      1234567|"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: `state` is ok, warning or error; `advice` says what to do when it is not ok."""

    name: str
    state: str
    message: str
    advice: str = ""

    def as_record(self) -> dict[str, str]:
        return {"name": self.name, "state": self.state, "message": self.message, "advice": self.advice}


def run(arguments: list[str]) -> int:
    """Check and print; exit code 1 when something needed is broken."""
    parser = Parser("xiyou doctor", description="检查终端、字体宽度、目录、磁盘、MLX、底本和模型。")
    add_json(parser)
    parsed = parser.parse_args(arguments)
    places = find_places()
    probes: tuple[Callable[[], list[Check]], ...] = (
        check_python, lambda: check_places(places), lambda: check_disk(places), check_terminal, check_width, check_mlx, check_blas, check_clipboard,
        lambda: check_contents(places),
    )  # fmt: skip
    checks = [check for probe in probes for check in probe()]
    lines = []
    for check in checks:
        lines.append(f"{MARKS[check.state]} {check.name}：{check.message}")
        if check.advice:
            lines.append(f"    → {check.advice}")
    broken = any(check.state == "error" for check in checks)
    emit(parsed, {"ok": not broken, "checks": [check.as_record() for check in checks]}, "\n".join(lines))
    return 1 if broken else 0


def check_python() -> list[Check]:
    """Version of Python and the platform."""
    from xiyou_tui import __version__

    return [Check("程序", "ok", f"xiyou {__version__} · Python {platform.python_version()} · {platform.system()} {platform.machine()}")]


def check_places(places: Places) -> list[Check]:
    """The per-user directories can be written."""
    try:
        places.prepare()
        find_assets()
    except XiyouError as error:
        return [Check("目录", "error", error.what, error.next_step)]
    return [Check("目录", "ok", str(places.data))]


def check_disk(places: Places) -> list[Check]:
    """Free space where the data lies."""
    folder = places.data
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"剩余 {free / 1024**3:.1f} GB"
    if free < LOW_DISK:
        return [Check("磁盘", "warning", text, "一次训练的检查点和一个 7B 模型合起来要好几 GB，先腾出空间。")]
    return [Check("磁盘", "ok", text)]


def check_terminal() -> list[Check]:
    """Size, colours and locale of the terminal."""
    checks = []
    size = shutil.get_terminal_size((0, 0))
    if not sys.stdout.isatty():
        checks.append(Check("终端", "warning", "现在没有接终端，只能用命令", "在终端里运行 xiyou 打开界面。"))
    elif size.columns < 80 or size.lines < 24:
        checks.append(Check("终端", "warning", f"{size.columns}×{size.lines}，偏小", "界面在 80×24 以上才舒展；更小也能用，边栏会收起。"))
    else:
        checks.append(Check("终端", "ok", f"{size.columns}×{size.lines} · TERM={os.environ.get('TERM', '?')}"))
    if os.environ.get("COLORTERM") not in ("truecolor", "24bit"):
        checks.append(Check("颜色", "warning", "终端没有声明真彩色", "若颜色难看，在设置里把配色换成 plain-256。"))
    encoding = (sys.stdout.encoding or "").lower()
    if "utf" not in encoding:
        checks.append(Check("编码", "error", f"输出编码是 {encoding or '未知'}", "设置 LANG=zh_CN.UTF-8 或 C.UTF-8 再运行。"))
    return checks


def check_width() -> list[Check]:
    """Ask the terminal how wide it draws “ ” … — ·, which Chinese fonts and settings disagree about."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return [Check("字宽", "warning", "没有接终端，没法量", "在终端里再运行一次 xiyou doctor。")]
    widths = {character: measure_width(character) for character in MEASURED}
    if any(width is None for width in widths.values()):
        return [Check("字宽", "warning", "终端没有回答光标位置", f"看下面两行是否右端对齐：{RULER}")]
    wide = [character for character, width in widths.items() if character != "汉" and width != 1]
    if wide or widths["汉"] != 2:
        return [
            Check(
                "字宽", "error", f"{''.join(wide) or '汉'} 的宽度和程序所想的不同，界面会错位",
                "把终端的「ambiguous characters are double-width（模糊宽度字符显示为双宽）」关掉：iTerm2 在 Profiles → Text，"
                "Terminal.app 在 描述文件 → 高级 → Unicode 东亚模糊字符为宽。",
            )
        ]  # fmt: skip
    return [Check("字宽", "ok", f"引号、省略号、破折号各一格，汉字两格，两行对齐：{RULER}")]


def measure_width(character: str) -> int | None:
    """How many cells the terminal moves its cursor for one character; None when it does not answer within half a second."""
    import re
    import select
    import termios
    import tty

    source, target = sys.stdin.fileno(), sys.stdout.fileno()
    before = termios.tcgetattr(source)
    try:
        tty.setcbreak(source)
        os.write(target, f"\r{character}\x1b[6n".encode())
        answer = b""
        while not answer.endswith(b"R"):
            if not select.select([source], [], [], 0.5)[0]:
                return None
            answer += os.read(source, 32)
        match = re.search(rb"\x1b\[\d+;(\d+)R", answer)
        return int(match[1]) - 1 if match else None
    finally:
        os.write(target, b"\r\x1b[K")
        termios.tcsetattr(source, termios.TCSADRAIN, before)


def check_mlx() -> list[Check]:
    """MLX can be imported and computes, tried in a process of its own."""
    program = "import mlx.core as mx, mlx_lm; print(mx.__version__, mlx_lm.__version__, mx.default_device(), float(mx.ones((4, 4)).sum()))"
    try:
        outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [Check("MLX", "error", f"试运行没有成功（{type(error).__name__}）", "重新安装：pipx reinstall xiyou-tui。")]
    if outcome.returncode != 0:
        reason = (outcome.stderr.strip().splitlines() or ["没有说原因"])[-1]
        return [Check("MLX", "error", f"用不了：{reason}", "阅读、样本、摘引都还能用；训练和模型对话要先重新安装：pipx reinstall xiyou-tui。")]
    version, lm_version, device = outcome.stdout.split()[:3]
    checks = [Check("MLX", "ok", f"mlx {version} · mlx-lm {lm_version} · {'GPU' if 'gpu' in device else 'CPU'}")]
    if platform.system() == "Linux" and not shutil.which("g++"):
        checks.append(Check("编译器", "warning", "没有 g++，MLX 的即时编译会关掉，训练慢一些", "Debian：apt install g++。"))
    return checks


def check_blas() -> list[Check]:
    """On Linux: the fast BLAS that the trainer preloads when it is there."""
    if platform.system() != "Linux":
        return []
    from xiyou_tui.models.child import find_openblas

    library = find_openblas()
    if library is None:
        return [Check("OpenBLAS", "warning", "没有安装，MLX 的 CPU 矩阵乘法会慢十倍以上", "Debian：apt install libopenblas0-pthread；装好后训练会自动用上。")]
    return [Check("OpenBLAS", "ok", f"训练和对话进程会预先载入 {library}")]


def check_clipboard() -> list[Check]:
    """Something that takes copied text."""
    for command in ("pbcopy", "wl-copy", "xclip", "xsel"):
        if shutil.which(command):
            return [Check("剪贴板", "ok", command)]
    if os.environ.get("TERM_PROGRAM") == "Apple_Terminal":
        return [Check("剪贴板", "warning", "找不到 pbcopy", "Terminal.app 不接受程序写剪贴板。")]
    return [Check("剪贴板", "ok", "OSC 52（由终端决定是否接受；tmux 里要 set -g set-clipboard on）")]


def check_contents(places: Places) -> list[Check]:
    """What is there to read and to train: editions, models, other instances."""
    from xiyou_tui.models.registry import list_models
    from xiyou_tui.storage.instance import InstanceLock
    from xiyou_tui.study import open_study

    try:
        study = open_study(places)
    except XiyouError as error:
        return [Check("数据库", "error", error.what, error.next_step)]
    try:
        current = study.library.current()
        checks = [Check("数据库", "ok", str(places.database))]
        if current.is_synopsis:
            checks.append(Check("底本", "warning", "还没有导入原著，现在用的是提要卷", "xiyou corpus import 文件，或在界面里按 o。"))
        else:
            checks.append(Check("底本", "ok", f"{current.title}（{current.characters:,} 字）"))
        models = list_models(places)
        checks.append(Check("模型", "ok", f"{len(models)} 个" if models else "还没有（摘引方式不需要模型）"))
        lock = InstanceLock(places.data)
        if lock.acquire():
            lock.release()
        else:
            checks.append(Check("实例", "warning", "另一个 xiyou 正开着同一个目录", "两边都能写，不会丢；同一条样本以后存的为准。"))
        for warning in study.settings.warnings:
            checks.append(Check("设置", "warning", warning, f"改 {places.settings}"))
        return checks
    finally:
        study.close()
