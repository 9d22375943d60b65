"""`xiyou corpus`: import or fetch a text, list and choose editions, show a place, find words, search for passages."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xiyou_tui.cli import fetching
from xiyou_tui.cli.output import Parser, add_json, emit, say
from xiyou_tui.errors import CorpusError

if TYPE_CHECKING:
    from xiyou_tui.corpus.importer import ImportReport, ImportWarning
    from xiyou_tui.corpus.library import EditionCard, Library
    from xiyou_tui.corpus.model import Chapter, Edition, Place

_KINDS = {"novel": "原文", "synopsis": "提要", "other": "另一部书"}
# From so many chapters on, the same warning is told once for all of them.
_GROUPED = 8
_PLACE = re.compile(r"(附?)(\d{0,3})(?:[.·．](\d{1,4}))?")


def run(arguments: list[str]) -> int:
    """Run one of the corpus commands; raises CorpusError for what the user can mend."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if not parsed.command:
        parser.print_help()
        return 1
    from xiyou_tui.study import open_study

    study = open_study()
    try:
        if parsed.command == "search":
            edition = _edition(study.library, parsed.edition)
            places = study.retriever(edition).search(parsed.question, top=parsed.top, people=parsed.person, places=parsed.place)
            _show_passages(parsed, edition, places)
        elif parsed.command == "fetch":
            fetching.run(parsed, study)
        else:
            _COMMANDS[parsed.command](parsed, study.library)
    finally:
        study.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser("xiyou corpus", description="底本：导入、查看、查找、检索。")
    commands = parser.add_subparsers(dest="command", metavar="命令", parser_class=Parser)

    add = commands.add_parser("import", help="导入一部文本（TXT、HTML、Markdown、EPUB、ZIP 或目录）")
    add.add_argument("file", type=Path, help="文件或目录")
    add.add_argument("--title", default="", help="底本的名字，默认「西游记」")
    add.add_argument("--other-book", action="store_true", help="不是《西游记》也导入，作为另一部书")
    add.add_argument("--check", action="store_true", help="只检查、出报告，不收入书架")

    fetching.add_arguments(commands.add_parser("fetch", help="从网上取一部文本：维基文库、古登堡计划或任意网址"))
    commands.add_parser("list", help="列出所有底本")

    show = commands.add_parser("show", help="显示一回或一段：27、27.12、附")
    show.add_argument("place", nargs="?", default="", help="回，或 回.段；不写就列回目")
    find = commands.add_parser("find", help="逐字查找，全部列出")
    find.add_argument("text", help="要找的字句，简繁皆可")
    find.add_argument("--pattern", action="store_true", help="把字句当作正则表达式")
    find.add_argument("--limit", type=_count, default=None, help="最多列几处")
    search = commands.add_parser("search", help="用一句话检索相关段落")
    search.add_argument("question", help="问题，用今天的话说就行")
    search.add_argument("--person", action="append", default=[], metavar="人物", help="只要写到这个人物的段落，可写几次")
    search.add_argument("--place", action="append", default=[], metavar="地方", help="只要写到这个地方的段落，可写几次")
    search.add_argument("--top", type=_count, default=10, help="列几段，默认 10")
    for command in (show, find, search):
        command.add_argument("--edition", default="", help="底本的编号（或开头几位），默认当前底本")
    use = commands.add_parser("use", help="把一个底本设为当前")
    remove = commands.add_parser("remove", help="把一个底本移进回收站")
    for command in (use, remove):
        command.add_argument("edition", help="底本的编号（或开头几位）")
    for command in commands.choices.values():
        add_json(command)
    return parser


def _count(raw: str) -> int:
    try:
        value = int(raw)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"「{raw}」不是正整数")
    return value


def _import(parsed: argparse.Namespace, library: Library) -> None:
    from xiyou_tui.corpus.importer import import_text

    began = time.perf_counter()
    say(f"读取 {parsed.file} ……")
    report = import_text(parsed.file, title=parsed.title, other_book=parsed.other_book)
    if not parsed.check:
        library.add(report.edition)
    say(f"用时 {time.perf_counter() - began:.1f} 秒。")
    emit(parsed, report.as_record(), describe_report(report, kept=not parsed.check))


def describe_report(report: ImportReport, *, kept: bool) -> str:
    """The report of an import or a fetch, as text."""
    edition = report.edition
    lines = [
        f"{'已导入' if kept else '检查完（没有收入书架）'}：{edition.title}（{edition.id}），{report.chapters} 回"
        + (f"，附录 {report.appendices} 篇" if report.appendices else "")
        + f"，{edition.paragraph_count} 段，{edition.characters:,} 字，{'繁体' if edition.script == 'traditional' else '简体'}，编码 {report.encoding}。"
    ]
    if report.warnings:
        lines.append(f"要留意的 {len(report.warnings)} 项：")
        lines += _describe_warnings(report)
    if report.left_out:
        total = sum(len(piece.text) for piece in report.left_out)
        lines.append(f"没有收进正文的：{len(report.left_out)} 处，共 {total:,} 字（目录、页面说明、重复的回等）。")
    return "\n".join(lines)


def _describe_warnings(report: ImportReport) -> list[str]:
    """A line for each warning; where many chapters have the same one, a line for all of them."""
    from xiyou_tui.corpus.importer.report import ranges

    by_code: dict[str, list[ImportWarning]] = {}
    for warning in report.warnings:
        by_code.setdefault(warning.code, []).append(warning)
    lines = []
    for code, group in by_code.items():
        chapters = [warning.chapter for warning in group if warning.chapter is not None]
        if len(chapters) > _GROUPED:
            lines.append(f"  [{code}] {len(chapters)} 回（{ranges(chapters)}）：如第 {group[0].chapter} 回，{group[0].message}")
            group = [warning for warning in group if warning.chapter is None]
        lines += [f"  [{code}] {f'第 {warning.chapter} 回　' if warning.chapter else ''}{warning.message}" for warning in group]
    return lines


def _list(parsed: argparse.Namespace, library: Library) -> None:
    current = library.current().id
    cards = library.cards()
    record = {"editions": [{**card.as_record(), "current": card.id == current} for card in cards], "current": current}
    emit(parsed, record, "\n".join(_describe_card(card, current) for card in cards))


def _describe_card(card: EditionCard, current: str) -> str:
    mark = "＊" if card.id == current else "　"
    return f"{mark} {card.id}  {card.title}（{_KINDS[card.kind]}）　{card.chapters} 回 {card.paragraphs} 段 {card.characters:,} 字　来源 {card.source}"


def _show(parsed: argparse.Namespace, library: Library) -> None:
    edition = _edition(library, parsed.edition)
    if not parsed.place:
        listing: dict[str, Any] = {
            "edition": edition.id, "title": edition.title, "kind": edition.kind,
            "chapters": [{"chapter": c.number, "label": c.label, "title": c.title, "paragraphs": len(c.paragraphs), "characters": len(c.text)} for c in edition.chapters],
        }  # fmt: skip
        emit(parsed, listing, "\n".join(f"{chapter.label}　{chapter.title}" for chapter in edition.chapters))
        return
    chapter, paragraph = _parse_place(edition, parsed.place)
    if paragraph is not None:
        chapter.paragraph_text(paragraph)
    chosen = [p for p in chapter.paragraphs if paragraph is None or p.number == paragraph]
    record = {
        "edition": edition.id, "kind": edition.kind, "chapter": chapter.number, "label": chapter.label, "title": chapter.title,
        # All offsets that this program gives count from the beginning of this text.
        "text": chapter.text,
        "paragraphs": [
            {"paragraph": p.number, "start": p.start, "end": p.end, "kind": p.kind, "made": p.made, "text": chapter.text[p.start : p.end]} for p in chosen
        ],
    }  # fmt: skip
    notice = "（提要，非原文）\n" if edition.is_synopsis else ""
    body = "\n".join(f"{p.number:>4}  {'　　' if p.kind == 'verse' else ''}{chapter.text[p.start : p.end]}" for p in chosen)
    emit(parsed, record, f"{notice}{chapter.label}　{chapter.title}\n{body}")


def _parse_place(edition: Edition, text: str) -> tuple[Chapter, int | None]:
    from xiyou_tui.corpus.model import FIRST_APPENDIX

    match = _PLACE.fullmatch(text.strip().strip("〔〕"))
    if not match or not (match[1] or match[2]):
        raise CorpusError(f"看不懂位置「{text}」。", next_step="写 27（第二十七回）、27.12（第二十七回第 12 段）或 附（附录）。", code="bad-place")
    number = FIRST_APPENDIX + int(match[2] or 1) - 1 if match[1] else int(match[2])
    return edition.chapter(number), int(match[3]) if match[3] else None


def _find(parsed: argparse.Namespace, library: Library) -> None:
    from xiyou_tui.corpus.find import find, find_pattern

    edition = _edition(library, parsed.edition)
    hits = (find_pattern if parsed.pattern else find)(edition, parsed.text, limit=parsed.limit)
    chapters: dict[int, int] = {}
    for hit in hits:
        chapters[hit.chapter] = chapters.get(hit.chapter, 0) + 1
    record = {
        "edition": edition.id, "kind": edition.kind, "count": len(hits), "hits": [hit.as_record() for hit in hits],
        "chapters": [{"chapter": number, "count": count} for number, count in chapters.items()],
    }  # fmt: skip
    lines = [f"{edition.mark(hit.chapter, hit.start)} {_context(edition, hit)}" for hit in hits]
    emit(parsed, record, "\n".join([*lines, f"共 {len(hits)} 处，在 {len(chapters)} 回里。"]))


def _context(edition: Edition, hit: Place) -> str:
    """The hit between 【】 with some twelve characters of its paragraph on either side."""
    chapter = edition.chapter(hit.chapter)
    paragraph = chapter.paragraphs[hit.paragraph - 1]
    before = chapter.text[max(paragraph.start, hit.start - 12) : hit.start]
    return f"{before}【{chapter.text[hit.start : hit.end]}】{chapter.text[hit.end : min(paragraph.end, hit.end + 12)]}".replace("\n", " ")


def _show_passages(parsed: argparse.Namespace, edition: Edition, places: list[Place]) -> None:
    record = {"edition": edition.id, "kind": edition.kind, "passages": [place.as_record(scored=True) for place in places]}
    lines = [f"{edition.mark(place.chapter, place.start)} {place.score:.3f}\n{place.text}" for place in places]
    emit(parsed, record, "\n\n".join(lines) or "没有找到相关的段落。")


def _use(parsed: argparse.Namespace, library: Library) -> None:
    library.choose(parsed.edition)
    current = library.current()
    emit(parsed, {"current": current.id, "title": current.title}, f"当前底本：{current.title}（{current.id}）。")


def _remove(parsed: argparse.Namespace, library: Library) -> None:
    where = library.remove(parsed.edition)
    emit(parsed, {"removed": parsed.edition, "bin": str(where), "current": library.current().id}, f"已移进回收站：{where}")


def _edition(library: Library, name: str) -> Edition:
    return library.open(name) if name else library.current()


_COMMANDS = {"import": _import, "list": _list, "show": _show, "find": _find, "use": _use, "remove": _remove}
