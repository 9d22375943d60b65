"""Where models can be had: the hub, a mirror of it, ModelScope. Knows their addresses and reads their lists; opens no connection."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from xiyou_tui.corpus.fetch.failures import FetchError
from xiyou_tui.corpus.fetch.sources import encode_address
from xiyou_tui.errors import ModelError

Source = Literal["hub", "mirror", "modelscope"]
NAMES: dict[Source, str] = {"hub": "Hugging Face", "mirror": "镜像", "modelscope": "ModelScope"}
HUB = "https://huggingface.co"
# Kept by volunteers in China, with the addresses of the hub: what 镜像 means as long as the user named no other.
MIRROR = "https://hf-mirror.com"
MODELSCOPE = "https://modelscope.cn"
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+ -]{0,199}")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository: its size in bytes, and its SHA-256, or else the SHA-1 that git knows it by ("" where unknown)."""

    path: str
    size: int
    sha256: str = ""
    git: str = ""

    def as_record(self) -> dict[str, Any]:
        return {"path": self.path, "size": self.size, "sha256": self.sha256, "git": self.git}


@dataclass(frozen=True, slots=True)
class Listing:
    """What a repository holds at its top level. `commit` is "" where the place has none; `gated`: one must agree to terms first."""

    repo: str
    commit: str
    files: tuple[RemoteFile, ...]
    licence: str = ""
    gated: bool = False


@dataclass(frozen=True, slots=True)
class Hub:
    """A place that serves models, by its source and address."""

    source: Source
    endpoint: str

    @property
    def name(self) -> str:
        """What it is called, a mirror with its host."""
        return f"镜像 {urlsplit(self.endpoint).netloc}" if self.source == "mirror" else NAMES[self.source]

    @property
    def revision(self) -> str:
        """The revision to take where the user named none."""
        return "master" if self.source == "modelscope" else "main"

    def list_address(self, repo: str, revision: str) -> str:
        """Where the list of a repository's files is."""
        if self.source == "modelscope":
            return f"{self.endpoint}/api/v1/models/{repo}/repo/files?Revision={quote(revision, safe='')}&Recursive=true"
        return f"{self.endpoint}/api/models/{repo}/revision/{quote(revision, safe='')}?blobs=true"

    def file_address(self, repo: str, revision: str, path: str) -> str:
        """Where one file is."""
        if self.source == "modelscope":
            return f"{self.endpoint}/api/v1/models/{repo}/repo?Revision={quote(revision, safe='')}&FilePath={quote(path, safe='')}"
        return f"{self.endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"

    def page(self, repo: str) -> str:
        """The page of a repository, for people."""
        return f"{self.endpoint}/models/{repo}" if self.source == "modelscope" else f"{self.endpoint}/{repo}"

    def read_list(self, repo: str, content: Any) -> Listing:
        """The list out of the answer; raises ValueError when it has another form."""
        return _read_modelscope(repo, content) if self.source == "modelscope" else _read_hub(repo, content)

    def refusal(self, content: Any) -> str:
        """Why the site did not give a list, in its own words, where the answer is a refusal in spite of its status; else ""."""
        if not isinstance(content, dict) or content.get("Success") is True or "siblings" in content:
            return ""
        said = content.get("Message") if self.source == "modelscope" else content.get("error")
        return re.sub(r"\s+", " ", said).strip()[:120] if isinstance(said, str) else ""

    def takes_token(self, address: str) -> bool:
        """Whether the user's token may go to this address: the hub itself, or the one that stands beside the token in the environment."""
        parts, own = urlsplit(address), urlsplit(self.endpoint)
        if self.source == "modelscope" or (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
            return False
        trusted = self.endpoint == HUB or self.endpoint == os.environ.get("HF_ENDPOINT", "").strip().rstrip("/")
        return trusted and (parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost"))


def default_source(mirror: str) -> Source:
    """Where to fetch from when nobody says: the mirror, if one is set (setting or HF_ENDPOINT), else the hub."""
    return "mirror" if mirror.strip() or os.environ.get("HF_ENDPOINT", "").strip() else "hub"


def find_hub(source: Source, *, mirror: str = "", endpoint: str = "") -> Hub:
    """The place for a source; `mirror` is the setting, `endpoint` an address for this once. Raises ModelError for an address that is none."""
    named = {"hub": HUB, "modelscope": MODELSCOPE, "mirror": mirror.strip() or os.environ.get("HF_ENDPOINT", "").strip() or MIRROR}[source]
    address = (endpoint.strip() or named).rstrip("/")
    if "://" not in address:
        address = "https://" + address
    try:
        return Hub(source, encode_address(address).rstrip("/"))
    except FetchError as error:
        raise ModelError(
            f"「{address[:80]}」不能当作模型站的地址。", next_step="写全网址，如 https://hf-mirror.com；设置里的「镜像」（network.mirror）也这样写。", code="bad-endpoint"
        ) from error


def parse_repo(text: str) -> tuple[str, Source | None]:
    """A repository as the user gives it, by its name or the address of its page, and the source that the address tells. Raises ModelError."""
    words = text.strip().strip("/")
    source: Source | None = None
    if "://" in words or words.startswith(("huggingface.co/", "hf-mirror.com/", "modelscope.cn/", "www.modelscope.cn/")):
        parts = urlsplit(words if "://" in words else "https://" + words)
        host, pieces = parts.hostname or "", [piece for piece in parts.path.split("/") if piece]
        if "modelscope" in host:
            source, pieces = "modelscope", pieces[1:] if pieces[:1] == ["models"] else pieces
        elif host == "huggingface.co":
            source = "hub"
        words = "/".join(pieces[:2])
    if not _REPO.fullmatch(words) or ".." in words:
        raise ModelError(
            f"「{text.strip()[:80]}」不像一个模型的名字。", next_step="写成「作者/名字」，如 mlx-community/Qwen2.5-3B-Instruct-4bit，或把模型网页的网址贴进来。", code="bad-repo"
        )
    return words, source


def check_revision(text: str) -> str:
    """A branch, tag or commit as the user gives it; raises ModelError for what can't be one."""
    if text and (not _REVISION.fullmatch(text) or ".." in text):
        raise ModelError(f"「{text[:80]}」不像一个版本。", next_step="写分支、标签或提交号，如 main；不写就是最新的。", code="bad-revision")
    return text


def _read_hub(repo: str, content: Any) -> Listing:
    if not isinstance(content, dict) or not isinstance(content.get("siblings"), list):
        raise ValueError("no siblings")
    files = []
    for entry in content["siblings"]:
        lfs = entry.get("lfs") if isinstance(entry.get("lfs"), dict) else {}
        size = lfs.get("size", entry.get("size"))
        files.append(_make_file(entry.get("rfilename"), size, lfs.get("sha256"), "" if lfs else entry.get("blobId")))
    card = content.get("cardData")
    licence = (card.get("license_name") or card.get("license")) if isinstance(card, dict) else ""
    return Listing(
        repo, _hexadecimal(content.get("sha"), 40), tuple(file for file in files if file), str(licence) if isinstance(licence, str) else "", bool(content.get("gated"))
    )


def _read_modelscope(repo: str, content: Any) -> Listing:
    data = content.get("Data") if isinstance(content, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("Files"), list):
        raise ValueError("no files")
    files = [_make_file(entry.get("Path"), entry.get("Size"), entry.get("Sha256"), "") for entry in data["Files"] if entry.get("Type") != "tree"]
    return Listing(repo, "", tuple(file for file in files if file))


def _make_file(path: object, size: object, sha256: object, git: object) -> RemoteFile | None:
    """A file of the top level, or None: a name from outside is never trusted to be a path."""
    if not isinstance(path, str) or not _FILE.fullmatch(path) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        return None
    return RemoteFile(path, size, _hexadecimal(sha256, 64), _hexadecimal(git, 40))


def _hexadecimal(text: object, length: int) -> str:
    return text.lower() if isinstance(text, str) and re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", text) else ""
