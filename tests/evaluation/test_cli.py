"""`xiyou eval` as a script uses it: one JSON object on stdout, everything else on stderr, exit codes that mean something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xiyou_tui.cli.main import run
from xiyou_tui.corpus.model import Edition
from xiyou_tui.study import Study

from .conftest import write_set


@pytest.fixture(autouse=True)
def small(study: Study, edition: Edition) -> Study:
    study.library.add(edition)
    return study


def call(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert run(["eval", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_running_listing_showing_comparing_reporting(capsys: pytest.CaptureFixture[str], set_file: Path, tmp_path: Path) -> None:
    first = call(capsys, "run", str(set_file), "--mode", "extract", "--name", "甲")
    assert (first["status"], first["done"], first["total"], first["bugs"]) == ("finished", 5, 5, [])
    assert first["measures"]["verbatim"]["value"] == 1.0 and first["measures"]["refusal_recall"]["n"] == 2
    assert {"value", "low", "high", "n", "hits"} == set(first["measures"]["contained"]) and set(first["by_kind"]) == {"fact", "name", "out_of_scope"}
    second = call(capsys, "run", str(set_file), "--limit", "3", "--seed", "1")
    assert second["questions"] == 3 and second["limit"] == 3
    assert [item["id"] for item in call(capsys, "list")["evaluations"]] == sorted((first["id"], second["id"]), reverse=True)
    shown = call(capsys, "show", "甲")
    assert [item["id"] for item in shown["questions"]] == ["T1", "T2", "T3", "T4", "T5"]
    one = call(capsys, "show", "甲", "--question", "T4")
    assert one["outcomes"][0]["verdict"] == "refused" and one["outcomes"][0]["answer"]["refused"] is True
    assert call(capsys, "compare", "甲", second["id"])["questions"] == 3
    written = call(capsys, "report", "甲", "--out", str(tmp_path / "out"))
    assert Path(written["markdown"]).exists() and json.loads(Path(written["json"]).read_text("utf-8"))["name"] == "甲"
    assert Path(call(capsys, "delete", second["id"])["bin"]).exists()
    assert call(capsys, "run", "--resume", "甲")["done"] == 5


def test_the_text_says_what_came_of_it(capsys: pytest.CaptureFixture[str], set_file: Path) -> None:
    assert run(["eval", "run", str(set_file)]) == 0
    text = capsys.readouterr().out
    assert "逐字率" in text and "100%" in text and "没做对的" in text
    for arguments in (["list"], ["show", "--wrong"], ["show", "--question", "T1"], ["sets"], ["report", "--out", "-"], []):
        assert run(["eval", *arguments]) == 0
        assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["run", "nowhere"], ["run", "dev", "--mode", "magic"], ["run", "dev", "--mode", "retrieve"], ["run", "dev", "--limit", "-1"], ["show"], ["compare", "a", "b"]],
)
def test_mistakes_are_answered_in_chinese_with_exit_code_1(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    error = call(capsys, *arguments, code=1)["error"]
    assert error["what"] and error["next"]


def test_a_set_with_wrong_lines_is_refused_by_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write_set(tmp_path / "bad.jsonl", [{"id": "1", "question": "问", "answerable": True, "answers": ["答"]}, {"id": "2"}])
    assert "第 2 行" in call(capsys, "run", str(path), code=1)["error"]["what"]
    assert call(capsys, "list") == {"evaluations": []}
