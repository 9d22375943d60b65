"""The list of sources: what ships (assets/sources.toml), with the user's own sources.toml laid over it. Opens no connection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from xiyou_tui.corpus.fetch.failures import FetchError
from xiyou_tui.corpus.model import chinese_number
from xiyou_tui.storage.places import Places, find_assets

Format = Literal["text", "html", "any"]
FILE = "sources.toml"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_BLANK = re.compile(r"\{(?:chapter(?::0?([1-9]))?|(chinese))\}")
_KEYS = frozenset({"id", "name", "about", "addresses", "chapters", "format", "pause", "mirror", "hidden"})
_SUFFIXES = (".txt", ".text", ".html", ".htm", ".xhtml", ".md", ".zip", ".epub", ".pdf", ".docx")
_MOST_CHAPTERS = 120


@dataclass(frozen=True, slots=True)
class Page:
    """One file to fetch: its chapter (None where the source is one file), the name it is kept under, where it can be had, best first."""

    chapter: int | None
    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A place to fetch from. `addresses` are templates when `chapters` are given, else whole addresses; `pause` is in seconds."""

    id: str
    name: str
    addresses: tuple[str, ...]
    about: str = ""
    chapters: tuple[int, ...] = ()
    format: Format = "any"
    pause: float = 1.0
    mirror: str = ""

    @property
    def pages(self) -> tuple[Page, ...]:
        """Every file of this source, with the addresses as they will be requested."""
        if not self.chapters:
            addresses = tuple(self._address(template, None) for template in self.addresses)
            return (Page(None, _file_name(addresses[0]), addresses),)
        return tuple(
            Page(chapter, f"第{chapter:03}回.txt", tuple(self._address(template, chapter) for template in self.addresses))
            for chapter in self.chapters
        )

    @property
    def hosts(self) -> tuple[str, ...]:
        """The machines that are asked, in order."""
        return tuple(dict.fromkeys(urlsplit(address).netloc for address in self.pages[0].addresses))

    @property
    def shown_addresses(self) -> tuple[str, ...]:
        """The addresses as people read them; of a source by chapter, those of the first one."""
        return tuple(readable(address) for address in self.pages[0].addresses)

    def _address(self, template: str, chapter: int | None) -> str:
        address = encode_address(_fill(template, chapter) if chapter is not None else template)
        if not self.mirror:
            return address
        _, _, path, query, _ = urlsplit(address)
        return encode_address(self.mirror.rstrip("/") + path + (f"?{query}" if query else ""))

    def as_record(self) -> dict[str, Any]:
        """The record that `xiyou corpus fetch --list --json` prints."""
        return {
            "id": self.id, "name": self.name, "about": self.about, "addresses": list(self.shown_addresses), "chapters": list(self.chapters),
            "pause": self.pause, "mirror": self.mirror,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceList:
    """The sources in order, the user's file (which need not exist), how to reach the user, and what in that file was wrong."""

    sources: tuple[Source, ...]
    path: Path
    contact: str = ""
    warnings: tuple[str, ...] = ()

    def find(self, name: str, *, mirror: str = "") -> Source:
        """The source with this id, or one made from an address; the first one for "". Raises FetchError."""
        from dataclasses import replace

        if not name and self.sources:
            found = self.sources[0]
        else:
            known = {source.id: source for source in self.sources}
            if name in known:
                found = known[name]
            elif "/" in name or "." in name:
                found = source_from_address(name)
            else:
                raise FetchError(f"没有「{name}」这个来源。", next_step=f"有这些来源：{'、'.join(known)}；也可以直接写网址。", code="no-source")
        if not mirror:
            return found
        encode_address(mirror)
        return replace(found, mirror=mirror)


def load_sources(places: Places) -> SourceList:
    """The shipped list with the user's own over it. A broken file or entry is never fatal: it is named in `warnings`."""
    path = places.config / FILE
    shipped = _read(find_assets() / FILE)
    warnings: list[str] = []
    try:
        own = _read(path)
    except FileNotFoundError:
        own = {}
    except (OSError, ValueError) as error:
        warnings.append(f"{FILE} 读不懂（{error}），只用自带的来源；文件没有改动。")
        own = {}
    entries: dict[str, dict[str, Any]] = {entry["id"]: entry for entry in shipped["source"]}
    raw = own.get("source", [])
    for entry in raw if isinstance(raw, list) else []:
        name = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not _ID.fullmatch(name):
            warnings.append(f"{FILE} 里有一个来源没有写对 id（小写字母、数字和 -），已忽略。")
            continue
        unknown = sorted(set(entry) - _KEYS)
        if unknown:
            warnings.append(f"{FILE} 里「{name}」的 {'、'.join(unknown)} 不认识，已忽略。")
        entries[name] = {**entries.get(name, {}), **entry}
    sources: list[Source] = []
    for name, entry in entries.items():
        if entry.get("hidden") is True:
            continue
        try:
            sources.append(_parse(entry))
        except (FetchError, ValueError) as error:
            warnings.append(f"{FILE} 里的来源「{name}」不能用：{error}")
    contact = own.get("contact", "")
    return SourceList(tuple(sources), path, contact if isinstance(contact, str) and contact.isascii() and contact.isprintable() else "", tuple(warnings))


def source_from_address(address: str) -> Source:
    """A source for an address typed by hand; with {chapter} in it, a source of a hundred pages. Raises FetchError."""
    text = address.strip()
    if "://" not in text:
        text = "https://" + text
    chapters = tuple(range(1, 101)) if _BLANK.search(text) else ()
    encode_address(_fill(text, 1))
    host = urlsplit(text).netloc
    # One folder for each address, so that a break resumes and two addresses never mix.
    identity = "url-" + hashlib.sha256(text.encode()).hexdigest()[:12]
    return Source(identity, host, (text,), about="手写的网址", chapters=chapters)


def encode_address(text: str) -> str:
    """An address in the form that goes over the line: ASCII, without a fragment. Raises FetchError when it is no http(s) address."""
    try:
        scheme, _, path, query, _ = parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
        if scheme not in ("http", "https") or not host or parts.username is not None or re.search(r"[\x00-\x20\x7f<>\"{}]", text.strip()):
            raise ValueError
        name = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    except ValueError:
        raise FetchError(
            f"「{text[:80]}」不是能取的网址。", next_step="写全网址，以 http:// 或 https:// 开头，不带用户名和空格。", code="bad-address"
        ) from None
    # What is quoted already stays as it is: % is kept.
    return urlunsplit((scheme, name + (f":{port}" if port else ""), quote(path or "/", safe="/%:@!$&'()*+,;=~"), quote(query, safe="/%:@!$&'()*+,;=~?"), ""))


def readable(address: str) -> str:
    """An address as people read it: Chinese instead of percent signs, where that is possible."""
    try:
        return unquote(address, errors="strict")
    except UnicodeDecodeError:
        return address


def _fill(template: str, chapter: int) -> str:
    def number(match: re.Match[str]) -> str:
        return chinese_number(chapter) if match[2] else f"{chapter:0{match[1]}}" if match[1] else str(chapter)

    return _BLANK.sub(number, template)


def _file_name(address: str) -> str:
    """A safe name for the file at an address, with a suffix that the importer knows."""
    last = PurePosixPath(unquote(urlsplit(address).path)).name
    name = re.sub(r"[^\w.\-\u4e00-\u9fff]+", "_", last).lstrip(".")[-60:] or "text"
    return name if name.lower().endswith(_SUFFIXES) else name + ".txt"


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(path.read_text("utf-8"))


def _parse(entry: Mapping[str, Any]) -> Source:
    """One entry of the list; raises ValueError in Chinese for what does not fit."""
    addresses = entry.get("addresses")
    if isinstance(addresses, str):
        addresses = [addresses]
    if not isinstance(addresses, list) or not addresses or not all(isinstance(address, str) for address in addresses):
        raise ValueError("addresses 要写一个或几个地址。")
    templates = [bool(_BLANK.search(address)) for address in addresses]
    if any(templates) != all(templates):
        raise ValueError("addresses 里要么都有 {chapter}，要么都没有。")
    chapters = _chapters(entry.get("chapters", "1-100")) if all(templates) else ()
    style, pause, mirror = entry.get("format", "any"), entry.get("pause", 1.0), entry.get("mirror", "")
    if style not in ("text", "html", "any"):
        raise ValueError("format 只能是 text、html 或 any。")
    if isinstance(pause, bool) or not isinstance(pause, (int, float)) or not 0 <= pause <= 600:
        raise ValueError("pause 要写 0 到 600 之间的秒数。")
    if not isinstance(mirror, str):
        raise ValueError("mirror 要写镜像的网址。")
    made = Source(
        entry["id"], str(entry.get("name") or entry["id"]), tuple(addresses), str(entry.get("about", "")), chapters, style, float(pause), mirror.strip()
    )
    # Every address is tried for its form now, so that a mistake shows before anything is asked.
    assert made.pages
    return made


def _chapters(text: object) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in str(text).replace("，", ",").split(","):
        match = re.fullmatch(r"\s*(\d{1,3})(?:\s*[-–]\s*(\d{1,3}))?\s*", part)
        if not match:
            raise ValueError(f"chapters 写作 1-100 或 1,3,5-9，不是「{text}」。")
        numbers += range(int(match[1]), int(match[2] or match[1]) + 1)
    chosen = tuple(dict.fromkeys(number for number in numbers if 1 <= number <= _MOST_CHAPTERS))
    if not chosen:
        raise ValueError("chapters 里一回也没有。")
    return chosen
