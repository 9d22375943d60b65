"""A light front: what the interface and the command line must not import, checked in processes of their own."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("mlx", "mlx_lm", "transformers", "datasets", "numpy", "pyarrow", "llguidance", "tokenizers", "torch")


def modules_after(program: str) -> set[str]:
    """Top-level names in sys.modules after running `program` in a fresh interpreter."""
    code = program + "\nimport sys; print('\\n'.join(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.__stderr__)"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(outcome.stderr.split())


def test_help_is_light() -> None:
    names = modules_after("from xiyou_tui.cli.main import run; run(['--help'])")
    assert not names & {*HEAVY, "textual", "rich", "argparse", "json", "sqlite3", "dataclasses"}


def test_every_screen_is_light() -> None:
    program = (
        "import importlib\nfrom xiyou_tui.tui.app import SCREENS, XiyouApp\n"
        "for module, _ in SCREENS.values(): importlib.import_module(f'xiyou_tui.tui.screens.{module}')"
    )
    names = modules_after(program)
    assert "textual" in names
    assert not names & set(HEAVY)


def test_searching_and_quoting_are_light() -> None:
    program = (
        "import xiyou_tui.corpus.importer, xiyou_tui.corpus.retrieval, xiyou_tui.corpus.find, xiyou_tui.chat.answer, xiyou_tui.chat.client\n"
        "import xiyou_tui.samples.store, xiyou_tui.samples.exchange, xiyou_tui.training.launch, xiyou_tui.training.run, xiyou_tui.models.registry, xiyou_tui.models.vocabulary"
    )
    assert not modules_after(program) & {*HEAVY, "textual"}
