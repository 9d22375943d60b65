"""What the tests of chat share: retrievers over the real novel and the synopsis volume, and a real tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest

from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.retrieval import Retriever
from xiyou_tui.corpus.synopsis import load_synopsis


@pytest.fixture(scope="session")
def synopsis_retriever() -> Retriever:
    return Retriever(load_synopsis())


@pytest.fixture(scope="session")
def retriever(novel: Edition) -> Retriever:
    return Retriever(novel)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A practice model with random weights, made from the synopsis volume."""
    from xiyou_tui.models.practice import Shape, make_practice_model

    directory = tmp_path_factory.mktemp("models") / "practice"
    texts = [chapter.text for chapter in load_synopsis().chapters]
    return make_practice_model(texts, directory, shape=Shape(vocabulary=1200, layers=2, hidden=32, intermediate=64))
