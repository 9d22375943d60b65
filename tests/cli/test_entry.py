"""The command line as a whole: exit codes, JSON on stdout only, errors in Chinese, bugs in the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xiyou_tui.cli import main
from xiyou_tui.cli.main import COMMANDS, run


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run([command, "--help"])
    assert caught.value.code == 0
    assert "xiyou " + command in capsys.readouterr().out


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


def test_where_gives_one_json_object(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["where", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"].startswith(str(home))


def test_an_unknown_command_is_a_user_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["frobnicate"]) == 1
    assert "frobnicate" in capsys.readouterr().err


def test_wrong_arguments_are_a_user_error_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(["where", "--no-such"])
    assert caught.value.code == 1
    assert "命令写得不对" in capsys.readouterr().err


def test_without_a_terminal_the_app_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 1
    assert "xiyou demo" in capsys.readouterr().err


def test_user_errors_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["corpus", "import", "/no/such/file.txt", "--json"]) == 1
    captured = capsys.readouterr()
    error = json.loads(captured.out)["error"]
    assert error["code"] and error["what"] and error["next"]
    assert "下一步" in captured.err


def test_a_bug_is_logged_and_exits_with_two(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import xiyou_tui.cli.where as module

    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "find_places", broken)
    assert main.run(["where"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err and "意外" in err
    assert "ZeroDivisionError" in next((home / "log").glob("bug-*.txt")).read_text("utf-8")


def test_an_unwritable_home_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XIYOU_HOME", str(blocked / "inside"))
    assert run(["corpus", "list"]) == 1
    assert "XIYOU_HOME" in capsys.readouterr().err


def test_doctor_reports_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["doctor", "--json"])
    record = json.loads(capsys.readouterr().out)
    assert record["ok"] == (code == 0)
    assert {"程序", "目录", "磁盘", "字宽", "MLX", "剪贴板", "数据库"} <= {check["name"] for check in record["checks"]}
    assert all(check["advice"] for check in record["checks"] if check["state"] != "ok")


@pytest.mark.slow
def test_the_demo_walks_the_whole_loop(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [step["name"] for step in record["steps"]] == ["text", "index", "samples", "model", "dapt", "sft", "trained", "questions"]
    assert all(step["seconds"] >= 0 for step in record["steps"])
    dapt = record["steps"][4]
    assert dapt["last_loss"] < dapt["first_loss"]
    assert [answer["refused"] for answer in record["answers"]] == [False, False, True]
    for answer in record["answers"]:
        assert set(answer) >= {"answer", "refused", "reason", "citations", "mode", "model"}
