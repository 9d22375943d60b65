"""PDF and DOCX through the optional extra `xiyou-tui[documents]` (pypdf, python-docx), imported only when such a file comes."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from xiyou_tui.corpus.importer.clean import clean_source
from xiyou_tui.corpus.importer.records import Findings, Part
from xiyou_tui.errors import CorpusError

_PAGE_NUMBER = re.compile(r"^[\s　]*[-—–·第]?[\s　]*[0-9０-９]{1,4}[\s　]*[-—–·页頁]?[\s　]*$")
_KEPT = "已有的底本都没有改动。"


def read_pdf(path: Path, findings: Findings) -> Part:
    """The text layer of a PDF without page numbers and running heads; raises CorpusError without the extra, without a text layer, or when it is damaged."""
    try:
        import pypdf
    except ImportError as error:
        raise _missing("PDF") from error
    try:
        pages = [page.extract_text().split("\n") for page in pypdf.PdfReader(path).pages]
    except Exception as error:  # pypdf raises many kinds of its own and of Python's on damaged files
        raise _damaged(path, "PDF", error) from error
    text = "\n".join("\n".join(lines) for lines in _without_margins(pages, findings))
    if not text.strip():
        raise CorpusError(f"「{path.name}」里没有文字，可能是扫描的图片。", kept=_KEPT, next_step="先做文字识别，或换一个文本文件。", code="no-text-inside")
    return Part(path.name, clean_source(text))


def _without_margins(pages: list[list[str]], findings: Findings) -> list[list[str]]:
    """The lines of each page without a first or last line that is a number or stands on every other page."""
    pages = ["\n".join(lines).strip("\n 　").split("\n") for lines in pages]
    edges = Counter(line.strip() for lines in pages if lines for line in {lines[0], lines[-1]})
    kept = []
    for lines in pages:
        body = lines
        for end in (0, -1):
            if body and (_PAGE_NUMBER.match(body[end]) or (len(pages) >= 6 and 2 * edges[body[end].strip()] >= len(pages))):
                findings.leave_out("页码页眉", body.pop(end).strip())
        kept.append(body)
    return kept


def read_docx(path: Path) -> Part:
    """The paragraphs of a DOCX; raises CorpusError without the extra or when it is damaged."""
    try:
        import docx
    except ImportError as error:
        raise _missing("DOCX") from error
    try:
        text = "\n".join(paragraph.text for paragraph in docx.Document(str(path)).paragraphs)
    except Exception as error:  # lxml, zipfile and python-docx each raise their own
        raise _damaged(path, "DOCX", error) from error
    return Part(path.name, clean_source(text))


def _missing(kind: str) -> CorpusError:
    return CorpusError(
        f"读 {kind} 要装可选的 documents 部分，现在没有装。",
        kept=_KEPT,
        next_step="运行 pipx inject xiyou-tui pypdf python-docx（或 pip install 'xiyou-tui[documents]'），再导入；也可以先转成 TXT。",
        code="documents-extra-missing",
    )


def _damaged(path: Path, kind: str, error: Exception) -> CorpusError:
    return CorpusError(f"{kind}「{path.name}」读不出来（{error}）。", kept=_KEPT, next_step="重新下载，或先转成 TXT。", code="damaged-file")
