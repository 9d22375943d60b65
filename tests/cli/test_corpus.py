"""The corpus commands through their front door: JSON on stdout, messages on stderr, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.conftest import make_book
from xiyou_tui.cli.main import run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "西游.txt"
    path.write_text(make_book(), "utf-8")
    return path


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run(["corpus", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_import_gives_the_promised_record(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    code, record = ask(capsys, "import", str(file))
    assert code == 0
    assert {"edition", "title", "chapters", "paragraphs", "characters", "warnings"} <= record.keys()
    assert record["chapters"] == 100 and record["appendices"] == 0 and record["paragraphs"] == 399
    assert all(warning.keys() == {"code", "chapter", "message"} for warning in record["warnings"])


def test_real_novel_counts(capsys: pytest.CaptureFixture[str], novel_path: Path) -> None:
    code, record = ask(capsys, "import", str(novel_path))
    assert code == 0 and record["chapters"] == 100 and record["appendices"] == 1 and record["characters"] > 700_000


def test_check_keeps_nothing(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    assert ask(capsys, "import", str(file), "--check")[0] == 0
    assert len(ask(capsys, "list")[1]["editions"]) == 1


def test_list_use_and_remove(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    edition = ask(capsys, "import", str(file), "--title", "甲本")[1]["edition"]
    listing = ask(capsys, "list")[1]
    assert listing["current"] == edition and listing["editions"][0]["title"] == "甲本"
    synopsis = listing["editions"][-1]["id"]
    assert ask(capsys, "use", synopsis)[1]["current"] == synopsis
    assert ask(capsys, "use", edition[:6])[1]["current"] == edition
    code, record = ask(capsys, "remove", edition)
    assert code == 0 and Path(record["bin"]).exists() and record["current"] == synopsis


@pytest.mark.parametrize(("place", "paragraphs"), [("27", 4), ("27.2", 1), ("〔27·2〕", 1)])
def test_show_a_place(capsys: pytest.CaptureFixture[str], file: Path, place: str, paragraphs: int) -> None:
    ask(capsys, "import", str(file))
    code, record = ask(capsys, "show", place)
    assert code == 0 and record["chapter"] == 27 and len(record["paragraphs"]) == paragraphs
    assert record["title"] == "尸魔三戏唐三藏 圣僧恨逐美猴王"


def test_find_gives_exact_places(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    ask(capsys, "import", str(file))
    code, record = ask(capsys, "find", "庄院")
    assert code == 0 and record["count"] == 300 == len(record["hits"])
    assert record["hits"][0].keys() == {"chapter", "paragraph", "start", "end", "text"}
    assert {hit["text"] for hit in record["hits"]} == {"庄院"}


def test_search_gives_scored_passages(capsys: pytest.CaptureFixture[str]) -> None:
    code, record = ask(capsys, "search", "白骨精变了几次", "--top", "3")
    assert code == 0 and 1 <= len(record["passages"]) <= 3
    assert record["passages"][0].keys() == {"chapter", "paragraph", "start", "end", "text", "score"}
    scores = [passage["score"] for passage in record["passages"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["import", "没有.txt"], "no-file"), (["show", "两百"], "bad-place"), (["show", "300"], "no-chapter"), (["show", "1.999"], "corpus"),
     (["use", "ffff"], "no-edition"), (["remove", "zz"], "no-edition")],
)  # fmt: skip
def test_mistakes_exit_with_1_and_a_record(capsys: pytest.CaptureFixture[str], arguments: list[str], code: str) -> None:
    status, record = ask(capsys, *arguments)
    assert status == 1 and record["error"]["code"] == code and record["error"]["what"]


def test_words_for_people(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    assert run(["corpus", "import", str(file)]) == 0
    shown = capsys.readouterr()
    assert "100 回" in shown.out and "chapter-short" in shown.out and "读取" in shown.err
    assert run(["corpus", "show", "27.1"]) == 0
    assert "第二十七回" in capsys.readouterr().out
    assert run(["corpus"]) == 1
