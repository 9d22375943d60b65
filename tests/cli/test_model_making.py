"""`xiyou model fuse|quantise|export` through its front door, over a run that was really trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xiyou_tui.cli.main import run


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    capsys.readouterr()
    code = run([*arguments, "--json"])
    out, told = capsys.readouterr()
    return code, json.loads(out), told


@pytest.mark.slow
def test_from_a_run_to_a_folder_for_others(home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    few = [part for pair in ("data.max_length=64", "loop.max_steps=6", "optimizer.learning_rate=0.01", "loop.precision=float32", "adapter.kind=lora") for part in ("--set", pair)]
    code, trained, _ = ask(capsys, "train", "start", "--stage", "dapt", "--model", "practice", "--name", "通读那次", "--wait", *few)
    assert code == 0, trained

    code, planned, told = ask(capsys, "model", "fuse", "通读那次", "--plan")
    assert code == 0, planned
    assert "没有量化" in planned["plan"]["losses"][0] and "要写" in told
    assert not Path(planned["plan"]["path"]).exists()
    code, fused, told = ask(capsys, "model", "fuse", "last", "--name", "合成")
    assert code == 0 and Path(fused["made"]["path"]) == home / "data" / "models" / "合成"
    measured = fused["made"]["measured"]
    assert measured["logit_max"] < 1e-3 and measured["passages"] > 2 and "提要" in measured["title"]
    assert "打开底座" in told and "量合并后的模型" in told

    code, small, _ = ask(capsys, "model", "quantise", "合成", "--bits", "4", "--group", "32", "--no-measure")
    assert code == 0 and small["made"]["bytes"] < fused["made"]["bytes"] / 2 and "perplexity_after" not in small["made"]["measured"]
    code, exported, _ = ask(capsys, "model", "export", "合成", "--form", "ollama", "--out", str(tmp_path / "给人"))
    assert code == 0 and exported["made"]["path"] == str(tmp_path / "给人")
    card = (tmp_path / "给人" / "README.md").read_text("utf-8")
    assert "通读 DAPT" in card and "通读那次" in card and str(home) not in card
    assert "你是《西游记》专家" in (tmp_path / "给人" / "Modelfile").read_text("utf-8")
    code, adapter, _ = ask(capsys, "model", "export", "通读那次")
    assert code == 0 and Path(adapter["made"]["path"]).parent == home / "data" / "exports"

    # And again: nothing is written over, every mistake is named.
    for arguments, expected in (
        (("fuse", "通读那次", "--name", "合成"), "exists"),
        (("fuse", "合成"), "not-an-adapter"),
        (("quantise", "通读那次"), "not-a-model"),
        (("quantise", "合成-4bit"), "already-quantised"),
        (("export", "合成-4bit", "--form", "gguf"), "quantised"),
        (("export", "合成-4bit", "--form", "ollama"), "quantised"),
        (("export", "合成", "--out", str(tmp_path)), "exists"),
    ):
        code, record, told = ask(capsys, "model", *arguments)
        assert (code, record["error"]["code"]) == (1, expected) and record["error"]["next"] and "下一步" in told

    # The base is gone: the adapter says so.
    base = next((home / "data" / "models").glob("practice-*"))
    base.rename(tmp_path / "elsewhere")
    assert ask(capsys, "model", "fuse", "通读那次")[1]["error"]["code"] == "no-base"


def test_what_is_not_there_is_named(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    for name in ("没有这个", "/no/such/place"):
        code, record, _ = ask(capsys, "model", "export", name)
        assert (code, record["error"]["code"]) == (1, "no-model") and record["error"]["next"]
    with pytest.raises(SystemExit) as caught:
        run(["model", "quantise", "x", "--bits", "5"])
    assert caught.value.code == 1
