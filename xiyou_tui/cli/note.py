"""`xiyou note`: notes on the text, with their sources."""

from __future__ import annotations

import argparse
from pathlib import Path

from xiyou_tui.cli.output import Parser, add_json, emit


def run(arguments: list[str]) -> int:
    """Add, list, import and export notes of the current edition."""
    parser = Parser("xiyou note", description="注解：对原文某一段的说明，写明来源，和原文分开。")
    commands = parser.add_subparsers(dest="command", required=True, metavar="add|list|import|export", parser_class=Parser)
    add = commands.add_parser("add", help="给一句原文加注解")
    add.add_argument("quote", metavar="原文", help="要注的那句话，和原文一字不差（简繁、异体不论）")
    add.add_argument("text", metavar="注解")
    add.add_argument("--source", required=True, metavar="来源", help="谁说的，哪本书")
    add.add_argument("--chapter", type=int, default=0, metavar="回")
    listing = commands.add_parser("list", help="列出注解")
    listing.add_argument("--text", default="", metavar="字词", help="注解、原文或来源里有这个词")
    listing.add_argument("--chapter", type=int, default=0, metavar="回")
    for name, help_text in (("import", "从 JSONL 导入，一行一条 {chapter, quote, text, source}"), ("export", "导出为 JSONL")):
        commands.add_parser(name, help=help_text).add_argument("file", type=Path, metavar="文件")
    for command in commands.choices.values():
        add_json(command)
    return _run(parser.parse_args(arguments))


def _run(arguments: argparse.Namespace) -> int:
    from xiyou_tui.corpus.align import align_text
    from xiyou_tui.corpus.notes import NoteStore, export_notes, import_notes, new_note, place_notes
    from xiyou_tui.errors import CorpusError
    from xiyou_tui.study import open_study

    study = open_study()
    try:
        store, edition = NoteStore(study.connection), study.library.current()
        if arguments.command == "add":
            found = align_text(arguments.quote, edition, chapter=arguments.chapter)
            if found is None:
                raise CorpusError(f"当前底本里找不到「{arguments.quote[:20]}」。", next_step="用 xiyou corpus find 查准原文再加。", code="no-quote")
            note = new_note(edition, found.citation, arguments.text, arguments.source)
            store.save(note)
            emit(arguments, {"note": note.as_record()}, f"记下了，在{edition.mark(note.citation.chapter, note.citation.start)}。")
        elif arguments.command == "list":
            placed, lost = place_notes(store.list(text=arguments.text), edition)
            shown = [item for item in placed if not arguments.chapter or item.citation.chapter == arguments.chapter]
            lines = [
                f"{edition.mark(item.citation.chapter, item.citation.start)}「{item.note.quote[:20]}」{item.note.text}（{item.note.source}）" for item in shown
            ]
            lines += [f"（这个底本里没有）「{note.quote[:20]}」{note.text}（{note.source}）" for note in lost]
            record = {"notes": [{**item.note.as_record(), **item.citation.as_record()} for item in shown], "lost": [note.as_record() for note in lost]}
            emit(arguments, record, "\n".join(lines) or "还没有注解。")
        elif arguments.command == "import":
            outcome = import_notes(arguments.file, store, edition)
            broken = [{"line": line, "reason": reason} for line, reason in outcome.broken]
            text = [f"存下 {outcome.saved} 条注解。"] + [f"  第 {line} 行没有收：{reason}" for line, reason in outcome.broken]
            emit(arguments, {"saved": outcome.saved, "broken": broken}, "\n".join(text))
        else:
            if arguments.file.exists():
                raise CorpusError(f"文件已经在了：{arguments.file}。", kept="没有覆盖它。", next_step="换一个文件名。", code="exists")
            count = export_notes(store.list(), arguments.file)
            emit(arguments, {"exported": count, "file": str(arguments.file)}, f"导出 {count} 条到 {arguments.file}。")
    finally:
        study.close()
    return 0
