"""Notes: kept with their source, placed in any edition, exchanged as JSONL; and people, pinyin beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.corpus.small import FIRST, SECOND, edition_of
from xiyou_tui.cli.main import run
from xiyou_tui.corpus.lexicon import load_lexicon
from xiyou_tui.corpus.notes import NoteStore, export_notes, import_notes, new_note, place_notes
from xiyou_tui.corpus.people import common_scenes
from xiyou_tui.corpus.pinyin import rare_readings
from xiyou_tui.errors import CorpusError
from xiyou_tui.study import Study

HERE = edition_of([FIRST, SECOND])
QUOTE = "黑松岭"


def cited(quote: str = QUOTE):  # type: ignore[no-untyped-def]
    start = HERE.chapter(1).text.index(quote)
    return HERE.cite(1, start, start + len(quote))


def test_a_note_needs_text_and_source() -> None:
    for text, source in (("", "自注"), ("山名", "  ")):
        with pytest.raises(CorpusError) as caught:
            new_note(HERE, cited(), text, source)
        assert caught.value.next_step


def test_saved_listed_searched_deleted_and_restored(study: Study) -> None:
    store = NoteStore(study.connection)
    note = new_note(HERE, cited(), "岭名，未必实有其地", "自注")
    store.save(note)
    assert store.list(HERE.id) == [note] and store.list(text="未必") == [note] and store.list(text="无此") == []
    store.delete(note.id)
    assert store.list() == []
    store.restore(note.id)
    assert store.list() == [note]


def test_notes_keep_their_place_through_any_change_of_edition(study: Study) -> None:
    store = NoteStore(study.connection)
    note = new_note(HERE, cited(), "岭名", "自注")
    store.save(note)
    other = edition_of(["卻說前面有座山，名喚黑松嶺。"], script="traditional")
    placed, lost = place_notes(store.list(), other)
    assert not lost and placed[0].moved and other.resolve(placed[0].citation) == "黑松嶺"
    nowhere = edition_of(["什么也没有。"])
    assert place_notes(store.list(), nowhere) == ([], [note])
    assert place_notes(store.list(), HERE)[0][0].citation == note.citation


def test_exchange_keeps_good_lines_and_names_broken_ones(study: Study, tmp_path: Path) -> None:
    store = NoteStore(study.connection)
    store.save(new_note(HERE, cited(), "岭名", "自注"))
    path = tmp_path / "notes.jsonl"
    assert export_notes(store.list(), path) == 1
    lines = [path.read_text("utf-8").strip(), "{broken", json.dumps({"quote": "没有这句话的", "text": "注", "source": "某"}), '{"quote": "唐僧"}']
    path.write_text("\n".join(lines), "utf-8")
    outcome = import_notes(path, store, HERE)
    assert outcome.saved == 1 and [line for line, _ in outcome.broken] == [2, 3, 4]
    assert len(store.list()) == 1


def test_the_command_adds_lists_and_exports(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study.library.add(HERE)
    assert run(["note", "add", QUOTE, "岭名", "--source", "自注", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["note"]["quote"] == QUOTE
    assert run(["note", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["notes"]) == 1
    assert run(["note", "export", str(tmp_path / "n.jsonl"), "--json"]) == 0
    assert run(["note", "export", str(tmp_path / "n.jsonl"), "--json"]) == 1
    assert run(["note", "add", "没有这句", "x", "--source", "y"]) == 1


def test_common_scenes_are_paragraphs_with_all_names() -> None:
    lexicon = load_lexicon()
    wukong, bajie, tang = (lexicon.named(name) for name in ("孙悟空", "猪八戒", "唐僧"))
    assert wukong and bajie and tang
    assert [(scene.chapter, scene.paragraph) for scene in common_scenes(HERE, lexicon, wukong, tang)] == [(1, 1), (1, 2)]
    assert [(scene.chapter, scene.paragraph) for scene in common_scenes(HERE, lexicon, bajie, tang)] == [(1, 2)]
    assert common_scenes(HERE, lexicon) == []


def test_only_rare_characters_get_a_reading() -> None:
    assert rare_readings("獐豝与麂，山水人") == [("獐", "zhāng"), ("豝", "bā"), ("麂", "jǐ")]
