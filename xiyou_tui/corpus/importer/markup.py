"""HTML and Markdown to lines of plain text. A hybrid of tags and plain lines, as text collections often are, works too."""

from __future__ import annotations

import html
import re

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]{0,20})(?:[\s/][^<>]*)?>|<!--(?:[^-<]|-(?!->)|<(?!!--))*-->|<[!?][^<>]*>")
_BLOCKS = frozenset(
    ("p", "div", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ul", "ol", "dl", "dt", "dd", "tr", "td", "th", "table", "tbody", "thead", "blockquote", "section", "article", "aside", "header", "footer", "nav", "pre", "center", "body", "html", "main", "figure", "title")
)  # fmt: skip
_PARAGRAPH = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "dd", "dt"))
_HIDDEN = frozenset(("head", "script", "style", "rt", "rp", "template", "noscript", "svg"))
_KNOWN = re.compile(r"</?(?:p|br|div|span|html|body|h[1-6]|font|td|ruby)\b[^<>]*>", re.IGNORECASE)


def looks_like_html(text: str) -> bool:
    """Whether tags of a page occur often enough that they are markup and not text."""
    return sum(1 for _, _ in zip(_KNOWN.finditer(text), range(3), strict=False)) == 3 or text[:200].lstrip("\ufeff \r\n\t").lower().startswith(("<!doctype", "<html", "<?xml"))


def html_to_text(text: str) -> str:
    """The visible text, a line for every block; hidden elements, tags and comments are gone, entities resolved.

    A line end inside a paragraph element is only space there; outside of one it ends a line.
    """
    pieces: list[str] = []
    position, inside = 0, False
    never_closed: set[str] = set()
    for tag in _TAG.finditer(text):
        if tag.start() < position:
            continue
        pieces.append(_flow(text[position : tag.start()], inside))
        position = tag.end()
        name = (tag[2] or "").lower()
        closing = tag[1] == "/"
        # A hidden element hides nothing when it closes itself (<script/>) or is never closed: rather show too much than lose text.
        if name in _HIDDEN and not closing and not tag[0].endswith("/>") and name not in never_closed:
            end = re.compile(f"</{name}[^<>]*>", re.IGNORECASE).search(text, position)
            if end is None:
                never_closed.add(name)
            else:
                position = end.end()
        elif name in _BLOCKS:
            pieces.append("\n")
            if name in _PARAGRAPH:
                inside = not closing
    pieces.append(_flow(text[position:], inside))
    return html.unescape("".join(pieces)).replace("\xa0", " ")


def _flow(text: str, inside: bool) -> str:
    return re.sub(r"[ \t]*\r?\n[ \t]*", _joined, text) if inside and "\n" in text else text


def _joined(match: re.Match[str]) -> str:
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
    return " " if before.isascii() and after.isascii() and before.isalnum() and after.isalnum() else ""


_MARKDOWN = (
    (re.compile(r"\A---\n(?:[\w-]+[ \t]*:.*\n|[ \t]+.*\n|-[ \t].*\n)*---\n"), ""),
    (re.compile(r"^[ \t]{0,3}#{1,6}[ \t]*(.*?)[ \t]*#*[ \t]*$", re.MULTILINE), r"\1"),
    (re.compile(r"^[ \t]{0,3}(?:[-*_][ \t]*){3,}$", re.MULTILINE), ""),
    (re.compile(r"^[ \t]{0,3}>[ \t]?", re.MULTILINE), ""),
    (re.compile(r"!\[([^\[\]\n]*)\]\([^()\n]*\)"), ""),
    (re.compile(r"\[([^\[\]\n]+)\]\([^()\n]*\)"), r"\1"),
    (re.compile(r"(\*\*|__)(?=\S)([^\n]*?\S)\1"), r"\2"),
    (re.compile(r"(?<!\*)\*(?=\S)([^*\n]+)\*"), r"\1"),
    (re.compile(r"\\([\\`*_{}\[\]()#+.!-])"), r"\1"),
    (re.compile(r"(?: {2,}|\\)$", re.MULTILINE), ""),
)


def markdown_to_text(text: str) -> str:
    """Markdown without its marks: headings, emphasis, quotes, links, rules."""
    for pattern, replacement in _MARKDOWN:
        text = pattern.sub(replacement, text)
    return html_to_text(text) if looks_like_html(text) else html.unescape(text)
