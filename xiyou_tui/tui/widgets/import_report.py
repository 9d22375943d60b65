"""What a person reads before accepting a text: the report of an import, as the dialogs show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from xiyou_tui.corpus.library import describe

if TYPE_CHECKING:
    from xiyou_tui.corpus.importer import ImportReport

SHOWN_WARNINGS = 60


def describe_import(report: ImportReport) -> Content:
    """Title, counts and warnings of a text that was read, one a line; of very many warnings the first."""
    card = describe(report.edition)
    lines = [
        Content.styled(f"{card.title}", "bold $primary"),
        Content(f"{card.chapters} 回 · {card.paragraphs} 段 · {card.characters:,} 字 · {'繁体' if card.script == 'traditional' else '简体'}"),
    ]
    warnings = report.warnings
    if warnings:
        lines.append(Content.styled(f"要留意的 {len(warnings)} 条：", "bold $warning"))
        lines += [Content(f"· {f'第 {warning.chapter} 回　' if warning.chapter else ''}{warning.message}") for warning in warnings[:SHOWN_WARNINGS]]
        if len(warnings) > SHOWN_WARNINGS:
            lines.append(Content(f"……还有 {len(warnings) - SHOWN_WARNINGS} 条，用 xiyou corpus import 可全部列出"))
    else:
        lines.append(Content.styled("没有发现问题。", "$success"))
    return Content("\n").join(lines)
