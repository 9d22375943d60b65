"""What is no text, not this book, or damaged: a message in Chinese with what to do next, and never a traceback."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpus.conftest import make_book, make_paragraph
from xiyou_tui.corpus.importer import ImportReport, import_text
from xiyou_tui.corpus.importer.formats import LARGEST
from xiyou_tui.errors import CorpusError

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SMALL_BOOK = make_book(range(1, 13), 3)


def refused(path: Path, **options: bool) -> CorpusError:
    with pytest.raises(CorpusError) as caught:
        import_text(path, **options)  # type: ignore[arg-type]
    error = caught.value
    assert error.what and error.kept and error.next_step
    assert error.what.endswith("。")
    return error


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-file"),
        (b" \r\n\t\0 ", "empty-file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50, "binary-file"),
        (bytes([0, 1, 2, 3]) * 5000, "binary-file"),
        ("ÀÉÎõü§¶" .encode("latin-1") * 500, "not-text"),
        (b"Alice was beginning to get very tired of sitting by her sister on the bank.\n" * 50, "no-chapters"),
        ("今天天气很好，我们去公园散步。\n".encode() * 50, "no-chapters"),
        (b"PK\x03\x04 broken", "damaged-archive"),
    ],
    ids=["empty", "blank", "png", "control", "latin-1", "english", "no-chapters", "broken-zip"],
)
def test_what_is_no_novel_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    assert refused(write(tmp_path / "a.txt", data)).code == code


def test_missing_file_and_unreadable_place(tmp_path: Path) -> None:
    assert refused(tmp_path / "没有.txt").code == "no-file"
    (tmp_path / "空目录").mkdir()
    assert refused(tmp_path / "空目录").code == "no-text-inside"


def test_a_huge_file_is_refused_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "大.txt"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3)
    assert refused(path).code == "file-too-large"


def test_another_book_is_told_by_its_chapters_and_taken_on_request(tmp_path: Path) -> None:
    text = "\n".join(f"第{number}回　甄士隐梦幻识通灵　贾雨村风尘怀闺秀\n此开卷第{number}回也，作者自云曾历过一番梦幻。" for number in range(1, 121))
    path = write(tmp_path / "红楼.txt", text.encode())
    assert refused(path).code == "other-book"
    report = import_text(path, other_book=True)
    assert report.edition.kind == "other" and report.edition.title == "红楼" and report.chapters == 120


def test_a_sequel_with_the_same_people_is_another_book(tmp_path: Path) -> None:
    sequel = SMALL_BOOK
    for line in SMALL_BOOK.split("\n"):
        if line.startswith("第"):
            sequel = sequel.replace(line, line.split("　")[0] + "　花果山心源流后派　水帘洞小圣悟前因")
    assert refused(write(tmp_path / "a.txt", sequel.encode())).code == "other-book"


def test_half_a_novel_is_taken_with_warnings(tmp_path: Path) -> None:
    report = import_text(write(tmp_path / "a.txt", make_book(range(1, 51)).encode("gb18030")))
    assert report.chapters == 50
    assert "incomplete-book" in {warning.code for warning in report.warnings}


def test_nul_bytes_are_removed_and_counted(tmp_path: Path) -> None:
    report = import_text(write(tmp_path / "a.txt", SMALL_BOOK.replace("庄院", "庄\0院").encode()))
    assert "nul-characters" in {warning.code for warning in report.warnings}
    assert make_paragraph(3, 2) in report.edition.chapter(3).text


def test_mixed_encodings_are_read_line_by_line(tmp_path: Path) -> None:
    lines = SMALL_BOOK.split("\n")
    data = b"\n".join(line.encode("gb18030" if index % 3 == 1 else "utf-8") for index, line in enumerate(lines))
    report = import_text(write(tmp_path / "a.txt", data))
    assert "mixed-encoding" in {warning.code for warning in report.warnings}
    assert all(make_paragraph(chapter, index) in report.edition.chapter(chapter).text for chapter in range(1, 13) for index in range(1, 4))


def test_broken_bytes_become_blanks_and_are_named(tmp_path: Path) -> None:
    data = SMALL_BOOK.encode().replace("庄院".encode(), b"\xe5\xba" + "院".encode(), 1)
    report = import_text(write(tmp_path / "a.txt", data))
    assert {"broken-characters", "missing-character"} <= {warning.code for warning in report.warnings}
    assert "□" in report.edition.chapter(1).text


def test_angle_brackets_never_stay(tmp_path: Path) -> None:
    text = SMALL_BOOK.replace("庄院", "庄<院 a<b> 1 < 2")
    report = import_text(write(tmp_path / "a.txt", text.encode()))
    assert not any(mark in chapter.text for chapter in report.edition.chapters for mark in "<>")
    assert "leftover-markup" in {warning.code for warning in report.warnings}


@pytest.mark.parametrize("unit", ["啊", "“", "【", "<p", "<style>", "第一回", "□【左", "且听下回分解。", "[[", "\n\n\n\n\n咦！", "<!--", "<ref>", "{{", "[[a|"], ids=range(14))
def test_endless_lines_come_to_an_end(tmp_path: Path, unit: str) -> None:
    data = (SMALL_BOOK + unit * (600_000 // len(unit))).encode()
    report = import_text(write(tmp_path / "a.txt", data))
    assert report.chapters >= 12


@pytest.mark.parametrize("name", ["../../etc/cron.txt", "/etc/passwd.txt", "C:\\windows\\a.txt", "a/../../b.txt"])
def test_archives_that_reach_outside_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, SMALL_BOOK)
    assert refused(tmp_path / "a.zip").code == "unsafe-archive"
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_archive_bombs_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"\0" * (20 * 1024 * 1024))
    assert refused(tmp_path / "a.zip").code == "archive-bomb"
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_STORED) as archive:
        for index in range(5001):
            archive.writestr(f"{index}.txt", "")
    assert refused(tmp_path / "b.zip").code == "too-many-files"


def test_a_header_that_lies_about_the_size_is_caught(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "第一回 " * 1_000_000)
    data = bytearray(path.read_bytes())
    central = data.find(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 100)
    path.write_bytes(bytes(data))
    assert refused(path).code in {"damaged-archive", "no-text-inside", "no-chapters"}
    assert LARGEST > 10_000_000


def everything(report: ImportReport) -> str:
    return "".join([*(chapter.title + chapter.text for chapter in report.edition.chapters), *(piece.text for piece in report.left_out)])


def check(report: ImportReport) -> None:
    """What holds for every edition, however mangled its source."""
    numbers = [chapter.number for chapter in report.edition.chapters]
    assert numbers == sorted(set(numbers)) and report.edition.chapters
    for chapter in report.edition.chapters:
        assert "<" not in chapter.text and chapter.paragraphs
        assert "\n".join([chapter.title, *(chapter.paragraph_text(p.number) for p in chapter.paragraphs)]) == chapter.text
        assert [p.number for p in chapter.paragraphs] == list(range(1, len(chapter.paragraphs) + 1))
        assert all(chapter.paragraph_text(p.number).strip() for p in chapter.paragraphs)


@QUICK
@given(st.binary(max_size=3000))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path / "a.txt", data)
    try:
        check(import_text(path, other_book=True))
    except CorpusError as error:
        assert error.next_step


NOISE = st.one_of(
    st.text(max_size=30),
    st.text(alphabet='第一二十百零回章附录目《》“”"<>/p&;#*□【】左右上下且听分解\n　 \t\f\0', max_size=30),
    st.sampled_from(["<p>", "</p>", "<br/>", "<!--", "-->", "<script>", "第三回　四海千山皆拱伏　九幽十类尽除名\n", "《西游记》至此终。", "\n\n\n\n\n\n", "且听下回分解。\n"]),
)


@QUICK
@given(st.lists(st.tuples(st.integers(0, len(SMALL_BOOK)), NOISE), max_size=12), st.sampled_from(["utf-8", "gb18030", "utf-16"]))
def test_mangled_text_loses_no_paragraph_silently(tmp_path: Path, noise: list[tuple[int, str]], encoding: str) -> None:
    pieces, position = [], 0
    for place, text in sorted(noise, key=lambda item: item[0]):
        pieces += [SMALL_BOOK[position:place], text]
        position = place
    text = "".join([*pieces, SMALL_BOOK[position:]])
    try:
        report = import_text(write(tmp_path / "a.txt", text.encode(encoding, "ignore")), other_book=True)
    except CorpusError:
        return
    check(report)
    found = everything(report)
    lines = {line.strip() for line in text.split("\n")}
    for chapter in range(1, 13):
        for index in range(1, 4):
            paragraph = make_paragraph(chapter, index)
            # A paragraph that the noise left whole, and that no markup hides, is in a chapter or among what was left out.
            if paragraph in lines and "<" not in text:
                assert paragraph in found


@QUICK
@given(st.lists(st.sampled_from(SMALL_BOOK.split("\n")), min_size=1, max_size=80))
def test_lines_in_any_order_are_all_accounted_for(tmp_path: Path, lines: list[str]) -> None:
    try:
        report = import_text(write(tmp_path / "a.txt", "\n".join(lines).encode()), other_book=True)
    except CorpusError:
        return
    check(report)
    found = everything(report)
    assert all(line.strip() in found for line in lines if not line.startswith("第"))
