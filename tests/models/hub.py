"""Two model sites on this machine, with one real little model: the hub (and so a mirror of it) and ModelScope."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.corpus.server import Answer, Server, status, whole
from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.models.practice import Shape, make_practice_model

REPO = "mlx-community/Little-Qwen-4bit"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = "---\nlicense: other\nlicense_name: test-licence\nbase_model: nobody/little\n---\n# Little\n"
# What a repository holds beside what is needed; nobody may ask for it.
REST = {".gitattributes": b"*", "pytorch_model.bin": b"PK", "model.gguf": b"GGUF", "modeling_little.py": b"import os", "onnx/model.onnx": b"x"}


def make_content(directory: Path) -> dict[str, bytes]:
    """The files of a model that mlx-lm opens, with its card."""
    path = make_practice_model([chapter.text for chapter in load_synopsis().chapters], directory, shape=Shape(vocabulary=400, hidden=32, layers=2, intermediate=64))
    files = {item.name: item.read_bytes() for item in path.iterdir() if item.name != "xiyou-model.json"}
    return {**files, "README.md": CARD.encode(), "LICENSE": b"Do as you like.\n"}


@dataclass
class Site:
    """A site over a server. `large` names are LFS files, with a SHA-256 on the hub and a redirect to another path."""

    server: Server
    content: dict[str, bytes]
    repo: str = REPO
    kind: str = "hub"
    gated: bool = False
    large: tuple[str, ...] = ("model.safetensors", "tokenizer.json")
    # What the list says instead of the truth: name → SHA-256.
    lies: dict[str, str] = field(default_factory=dict)

    def list_path(self, revision: str = "") -> str:
        if self.kind == "modelscope":
            return f"/api/v1/models/{self.repo}/repo/files?Revision={revision or 'master'}&Recursive=true"
        return f"/api/models/{self.repo}/revision/{revision or 'main'}?blobs=true"

    def file_path(self, name: str) -> str:
        if self.kind == "modelscope":
            return f"/api/v1/models/{self.repo}/repo?Revision=master&FilePath={name}"
        return f"/{self.repo}/resolve/{COMMIT}/{name}"

    def data_path(self, name: str) -> str:
        """Where the bytes are in the end."""
        return f"/cdn/{self.kind}/{name}" if name in self.large else self.file_path(name)

    def listing(self) -> dict[str, Any]:
        every = {**self.content, **REST}
        if self.kind == "modelscope":
            files = [
                {"Path": name, "Name": name, "Size": len(data), "Type": "blob", "Sha256": self.lies.get(name) or hashlib.sha256(data).hexdigest()}
                for name, data in every.items()
            ]
            return {"Code": 200, "Success": True, "Data": {"Files": [*files, {"Path": "onnx", "Name": "onnx", "Size": 0, "Type": "tree", "Sha256": ""}]}}
        siblings: list[dict[str, Any]] = []
        for name, data in every.items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()}
            if name in self.large:
                entry["lfs"] = {"sha256": self.lies.get(name) or hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            elif name in self.lies:
                entry["blobId"] = self.lies[name][:40]
            siblings.append(entry)
        return {"id": self.repo, "sha": COMMIT, "siblings": siblings, "gated": "auto" if self.gated else False, "cardData": {"license": "apache-2.0"}}

    def serve(self) -> Site:
        """Answer as the site does when all is well."""
        answer = whole(json.dumps(self.listing()).encode(), kind="application/json")
        for revision in ("", COMMIT):
            self.server.on(self.list_path(revision), answer)
        for name, data in {**self.content, **REST}.items():
            if name in self.large:
                self.server.on(self.file_path(name), status(302, b"", Location=self.server.address + self.data_path(name)))
            self.server.on(self.data_path(name), whole(data, kind="application/octet-stream"))
        return self

    def on(self, name: str, *answers: Answer) -> None:
        """Other answers for one file, the last one stays."""
        self.server.on(self.data_path(name), *answers)

    def asked_for(self, name: str) -> list[str]:
        """The Range headers of the requests for the bytes of a file ("" without one)."""
        return [asked.headers.get("Range", "") for asked in self.server.asked if asked.path == self.data_path(name)]


def slowly(data: bytes, *, piece: int = 4096, rest: float = 0.05, after: Callable[[], None] = lambda: None) -> Answer:
    """Send the data (or the part that was asked for) piece by piece, with a rest after each."""

    def answer(handler: Any) -> None:
        asked = handler.headers.get("Range", "")
        start = int(asked[6:-1]) if asked else 0
        if asked:
            handler.head(206, len(data) - start, Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            handler.head(200, len(data))
        for at in range(start, len(data), piece):
            handler.wfile.write(data[at : at + piece])
            handler.wfile.flush()
            after()
            if handler.state.closing.wait(rest):
                return

    return answer
