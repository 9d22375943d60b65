"""`xiyou demo`: the whole loop without a screen, on whatever text is at hand, in under two minutes on two cores."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xiyou_tui.cli.output import Parser, add_json, emit, say
from xiyou_tui.errors import TrainingError

if TYPE_CHECKING:
    from xiyou_tui.chat.model import Answer, Mode
    from xiyou_tui.study import Study
    from xiyou_tui.training.run import RunDirectory

# Two that the text answers and one that no edition of this novel does.
QUESTIONS = ("孙悟空的师父是谁？", "白骨精是怎么骗唐僧的？", "诸葛亮是怎么借来东风的？")
TRAINED = "孙悟空是从哪里来的？"
POLL = 0.3


@dataclass
class Report:
    """What was done: the steps with their seconds and what came of them."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)


class Bar:
    """Progress on stderr: a bar that moves on a terminal, one line a step elsewhere."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._task: Any = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(28), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
            self._progress = Progress(*columns, console=Console(stderr=True))
            self._progress.start()

    def begin(self, label: str) -> None:
        if self._progress is None:
            say(f"· {label} ……")
        else:
            self._task = self._progress.add_task(label, total=1.0, note="")

    def move(self, share: float, note: str = "") -> None:
        """`share` of the step is done, 0 to 1; `note` says what is going on."""
        if self._progress is not None:
            self._progress.update(self._task, completed=share, note=note)

    def close(self) -> None:
        """Take the bars off the screen; nothing when they are gone already."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def run(arguments: list[str]) -> int:
    """Run the loop and print the report."""
    parser = Parser("xiyou demo", description="用手头的文本把整个流程走一遍：索引、样本、练手模型、DAPT、SFT、三个问题。两核上不到两分钟。")
    add_json(parser)
    parsed = parser.parse_args(arguments)
    from xiyou_tui.study import open_study

    study, bar, report = open_study(), Bar(), Report()
    try:
        _walk(study, bar, report)
        bar.close()
        record = {"steps": report.steps, "answers": report.answers, "home": str(study.places.data)}
        emit(parsed, record, _render(report, study))
    finally:
        bar.close()
        study.close()
    return 0


def _walk(study: Study, bar: Bar, report: Report) -> None:
    from xiyou_tui.models.making import ensure_practice
    from xiyou_tui.samples.starters import load_starters
    from xiyou_tui.samples.store import SampleFilter

    with _step(bar, report, "text", "打开文本") as step:
        edition = study.library.current()
        step["text"] = edition.title
        step["chapters"] = sum(1 for chapter in edition.chapters if chapter.kind == "chapter")
        step["characters"] = edition.characters
        step["note"] = f"{edition.title}，{step['chapters']} 回，{edition.characters:,} 字" + ("（提要，非原文）" if edition.is_synopsis else "")
    with _step(bar, report, "index", "建检索索引") as step:
        retriever = study.retriever(edition)
        step["passages"] = len(retriever.passages)
        step["note"] = f"{step['passages']} 段"
    with _step(bar, report, "samples", "装入自带样本") as step:
        step["added"] = load_starters(study.samples, study.library).added
        approved = study.samples.list(SampleFilter(status=("approved",)))
        step["approved"] = len(approved)
        step["refusals"] = sum(1 for sample in approved if sample.refusal)
        step["note"] = f"新装 {step['added']} 条；通过的共 {step['approved']} 条，其中拒答 {step['refusals']} 条"
    with _step(bar, report, "model", "做练手模型") as step:
        texts = [turn.text for sample in approved for turn in sample.turns]

        def made(record: dict[str, Any]) -> None:
            bar.move(float(record.get("step", 0)) / max(1.0, float(record.get("of", 1))), str(record.get("what", "")))

        card = ensure_practice(study.places, edition, texts, made)
        step["path"], step["parameters"] = str(card.path), card.parameters
        step["note"] = f"{card.parameters:,} 个参数，{card.path}"
    first = _train(study, bar, report, "practice-dapt", "dapt", "继续预训练（DAPT）", "")
    second = _train(study, bar, report, "practice-sft", "sft", "样本微调（SFT）", first.id)
    trained = second.trained()
    with _step(bar, report, "trained", "问刚训练的模型") as step:
        (answer,) = asyncio.run(_ask(study, (TRAINED,), "retrieve", bar, str(trained.model), str(trained.adapter or "")))
        step["question"], step["answer"] = TRAINED, answer.as_record()
        said = "回答「原著未提及」" if answer.refused else f"引了 {len(answer.citations)} 处原文"
        step["note"] = f"{TRAINED}它{said}"
    with _step(bar, report, "questions", "提三个问题（摘引）") as step:
        answers = asyncio.run(_ask(study, QUESTIONS, "extract", bar))
        report.answers += [answer.as_record() for answer in answers]
        step["refused"] = sum(1 for answer in answers if answer.refused)
        step["note"] = f"{len(answers)} 个回答，拒答 {step['refused']} 个"


def _train(study: Study, bar: Bar, report: Report, preset: str, name: str, label: str, start_from: str) -> RunDirectory:
    from xiyou_tui.training.launch import start_run
    from xiyou_tui.training.presets import find_preset

    with _step(bar, report, name, label) as step:
        recipe = find_preset(preset).recipe
        if start_from:
            recipe = recipe.changed("run.start_from", start_from)
        started = start_run(study, recipe, name=f"演示 {name.upper()}")
        step["run"] = str(started.path)
        first: float | None = None
        while True:
            state = started.state()
            if first is None and state.loss is not None:
                first = state.loss
            bar.move(state.share, f"{state.step}/{state.of} 步" + (f" 损失 {state.loss:.3f}" if state.loss is not None else ""))
            if state.status in ("finished", "stopped", "failed", "interrupted"):
                break
            time.sleep(POLL)  # The trainer is another process; its files are all there is to wait for.
        if state.status != "finished":
            error = state.error
            raise TrainingError(
                error.what if error else f"{label}没有做完（{state.label}）。",
                kept=(error.kept if error else "") or f"记录在 {started.path}。",
                next_step=(error.next_step if error else "") or f"看日志 {started.log}，或用 xiyou doctor 检查。",
                code=error.code if error else "demo",
            )
        losses = [event.loss for event in started.events().events if event.kind == "step" and hasattr(event, "loss")]
        step["steps"], step["first_loss"], step["last_loss"] = state.step, losses[0], losses[-1]
        step["perplexity"], step["tokens_per_second"] = state.perplexity, state.tokens_per_second
        step["note"] = f"{state.step} 步，损失 {losses[0]:.3f} → {losses[-1]:.3f}，{state.tokens_per_second or 0:,.0f} 词元/秒"
    return started


async def _ask(study: Study, questions: tuple[str, ...], mode: Mode, bar: Bar, model: str = "", adapter: str = "") -> list[Answer]:
    from xiyou_tui.chat.model import AnswerFailed, AnswerFinished
    from xiyou_tui.chat.responder import open_responder

    responder = open_responder(study)
    answers: list[Answer] = []
    try:
        for number, question in enumerate(questions):
            bar.move(number / len(questions), question)
            async for event in responder.answer(question, mode=mode, model=model, adapter=adapter):
                if isinstance(event, AnswerFinished):
                    answers.append(event.answer)
                elif isinstance(event, AnswerFailed):
                    raise event.error
    finally:
        await responder.close()
    return answers


@contextmanager
def _step(bar: Bar, report: Report, name: str, label: str) -> Iterator[dict[str, Any]]:
    bar.begin(label)
    started = time.perf_counter()
    step: dict[str, Any] = {"name": name, "label": label}
    yield step
    step["seconds"] = round(time.perf_counter() - started, 3)
    report.steps.append(step)
    bar.move(1.0, step.get("note", ""))


def _render(report: Report, study: Study) -> str:
    lines = ["xiyou 演示", ""]
    for step in report.steps:
        lines.append(f"  {step['seconds']:>6.1f} 秒  {step['label']}：{step.get('note', '')}")
    lines.append(f"  {sum(step['seconds'] for step in report.steps):>6.1f} 秒  合计")
    for question, answer in zip(QUESTIONS, report.answers, strict=True):
        lines += ["", f"问：{question}", "答：" + _shortened(answer["answer"]).replace("\n", "\n    ")]
    lines += [
        "",
        "练手模型只有几十万参数，说不出通顺的话；它的用处是让整个流程在一分钟里真实地走一遍。",
        f"样本、模型和两次训练都放在 {study.places.data}，在界面的「样本」「训练」「模型」里都能看到。",
        "下一步：xiyou 打开界面；xiyou corpus import 文件 导入原著。" if study.library.current().is_synopsis else "下一步：xiyou 打开界面。",
    ]
    return "\n".join(lines)


def _shortened(text: str, limit: int = 420) -> str:
    return text if len(text) <= limit else text[:limit] + "……（xiyou chat ask 可看全文）"
