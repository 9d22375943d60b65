"""Build the wheel and check what is in it: every asset, every stylesheet and migration, and nothing that must not ship."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = ("tests/", "benchmarks/", ".venv/", "__pycache__")


def build(folder: Path) -> Path:
    """Build the wheel of this checkout into `folder` and return its path."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("xiyou_tui-*.whl")
    return wheel


def check(wheel: Path) -> list[str]:
    """What is wrong with a wheel, in words; empty when it is right."""
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"xiyou_tui/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "assets").rglob("*") if path.is_file()}
    wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "xiyou_tui").rglob("*") if path.suffix in (".py", ".tcss", ".sql")}
    problems = [f"missing: {name}" for name in sorted(wanted - names)]
    problems += [f"must not ship: {name}" for name in sorted(names) if any(part in name for part in FORBIDDEN)]
    size = wheel.stat().st_size
    if size > 8_000_000:
        problems.append(f"too large: {size:,} bytes")
    return problems


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        problems = check(wheel)
        print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, {'; '.join(problems) or 'complete'}")
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
