"""`xiyou model fuse|quantise|export`: making a model from a model. `model` puts these on its command."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from xiyou_tui.cli.commands import CommandParser
from xiyou_tui.cli.output import Parser, emit, say
from xiyou_tui.errors import ModelError
from xiyou_tui.models.conversion import BITS, FORMS, GROUPS, Plan, plan_export, plan_fuse, plan_quantise
from xiyou_tui.models.machine import in_gigabytes
from xiyou_tui.models.readme import tell_measured
from xiyou_tui.study import Study

if TYPE_CHECKING:
    from xiyou_tui.models.converting import Converted
    from xiyou_tui.training.lineage import Subject


def add_making(parser: CommandParser) -> None:
    """Declare the subcommands that make models."""
    fuse = parser.command("fuse", "把一次训练的适配器合并进它的底座，成为一个新模型", _fuse)
    fuse.add_argument("source", metavar="运行|适配器", help="运行的名字或编号（last 是最近一次），或适配器目录")
    fuse.add_argument("--dequantise", action="store_true", help="底座是量化的：还原成 16 位，不丢适配器学到的，大小约为四倍")
    quantise = parser.command("quantise", "把 16 位的模型量化成 4 位或 8 位", _quantise)
    quantise.add_argument("source", metavar="模型", help="模型的名字或目录")
    quantise.add_argument("--bits", type=int, default=4, choices=BITS, metavar="4|8", help="每个权重几位，默认 4")
    quantise.add_argument("--group", type=int, default=64, choices=GROUPS, metavar="32|64|128", help="几个权重一组，默认 64；越小越准、越大")
    for made in (fuse, quantise):
        made.add_argument("--name", default="", metavar="名字", help="新模型的目录名；不写就从原来的名字来")
        made.add_argument("--no-measure", action="store_true", help="不量做前做后的差别，快一些")
    export = parser.command("export", "导出成文件夹：MLX、GGUF 或 Ollama", _export)
    export.add_argument("source", metavar="模型|运行|适配器", help="模型的名字或目录；适配器只能导出成 MLX")
    export.add_argument("--form", default="mlx", choices=tuple(FORMS), metavar="|".join(FORMS), help="格式，默认 mlx")
    export.add_argument("--out", type=Path, metavar="目录", help="写到这个新目录；不写就放在 exports 里")
    for made in (fuse, quantise, export):
        _add_common(made)


def _add_common(made: Parser) -> None:
    made.add_argument("--plan", action="store_true", help="只看要做什么、要多少地方和时间，不动手")
    made.add_argument("--anyway", action="store_true", help="内存看起来不够也做")


def _find(study: Study, name: str) -> Subject:
    """A model, adapter or run by any name it has, those of `xiyou model list` too. Raises ModelError or TrainingError."""
    from xiyou_tui.cli.model import find_model
    from xiyou_tui.training.lineage import find_subject

    try:
        return find_subject(study.places, name)
    except ModelError as error:
        if error.code != "no-model":
            raise
        try:
            card = find_model(study, name)
        except ModelError:
            raise error from None
        return find_subject(study.places, str(card.path))


def _fuse(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.lineage import make_probe

    subject = _find(study, parsed.source)
    if subject.adapter is None:
        raise ModelError(f"「{subject.model.name}」是完整的模型，不是适配器，没有可合并的。", next_step="要合并就写一次训练的名字，或适配器目录。", code="not-an-adapter")
    plan = plan_fuse(
        subject.adapter, study.places.models, name=parsed.name, dequantise=parsed.dequantise,
        probe=None if parsed.no_measure else make_probe(study), trained_on=subject.trained_on,
    )  # fmt: skip
    return _carry_out(study, parsed, plan)


def _quantise(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.lineage import make_probe

    subject = _find(study, parsed.source)
    if subject.adapter is not None:
        raise ModelError("适配器不量化。", next_step="先合并（底座是量化的就加 --dequantise），再量化合并出来的模型。", code="not-a-model")
    probe = None if parsed.no_measure else make_probe(study)
    plan = plan_quantise(subject.model, study.places.models, bits=parsed.bits, group=parsed.group, name=parsed.name, probe=probe)
    return _carry_out(study, parsed, plan)


def _export(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.lineage import export_target, make_speech

    subject = _find(study, parsed.source)
    target = parsed.out.expanduser().absolute() if parsed.out else export_target(study.places, subject, parsed.form)
    plan = plan_export(subject.item, target, parsed.form, speech=make_speech(study), trained_on=subject.trained_on)
    return _carry_out(study, parsed, plan)


def _carry_out(study: Study, parsed: argparse.Namespace, plan: Plan) -> int:
    from xiyou_tui.models.converting import convert
    from xiyou_tui.training.lineage import check_no_training

    cost = plan.cost
    say(f"要写 {in_gigabytes(cost.disk)}（剩 {in_gigabytes(cost.disk_free)}），内存约 {in_gigabytes(cost.memory)}，约 {_duration(cost.seconds)}。")
    for line in (*plan.losses, *plan.notes):
        say(f"注意：{line}")
    if parsed.plan:
        emit(parsed, {"plan": plan.as_record()}, f"会写到 {plan.job.target}")
        return 0
    if not parsed.anyway:
        check_no_training(study.places, cost.memory)
    progress = _Progress()
    try:
        made = convert(study.places, plan, anyway=parsed.anyway, progress=progress.show)
    finally:
        progress.close()
    emit(parsed, {"made": made.as_record(), "plan": plan.as_record()}, _describe(made))
    return 0


def _describe(made: Converted) -> str:
    lines = [f"做好了：{made.path}（{in_gigabytes(made.bytes)}，{made.seconds:.1f} 秒）"]
    lines += [f"  {label}：{text}" for label, text in tell_measured(made.measured)]
    return "\n".join([*lines, *(f"  {note}" for note in made.notes)])


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} 秒" if seconds < 90 else f"{seconds / 60:.0f} 分钟"


class _Progress:
    """Tells the steps on stderr: on a terminal on one line that is written over, else a line for each step."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._what = ""
        self._shown = 0.0

    def show(self, what: str, share: float) -> None:
        if not self._terminal:
            if what != self._what:
                say(f"{share:4.0%} {what}")
        elif what != self._what or time.monotonic() - self._shown > 0.1:
            self._shown = time.monotonic()
            sys.stderr.write(f"\r\x1b[K{share:4.0%} {what}")
            sys.stderr.flush()
        self._what = what

    def close(self) -> None:
        if self._terminal and self._what:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
