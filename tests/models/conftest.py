"""Models that the tests of conversions start from, made once; a model site on this machine, and no way out of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus.server import Server, running
from tests.models.hub import Site, make_content
from tests.models.made import a_llama, an_adapter
from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.models.conversion import Probe, plan_quantise
from xiyou_tui.models.converting import convert
from xiyou_tui.models.practice import Shape, make_practice_model
from xiyou_tui.models.registry import inspect_model
from xiyou_tui.storage.places import Places

TEXTS = [chapter.text for chapter in load_synopsis().chapters]
PROBE = Probe("提要", (({"role": "system", "content": "只依据原文。"}, {"role": "user", "content": "白骨精是谁？"}),), tuple(TEXTS[:3]))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A practice model of some 100,000 parameters in float32."""
    shape = Shape(vocabulary=600, hidden=64, layers=2, intermediate=128)
    return make_practice_model(TEXTS, tmp_path_factory.mktemp("models") / "practice-x", title="提要", edition="e", shape=shape)


@pytest.fixture(scope="session")
def small(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in 4 bits, made as the app makes it."""
    root = tmp_path_factory.mktemp("small")
    places = Places(root / "data", root / "config", root / "cache", root / "log")
    return convert(places, plan_quantise(inspect_model(base), places.models, bits=4, group=32)).path


@pytest.fixture(scope="session")
def adapters(base: Path, small: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Adapters by kind and base: lora, dora, and lora4, dora4 on the 4-bit model."""
    root = tmp_path_factory.mktemp("adapters")
    return {
        kind + name: an_adapter(root / (kind + name), model, kind)
        for kind in ("lora", "dora")
        for name, model in (("", base), ("4", small))
    }


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama with a vocabulary of SentencePiece's kind."""
    return a_llama(tmp_path_factory.mktemp("llama") / "llama")


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a real little model."""
    return make_content(tmp_path_factory.mktemp("little") / "m")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with running() as made:
        yield made


@pytest.fixture
def site(server: Server, content: dict[str, bytes]) -> Site:
    return Site(server, dict(content)).serve()
