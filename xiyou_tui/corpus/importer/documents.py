"""PDF and DOCX through the optional extra `xiyou-tui[documents]` (pypdf, python-docx), imported only when such a file comes."""

from __future__ import annotations

from pathlib import Path

from xiyou_tui.corpus.importer.clean import clean_source
from xiyou_tui.corpus.importer.records import Part
from xiyou_tui.errors import CorpusError

_KEPT = "已有的底本都没有改动。"


def read_pdf(path: Path) -> Part:
    """The text layer of a PDF; raises CorpusError without the extra, without a text layer, or when it is damaged."""
    try:
        import pypdf
    except ImportError as error:
        raise _missing("PDF") from error
    try:
        text = "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    except Exception as error:  # pypdf raises many kinds of its own and of Python's on damaged files
        raise _damaged(path, "PDF", error) from error
    if not text.strip():
        raise CorpusError(f"「{path.name}」里没有文字，可能是扫描的图片。", kept=_KEPT, next_step="先做文字识别，或换一个文本文件。", code="no-text-inside")
    return Part(path.name, clean_source(text))


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
