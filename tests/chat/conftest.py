"""What the tests of chat share: retrievers over the real novel and the synopsis volume, and a real tiny model."""

from __future__ import annotations

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
