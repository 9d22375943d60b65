"""`xiyou sample`: add, list, show, check, review, import, export and count samples."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from xiyou_tui.cli.commands import CommandParser
from xiyou_tui.cli.output import emit, say
from xiyou_tui.samples.model import KINDS, SPLITS, STATUSES, Sample
from xiyou_tui.study import Study

REVIEW = {"approve": ("approved", "通过"), "return": ("returned", "退回"), "submit": ("review", "送审")}


def run(arguments: list[str]) -> int:
    """Run one subcommand; the exit code is 0, or 1 when an import kept no line at all."""
    return _parser().run(arguments)


def _parser() -> CommandParser:
    parser = CommandParser("xiyou sample", "样本：写、审、导入导出。")
    command = parser.command
    add = command("add", "新建一条样本", _add)
    add.add_argument("question", metavar="问题")
    add.add_argument("answer", metavar="回答", nargs="?", default="", help="拒答可以不写，用现成的一句")
    add.add_argument("--kind", choices=tuple(KINDS), default="", metavar="题型", help=_names(KINDS))
    add.add_argument(
        "--cite",
        action="append",
        default=[],
        metavar="27.12",
        help="引文的位置，可以写多次；27.12:一句原文 只引这一句；只写一句原文也行",
    )
    add.add_argument("--refuse", metavar="理由", default=None, help="标成拒答，写明理由")
    add.add_argument("--tag", action="append", default=[], metavar="标签")
    add.add_argument("--status", choices=tuple(STATUSES), default="draft", metavar="状态", help=_names(STATUSES))
    add.add_argument("--split", choices=tuple(SPLITS), default="train", metavar="划分", help=_names(SPLITS))

    listing = command("list", "列出样本", _list)
    _add_filter(listing)
    listing.add_argument("--limit", type=int, default=None, metavar="N", help="最多列几条")
    listing.add_argument("--bin", action="store_true", help="列回收站里的")

    show = command("show", "看一条样本：问答、引文原文、检查结果、历史", _show)
    show.add_argument("id", metavar="编号")

    check = command("check", "检查样本：引文、引号、拒答、重复", _check)
    _add_filter(check)

    for name, (_, label) in REVIEW.items():
        review = command(name, f"把样本标成{STATUSES[REVIEW[name][0]]}", _review)
        review.add_argument("ids", metavar="编号", nargs="+")
        review.set_defaults(review=name, label=label)

    for name, text, action in (("delete", "移到回收站", _delete), ("restore", "从回收站拿回", _restore)):
        made = command(name, text, action)
        made.add_argument("ids", metavar="编号", nargs="+")

    command("undo", "撤销最近一步（导入、批量修改算一步）", _undo)

    importing = command("import", "导入 JSONL（对话格式；好的行收下，坏的行按行号列出）", _import)
    importing.add_argument("file", metavar="文件", type=Path)

    export = command("export", "导出 JSONL", _export)
    export.add_argument("file", metavar="文件", type=Path)
    _add_filter(export)
    export.add_argument("--plain", action="store_true", help="只写 messages，给 mlx-lm 等训练程序用")
    export.add_argument("--overwrite", action="store_true", help="文件已存在时覆盖")

    command("stats", "统计：拒答比例、题型、回目覆盖、重复", _stats)
    command("starters", "载入自带样本", _starters)
    draft = command("draft", "从情节索引起草候选样本，放进待审；拒答也起草", _draft)
    draft.add_argument("--count", type=int, default=20, metavar="N", help="起草几条，缺省 20")
    draft.add_argument("--refusals", type=float, default=0.3, metavar="0.3", help="其中拒答的比例")
    draft.add_argument("--chapters", default="", metavar="1-10", help="只从这些回起草，如 1-10 或 3,27")
    draft.add_argument("--seed", type=int, default=None, metavar="N", help="同样的数抽出同样的候选")
    command("reanchor", "换了底本以后，重新定位所有引文", _reanchor)
    return parser


def _names(known: dict[str, str]) -> str:
    return "、".join(f"{name} {label}" for name, label in known.items())


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", action="append", choices=tuple(STATUSES), default=[], metavar="状态", help=_names(STATUSES))
    parser.add_argument("--kind", action="append", choices=tuple(KINDS), default=[], metavar="题型", help=_names(KINDS))
    parser.add_argument("--text", default="", metavar="词", help="问题、回答、标签、备注里有这些词")
    parser.add_argument("--chapter", type=int, default=None, metavar="回", help="引文在这一回的")
    parser.add_argument("--tag", default="", metavar="标签")


def _chosen(study: Study, parsed: argparse.Namespace, **more: Any) -> list[Sample]:
    from xiyou_tui.samples.store import SampleFilter

    filter = SampleFilter(tuple(parsed.status), tuple(parsed.kind), parsed.text, None, parsed.chapter, parsed.tag)
    return study.samples.list(replace(filter, **more))


def _add(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.samples.checks import check_sample
    from xiyou_tui.samples.citations import cite_typed, remember
    from xiyou_tui.samples.model import REFUSAL_PHRASE, new_sample

    edition = study.library.current()
    citations = [cite_typed(edition, typed) for typed in parsed.cite]
    refusal = parsed.refuse is not None or parsed.kind == "refusal"
    sample = new_sample(
        parsed.kind or ("refusal" if refusal else "fact"),
        parsed.question,
        parsed.answer or (f"{REFUSAL_PHRASE}。" if refusal else ""),
        citations=citations,
        refusal=refusal,
        reason=parsed.refuse or "",
        status=parsed.status,
        tags=parsed.tag,
        split=parsed.split,
    )
    stored = study.samples.save(sample)
    remember(stored, study.library, study.samples)
    findings = check_sample(stored, study.library, study.samples)
    lines = [
        f"已存：{stored.id}（{KINDS[stored.kind]}，{STATUSES[stored.status]}）",
        *(f"  {finding.message}" for finding in findings),
    ]
    emit(parsed, {**stored.as_record(), "findings": [finding.as_record() for finding in findings]}, "\n".join(lines))
    return 0


def _list(study: Study, parsed: argparse.Namespace) -> int:
    samples = _chosen(study, parsed, limit=parsed.limit, deleted=parsed.bin)
    lines = []
    for sample in samples:
        cited = f"{len(sample.citations)} 引" if sample.citations else "　　"
        question = " ".join(sample.question.split())
        lines.append(f"{sample.id:<12}  {STATUSES[sample.status]}  {KINDS[sample.kind]}  {cited}  {question}")
    record = {"count": len(samples), "samples": [sample.as_record() for sample in samples]}
    emit(parsed, record, "\n".join(lines) or "没有样本。用 xiyou sample add 写一条，或 xiyou sample starters 载入自带样本。")
    return 0


def _show(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.samples.checks import check_sample
    from xiyou_tui.samples.citations import look_up

    sample = study.samples.get(parsed.id)
    passages = [look_up(citation, study.library, study.samples) for citation in sample.citations]
    findings = check_sample(sample, study.library, study.samples)
    history = study.samples.history(sample.id)
    lines = [
        f"{sample.id}　{KINDS[sample.kind]}　{STATUSES[sample.status]}" + (f"　拒答：{sample.reason}" if sample.refusal else "")
    ]
    for question, answer in sample.exchanges:
        lines += [f"问：{question}", f"答：{answer}"]
    lines += [f"{passage.mark} {passage.text or '对不上'}" for passage in passages]
    lines += [f"检查：{finding.message}" for finding in findings]
    lines += [f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(entry.time))} {entry.action}" for entry in history]
    record = {
        **sample.as_record(),
        "citations": [{**p.citation.as_record(), "text": p.text, "mark": p.mark, "state": p.state} for p in passages],
        "findings": [finding.as_record() for finding in findings],
        "history": [{"time": entry.time, "action": entry.action, "undone": entry.undone} for entry in history],
    }
    emit(parsed, record, "\n".join(lines))
    return 0


def _check(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.samples.checks import check_sample
    from xiyou_tui.samples.duplicates import NearIndex

    near = NearIndex((row.id, row.question) for row in study.samples.rows())
    samples = _chosen(study, parsed)
    results = [(sample, check_sample(sample, study.library, study.samples, near)) for sample in samples]
    flagged = [(sample, findings) for sample, findings in results if findings]
    errors = sum(finding.severity == "error" for _, findings in flagged for finding in findings)
    lines = [f"{sample.id}  {finding.message}" for sample, findings in flagged for finding in findings]
    record = {
        "checked": len(samples),
        "flagged": len(flagged),
        "errors": errors,
        "samples": [{"id": sample.id, "findings": [f.as_record() for f in findings]} for sample, findings in flagged],
    }
    emit(parsed, record, "\n".join([*lines, f"查了 {len(samples)} 条，{len(flagged)} 条有话说，其中错误 {errors} 处。"]))
    return 0


def _review(study: Study, parsed: argparse.Namespace) -> int:
    status, label = REVIEW[parsed.review]
    ids = [study.samples.get(id).id for id in parsed.ids]
    changed = study.samples.change(ids, action=label, status=status)
    emit(parsed, {"changed": changed, "ids": ids, "status": status}, f"{label} {changed} 条。")
    return 0


def _delete(study: Study, parsed: argparse.Namespace) -> int:
    ids = [study.samples.get(id).id for id in parsed.ids]
    with study.samples.batch():
        for id in ids:
            study.samples.delete(id)
    emit(parsed, {"deleted": ids}, f"移到回收站 {len(ids)} 条；xiyou sample restore 可以拿回。")
    return 0


def _restore(study: Study, parsed: argparse.Namespace) -> int:
    ids = [study.samples.get(id).id for id in parsed.ids]
    for id in ids:
        study.samples.restore(id)
    emit(parsed, {"restored": ids}, f"拿回 {len(ids)} 条。")
    return 0


def _undo(study: Study, parsed: argparse.Namespace) -> int:
    entries = study.samples.undo()
    record = {"undone": [{"id": entry.sample, "action": entry.action} for entry in entries]}
    emit(parsed, record, f"撤销了「{entries[-1].action}」，{len(entries)} 条。" if entries else "没有可以撤销的。")
    return 0


def _import(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.samples.exchange import import_jsonl

    outcome = import_jsonl(parsed.file, study.samples, study.library)
    lines = [f"第 {line} 行没有收：{reason}" for line, reason in outcome.broken]
    lines += [f"第 {line} 行：{reason}" for line, reason in outcome.warnings]
    lines.append(f"收下 {outcome.saved} 条，已有 {outcome.skipped} 条，坏行 {len(outcome.broken)} 行。")
    emit(parsed, outcome.as_record(), "\n".join(lines))
    if outcome.broken and not outcome.saved and not outcome.skipped:
        say('一条也没有收下。每行要是 {"messages": [{"role": "user", …}, {"role": "assistant", …}]}。')
        return 1
    return 0


def _export(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.samples.exchange import export_jsonl

    samples = _chosen(study, parsed, order="oldest")
    count = export_jsonl(samples, parsed.file, study.library, study.samples, overwrite=parsed.overwrite, plain=parsed.plain)
    emit(parsed, {"count": count, "path": str(parsed.file.absolute())}, f"导出 {count} 条：{parsed.file}")
    return 0


def _stats(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.samples.statistics import REFUSAL_TARGET, summarise

    figures = summarise(study.samples)
    lines = [
        f"共 {figures.total} 条；回收站 {figures.in_bin} 条。",
        "状态：" + "，".join(f"{label} {figures.by_status[name]}" for name, label in STATUSES.items()),
        "题型：" + "，".join(f"{label} {figures.by_kind[name]}" for name, label in KINDS.items()),
        f"拒答：通过的样本里占 {figures.approved_refusal_share:.0%}（要求至少 {REFUSAL_TARGET:.0%}）"
        + (f"，还差 {figures.refusals_missing} 条" if figures.refusals_missing else ""),
        f"引文：{figures.cited} 条样本有引文，覆盖 {figures.covered} 回。",
        f"长度：问题平均 {figures.question_length:.0f} 字，回答平均 {figures.answer_length:.0f} 字。",
        f"近似重复：{len(figures.duplicates)} 对。",
    ]
    lines += [f"  {pair.first} 和 {pair.second}：{pair.similarity:.0%}" for pair in figures.duplicates[:10]]
    emit(parsed, figures.as_record(), "\n".join(lines))
    return 0


def _starters(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.samples.starters import load_starters

    outcome = load_starters(study.samples, study.library)
    lines = [f"载入自带样本 {outcome.added} 条，定位引文 {outcome.anchored} 条。"]
    if study.library.current().is_synopsis:
        lines.append("还没有原著底本，引文先空着；导入原著以后再运行一次，引文会补上。")
    lines += [f"底本里没有：{missing}" for missing in outcome.missing]
    emit(parsed, outcome.as_record(), "\n".join(lines))
    return 0


def _draft(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.chat.drafting import Order, draft_into, parse_chapters

    seed = int(time.time()) if parsed.seed is None else parsed.seed
    order = Order(max(0, parsed.count), parsed.refusals, parse_chapters(parsed.chapters), seed)
    drafted = draft_into(study.samples, study.library, order)
    refusals = sum(sample.refusal for sample in drafted)
    lines = [f"起草了 {len(drafted)} 条，其中拒答 {refusals} 条，都是待审：审过才训练（界面里按 2，再按 r）。"]
    if len(drafted) < order.count:
        lines.append("能起草的都起草过了，不够所要的条数；放宽回数再试。")
    lines += [f"{sample.id}  {'拒' if sample.refusal else '　'}  {sample.question}" for sample in drafted]
    emit(parsed, {"drafted": [sample.as_record() for sample in drafted], "refusals": refusals, "seed": seed}, "\n".join(lines))
    return 0


def _reanchor(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.samples.citations import reanchor_all

    report = reanchor_all(study.samples, study.library)
    emit(parsed, report.as_record(), f"原样成立 {report.kept} 条，移到当前底本 {report.moved} 条，找不到 {report.lost} 条。")
    return 0
