"""Raw pages of Wikisource to plain text: templates, links, emphasis, notes and tables of navigation resolved or gone."""

from __future__ import annotations

import re

from xiyou_tui.corpus.importer.markup import html_to_text

_TEMPLATE = re.compile(r"\{\{([^{}]*)\}\}")
_SIGN = re.compile(r"\{\{\s*(?:[Hh]eader|[Tt]extquality|PD|Pd|pd)|\[\[(?:[Cc]ategory|分类|分類)[:：]")
# Templates that show a text: their first argument is what the reader sees.
_SHOWN = frozenset({"", "*", "!", "另", "僻字", "ruby", "yl", "專名", "专名", "書名", "书名", "gap", "lang", "sic", "校"})
_FIELD = re.compile(r"^\s*(?:section|篇名|章节|章節)\s*=(.*)$", re.DOTALL)
_STEPS = (
    (re.compile(r"<ref[^<>]*/>|<ref[^<>]*>(?:[^<]|<(?!/?ref))*</ref>|<noinclude>(?:[^<]|<(?!/?noinclude))*</noinclude>|__[A-Z]+__"), ""),
    (re.compile(r"\[\[(?:[Cc]ategory|分类|分類|[Ff]ile|[Ii]mage|文件|[a-z]{2,3})[:：][^\[\]]*\]\]"), ""),
    (re.compile(r"\[\[[^\[\]|]*\|([^\[\]]*)\]\]"), r"\1"),
    (re.compile(r"\[\[([^\[\]]*)\]\]"), r"\1"),
    (re.compile(r"\[https?://\S+ ([^\[\]]*)\]"), r"\1"),
    (re.compile(r"'{2,5}"), ""),
    (re.compile(r"^=+[ \t]*(.*?)[ \t]*=+[ \t]*$", re.MULTILINE), r"\1"),
    (re.compile(r"^[*#:;]+[ \t]*", re.MULTILINE), ""),
    (re.compile(r"-\{(?:[^{}|;:]*\|)?([^{}|;:]*)(?:[;:][^{}]*)?\}-"), r"\1"),
)


def looks_like_wikitext(text: str) -> bool:
    """Whether a text is the raw page of a wiki: it has a header template or a category."""
    return bool(_SIGN.search(text))


def wikitext_to_text(text: str) -> str:
    """The text of a raw page; the section named in its header comes first, as the chapter's heading."""
    for pattern, replacement in _STEPS[:2]:
        text = pattern.sub(replacement, text)
    # Innermost first; nesting deeper than this is no header of a chapter.
    for _ in range(6):
        resolved = _TEMPLATE.sub(_resolve, text)
        if resolved == text:
            break
        text = resolved
    for pattern, replacement in _STEPS[2:]:
        text = pattern.sub(replacement, text)
    return html_to_text(text)


def _resolve(match: re.Match[str]) -> str:
    name, *arguments = match[1].split("|")
    name = name.strip().lower()
    if name.startswith("header"):
        sections = [found[1].strip() for argument in arguments if (found := _FIELD.match(argument))]
        return "".join(f"{section}\n" for section in sections if "回" in section)
    positional = [argument for argument in arguments if "=" not in argument]
    return positional[0] if name in _SHOWN and positional else ""
