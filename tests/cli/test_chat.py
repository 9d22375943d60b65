"""`xiyou chat ask` through its command line, on the synopsis volume and the real novel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from xiyou_tui.cli.main import run


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert run(["chat", "ask", *arguments, "--json"]) == 0
    output = capsys.readouterr().out
    assert output.count("\n") == 1, "one JSON object and nothing else"
    record = json.loads(output)
    assert isinstance(record, dict)
    return record


def test_the_answer_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    record = ask(capsys, "白骨精变成了哪些人？", "--mode", "extract")
    assert set(record) == {"answer", "refused", "reason", "citations", "mode", "model"}
    assert record["refused"] is False
    assert record["mode"] == "extract"
    citations = record["citations"]
    assert isinstance(citations, list)
    assert citations
    assert set(citations[0]) == {"chapter", "paragraph", "start", "end", "text"}
    assert "〔提要27·" in str(record["answer"])


def test_a_refusal_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    record = ask(capsys, "诸葛亮借东风是哪一回？", "--mode", "extract")
    assert record["refused"] is True
    assert record["reason"]


def test_on_the_novel_every_citation_is_the_stored_text(capsys: pytest.CaptureFixture[str], novel_path: Path) -> None:
    assert run(["corpus", "import", str(novel_path), "--json"]) == 0
    capsys.readouterr()
    record = ask(capsys, "孙悟空的金箍棒有多重？", "--mode", "extract")
    from xiyou_tui.study import open_study

    study = open_study()
    edition = study.library.current()
    study.close()
    citations = record["citations"]
    assert isinstance(citations, list)
    for item in citations:
        assert edition.chapter(item["chapter"]).text[item["start"] : item["end"]] == item["text"]
    assert "一万三千五百斤" in "".join(item["text"] for item in citations)


def test_mistakes_are_answered_in_chinese(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["chat", "ask", "   ", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["what"]
    assert run(["chat", "ask", "白骨精是谁", "--mode", "closed", "--model", str(tmp_path)]) == 1
    assert "模型" in capsys.readouterr().err or "config.json" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        run(["chat", "ask", "问", "--mode", "guess"])
    assert left.value.code == 1


def test_the_trace_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chat", "ask", "白骨精变成了哪些人？", "--mode", "extract", "--trace"]) == 0
    assert "判断" in capsys.readouterr().out


def test_asking_by_extract_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom xiyou_tui.cli.main import run\nrun(['chat', 'ask', '白骨精变成了哪些人？', '--mode', 'extract', '--json'])\n"
        "heavy = {'mlx', 'mlx_lm', 'transformers', 'datasets', 'numpy', 'pyarrow', 'llguidance', 'tokenizers', 'textual'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
