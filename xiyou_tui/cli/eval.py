"""`xiyou eval`: run question sets, look at what came of them, compare, report."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xiyou_tui.cli.commands import CommandParser
from xiyou_tui.cli.output import emit, say
from xiyou_tui.errors import EvaluationError
from xiyou_tui.evaluation.judging import VERDICTS, Outcome, explain, right_words
from xiyou_tui.evaluation.measures import KEY_MEASURES, MEASURES, SEED, show_share
from xiyou_tui.evaluation.perplexity import kept_readings
from xiyou_tui.evaluation.questions import KINDS, find_set, list_sets, load_questions
from xiyou_tui.evaluation.records import STATUSES, Evaluation, find_evaluation, list_evaluations
from xiyou_tui.evaluation.report import as_markdown, as_record, as_report, dump, outcome_record, show_figure, write_report
from xiyou_tui.evaluation.run import Progress, prepare_evaluation, run_evaluation
from xiyou_tui.evaluation.systems import MODES, parse_modes
from xiyou_tui.study import Study

WORST = 10


def run(arguments: list[str]) -> int:
    """Run one subcommand; the exit code is 2 when a guarantee was broken, which is a bug of the program."""
    return _parser().run(arguments)


def _parser() -> CommandParser:
    parser = CommandParser("xiyou eval", "评测：用题集检验回答，看每一项的数字和每一道题。")
    command = parser.command
    start = command("run", "跑一个题集", _run)
    start.add_argument("set", nargs="?", metavar="题集", help="名字（dev 是自带的 480 题）或 JSONL 文件；配 --resume 时不写")
    start.add_argument(
        "--mode", default="extract", metavar="方式", help="、".join(f"{key} {label}" for key, label in MODES.items()) + "；可用逗号写几种，all 是全部"
    )
    start.add_argument("--model", default="", metavar="目录", help="模型目录；默认用对话设置里的，没有就用练手模型")
    start.add_argument("--adapter", default="", metavar="目录", help="LoRA 适配器目录（检索和内化用；对照总是不带适配器）")
    start.add_argument("--limit", type=int, default=0, metavar="N", help="只抽 N 题，各题型按比例；默认全部")
    start.add_argument("--noise", type=int, default=0, metavar="K", help="给模型看的原文里，换进 K 段不相干的，看答得还准不准")
    start.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"抽题和生成的种子，默认 {SEED}")
    start.add_argument("--name", default="", metavar="名字", help="给这次评测起个名字")
    start.add_argument("--resume", metavar="评测", help="接着做没做完的一次")
    command("list", "列出所有评测，新的在前", _list)
    show = command("show", "看一次评测：数字和做错的题", _show)
    show.add_argument("evaluation", nargs="?", default="last", metavar="评测")
    show.add_argument("--question", metavar="编号", help="看一道题：答案、回答、错在哪里")
    show.add_argument("--wrong", action="store_true", help="列出全部做错的题")
    both = command("compare", "比较两次评测（或同一次里的两种方式，写成 评测:方式）", _compare)
    both.add_argument("left", metavar="前")
    both.add_argument("right", metavar="后")
    report = command("report", "写成报告：Markdown 和 JSON", _report)
    report.add_argument("evaluation", nargs="?", default="last", metavar="评测")
    report.add_argument("--out", type=Path, metavar="目录", help="默认写到 exports 目录；- 把 Markdown 打印出来")
    command("sets", "列出题集", _sets)
    delete = command("delete", "把一次评测移到回收站", _delete)
    delete.add_argument("evaluation", metavar="评测")
    return parser


def _run(study: Study, parsed: argparse.Namespace) -> int:
    if parsed.noise < 0:
        raise EvaluationError("--noise 要写正数。", next_step="不写就不掺。", code="bad-noise")
    if parsed.limit < 0:
        raise EvaluationError("--limit 要写正数。", next_step="不写就是全部题。", code="bad-limit")
    if parsed.resume:
        evaluation = find_evaluation(study.places, parsed.resume)
    elif parsed.set:
        questions = find_set(study.places, parsed.set)
        evaluation = prepare_evaluation(
            study, questions, parse_modes(parsed.mode), model=parsed.model, adapter=parsed.adapter,
            limit=parsed.limit, seed=parsed.seed, name=parsed.name, noise=parsed.noise,
        )  # fmt: skip
    else:
        raise EvaluationError("没有写题集。", next_step="例如：xiyou eval run dev --mode extract", code="no-set")
    meta = evaluation.meta()
    say(f"评测 {evaluation.id}：{evaluation.name}，底本「{meta.edition_title}」")
    if meta.notice:
        say(f"注意：{meta.notice}")
    try:
        run_evaluation(evaluation, study, _Telling())
    except BaseException:
        say(f"做完的都留着；接着做：xiyou eval run --resume {evaluation.id}")
        raise
    record = as_record(evaluation)
    emit(parsed, record, _describe(evaluation))
    return 2 if record["bugs"] else 0


class _Telling:
    """Progress on stderr: a line that is written over on a terminal, one line a tenth elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = -1
        self._wrong = 0

    def __call__(self, progress: Progress) -> None:
        self._wrong += not progress.outcome.good
        tenth = progress.done * 10 // progress.total
        text = f"{progress.done}/{progress.total}，没做对 {self._wrong}"
        if self._terminal:
            print(f"\r{text}", end="\n" if progress.done == progress.total else "", file=sys.stderr, flush=True)
        elif tenth != self._last:
            say(text)
        self._last = tenth


def _describe(evaluation: Evaluation, *, wrong: int = WORST) -> str:
    meta, state, summaries = evaluation.meta(), evaluation.state(), evaluation.summaries()
    shown = [(spec.label, summaries[spec.mode]) for spec in meta.systems if spec.mode in summaries]
    lines = [
        f"{evaluation.id}　{evaluation.name}",
        f"题集 {meta.set_name}，{meta.questions} 题；底本「{meta.edition_title}」；{STATUSES[state.status]} {state.done}/{meta.total}，{state.seconds:.0f} 秒",
    ]
    if state.what:
        lines.append(f"{state.what}{state.next_step}")
    if meta.notice:
        lines.append(meta.notice)
    for label, summary in shown:
        lines += ["", f"【{label}】"]
        for measure in MEASURES:
            figure = summary.all.figures[measure.name]
            if figure.value is not None:
                lines.append(f"  {_pad(measure.label, 12)}{show_figure(figure):<24}n={figure.denominator}")
        if summary.all.median is not None:
            lines.append(f"  {_pad('用时（毫秒）', 12)}中位 {summary.all.median:.0f}，p95 {summary.all.p95:.0f}，最长 {summary.all.longest:.0f}")
        kinds = [
            f"{KINDS.get(name, name)} {show_share((group.figures['contained' if group.figures['contained'].value is not None else 'refusal_recall']).value)}"
            for name, group in summary.groups.items()
            if name != "all"
        ]
        lines.append(f"  分题型（引文含答案，或拒答召回）：{'，'.join(kinds)}")
        if summary.bugs:
            lines.append(f"  ！保证被破坏：{summary.bugs} 题，这是程序缺陷")
    if readings := kept_readings(evaluation.path):
        lines += ["", "留出的回（没有训练过），越低越好：", *(f"  {reading.describe()}" for reading in readings)]
    if wrong:
        lines += ["", *_wrong_lines(evaluation, wrong)]
    return "\n".join(lines)


def _wrong_lines(evaluation: Evaluation, most: int) -> list[str]:
    questions = {question.id: question for question in evaluation.questions()}
    wrong = [outcome for outcome in evaluation.outcomes().outcomes if not outcome.good and outcome.id in questions]
    lines = [f"没做对的 {len(wrong)} 题" + (f"（先列 {most} 题，--wrong 列全部）：" if len(wrong) > most else "：")]
    several = len(evaluation.meta().systems) > 1
    for outcome in wrong[:most]:
        system = f"{MODES[outcome.system]} " if several else ""  # type: ignore[index]
        lines.append(f"  {outcome.id} {system}{VERDICTS[outcome.verdict]}　{questions[outcome.id].text}")
    return lines


def _list(study: Study, parsed: argparse.Namespace) -> int:
    records, lines = [], []
    for evaluation in list_evaluations(study.places):
        try:
            record = as_record(evaluation)
        except EvaluationError as error:
            lines.append(f"{evaluation.id}　{error.what}")
            continue
        records.append(record)
        when = time.strftime("%m-%d %H:%M", time.localtime(record["created"]))
        lines.append(f"{record['id']}　{when}　{record['name']}　{STATUSES[record['status']]} {record['done']}/{record['total']}")
        for system in record["systems"].values():
            key = "，".join(f"{measure.label} {show_share(system['measures'][measure.name]['value'])}" for measure in MEASURES if measure.name in KEY_MEASURES)
            lines.append(f"    {system['label']}：{key}")
    emit(parsed, {"evaluations": records}, "\n".join(lines) or "还没有评测过。用自带的题集试一次：xiyou eval run dev --mode extract")
    return 0


def _show(study: Study, parsed: argparse.Namespace) -> int:
    evaluation = find_evaluation(study.places, parsed.evaluation)
    if parsed.question:
        return _show_question(evaluation, parsed)
    emit(parsed, as_report(evaluation), _describe(evaluation, wrong=10**9 if parsed.wrong else WORST))
    return 0


def _show_question(evaluation: Evaluation, parsed: argparse.Namespace) -> int:
    question = next((found for found in evaluation.questions() if found.id == parsed.question), None)
    outcomes = [outcome for outcome in evaluation.outcomes().outcomes if outcome.id == parsed.question]
    if question is None or not outcomes:
        raise EvaluationError(f"这次评测里没有「{parsed.question}」这道题。", next_step="用 xiyou eval show --wrong 看编号。", code="no-question")
    lines = [f"{question.id}（{question.kind_label}）{question.text}", f"答案：{right_words(question.gold) if question.answerable else '原著没有写，应当拒答'}"]
    given = []
    for outcome in outcomes:
        answer = evaluation.answer(outcome)
        lines += ["", f"【{evaluation.meta().system(outcome.system).label}】{VERDICTS[outcome.verdict]}。{''.join(explain(outcome, question))}"]
        lines.append(answer.text if answer is not None else "（没有回答）")
        given.append({**outcome_record(outcome), "answer": None if answer is None else answer.as_record()})
    emit(parsed, {"question": question.as_record(), "outcomes": given}, "\n".join(lines))
    return 0


def _compare(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.evaluation.compare import compare

    (left, one), (right, other) = _side(study, parsed.left), _side(study, parsed.right)
    found = compare(one, other)
    lines = [f"{left} → {right}，共同的 {found.questions} 题"]
    for difference in found.differences.values():
        if difference.delta is None or difference.low is None or difference.high is None:
            continue
        sure = {1: "  变好", -1: "  变差", 0: ""}[difference.direction]
        values = f"{show_share(difference.left):>7} → {show_share(difference.right):>7}"
        lines.append(f"  {_pad(difference.measure.label, 12)}{values}  {difference.delta * 100:+6.1f} [{difference.low * 100:+.1f}, {difference.high * 100:+.1f}]{sure}")
    lines.append(f"变对 {len(found.gained)} 题：{' '.join(found.gained) or '无'}")
    lines.append(f"变错 {len(found.lost)} 题：{' '.join(found.lost) or '无'}")
    emit(parsed, {"left": left, "right": right, **found.as_record()}, "\n".join(lines))
    return 0


def _side(study: Study, name: str) -> tuple[str, Sequence[Outcome]]:
    """An evaluation, or one system of it (`ID:mode`), with its outcomes."""
    head, _, mode = name.partition(":")
    evaluation = find_evaluation(study.places, head)
    names = evaluation.meta().system_names
    if not mode and len(names) > 1:
        raise EvaluationError(f"「{head}」里有几种方式：{'、'.join(names)}。", next_step=f"写成 {head}:{names[0]}。", code="which-system")
    chosen = mode or names[0]
    outcomes: list[Any] = [outcome for outcome in evaluation.outcomes().outcomes if outcome.system == chosen]
    if not outcomes:
        raise EvaluationError(f"「{head}」里没有「{chosen}」的结果。", next_step=f"有的是：{'、'.join(names)}。", code="no-system")
    return f"{evaluation.id}:{chosen}", outcomes


def _report(study: Study, parsed: argparse.Namespace) -> int:
    evaluation = find_evaluation(study.places, parsed.evaluation)
    if parsed.out is not None and str(parsed.out) == "-":
        print(dump(as_report(evaluation)) if parsed.json else as_markdown(evaluation))
        return 0
    markdown, record = write_report(evaluation, parsed.out or study.places.exports)
    emit(parsed, {"markdown": str(markdown), "json": str(record)}, f"{markdown}\n{record}")
    return 0


def _sets(study: Study, parsed: argparse.Namespace) -> int:
    records, lines = [], []
    for path in list_sets(study.places):
        try:
            found = load_questions(path)
        except EvaluationError as error:
            lines.append(f"{path.stem}　{error.what}")
            continue
        records.append({"name": found.name, "path": str(path), "questions": len(found.questions), "answerable": found.answerable, "hash": found.hash})
        lines.append(f"{found.name}　{len(found.questions)} 题，能答的 {found.answerable}，答不了的 {len(found.questions) - found.answerable}　{path}")
    emit(parsed, {"sets": records}, "\n".join(lines))
    return 0


def _delete(study: Study, parsed: argparse.Namespace) -> int:
    evaluation = find_evaluation(study.places, parsed.evaluation)
    lies = evaluation.delete(study.places.bin)
    emit(parsed, {"id": evaluation.id, "bin": str(lies)}, f"移到回收站：{lies}")
    return 0


def _pad(text: str, cells: int) -> str:
    width = sum(2 if ord(character) > 0x2E7F else 1 for character in text)
    return text + " " * max(1, cells - width)
