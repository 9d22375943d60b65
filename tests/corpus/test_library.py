"""The shelf of editions: side by side, one current, and citations that hold whatever is imported after them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.small import FIRST, SECOND, edition_of
from xiyou_tui.corpus.importer import import_text
from xiyou_tui.corpus.model import Citation
from xiyou_tui.errors import CorpusError
from xiyou_tui.storage.places import Places
from xiyou_tui.study import Study, open_study


def test_without_an_import_the_synopsis_volume_is_current(study: Study) -> None:
    assert study.library.current().is_synopsis
    assert [card.kind for card in study.library.cards()] == ["synopsis"]
    assert study.library.open(study.library.synopsis().id[:6]).is_synopsis


def test_editions_stand_side_by_side_and_survive_a_restart(study: Study, places: Places) -> None:
    first, second = edition_of([FIRST]), edition_of([FIRST, SECOND])
    study.library.add(first)
    study.library.add(second)
    study.close()
    again = open_study(places)
    assert again.library.current() == second
    assert {card.id for card in again.library.cards()} >= {first.id, second.id}
    again.library.choose(first.id[:8])
    assert again.library.current() == first


def test_a_removed_edition_lies_in_the_bin_and_the_synopsis_takes_over(study: Study) -> None:
    edition = edition_of([FIRST])
    study.library.add(edition)
    assert study.library.remove(edition.id).exists()
    assert study.library.current().is_synopsis
    with pytest.raises(CorpusError):
        study.library.open(edition.id)
    with pytest.raises(CorpusError):
        study.library.remove(study.library.synopsis().id)


def test_a_damaged_file_is_explained_and_the_app_goes_on(study: Study, places: Places) -> None:
    edition = edition_of([FIRST])
    study.library.add(edition)
    (places.editions / f"{edition.id}.json").write_text("{broken", "utf-8")
    (places.editions / "x.card").write_text("{broken", "utf-8")
    fresh = open_study(places)
    assert fresh.library.current().is_synopsis
    with pytest.raises(CorpusError) as caught:
        fresh.library.open(edition.id)
    assert caught.value.code == "damaged-edition"
    assert fresh.library.cards()


def test_wrong_spans_and_foreign_citations_are_refused() -> None:
    edition = edition_of([FIRST])
    with pytest.raises(CorpusError):
        edition.cite(1, 5, 5)
    with pytest.raises(CorpusError):
        edition.cite(9, 0, 1)
    good = edition.cite(1, 0, 3)
    with pytest.raises(CorpusError):
        edition.resolve(Citation("0" * 16, 1, 0, 3, good.hash))
    with pytest.raises(CorpusError):
        edition.resolve(Citation(edition.id, 1, 1, 4, good.hash))
    assert Citation.from_record(good.as_record()) == good


SENTENCES = ("却说行者按落云头。", "三藏道：“徒弟，仔细。”", "那妖精化阵清风去了。", "八戒笑道：“哥啊，又是饭到了。”", "毕竟不知性命如何，且听下回分解。")


@given(st.lists(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=6), min_size=1, max_size=5), st.data())
@settings(max_examples=25, deadline=None)
def test_a_citation_resolves_to_the_same_characters_after_any_imports(texts: list[list[str]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        study = open_study(Places(root / "data", root / "config", root / "cache", root / "log"))
        cited: list[tuple[Citation, str]] = []
        for number, sentences in enumerate(texts):
            path = root / f"{number}.txt"
            path.write_text("第一回 灵根育孕源流出 心性修持大道生\n" + "\n".join(sentences) + "\n第二回 悟彻菩提真妙理 断魔归本合元神\n" + sentences[0], "utf-8")
            edition = import_text(path, other_book=True).edition
            study.library.add(edition)
            chapter = edition.chapters[data.draw(st.integers(0, len(edition.chapters) - 1))]
            start = data.draw(st.integers(0, len(chapter.text) - 1))
            end = data.draw(st.integers(start + 1, len(chapter.text)))
            cited.append((edition.cite(chapter.number, start, end), chapter.text[start:end]))
            for citation, characters in cited:
                assert study.library.open(citation.edition).resolve(citation) == characters
        study.close()
        again = open_study(study.places)
        for citation, characters in cited:
            assert again.library.open(citation.edition).resolve(citation) == characters
        again.close()
