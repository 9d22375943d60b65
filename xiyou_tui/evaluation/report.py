"""An evaluation as a report: Markdown to read, JSON to work with. Holds figures, questions and gold, no text of the novel."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xiyou_tui.evaluation.compare import compare
from xiyou_tui.evaluation.judging import VERDICTS, Outcome, explain, right_words
from xiyou_tui.evaluation.measures import ALL, MEASURES, Figure, Group, Summary, show_share
from xiyou_tui.evaluation.perplexity import kept_readings
from xiyou_tui.evaluation.questions import KINDS, Question
from xiyou_tui.evaluation.records import STATUSES, Evaluation, EvaluationMeta
from xiyou_tui.storage.files import write_json, write_text

# By kind only these are told; the rest says little over thirty questions.
BY_KIND = ("contained", "right", "evidence", "chapter", "refusal_recall", "over_refusal", "wrong", "passage_r10")


def write_report(evaluation: Evaluation, directory: Path) -> tuple[Path, Path]:
    """Write `<id>.md` and `<id>.json` into a directory and return both. Raises EvaluationError or StorageError."""
    paths = directory / f"评测-{evaluation.id}.md", directory / f"评测-{evaluation.id}.json"
    write_text(paths[0], as_markdown(evaluation))
    write_json(paths[1], as_report(evaluation))
    return paths


def as_report(evaluation: Evaluation) -> dict[str, Any]:
    """The whole report as a JSON-ready record: figures by system and kind, paired differences, every question's outcome."""
    questions = {question.id: question for question in evaluation.questions()}
    outcomes = evaluation.outcomes().outcomes
    return {
        **as_record(evaluation),
        "comparisons": [{"left": left, "right": right, **found} for left, right, found in _comparisons(evaluation.meta(), outcomes)],
        "questions": [
            {**outcome_record(outcome), "question": questions[outcome.id].text} for outcome in outcomes if outcome.id in questions
        ],
    }


def as_record(evaluation: Evaluation) -> dict[str, Any]:
    """What an evaluation was and came to, without the single questions; the measures of a sole system stand at the top too."""
    meta, state, summaries = evaluation.meta(), evaluation.state(), evaluation.summaries()
    systems = {spec.mode: {**spec.as_record(), **summaries[spec.mode].as_record()} for spec in meta.systems if spec.mode in summaries}
    record = {
        **meta.as_record(),
        "name": evaluation.name,
        "path": str(evaluation.path),
        "status": state.status,
        "done": state.done,
        "total": meta.total,
        "seconds": round(state.seconds, 2),
        "notice": meta.notice,
        "bugs": bugs_of(evaluation.outcomes().outcomes),
        "systems": systems,
        "perplexity": [reading.as_record() for reading in kept_readings(evaluation.path)],
    }
    if state.what:
        record["error"] = {"what": state.what, "next": state.next_step}
    if len(systems) == 1:
        sole = next(iter(systems.values()))
        record |= {name: sole[name] for name in ("measures", "by_kind", "latency_ms")}
    return record


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """An outcome without where its answer is kept."""
    return {name: value for name, value in outcome.as_record().items() if name not in ("at", "size")}


def bugs_of(outcomes: Sequence[Outcome]) -> list[dict[str, str]]:
    """Every broken guarantee: a quote that is not the text, or a citation that does not open."""
    return [{"system": outcome.system, "id": outcome.id, "what": bug} for outcome in outcomes for bug in outcome.bugs]


def as_markdown(evaluation: Evaluation) -> str:
    """The report to read."""
    meta, state, summaries = evaluation.meta(), evaluation.state(), evaluation.summaries()
    questions, outcomes = evaluation.questions(), evaluation.outcomes().outcomes
    shown = [(spec.label, summaries[spec.mode]) for spec in meta.systems if spec.mode in summaries]
    lines = [
        f"# 评测：{evaluation.name}",
        "",
        f"- 题集：{meta.set_name}（{meta.questions} 题，{meta.set_hash}）" + (f"，抽 {meta.limit} 题，种子 {meta.seed}" if meta.limit else "")
        + (f"，给模型看的原文里换进 {meta.noise} 段不相干的" if meta.noise else ""),
        f"- 底本：{meta.edition_title}（{meta.edition}）",
        f"- 系统：{'；'.join(_describe_system(spec.as_record()) for spec in meta.systems)}",
        f"- 时间：{time.strftime('%Y-%m-%d %H:%M', time.localtime(meta.created))}，用时 {state.seconds:.0f} 秒，{STATUSES[state.status]}（{state.done}/{meta.total}）",
        f"- xiyou {meta.version}",
    ]
    if meta.notice:
        lines += ["", f"> {meta.notice}"]
    bugs = bugs_of(outcomes)
    if bugs:
        lines += ["", f"**保证被破坏：{len(bugs)} 处，这是程序缺陷。**", ""]
        lines += [f"- {bug['system']} {bug['id']}：{bug['what']}" for bug in bugs]
    lines += ["", "## 总表", "", "方括号里是 95% 自助法区间，括号里是题数。", "", *_total_table(shown)]
    readings = kept_readings(evaluation.path)
    if readings:
        lines += ["", "## 留出的回", "", f"没有训练过的第 {'、'.join(map(str, readings[0].chapters))} 回，模型读起来有多意外；越低越好。", ""]
        lines += [f"- {reading.describe()}" for reading in readings]
    lines += ["", "## 分题型", ""]
    for label, summary in shown:
        lines += [f"### {label}", "", *_kind_table(summary), ""]
    for left, right, found in _comparisons(meta, outcomes):
        lines += _comparison_section(meta, left, right, found)
    lines += _wrong_section(meta, questions, outcomes)
    lines += ["", "## 各项的意思", "", *(f"- **{measure.label}**：{measure.help}。" for measure in MEASURES)]
    return "\n".join(lines) + "\n"


def show_figure(figure: Figure, *, count: bool = False) -> str:
    """84.2% [80.1, 88.0], with the number of questions behind it if wanted."""
    if figure.value is None:
        return "—"
    text = show_share(figure.value)
    if figure.low is not None and figure.high is not None and figure.low < figure.high:
        text += f" [{figure.low * 100:.1f}, {figure.high * 100:.1f}]"
    return f"{text}（{figure.denominator}）" if count else text


def _describe_system(record: dict[str, str]) -> str:
    parts = [record["label"], f"模型 {record['model']}" if record["model"] else "", f"适配器 {record['adapter']}" if record["adapter"] else ""]
    return "，".join(part for part in parts if part)


def _total_table(shown: Sequence[tuple[str, Summary]]) -> list[str]:
    lines = _head("", [label for label, _ in shown])
    for measure in MEASURES:
        lines.append(_row(measure.label, [show_figure(summary.all.figures[measure.name], count=True) for _, summary in shown]))
    lines.append(_row("用时（毫秒）中位／p95／最长", [_latency(summary.all) for _, summary in shown]))
    return lines


def _kind_table(summary: Summary) -> list[str]:
    chosen = [measure for measure in MEASURES if measure.name in BY_KIND]
    lines = _head("题型（题数）", [measure.label for measure in chosen])
    for name, group in summary.groups.items():
        label = "全部" if name == ALL else KINDS.get(name, name)
        lines.append(_row(f"{label}（{group.questions}）", [show_figure(group.figures[measure.name]) for measure in chosen]))
    return lines


def _comparisons(meta: EvaluationMeta, outcomes: Sequence[Outcome]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every further system against the first, where both have outcomes."""
    by_system = {name: [outcome for outcome in outcomes if outcome.system == name] for name in meta.system_names}
    first, *others = meta.system_names
    return [
        (first, other, compare(by_system[first], by_system[other]).as_record())
        for other in others
        if {outcome.id for outcome in by_system[first]} & {outcome.id for outcome in by_system[other]}
    ]


def _comparison_section(meta: EvaluationMeta, left: str, right: str, found: dict[str, Any]) -> list[str]:
    names = meta.system(left).label, meta.system(right).label
    lines = [f"## {names[1]} 对 {names[0]}", "", f"共同的 {found['questions']} 题，差是后者减前者。", "", *_head("", [*names, "差", "95% 区间"])]
    for measure in MEASURES:
        item = found["measures"][measure.name]
        if item["delta"] is None:
            continue
        span = "" if item["low"] is None else f"[{item['low'] * 100:+.1f}, {item['high'] * 100:+.1f}]"
        lines.append(_row(measure.label, [show_share(item["left"]), show_share(item["right"]), f"{item['delta'] * 100:+.1f}", span]))
    return [*lines, "", f"变对 {len(found['gained'])} 题，变错 {len(found['lost'])} 题。", ""]


def _wrong_section(meta: EvaluationMeta, questions: Sequence[Question], outcomes: Sequence[Outcome]) -> list[str]:
    known = {question.id: question for question in questions}
    lines = ["## 没做对的题", ""]
    wrong = [outcome for outcome in outcomes if not outcome.good and outcome.id in known]
    for outcome in wrong:
        question = known[outcome.id]
        system = f"{meta.system(outcome.system).label} · " if len(meta.systems) > 1 else ""
        gold = f"；答案：{right_words(question.gold)}" if question.answerable else ""
        lines.append(f"- `{question.id}` {system}{VERDICTS[outcome.verdict]}：{question.text}{gold}。{''.join(explain(outcome, question))}")
    return lines if wrong else [*lines, "没有。"]


def _latency(group: Group) -> str:
    return "—" if group.median is None else f"{group.median:.0f}／{group.p95:.0f}／{group.longest:.0f}"


def _head(first: str, columns: Sequence[str]) -> list[str]:
    return [_row(first, columns), "|---" * (len(columns) + 1) + "|"]


def _row(first: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in (first, *cells)) + " |"


def dump(record: dict[str, Any]) -> str:
    """A record as readable JSON text."""
    return json.dumps(record, ensure_ascii=False, indent=1)
