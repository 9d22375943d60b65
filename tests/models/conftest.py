"""A model site on this machine, and no way out of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.corpus.server import Server, running
from tests.models.hub import Site, make_content


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
