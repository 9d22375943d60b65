"""`xiyou sample` through its front door: JSON on stdout, messages on stderr, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xiyou_tui.cli.main import run
from xiyou_tui.samples.starters import starters


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run(["sample", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_from_a_first_sample_to_the_statistics(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, added = ask(capsys, "add", "石猴从哪里来？", "从石头里来。", "--cite", "1.1", "--tag", "石猴")
    assert code == 0 and added["kind"] == "fact" and added["status"] == "draft"
    assert [citation["chapter"] for citation in added["citations"]] == [1] and added["findings"] == []
    code, refused = ask(capsys, "add", "诸葛亮是谁？", "--refuse", "书外之事")
    assert refused["refusal"] and refused["messages"][1]["content"] == "原著未提及。"

    code, listed = ask(capsys, "list", "--kind", "refusal")
    assert (code, listed["count"], listed["samples"][0]["id"]) == (0, 1, refused["id"])
    code, shown = ask(capsys, "show", added["id"][:6])
    assert shown["citations"][0]["state"] == "here" and shown["history"][0]["action"] == "新建"

    code, record = ask(capsys, "approve", added["id"], refused["id"])
    assert record["changed"] == 2
    code, stats = ask(capsys, "stats")
    assert (stats["total"], stats["approved"], stats["approved_refusal_share"]) == (2, 2, 0.5)

    file = tmp_path / "out.jsonl"
    assert ask(capsys, "export", str(file))[1]["count"] == 2
    assert ask(capsys, "delete", added["id"])[1]["deleted"] == [added["id"]]
    assert ask(capsys, "list", "--bin")[1]["count"] == 1
    assert ask(capsys, "restore", added["id"])[1]["restored"] == [added["id"]]
    assert ask(capsys, "import", str(file))[1] == {"saved": 0, "skipped": 2, "broken": [], "warnings": []}
    assert ask(capsys, "undo")[1]["undone"] == [{"id": added["id"], "action": "恢复"}]


def test_broken_lines_are_listed_and_good_ones_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    good = json.dumps({"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]})
    file.write_text(f"{good}\nbroken\n", "utf-8")
    code, record = ask(capsys, "import", str(file))
    assert code == 0 and record["saved"] == 1 and record["broken"][0]["line"] == 2
    file.write_text("broken\n", "utf-8")
    code, record = ask(capsys, "import", str(file))
    assert code == 1 and record["saved"] == 0


def test_mistakes_are_user_errors_in_chinese(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments in (
        ["add", "问", "答", "--cite", "999.1"],
        ["show", "nothing"],
        ["import", str(tmp_path / "missing")],
        ["export", str(tmp_path)],
    ):
        code, record = ask(capsys, *arguments)
        assert code == 1 and not record["error"]["what"].isascii()
    file = tmp_path / "mine.jsonl"
    file.write_text("我的", "utf-8")
    code, record = ask(capsys, "export", str(file))
    assert (code, record["error"]["code"], file.read_text("utf-8")) == (1, "exists", "我的")
    with pytest.raises(SystemExit, match="1"):
        run(["sample", "list", "--kind", "riddle"])


def test_without_json_it_reads_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", "list"]) == 0
    assert "xiyou sample add" in capsys.readouterr().out
    assert run(["sample", "starters"]) == 0
    assert f"载入自带样本 {len(starters())} 条" in capsys.readouterr().out
    assert run(["sample", "check"]) == 0 and run(["sample", "stats"]) == 0
    out = capsys.readouterr().out
    assert "拒答：通过的样本里占 33%" in out and "近似重复：0 对" in out
    assert run(["sample", "show", "starter-001"]) == 0 and run(["sample", "reanchor"]) == 0
    assert run(["sample"]) == 0 and "reanchor" in capsys.readouterr().out


def test_candidates_are_drafted_into_review(novel_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["corpus", "import", str(novel_path)]) == 0
    capsys.readouterr()
    assert run(["sample", "draft", "--count", "10", "--refusals", "0.4", "--chapters", "27-30", "--seed", "4", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (len(made["drafted"]), made["refusals"], made["seed"]) == (10, 4, 4)
    assert {citation["chapter"] for sample in made["drafted"] for citation in sample["citations"]} <= {27, 28, 29, 30}
    assert run(["sample", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["samples"]) == 10


def test_without_the_novel_nothing_is_drafted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", "draft"]) == 1
    assert "导入《西游记》" in capsys.readouterr().err
