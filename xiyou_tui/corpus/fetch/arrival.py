"""What is checked when a page has arrived: that it is the text that was asked for, not an error page, a login page or a torn piece."""

from __future__ import annotations

import re
import zlib
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from xiyou_tui.corpus.fetch.failures import Fault
from xiyou_tui.corpus.fetch.sources import Format, encode_address
from xiyou_tui.corpus.importer.decode import decode, score
from xiyou_tui.corpus.importer.expected import count_letters, recognise, usual_lengths
from xiyou_tui.corpus.importer.headings import find_headings
from xiyou_tui.corpus.importer.markup import html_to_text, looks_like_html
from xiyou_tui.corpus.importer.tradition import Tradition, match_title
from xiyou_tui.corpus.importer.wikitext import looks_like_wikitext, wikitext_to_text
from xiyou_tui.errors import CorpusError

_TRADITIONS: tuple[Tradition, ...] = ("shidetang", "zhengdaoshu")
# Editions with lost passages still have four fifths of a chapter; a page that was torn off has less.
_TORN = 0.6
_SHORT = 0.96
# Of a book that is one file, no error page or login page has so many Chinese characters.
_SMALL_BOOK = 20_000
_CHINESE = 0.12
_HTML = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_REDIRECT = re.compile(r"\s*#(?:redirect|重定向)\s*[:：]?\s*\[\[([^\[\]|#]+)", re.IGNORECASE)


def unpack(data: bytes, encoding: str, largest: int) -> bytes:
    """The body without its content coding; raises Fault for a damaged or unknown one, or when it swells beyond `largest` bytes."""
    if encoding in ("", "identity"):
        return data
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Fault("bad-answer", f"服务器用了不认识的压缩（{encoding[:20]}）", lasting=True, fresh=True)
    # 47 takes gzip and zlib alike (zlib manual, inflateInit2).
    inflater = zlib.decompressobj(47)
    try:
        unpacked = inflater.decompress(data, largest + 1)
    except zlib.error as error:
        raise Fault("damaged-text", "收到的压缩数据是坏的", fresh=True, tries=3) from error
    if len(unpacked) > largest:
        raise Fault("too-large", f"解开超过一部书的上限 {largest / 1024 / 1024:.0f} MB，没有收", lasting=True, fresh=True)
    if not inflater.eof:
        raise Fault("damaged-text", "收到的压缩数据不全", fresh=True, tries=3)
    return unpacked


def find_redirect(data: bytes, address: str) -> str | None:
    """The address of the page that a raw wiki page points to, on the same site; None when it is a page of its own."""
    match = _REDIRECT.match(data[:600].decode("utf-8", "replace"))
    parts = urlsplit(address)
    fields = parse_qsl(parts.query)
    if not match or "title" not in dict(fields):
        return None
    query = "&".join(f"{key}={quote(match[1].strip().replace(' ', '_') if key == 'title' else value)}" for key, value in fields)
    return encode_address(urlunsplit((parts.scheme, parts.netloc, parts.path, query, "")))


def check_chapter(data: bytes, chapter: int, style: Format) -> str:
    """Check a page that should be one chapter of the novel; returns what to know of it ("" when all is well). Raises Fault."""
    text = _read(data, f"第 {chapter} 回", style)
    letters = count_letters(text)
    usual = min(lengths[chapter] for tradition in _TRADITIONS if chapter in (lengths := usual_lengths(tradition))) if chapter <= 100 else 0
    known = {number for tradition in _TRADITIONS if (number := recognise(text, tradition)) is not None}
    titles = {found[0] for heading in find_headings(text.split("\n")[:40]) if (found := match_title(heading.title))}
    if usual and letters < _TORN * usual:
        raise Fault("too-short", f"只有 {letters:,} 字，通常约 {usual:,} 字，像是没传完", fresh=True, tries=2)
    # Titles of other chapters may stand in a page's navigation: its words come first.
    told = known or titles
    if chapter not in told:
        reason = f"取来的像是第 {min(told)} 回" if told else "取来的不像《西游记》的这一回"
        raise Fault("wrong-text", reason, lasting=True, fresh=True)
    return f"{letters:,} 字，比通常少 {1 - letters / usual:.0%}" if usual and letters < _SHORT * usual else ""


def check_book(data: bytes) -> None:
    """Check a file that should be a whole book: refuses error and login pages and damaged text; the import tells the rest. Raises Fault."""
    if data.startswith((b"PK\x03\x04", b"%PDF-")):
        return
    text = _read(data, "取来的文件", "any")
    if looks_like_html(text[:4000]) or _HTML.match(data):
        letters = count_letters(html_to_text(text))
        if letters < _SMALL_BOOK:
            raise Fault("html-page", f"来的是一张网页（{letters:,} 个汉字），不是书，多半是上网登录页或出错页", lasting=True, fresh=True)


def _read(data: bytes, name: str, style: Format) -> str:
    """A page as plain text; raises Fault when it is HTML where none is due, can't be read, or is damaged."""
    if style == "text" and _HTML.match(data):
        raise Fault("html-page", "来的是一张网页，不是文本，多半是上网登录页或出错页", fresh=True, tries=2, whole=True)
    try:
        decoded = decode(data, name)
    except CorpusError as error:
        raise Fault("not-text", error.what.rstrip("。"), fresh=True, tries=2) from error
    text = decoded.text
    damaged = decoded.broken_lines + decoded.nul_count
    # A whole book with a few bad bytes is common, and the import tells of them; a page of a wiki never has any.
    if damaged and (style != "any" or 50 * damaged > text.count("\n")):
        raise Fault("damaged-text", f"有 {damaged} 处读不出的字节", fresh=True, tries=3)
    if looks_like_wikitext(text):
        text = wikitext_to_text(text)
    elif style != "any" and looks_like_html(text):
        text = html_to_text(text)
    if score(text) < _CHINESE:
        raise Fault("not-text", "读出来不是中文（编码错了，或来的是别的东西）", fresh=True, tries=2)
    return text
