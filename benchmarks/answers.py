"""How well 摘引 answers and refuses: every question set that ships or lies beside this file, by the measures of `xiyou eval`.

Run: python benchmarks/answers.py [SET.jsonl ...]   Needs the full text (XIYOU_CORPUS names its directory); no model.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
NOVEL = Path(os.environ.get("XIYOU_CORPUS", ROOT.parent / "shared" / "corpus")) / "simplified-gbk.txt"
SETS = (*sorted((ROOT / "assets" / "questions").glob("*.jsonl")), *sorted((ROOT / "benchmarks" / "questions").glob("*.jsonl")))
SHOWN = ("contained", "refusal_recall", "over_refusal", "verbatim", "resolvable", "passage_r5", "passage_r10", "chapter_r5")


def told(arguments: list[str]) -> dict[str, object]:
    """What a command answers with `--json`."""
    from xiyou_tui.cli.main import run

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        run([*arguments, "--json"])
    answer: dict[str, object] = json.loads(out.getvalue())
    return answer


def main() -> int:
    if not NOVEL.exists():
        print(f"needs the full text: {NOVEL}")
        return 0
    os.environ["XIYOU_HOME"] = tempfile.mkdtemp()
    told(["corpus", "import", str(NOVEL)])
    print("| set (answerable + not) | " + " | ".join(SHOWN) + " | ms p50 | ms p95 |")
    print("|" + "---|" * (len(SHOWN) + 3))
    for path in [Path(name) for name in sys.argv[1:]] or SETS:
        record = told(["eval", "run", str(path), "--mode", "extract"])
        measures: dict[str, dict[str, float | None]] = record["measures"]  # type: ignore[assignment]
        latency: dict[str, float] = record["latency_ms"]  # type: ignore[assignment]
        cells = []
        for name in SHOWN:
            found = measures[name]
            if name in ("verbatim", "resolvable"):
                cells.append(f"{found['hits']} of {found['n']}")
            elif found["value"] is None:
                cells.append("—")
            else:
                cells.append(f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]")
        size = f"{measures['contained']['n']} + {measures['refusal_recall']['n']}"
        print(f"| {path.stem} ({size}) | " + " | ".join(cells) + f" | {latency['median']:.0f} | {latency['p95']:.0f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
