"""Encodings, headings, markup and containers: the same book comes out of each."""

from __future__ import annotations

import html
import sys
import zipfile
from pathlib import Path

import pytest

from tests.corpus.conftest import make_book, make_paragraph
from xiyou_tui.corpus.importer import import_text
from xiyou_tui.corpus.importer.numerals import parse_number
from xiyou_tui.corpus.model import chinese_number
from xiyou_tui.corpus.script import to_traditional
from xiyou_tui.errors import CorpusError

CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/content.opf"/></rootfiles></container>'


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding_of_simplified_text_gives_the_same_edition(tmp_path: Path, book: str, encoding: str) -> None:
    plain = import_text(write(tmp_path / "a.txt", book)).edition
    assert import_text(write(tmp_path / "b.txt", book, encoding)).edition.id == plain.id


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\u2028"])
def test_line_ends_do_not_matter(tmp_path: Path, book: str, ends: str) -> None:
    plain = import_text(write(tmp_path / "a.txt", book)).edition
    assert import_text(write(tmp_path / "b.txt", book.replace("\n", ends))).edition.id == plain.id


def test_big5_is_read_as_traditional(tmp_path: Path, book: str) -> None:
    path = tmp_path / "a.txt"
    # Big5 has some variants of a character only in its other form.
    path.write_bytes(to_traditional(book).encode("big5hkscs", "ignore"))
    report = import_text(path)
    assert report.encoding == "big5hkscs" and report.edition.script == "traditional" and report.chapters == 100


@pytest.mark.parametrize(
    ("numeral", "value"),
    [("一", 1), ("十", 10), ("二十七", 27), ("九八", 98), ("一○○", 100), ("一零零", 100), ("一百", 100), ("一百零八", 108), ("廿三", 23), ("００9", 9),
     ("001", 1), ("第", None), ("", None), ("贰拾柒", 27), ("〇九", 9)],
)  # fmt: skip
def test_numerals_of_every_style(numeral: str, value: int | None) -> None:
    assert parse_number(numeral) == value


@pytest.mark.parametrize("form", ["第{:03d}回", "《》目录 第{}回", "## 第{}回", "正文 第{}回：", "【第{}回】", "第 {} 回、"])
def test_headings_of_every_style(tmp_path: Path, book: str, form: str) -> None:
    text = book
    for number in range(100, 0, -1):
        text = text.replace(f"第{chinese_number(number)}回　", form.format(number) + "　")
    report = import_text(write(tmp_path / ("a.md" if "#" in form else "a.txt"), text))
    assert report.chapters == 100 and report.edition.chapter(27).title == "尸魔三戏唐三藏 圣僧恨逐美猴王"


@pytest.mark.parametrize("between", ["\n", "\n\n　　", "\n<br>\n"])
def test_title_below_its_heading(tmp_path: Path, book: str, between: str) -> None:
    text = "".join(f"{line.replace('回　', f'回{between}', 1)}\n" if line.startswith("第") else f"{line}\n" for line in book.split("\n"))
    assert import_text(write(tmp_path / "a.txt", text)).edition.id == import_text(write(tmp_path / "b.txt", book)).edition.id


def test_titles_without_numbers_and_without_a_gap(tmp_path: Path, book: str) -> None:
    plain = import_text(write(tmp_path / "a.txt", book)).edition
    bare = "\n".join(line.partition("回　")[2] if line.startswith("第") else line for line in book.split("\n"))
    assert import_text(write(tmp_path / "b.txt", bare)).edition.id == plain.id
    closed_up = "\n".join(line.replace("　", "") if line.startswith("第") else line for line in book.split("\n"))
    assert import_text(write(tmp_path / "c.txt", closed_up)).edition.id == plain.id


def test_raw_wiki_pages(tmp_path: Path) -> None:
    folder = tmp_path / "页面"
    folder.mkdir()
    for number in range(1, 101):
        heading, *rest = make_book(range(number, number + 1)).strip().split("\n")
        header = f"{{{{header\n| title = [[../|西游记]]\n| section = {heading}\n| previous = [[../{number - 1}|上一回]]\n| notes = {{{{Textquality|75%}}}}\n}}}}"
        (folder / f"{number:03}.txt").write_text("\n\n".join([header, *rest, "[[Category:章回]]"]).replace("马匹", "'''[[马|马匹]]'''"), "utf-8")
    report = import_text(folder)
    assert report.chapters == 100 and report.edition.chapter(27).title == "尸魔三戏唐三藏 圣僧恨逐美猴王"
    assert make_paragraph(27, 2) in report.edition.chapter(27).text


def test_contents_list_in_front_is_left_out(tmp_path: Path, book: str) -> None:
    contents = "\n".join(line for line in book.split("\n") if line.startswith("第"))
    report = import_text(write(tmp_path / "a.txt", f"西游记\n目录\n{contents}\n\n{book}"))
    assert report.chapters == 100 and not any(warning.code == "duplicate-chapter" for warning in report.warnings)
    assert any(piece.reason == "目录" for piece in report.left_out)


def test_html_tags_entities_and_scripts_are_gone(tmp_path: Path, book: str) -> None:
    body = "".join(f"<h2>{line}</h2>" if line.startswith("第") else f'<p class="x">{html.escape(line)}&nbsp;</p>\n' for line in book.split("\n") if line)
    page = f"<!DOCTYPE html><html><head><title>书</title><style>p {{}}</style></head><body><!-- 注 --><script>var a = '<p>假的</p>';</script>{body}</body></html>"
    edition = import_text(write(tmp_path / "a.html", page.replace("师徒四众", "师徒<b>四</b>&#20247;"))).edition
    assert edition.id == import_text(write(tmp_path / "a.txt", book)).edition.id


def test_hard_wrapped_lines_are_joined(tmp_path: Path) -> None:
    lines = []
    for line in make_book(paragraphs=6).split("\n"):
        lines += [line] if line.startswith("第") else [line[start : start + 30] for start in range(0, len(line), 30)]
    report = import_text(write(tmp_path / "a.txt", "\n".join(lines)))
    assert make_paragraph(27, 2) in report.edition.chapter(27).text
    assert "lines-joined" in {warning.code for warning in report.warnings}


def test_an_undivided_chapter_is_divided_and_says_so(tmp_path: Path) -> None:
    text = make_book(paragraphs=80).replace("\n　　话说", "话说")
    report = import_text(write(tmp_path / "a.txt", "\n".join(_unglued(line) for line in text.split("\n"))))
    chapter = report.edition.chapter(3)
    assert all(paragraph.made for paragraph in chapter.paragraphs[:-1]) and len(chapter.paragraphs) > 5
    assert max(paragraph.end - paragraph.start for paragraph in chapter.paragraphs) < 1000
    assert "paragraphs-made" in {warning.code for warning in report.warnings}


def _unglued(line: str) -> str:
    head, mark, rest = line.partition("话说")
    return f"{head}\n{mark}{rest}" if line.startswith("第") and mark else line


def test_speech_is_not_cut_apart_where_it_fits(tmp_path: Path) -> None:
    speech = "行者道：“" + "师父放心，" * 30 + "自有老孙在此。”"
    report = import_text(write(tmp_path / "a.txt", "第二十七回 尸魔三戏唐三藏 圣僧恨逐美猴王\n" + ("却说长老心惊。" * 30 + speech) * 12))
    pieces = [report.edition.chapter(27).paragraph_text(paragraph.number) for paragraph in report.edition.chapter(27).paragraphs]
    assert len(pieces) > 3 and all(piece.count("“") == piece.count("”") for piece in pieces)


def make_folder(path: Path, *, named: bool) -> Path:
    path.mkdir()
    for number in range(1, 101):
        text = make_book(range(number, number + 1), 8)
        (path / f"{number}.txt").write_text(text if named else text.split("\n", 1)[1], "utf-8")
    (path / "封面.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    return path


@pytest.mark.parametrize("named", [True, False])
def test_folder_of_chapter_files(tmp_path: Path, named: bool) -> None:
    report = import_text(make_folder(tmp_path / "书", named=named), other_book=not named)
    assert [chapter.number for chapter in report.edition.chapters] == list(range(1, 101))
    assert make_paragraph(27, 2) in report.edition.chapter(27).text


def test_folder_with_gaps_names_them(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "书", named=True)
    for number in (9, 45):
        (folder / f"{number}.txt").unlink()
    report = import_text(folder)
    assert {warning.chapter for warning in report.warnings if warning.code == "missing-chapter"} == {9, 45}


def test_zip_of_a_folder_and_one_bad_file(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "书", named=True)
    (folder / "坏.txt").write_bytes(bytes(range(256)) * 40)
    with zipfile.ZipFile(tmp_path / "书.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, f"西游记/{file.name}")
    report = import_text(tmp_path / "书.zip")
    assert report.chapters == 100
    assert "unreadable-file" in {warning.code for warning in report.warnings}


def make_epub(path: Path, *, spine: bool = True) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", CONTAINER)
        items, order = [], []
        for number in range(1, 101):
            heading, *rest = make_book(range(number, number + 1)).strip().split("\n")
            # Named against the reading order, so that only the spine gives it.
            archive.writestr(f"OEBPS/t/{200 - number}.xhtml", f"<?xml version='1.0'?><html><body><h1>{heading.replace('　', '</h1><h2>')}</h2>{''.join(f'<p>{line}</p>' for line in rest)}</body></html>")
            items.append(f'<item id="c{number}" href="t/{200 - number}.xhtml" media-type="application/xhtml+xml"/>')
            order.append(f'<itemref idref="c{number}"/>')
        archive.writestr("OEBPS/content.opf", f"<package><manifest>{''.join(items)}</manifest>{f'<spine>{chr(10).join(order)}</spine>' if spine else ''}</package>")
    return path


def test_epub_follows_its_spine(tmp_path: Path, book: str) -> None:
    report = import_text(make_epub(tmp_path / "书.epub"))
    assert report.edition.id == import_text(write(tmp_path / "a.txt", book)).edition.id
    assert "out-of-order" not in {warning.code for warning in report.warnings}


def test_epub_without_spine_says_so(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        import_text(make_epub(tmp_path / "书.epub", spine=False))
    assert caught.value.code == "epub-without-spine" and caught.value.next_step


def test_documents_need_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(CorpusError) as caught:
        import_text(write(tmp_path / "a.pdf", "%PDF-1.7 x"))
    assert caught.value.code == "documents-extra-missing"


def test_wrong_numbers_are_mended_by_title_and_order_is_reported(tmp_path: Path, book: str) -> None:
    chapters = [f"第{part}" for part in book.split("\n第")[1:]]
    chapters = [book.split("\n第")[0], *chapters]
    wrong = chapters[34].replace("第三十五回", "第三十四回", 1)
    text = "\n".join([*chapters[:34], wrong, *chapters[35:50], chapters[60], *chapters[50:60], *chapters[61:]])
    report = import_text(write(tmp_path / "a.txt", text))
    assert [chapter.number for chapter in report.edition.chapters] == list(range(1, 101))
    found = {(warning.code, warning.chapter) for warning in report.warnings}
    assert ("wrong-number", 35) in found and ("out-of-order", 51) in found


def test_a_different_second_copy_is_kept_as_an_appendix(tmp_path: Path, book: str) -> None:
    other = "第二十七回　尸魔三戏唐三藏　圣僧恨逐美猴王\n" + "另一种写法里，这一回的故事从一条小河边说起。\n" * 3
    report = import_text(write(tmp_path / "a.txt", book + other))
    assert report.chapters == 100 and report.appendices == 1
    assert "小河边" in report.edition.chapters[-1].text
