"""What all tests share: a home of their own, and the real texts where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xiyou_tui.corpus.model import Edition
from xiyou_tui.storage.places import Places, find_places
from xiyou_tui.study import Study, open_study

CORPUS = Path(os.environ.get("XIYOU_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh XIYOU_HOME for every test, so that none touches the user's files."""
    path = tmp_path / "home"
    monkeypatch.setenv("XIYOU_HOME", str(path))
    return path


@pytest.fixture
def places(home: Path) -> Places:
    return find_places().prepare()


@pytest.fixture
def study(home: Path) -> Study:
    return open_study()


def corpus_file(name: str) -> Path:
    """A real text by its file name; the test skips, and says why, where it is not at hand."""
    path = CORPUS / name
    if not path.exists():
        pytest.skip(f"needs the full text {name}; set XIYOU_CORPUS to the directory that holds it")
    return path


@pytest.fixture(scope="session")
def novel_path() -> Path:
    return corpus_file("simplified-gbk.txt")


@pytest.fixture(scope="session")
def novel(novel_path: Path) -> Edition:
    """The whole novel, imported once for the session."""
    from xiyou_tui.corpus.importer import import_text

    return import_text(novel_path).edition


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A practice model with random weights, made from the synopsis volume."""
    from xiyou_tui.corpus.synopsis import load_synopsis
    from xiyou_tui.models.practice import Shape, make_practice_model

    directory = tmp_path_factory.mktemp("models") / "practice"
    texts = [chapter.text for chapter in load_synopsis().chapters]
    return make_practice_model(texts, directory, shape=Shape(vocabulary=1200, layers=2, hidden=32, intermediate=64))
