"""Drafts survive: kill -9 in the middle of typing, torn lines, a second instance."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from xiyou_tui.errors import StorageError
from xiyou_tui.samples import journal as journal_module
from xiyou_tui.samples.journal import DraftJournal


def test_the_newest_state_is_read_back(tmp_path: Path) -> None:
    journal = DraftJournal(tmp_path)
    for text in ("白", "白骨", "白骨夫人"):
        journal.write("one", {"text": text})
    journal.write("two", {"text": "别的"})
    journal.close()
    assert [(draft.id, draft.record["text"]) for draft in DraftJournal(tmp_path).read_all()] == [
        ("two", "别的"),
        ("one", "白骨夫人"),
    ]


def test_a_cleared_draft_is_gone(tmp_path: Path) -> None:
    journal = DraftJournal(tmp_path)
    journal.write("one", {"text": "存过了"})
    journal.clear("one")
    journal.clear("never")
    assert journal.read_all() == [] and list(tmp_path.iterdir()) == []


def test_a_torn_last_line_costs_only_itself(tmp_path: Path) -> None:
    journal = DraftJournal(tmp_path)
    journal.write("one", {"text": "完整"})
    journal.close()
    path = tmp_path / "one.draft"
    with path.open("ab") as file:
        file.write(b'{"time": 1, "record": {"text": "\xe6\x88')
    assert DraftJournal(tmp_path).read_all()[0].record == {"text": "完整"}
    later = DraftJournal(tmp_path)
    later.write("one", {"text": "接着写"})
    later.close()
    assert DraftJournal(tmp_path).read_all()[0].record == {"text": "接着写"}
    (tmp_path / "two.draft").write_bytes(b"\0\0\0")
    assert [draft.id for draft in DraftJournal(tmp_path).read_all()] == ["one"]


def test_the_file_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "COMPACT_AT", 4096)
    journal = DraftJournal(tmp_path)
    for number in range(300):
        journal.write("one", {"text": f"第 {number} 个字" * 5})
    assert (tmp_path / "one.draft").stat().st_size <= 4096
    journal.close()
    assert DraftJournal(tmp_path).read_all()[0].record == {"text": "第 299 个字" * 5}


def test_a_draft_being_typed_elsewhere_is_not_offered(tmp_path: Path) -> None:
    typing = DraftJournal(tmp_path)
    typing.write("one", {"text": "正在打"})
    assert DraftJournal(tmp_path).read_all() == []
    assert [draft.id for draft in typing.read_all()] == ["one"]
    typing.close()
    assert [draft.id for draft in DraftJournal(tmp_path).read_all()] == ["one"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(StorageError):
        DraftJournal(tmp_path / "file" / "below").write("one", {})
    with pytest.raises(ValueError, match="not a draft id"):
        DraftJournal(tmp_path).write("../one", {})


def test_kill_9_in_the_middle_of_typing_loses_nothing(tmp_path: Path) -> None:
    """A child types one character after the other and tells each; it is killed, and what it told of last is there."""
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from xiyou_tui.samples.journal import DraftJournal
        journal = DraftJournal(Path(sys.argv[1]))
        text = ""
        while True:
            text += "字"
            journal.write("one", {"text": text})
            print(len(text), flush=True)
    """)
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = 0
    begun = time.monotonic()
    while told < 200 and time.monotonic() - begun < 20:
        told = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    told = max([told, *(int(line) for line in child.stdout.read().split())])
    assert child.wait() == -signal.SIGKILL
    [draft] = DraftJournal(tmp_path).read_all()
    assert len(draft.record["text"]) >= told
