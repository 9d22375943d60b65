"""`xiyou corpus fetch` through its front door, and what never opens a connection."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.conftest import make_book
from tests.corpus.server import PORTAL, Server, chapter_path, make_page, running, status, wait_for, whole
from xiyou_tui.cli.main import run
from xiyou_tui.storage.places import Places

BOOK = make_book().encode()


@pytest.fixture
def server(places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that the user's list of sources points to: `book` is one file, `wiki` three chapters."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with running() as made:
        (places.config / "sources.toml").write_text(
            f"""
[[source]]
id = "book"
addresses = ["{made.on("/book.txt", whole(BOOK))}"]
[[source]]
id = "wiki"
addresses = ["{made.chapters(range(1, 4))}"]
chapters = "1-3"
format = "text"
pause = 0
""",
            "utf-8",
        )
        yield made


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    capsys.readouterr()
    code = run(["corpus", "fetch", *arguments, "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out), told.err


def test_a_fetched_text_becomes_current(capsys: pytest.CaptureFixture[str], server: Server) -> None:
    code, record, told = ask(capsys, "book", "--title", "网上本")
    assert code == 0 and record["chapters"] == 100 and record["title"] == "网上本" and record["kept"]
    assert {"edition", "warnings", "source", "addresses", "requests", "received", "reused"} <= record.keys()
    assert told.index(server.address + "/book.txt") < told.index("用时")
    assert run(["corpus", "list", "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    assert listing["current"] == record["edition"]
    assert "127.0.0.1" in listing["editions"][0]["source"]


def test_a_typed_address_and_check(capsys: pytest.CaptureFixture[str], server: Server) -> None:
    code, record, _ = ask(capsys, server.address + "/book.txt", "--check")
    assert code == 0 and not record["kept"]
    run(["corpus", "list", "--json"])
    assert len(json.loads(capsys.readouterr().out)["editions"]) == 1


def test_failures_go_on_next_time(capsys: pytest.CaptureFixture[str], server: Server) -> None:
    server.on(chapter_path(2), status(404))
    code, record, told = ask(capsys, "wiki")
    error = record["error"]
    assert code == 1 and error["code"] == "fetch-not-there" and error["missing"] == [2] and error["arrived"] == 2
    assert "下一步" in told and Path(error["folder"]).is_dir()
    server.on(chapter_path(2), whole(make_page(2).encode()))
    code, record, told = ask(capsys, "wiki")
    assert code == 0 and (record["requests"], record["reused"]) == (1, 2)
    code, record, told = ask(capsys, "wiki")
    assert record["requests"] == 0 and "没有联网" in told


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["nowhere"], "no-source"), (["file:///etc/passwd"], "bad-address"), (["book", "--mirror", "x y"], "bad-address"), (["book", "--proxy", "socks5://x:1"], "fetch-proxy")],
)
def test_mistakes_ask_nobody(capsys: pytest.CaptureFixture[str], server: Server, arguments: list[str], code: str) -> None:
    exit_code, record, _ = ask(capsys, *arguments)
    assert exit_code == 1 and record["error"]["code"] == code and not server.asked


def test_a_login_page_is_told(capsys: pytest.CaptureFixture[str], server: Server) -> None:
    server.on("/book.txt", whole(PORTAL))
    code, record, _ = ask(capsys, "book")
    assert code == 1 and record["error"]["code"] == "fetch-html-page"


def test_the_list_asks_nobody(capsys: pytest.CaptureFixture[str], server: Server) -> None:
    code, record, _ = ask(capsys, "--list")
    assert code == 0 and [source["id"] for source in record["sources"]] == ["wikisource", "gutenberg", "book", "wiki"]
    assert Path(record["file"]).name == "sources.toml" and not server.asked
    assert run(["corpus", "fetch", "--list"]) == 0
    assert "https://zh.wikisource.org/w/index.php?title=西遊記/第001回&action=raw" in capsys.readouterr().out


def test_an_interrupt_keeps_what_came(server: Server, home: Path) -> None:
    server.on(chapter_path(3), whole(make_page(3).encode(), stall=5000))
    command = [sys.executable, "-m", "xiyou_tui", "corpus", "fetch", "wiki"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "XIYOU_HOME": str(home)})
    assert wait_for(lambda: chapter_path(3) in server.paths(), 20)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=10)
    assert process.returncode == 1 and not out
    assert "已停下" in told and "取到的 2 回" in told and "接着取" in told
    server.on(chapter_path(3), whole(make_page(3).encode()))
    assert subprocess.run([*command, "--json"], capture_output=True, env={**os.environ, "XIYOU_HOME": str(home)}).returncode == 0
    assert server.asked[-1].headers["Range"] == "bytes=5000-"


WATCH = """
import sys

def watch(event, arguments):
    if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(arguments[1], tuple)):
        print("asked", event, arguments[1:], file=sys.__stderr__, flush=True)
        import os
        os._exit(77)

sys.addaudithook(watch)
"""


def watched(program: str, home: Path) -> int:
    """The exit code of a program that dies with 77 when it looks up or connects to any machine."""
    return subprocess.run([sys.executable, "-c", WATCH + program], env={**os.environ, "XIYOU_HOME": str(home)}, stdout=subprocess.DEVNULL).returncode


def test_the_watch_sees_a_fetch(server: Server, home: Path) -> None:
    assert watched("from xiyou_tui.cli.main import run; sys.exit(run(['corpus', 'fetch', 'book']))", home) == 77


def test_no_command_but_fetch_opens_a_connection(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "西游.txt"
    file.write_bytes(BOOK)
    commands = [
        ["corpus", "import", str(file)], ["corpus", "list"], ["corpus", "show", "1"], ["corpus", "find", "庄院"], ["corpus", "search", "庄院在哪里"],
        ["corpus", "fetch", "--list"], ["corpus", "fetch", "--help"], ["chat", "ask", "师徒走到哪里？"], ["sample", "list"], ["doctor"], ["where"],
        ["model", "list"], ["model", "show", "qwen3-4b"], ["model", "remove", "a/b"], ["model", "get"], ["model", "get", "no name"],
    ]  # fmt: skip
    program = f"from xiyou_tui.cli.main import run\nfor command in {commands!r}:\n try: run(command)\n except SystemExit: pass\n"
    assert watched(program, home) == 0


def test_the_interface_opens_no_connection_before_it_is_told_to(home: Path) -> None:
    program = """
import asyncio
from xiyou_tui.tui.app import XiyouApp

async def main():
    app = XiyouApp()
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("w", "down", "down", "up", "enter", "escape", "down", "enter")
        await pilot.pause()
        for key in ("escape", "escape", "f2", "f3", "f4", "f5", "f6", "g", "down", "tab", "right", "escape", "f1", "slash", "escape", "o", "escape"):
            await pilot.press(key)
            await pilot.pause(0.05)

asyncio.run(main())
"""
    assert watched(program, home) == 0


def test_only_the_fetching_knows_the_network() -> None:
    """No other module of the package imports what opens connections: the promise holds for paths that no test walks."""
    import ast

    root = Path(__file__).parents[2] / "xiyou_tui"
    network = {"socket", "ssl", "http", "http.client", "urllib.request", "ftplib", "smtplib", "requests", "httpx", "aiohttp", "urllib3"}
    # Ranks of one training talk to each other where the user starts several: their launcher looks for free ports of this machine.
    ports = root / "training" / "hosts.py"
    for file in root.rglob("*.py"):
        if file.is_relative_to(root / "corpus" / "fetch") or file == ports:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not network & set(names), f"{file} imports {names}"
