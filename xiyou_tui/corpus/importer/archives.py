"""Folders, zip archives and EPUB books as parts in reading order. Archives are read in memory, within limits, and never unpacked."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote

from xiyou_tui.corpus.importer.formats import LARGEST, MARKDOWN, read_file, to_part
from xiyou_tui.corpus.importer.headings import find_headings
from xiyou_tui.corpus.importer.numerals import NUMERALS, parse_number
from xiyou_tui.corpus.importer.records import Findings, Part
from xiyou_tui.errors import CorpusError

_READABLE = (".txt", ".text", ".html", ".htm", ".xhtml", *MARKDOWN)
_MOST_FILES = 5000
# Text rarely shrinks below a tenth; bombs shrink below a thousandth.
_MOST_RATIO = 200
_NAMED_NUMBER = re.compile(rf"第([{NUMERALS}]{{1,8}})[回章]|(?<!\d)(\d{{1,3}})(?!\d)")
_KEPT = "已有的底本都没有改动。"


def read_folder(path: Path, findings: Findings) -> tuple[list[Part], str]:
    """The text files of a folder (not of those below it), in the order of their numbers; raises CorpusError when there is none."""
    try:
        files = [file for file in path.iterdir() if file.suffix.lower() in _READABLE and file.is_file() and not file.name.startswith(".")]
    except OSError as error:
        raise CorpusError(f"打不开目录「{path}」（{error.strerror or error}）。", kept=_KEPT, next_step="检查路径和读权限。", code="no-file") from error
    _check_count(path.name, len(files))
    sized = sum(file.stat().st_size for file in files)
    if sized > LARGEST:
        raise _too_large(path.name, sized)
    return _read_all(path.name, ((file.name, read_file(file)) for file in sorted(files, key=lambda file: _order(file.name))), findings)


def read_archive(path: Path, findings: Findings) -> tuple[list[Part], str]:
    """The texts inside a zip archive or an EPUB; raises CorpusError when it is damaged, too large unpacked, or holds none."""
    try:
        with zipfile.ZipFile(io.BytesIO(read_file(path))) as archive:
            members = _safe_members(path.name, archive)
            if "mimetype" in members or any(name.lower().endswith("container.xml") for name in members):
                return _read_epub(path.name, archive, members, findings)
            if "word/document.xml" in members:
                from xiyou_tui.corpus.importer.documents import read_docx

                return [read_docx(path)], "docx"
            books = [name for name in members if name.lower().endswith(".epub")]
            names = sorted((name for name in members if PurePosixPath(name).suffix.lower() in _READABLE), key=_order)
            if books and not names:
                return _read_nested(path.name, archive, members, books[0], findings)
            return _read_all(path.name, ((_shown(members[name]), _read_member(archive, members[name])) for name in names), findings)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise CorpusError(
            f"「{path.name}」是坏的或加了密的压缩包（{error}）。", kept=_KEPT, next_step="重新下载；加了密的请先解开，再导入里面的文本。", code="damaged-archive"
        ) from error


def _safe_members(name: str, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Members by path, after checking their number and unpacked sizes. Paths that lead outside are refused."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    _check_count(name, len(infos))
    total = sum(info.file_size for info in infos if PurePosixPath(info.filename).suffix.lower() in (*_READABLE, ".epub", ".opf", ".xml", ".ncx"))
    if total > LARGEST:
        raise _too_large(name, total)
    for info in infos:
        parts = info.filename.replace("\\", "/").split("/")
        if ".." in parts or info.filename.startswith(("/", "\\")) or re.match(r"^[A-Za-z]:", info.filename):
            raise CorpusError(
                f"压缩包「{name}」里有指向外面的路径（{info.filename[:60]}），没有读。", kept=_KEPT, next_step="换一个可信的来源。", code="unsafe-archive"
            )
        if info.file_size > 1_000_000 and info.file_size > _MOST_RATIO * max(1, info.compress_size):
            raise CorpusError(
                f"压缩包「{name}」解开会膨胀 {info.file_size // max(1, info.compress_size)} 倍，像是炸弹，没有读。", kept=_KEPT, next_step="换一个可信的来源。", code="archive-bomb"
            )
    return {info.filename.replace("\\", "/"): info for info in infos}


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """One member, by no more than its declared size: a header may lie."""
    with archive.open(info) as file:
        return _limited(file, info)


def _limited(file: IO[bytes], info: zipfile.ZipInfo) -> bytes:
    data = file.read(min(info.file_size, LARGEST) + 1)
    if len(data) > info.file_size:
        raise zipfile.BadZipFile(f"{info.filename} 比声明的大")
    return data


def _read_nested(name: str, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], book: str, findings: Findings) -> tuple[list[Part], str]:
    with zipfile.ZipFile(io.BytesIO(_read_member(archive, members[book]))) as inner:
        return _read_epub(f"{name}/{book}", inner, _safe_members(book, inner), findings)


def _read_epub(name: str, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], findings: Findings) -> tuple[list[Part], str]:
    """The pages of an EPUB in the order of its spine (EPUB 3.3, package document)."""
    pages = _spine(name, archive, members)
    return _read_all(name, ((page, _read_member(archive, members[page])) for page in pages), findings)


def _spine(name: str, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> list[str]:
    container = next((member for member in members if member.lower() == "meta-inf/container.xml"), None)
    found = re.search(r"""full-path\s*=\s*["']([^"']+)["']""", _text(archive, members[container])) if container else None
    package = unquote(found[1]) if found else next((member for member in members if member.lower().endswith(".opf")), "")
    if package in members:
        opf = _text(archive, members[package])
        base = posixpath.dirname(package)
        manifest = {
            identity[1]: posixpath.normpath(posixpath.join(base, unquote(target[1])))
            for item in re.findall(r"<(?:\w+:)?item\s[^>]*>", opf)
            if (identity := re.search(r"""\sid\s*=\s*["']([^"']+)["']""", item)) and (target := re.search(r"""\shref\s*=\s*["']([^"']+)["']""", item))
        }
        order = re.findall(r"""<(?:\w+:)?itemref\s[^>]*?idref\s*=\s*["']([^"']+)["']""", opf)
        pages = [manifest[identity] for identity in order if manifest.get(identity) in members]
        if pages:
            return pages
    raise CorpusError(
        f"EPUB「{name}」没有书脊（spine），不知道各页的先后，没有读。",
        kept=_KEPT,
        next_step="用 Calibre 一类的工具重新转成 EPUB，或把里面的网页解到一个目录再导入那个目录。",
        code="epub-without-spine",
    )


def _text(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    return _read_member(archive, info).decode("utf-8", "replace")


def _read_all(name: str, files: Iterator[tuple[str, bytes]], findings: Findings) -> tuple[list[Part], str]:
    parts, encodings = [], []
    for file, data in files:
        try:
            part, encoding = to_part(file, data, findings)
        except CorpusError as error:
            # One bad file does not cost the rest; it is named instead.
            findings.warn("unreadable-file", f"{error.what}这个文件没有收入。")
            continue
        parts.append(_with_heading(part))
        encodings.append(encoding)
    if not parts:
        raise CorpusError(f"「{name}」里没有读得出的文本文件。", kept=_KEPT, next_step="里面要有 TXT、HTML 或 Markdown 文件。", code="no-text-inside")
    return parts, max(set(encodings), key=encodings.count)


def _with_heading(part: Part) -> Part:
    """A file without a heading of its own is headed by the number in its name (027.txt → 第27回)."""
    lines = part.text.split("\n")
    if find_headings(lines[:200]) or len(part.text) < 200:
        return part
    number = _named_number(part.name)
    return Part(part.name, f"第{number}回\n{part.text}", part.markup) if number else part


def _named_number(name: str) -> int | None:
    match = _NAMED_NUMBER.search(PurePosixPath(name.replace("\\", "/")).stem)
    number = parse_number(match[1] or match[2]) if match else None
    return number if number and number <= 120 else None


def _order(name: str) -> tuple[str, int, str]:
    path = PurePosixPath(name.replace("\\", "/"))
    number = _named_number(name)
    return str(path.parent), 0 if number is None else number, path.name


def _shown(info: zipfile.ZipInfo) -> str:
    """A member's name; old Chinese archives keep GBK there, which zipfile reads as cp437."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def _check_count(name: str, count: int) -> None:
    if count > _MOST_FILES:
        raise CorpusError(f"「{name}」里有 {count} 个文件，超过上限 {_MOST_FILES}，没有读。", kept=_KEPT, next_step="只留下章回文件再导入。", code="too-many-files")


def _too_large(name: str, size: int) -> CorpusError:
    return CorpusError(
        f"「{name}」里的文本共 {size / 1024 / 1024:.0f} MB，超过一部书的上限 {LARGEST // 1024 // 1024} MB，没有读。",
        kept=_KEPT,
        next_step="只留下《西游记》的章回文件再导入。",
        code="file-too-large",
    )
