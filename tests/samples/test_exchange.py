"""Import keeps the good lines and names the broken ones; export and import are each other's inverse; nothing is overwritten."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xiyou_tui.corpus.model import Edition
from xiyou_tui.errors import SampleError, StorageError
from xiyou_tui.samples.citations import cite_paragraph
from xiyou_tui.samples.exchange import export_jsonl, import_jsonl
from xiyou_tui.samples.model import new_sample
from xiyou_tui.samples.store import SampleStore
from xiyou_tui.storage.database import open_database
from xiyou_tui.study import Study

Make = Callable[..., Edition]


def row(question: str = "问", answer: str = "答", **more: object) -> str:
    return json.dumps(
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more},
        ensure_ascii=False,
    )


def test_a_round_trip_loses_nothing(study: Study, edition: Edition, tmp_path: Path) -> None:
    store = study.samples
    store.save(
        new_sample(
            "fact", "一\u2028行", "“引”", citations=[cite_paragraph(edition, "1.2")], tags=["甲"], status="approved", note="注"
        )
    )
    store.save(new_sample("refusal", "拒", "原著未提及。", reason="书外之事", split="test"))
    before = {sample.id: sample for sample in store.list()}
    assert export_jsonl(store.list(), tmp_path / "out.jsonl", study.library, store) == 2
    assert len((tmp_path / "out.jsonl").read_text("utf-8").splitlines()) == 2
    other = SampleStore(open_database(tmp_path / "other.db"))
    assert import_jsonl(tmp_path / "out.jsonl", other, study.library).saved == 2
    assert {sample.id: sample for sample in other.list()} == before
    again = import_jsonl(tmp_path / "out.jsonl", other, study.library)
    assert (again.saved, again.skipped) == (0, 2)
    other.undo()
    assert other.count() == 0, "an import is one step"


def test_good_lines_are_kept_and_broken_ones_named(study: Study, tmp_path: Path) -> None:
    lines = [
        row("一"),
        "{坏的",
        "",
        "[1, 2]",
        '{"messages": []}',
        '{"text": "只有文字"}',
        row(""),
        row("二", kind="riddle"),
        row("三", status="seen"),
        json.dumps({"messages": [{"role": "robot", "content": "x"}]}),
        json.dumps({"messages": [{"role": "user", "content": "只有问"}]}),
        json.dumps({"messages": [{"role": "assistant", "content": "答"}, {"role": "user", "content": "问"}]}),
        json.dumps({"messages": [{"role": "user", "content": 5}, {"role": "assistant", "content": "答"}]}),
        row("四", tags="不是列表"),
        row("五", citations=[{"chapter": "很多"}]),
        r'{"messages": [{"role": "user", "content": "\ud800"}, {"role": "assistant", "content": "答"}]}',
        row("六", refusal="是"),
        row("七", kind="拒答", status="通过"),
    ]
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    outcome = import_jsonl(path, study.samples, study.library)
    assert outcome.saved == 2
    assert [line for line, _ in outcome.broken] == [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]
    assert all(reason and not reason.isascii() for _, reason in outcome.broken)
    assert [(sample.question, sample.kind, sample.status) for sample in study.samples.list()] == [
        ("七", "refusal", "approved"),
        ("一", "fact", "review"),
    ]


def test_rows_of_other_tools_are_understood(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "others.jsonl"
    rows = [
        {
            "messages": [
                {"role": "system", "content": "规矩"},
                {"role": "user", "content": "甲"},
                {"role": "assistant", "content": "乙"},
            ]
        },
        {"prompt": "丙", "completion": "丁"},
        {"instruction": "戊", "input": "己", "output": "原著未提及。"},
    ]
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), "utf-8")
    import_jsonl(path, study.samples, study.library)
    found = {sample.question: sample for sample in study.samples.list()}
    assert set(found) == {"甲", "丙", "戊\n己"}
    assert found["甲"].turns[0].role == "system"
    assert found["戊\n己"].refusal and found["戊\n己"].status == "review"
    path.write_text(
        json.dumps([rows[1], "不是对象", {"prompt": "庚", "completion": "辛"}], ensure_ascii=False, indent=1), "utf-8"
    )
    outcome = import_jsonl(path, study.samples, study.library)
    assert (outcome.saved, outcome.skipped, outcome.broken) == (1, 1, [(2, "这一项不是 JSON 对象")])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings_are_told_apart(study: Study, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "encoded.jsonl"
    path.write_bytes("\r\n".join([row("白骨夫人是谁？"), row("再问一句")]).encode(encoding))
    assert import_jsonl(path, study.samples, study.library).saved == 2
    assert "白骨夫人是谁？" in {sample.question for sample in study.samples.list()}


def test_one_line_in_another_encoding_does_not_cost_the_others(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(row("好").encode() + b"\n" + row("坏").encode("gb18030") + b"\n" + row("也好").encode())
    outcome = import_jsonl(path, study.samples, study.library)
    assert (outcome.saved, outcome.broken) == (2, [(2, "这一行不是 UTF-8 编码")])


@pytest.mark.parametrize(("content", "what"), [(b"", "是空的"), (b" \n ", "是空的"), (b"\x7fELF\0\0\0", "不是文本文件")])
def test_what_is_no_text_is_told(study: Study, tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(SampleError, match=what):
        import_jsonl(path, study.samples, study.library)
    with pytest.raises(SampleError, match="读不了"):
        import_jsonl(tmp_path / "missing.jsonl", study.samples, study.library)


@given(content=st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=80, deadline=None)
def test_no_file_breaks_the_import(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    from xiyou_tui.storage.places import Places
    from xiyou_tui.study import open_study

    root = tmp_path_factory.mktemp("home")
    study = open_study(Places(root / "data", root / "config", root / "cache", root / "log"))
    (root / "x.jsonl").write_bytes(content)
    try:
        outcome = import_jsonl(root / "x.jsonl", study.samples, study.library)
    except SampleError:
        return
    finally:
        study.close()
    assert outcome.saved == 0


def test_citations_are_found_again_in_the_current_edition(
    study: Study, edition: Edition, tmp_path: Path, make_edition: Make
) -> None:
    store = study.samples
    store.save(new_sample("fact", "问", "答", citations=[cite_paragraph(edition, "2.2")]))
    export_jsonl(store.list(), tmp_path / "out.jsonl", study.library, store)
    store.undo()
    study.library.remove(edition.id)
    other = make_edition({2: ["换了位置。", "祖师给他起名叫悟空。悟空很高兴，学会了许多变化。"]}, "另一本")
    study.library.add(other)
    import_jsonl(tmp_path / "out.jsonl", store, study.library)
    citation = store.list()[0].citations[0]
    assert (citation.edition, other.mark(citation.chapter, citation.start)) == (other.id, "〔2·2〕")


def test_citations_in_any_form(study: Study, edition: Edition, tmp_path: Path) -> None:
    path = tmp_path / "cited.jsonl"
    entries = ["27.2", "师父写了一封信", {"chapter": 1, "text": "众猴都来看他"}, {"text": "到处都没有的话"}]
    path.write_text(row("问", citations=entries), "utf-8")
    outcome = import_jsonl(path, study.samples, study.library)
    texts = [edition.resolve(citation) for citation in study.samples.list()[0].citations]
    assert texts == ["悟空打了三次，师父写了一封信，叫他回去。", "师父写了一封信", "众猴都来看他"]
    assert [line for line, _ in outcome.warnings] == [1] and "到处都没有" in outcome.warnings[0][1]


def test_export_never_overwrites_silently(study: Study, tmp_path: Path) -> None:
    sample = new_sample("fact", "问", "答")
    path = tmp_path / "mine.jsonl"
    path.write_text("我的文件", "utf-8")
    with pytest.raises(SampleError, match="没有覆盖"):
        export_jsonl([sample], path)
    assert path.read_text("utf-8") == "我的文件"
    assert export_jsonl([sample], path, overwrite=True, plain=True) == 1
    assert json.loads(path.read_text("utf-8")) == {
        "messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]
    }
    with pytest.raises(SampleError, match="是一个目录"):
        export_jsonl([sample], tmp_path)
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(StorageError):
        export_jsonl([sample], tmp_path / "file" / "below.jsonl")


def test_the_same_id_with_other_words_keeps_both(study: Study, tmp_path: Path) -> None:
    store = study.samples
    stored = store.save(new_sample("fact", "问", "答"))
    export_jsonl([replace(stored, turns=new_sample("fact", "别的", "答").turns)], tmp_path / "x.jsonl")
    import_jsonl(tmp_path / "x.jsonl", store, study.library)
    assert {sample.question for sample in store.list()} == {"问", "别的"}
