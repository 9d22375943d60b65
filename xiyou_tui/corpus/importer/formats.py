"""Files to parts: text, HTML and Markdown files, folders, zip archives and EPUB books, each guarded against bad input."""

from __future__ import annotations

from pathlib import Path

from xiyou_tui.corpus.importer.clean import clean_source
from xiyou_tui.corpus.importer.decode import Decoded, decode
from xiyou_tui.corpus.importer.markup import html_to_text, looks_like_html, markdown_to_text
from xiyou_tui.corpus.importer.records import Findings, Part
from xiyou_tui.corpus.importer.wikitext import looks_like_wikitext, wikitext_to_text
from xiyou_tui.errors import CorpusError

# The novel is 2.2 MB; ten novels in UTF-16 with markup stay far below this.
LARGEST = 64 * 1024 * 1024
MARKDOWN = (".md", ".markdown")


def read_parts(path: Path, findings: Findings) -> tuple[list[Part], str]:
    """The parts of a source in reading order, and the encoding of its first; raises CorpusError when it can't be read."""
    if path.is_dir():
        from xiyou_tui.corpus.importer.archives import read_folder

        return read_folder(path, findings)
    data = read_file(path)
    if data.startswith(b"PK\x03\x04") or path.suffix.lower() in (".zip", ".epub", ".docx"):
        from xiyou_tui.corpus.importer.archives import read_archive

        return read_archive(path, findings)
    if data.startswith(b"%PDF-"):
        from xiyou_tui.corpus.importer.documents import read_pdf

        return [read_pdf(path, findings)], "pdf"
    part, encoding = to_part(path.name, data, findings)
    return [part], encoding


def read_file(path: Path) -> bytes:
    """The bytes of a file, refused by size before reading; raises CorpusError."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise CorpusError(
                f"「{path.name}」有 {size / 1024 / 1024:.0f} MB，超过一部书的上限 {LARGEST // 1024 // 1024} MB，没有读。",
                kept="已有的底本都没有改动。",
                next_step="确认这是文本文件；若是多部书的合集，拆开后只导入《西游记》。",
                code="file-too-large",
            )
        if not path.is_file():
            raise CorpusError(f"「{path}」不是普通文件。", kept="已有的底本都没有改动。", next_step="给出一个文本文件或目录。", code="no-file")
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"打不开「{path}」（{error.strerror or error}）。", kept="已有的底本都没有改动。", next_step="检查路径和读权限。", code="no-file"
        ) from error


def to_part(name: str, data: bytes, findings: Findings) -> tuple[Part, str]:
    """One file as a part of plain text, its encoding found and its markup resolved."""
    decoded = decode(data, name)
    _report_damage(name, decoded, findings)
    text = clean_source(decoded.text)
    suffix = Path(name).suffix.lower()
    if looks_like_wikitext(text):
        return Part(name, wikitext_to_text(text), "wikitext"), decoded.encoding
    if looks_like_html(text) and suffix not in MARKDOWN:
        return Part(name, html_to_text(text), "html"), decoded.encoding
    if suffix in MARKDOWN:
        return Part(name, markdown_to_text(text), "markdown"), decoded.encoding
    return Part(name, text), decoded.encoding


def _report_damage(name: str, decoded: Decoded, findings: Findings) -> None:
    if decoded.nul_count:
        findings.warn("nul-characters", f"「{name}」里有 {decoded.nul_count} 个空字符（NUL），已去掉。")
    if decoded.foreign_lines:
        findings.warn("mixed-encoding", f"「{name}」混用了编码：{decoded.foreign_lines} 行不是 {decoded.encoding}，已逐行改用读得通的编码。")
    if decoded.broken_lines:
        findings.warn("broken-characters", f"「{name}」有 {decoded.broken_lines} 行含读不出的字节，读不出的字记作「□」。")
