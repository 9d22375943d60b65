"""`xiyou model` through its front door, against a model site on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.server import status, wait_for, whole
from tests.models.conftest import content as content
from tests.models.conftest import server as server
from tests.models.conftest import site as site
from tests.models.hub import REPO, Site, slowly
from tests.tui.runs import a_model
from xiyou_tui.cli.main import run
from xiyou_tui.models.parts import list_pending
from xiyou_tui.models.suggestions import find_suggestion, judge, load_suggestions
from xiyou_tui.storage.places import Places
from xiyou_tui.storage.settings import load_settings

WEIGHTS = "model.safetensors"


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    capsys.readouterr()
    code = run(["model", *arguments, "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out), told.err


def get(capsys: pytest.CaptureFixture[str], site: Site, *arguments: str) -> tuple[int, Any, str]:
    return ask(capsys, "get", REPO, "--source", "hub", "--endpoint", site.server.address, *arguments)


def test_a_model_is_fetched_listed_shown_used_and_removed(capsys: pytest.CaptureFixture[str], site: Site, places: Places) -> None:
    code, record, told = get(capsys, site)
    assert code == 0 and record["received"] > 0 and not record["already"] and Path(record["model"]["path"]).is_dir()
    assert REPO in told and "100%" in told and "核对" in told and "用时" in told
    code, record, _ = get(capsys, site)
    assert code == 0 and record["already"] and record["requests"] == 0
    code, record, _ = ask(capsys, "use", "Little-Qwen-4bit")
    assert code == 0 and load_settings(places.settings).text("chat.model") == record["model"]["path"]
    code, record, _ = ask(capsys, "list")
    assert [(model["name"], model["used"]) for model in record["models"]] == [("Little-Qwen-4bit", True)] and record["suggested"] and not record["pending"]
    assert run(["model", "show", "Little-Qwen-4bit"]) == 0
    shown = capsys.readouterr().out
    assert REPO in shown and "apache-2.0" in shown and "0123456789ab" in shown and "qwen2" in shown
    code, record, _ = ask(capsys, "remove", REPO)
    assert code == 0 and Path(record["bin"]).is_dir() and not Path(record["removed"]).exists()
    assert load_settings(places.settings).text("chat.model") == ""
    assert run(["model", "list"]) == 0 and "还没有模型" in capsys.readouterr().out


def test_a_download_that_broke_off_goes_on_with_the_name_alone(capsys: pytest.CaptureFixture[str], site: Site, content: dict[str, bytes], places: Places) -> None:
    site.on(WEIGHTS, whole(content[WEIGHTS], cut=9000), status(404))
    code, record, told = get(capsys, site)
    error = record["error"]
    assert code == 1 and error["code"] == "download-changed" and error["received"] > 9000 and "已保留" in told and "下一步" in told
    assert run(["model", "list"]) == 0
    assert REPO in capsys.readouterr().out
    site.on(WEIGHTS, whole(content[WEIGHTS]))
    code, record, told = ask(capsys, "get", REPO)
    assert code == 0 and record["reused"] == len(content) - 1 and "接着下" in told and site.asked_for(WEIGHTS)[-1] == "bytes=9000-"
    assert record["endpoint"] == site.server.address


def test_a_short_name_means_its_model(capsys: pytest.CaptureFixture[str], site: Site) -> None:
    suggestion = load_suggestions()[0]
    site.repo = suggestion.repo
    site.serve()
    code, record, _ = ask(capsys, "get", suggestion.id, "--source", "hub", "--endpoint", site.server.address)
    assert code == 0 and record["repo"] == suggestion.repo
    assert run(["model", "list"]) == 0 and "有了" in capsys.readouterr().out
    assert ask(capsys, "show", suggestion.id)[0] == 0 and ask(capsys, "remove", suggestion.id)[0] == 0


def test_an_unfinished_download_is_removed_for_good(capsys: pytest.CaptureFixture[str], site: Site, places: Places) -> None:
    site.on(WEIGHTS, status(404))
    get(capsys, site)
    assert list_pending(places)
    code, _, _ = ask(capsys, "remove", REPO)
    assert code == 0 and not list_pending(places) and not any(places.bin.iterdir())
    assert not (places.models / ".part" / REPO.replace("/", "--")).exists()


def test_a_directory_is_added_and_taken_off(capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path) -> None:
    path = a_model(tmp_path / "Qwen-outside")
    assert ask(capsys, "add", str(path))[0] == 0
    assert [model["path"] for model in ask(capsys, "list")[1]["models"]] == [str(path)]
    assert ask(capsys, "show", "Qwen-outside")[0] == 0 and ask(capsys, "remove", "Qwen-outside")[0] == 0
    assert path.is_dir() and not ask(capsys, "list")[1]["models"]
    code, record, _ = ask(capsys, "add", str(tmp_path))
    assert code == 1 and "config.json" in record["error"]["what"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["get"], "no-name"), (["get", "qwen"], "bad-repo"), (["get", "a/b", "--revision", "../x"], "bad-revision"), (["get", "a/b", "--endpoint", "ftp://x"], "bad-endpoint"),
        (["get", "a/b", "--name", "../x"], "bad-name"), (["get", "a/b", "--proxy", "socks5://x:1"], "fetch-proxy"), (["show", "qwen3-4b"], "no-model"),
        (["show", "nobody"], "no-model"), (["remove", "nobody"], "no-model"), (["use", "./nowhere"], "no-model"),
    ],
)  # fmt: skip
def test_mistakes_are_told(capsys: pytest.CaptureFixture[str], home: Path, arguments: list[str], code: str) -> None:
    exit_code, record, told = ask(capsys, *arguments)
    assert exit_code == 1 and record["error"]["code"] == code and record["error"]["next"] and "下一步" in told


def test_a_mirror_in_the_settings_is_where_it_asks(capsys: pytest.CaptureFixture[str], site: Site, places: Places) -> None:
    places.settings.write_text(f'[network]\nmirror = "{site.server.address}/"\n', "utf-8")
    code, record, told = ask(capsys, "get", f"https://hf-mirror.com/{REPO}")
    assert code == 0 and record["source"] == "mirror" and "镜像 127.0.0.1" in told


def test_an_interrupt_keeps_what_came(site: Site, content: dict[str, bytes], home: Path, places: Places) -> None:
    data = content[WEIGHTS]
    site.on(WEIGHTS, slowly(data, piece=2048, rest=0.05))
    command = [sys.executable, "-m", "xiyou_tui", "model", "get", REPO]
    environment = {**os.environ, "XIYOU_HOME": str(home), "HF_ENDPOINT": site.server.address}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    partial = places.models / ".part" / REPO.replace("/", "--") / f"{WEIGHTS}.part"
    assert wait_for(lambda: partial.exists() and partial.stat().st_size > 4000, 20)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=10)
    assert process.returncode == 1 and not out
    assert "已停下" in told and "都留着" in told and f"xiyou model get {REPO}" in told
    size = partial.stat().st_size
    site.on(WEIGHTS, whole(data))
    assert subprocess.run([*command, "--json"], capture_output=True, env=environment).returncode == 0
    assert site.asked_for(WEIGHTS)[-1] == f"bytes={size}-"


def test_a_model_that_is_not_there_says_the_other_ways(capsys: pytest.CaptureFixture[str], site: Site) -> None:
    site.server.on(site.list_path(), status(404, X_Error_Code="RepoNotFound"))
    code, record, _ = get(capsys, site)
    assert code == 1 and record["error"]["code"] == "download-missing" and "modelscope" in record["error"]["next"]


def test_the_list_that_ships() -> None:
    suggested = load_suggestions()
    assert len({item.id for item in suggested}) == len(suggested) >= 4 and [item.size for item in suggested] == sorted(item.size for item in suggested)
    for item in suggested:
        assert item.size < item.chat < item.train and item.why and item.licence and item.repo.startswith("mlx-community/")
        assert find_suggestion(item.id.upper()) == find_suggestion(item.repo) == item
    assert find_suggestion("nobody") is None
    assert [judge(need, 100) for need in (85, 86, 101)] == ["fits", "tight", "too-big"]
