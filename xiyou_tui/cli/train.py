"""`xiyou train`: plan, start, watch and steer runs; recipes, presets and the practice model."""

from __future__ import annotations

import argparse
import sys
import time
from itertools import groupby
from pathlib import Path
from typing import Any

from xiyou_tui.cli import train_records as records
from xiyou_tui.cli.commands import CommandParser
from xiyou_tui.cli.output import emit, say
from xiyou_tui.cli.train_telling import POLL_SECONDS, duration_text, follow, size_text
from xiyou_tui.errors import TrainingError
from xiyou_tui.study import Study
from xiyou_tui.training.hosts import Host, local_hosts, read_hosts
from xiyou_tui.training.recipe import PRACTICE, STAGES, Recipe, load_recipe
from xiyou_tui.training.run import RunDirectory, find_run


def run(arguments: list[str]) -> int:
    """Run one subcommand; the exit code is 1 when a run that was waited for failed."""
    return _parser().run(arguments)


def _parser() -> CommandParser:
    parser = CommandParser("xiyou train", "训练：估算、开始、查看、暂停、继续。训练在独立进程里进行，关掉这里它也接着练。")
    command = parser.command
    for name, text, action in (
        ("start", "开始一次运行", _start),
        ("estimate", "只估算内存和时间，不开始", _estimate),
        ("rows", "看训练数据：哪些词元要学（标亮），哪些只作上文", _rows),
        ("pack", "把配方和数据导出给别的训练程序（LLaMA-Factory、TRL），到别的机器上训练", _pack),
    ):
        made = command(name, text, action)
        made.add_argument(
            "--stage", choices=tuple(STAGES), metavar="阶段", help="、".join(f"{key} {label}" for key, label in STAGES.items())
        )
        made.add_argument("--model", metavar="practice|目录", help="练手模型，或一个 MLX 模型目录")
        made.add_argument("--recipe", type=Path, metavar="文件", help="TOML 配方")
        made.add_argument("--preset", metavar="名字", help="现成的配方，见 xiyou train presets")
        made.add_argument("--from", dest="start_from", metavar="运行", help="接着哪次运行练；last 是同一模型上一阶段最近的一次")
        made.add_argument("--set", action="append", default=[], metavar="字段=值", help="改配方里的一个字段，可以写多次")
        made.add_argument("--name", default="", metavar="名字", help="这次运行的名字")
    parser.commands.choices["estimate"].add_argument("--measure", action="store_true", help="试走最费的一步，量出真实的内存和时间")
    parser.commands.choices["rows"].add_argument("--limit", type=int, default=3, metavar="N", help="看前几行")
    pack = parser.commands.choices["pack"]
    pack.add_argument("folder", type=Path, metavar="目录", help="写到这个新目录里")
    pack.add_argument("--for", dest="target", choices=("llamafactory", "trl"), default="llamafactory", metavar="llamafactory|trl")
    pack.add_argument("--base", default="Qwen/Qwen2.5-3B-Instruct", metavar="模型", help="那台机器上的模型：Hugging Face 的名字或路径")
    start = parser.commands.choices["start"]
    start.add_argument("--after", metavar="运行", help="排在这次运行后面")
    start.add_argument("--chain", metavar="规模", help="通读、问答、偏好依次做：practice、0.5b、3b 或 7b")
    several = start.add_mutually_exclusive_group()
    several.add_argument("--ranks", type=int, default=1, metavar="N", help="在这台机器上分成 N 个进程一起训练")
    several.add_argument("--hosts", type=Path, metavar="文件", help="在几台机器上一起训练：MLX 的主机文件（JSON）")
    start.add_argument("--wait", action="store_true", help="等它结束，过程写到标准错误")
    command("list", "列出所有运行，新的在前", records.list_all)
    show = command("show", "看一次运行：状态、评测、固定提问的回答", records.show)
    show.add_argument("run", nargs="?", default="last", metavar="运行")
    show.add_argument("--follow", action="store_true", help="一直看到它结束")
    for name, text in (
        ("pause", "暂停，放开内存"), ("save", "现在存一次"), ("stop", "停止并保存"), ("abort", "放弃，不再保存"),
    ):  # fmt: skip
        made = command(name, text, _command)
        made.add_argument("run", nargs="?", default="last", metavar="运行")
    resume = command("resume", "继续暂停、停止或中断的运行，从检查点接上", _resume)
    resume.add_argument("run", nargs="?", default="last", metavar="运行")
    resume.add_argument("--wait", action="store_true", help="等它结束")
    rename = command("rename", "给一次运行换个名字", records.rename)
    rename.add_argument("run", metavar="运行")
    rename.add_argument("name", metavar="名字")
    delete = command("delete", "把一次运行移到回收站", records.delete)
    delete.add_argument("run", metavar="运行")
    export = command("export", "把一次运行的曲线写成 CSV", records.export)
    export.add_argument("run", metavar="运行")
    export.add_argument("file", type=Path, metavar="文件")
    command("presets", "列出现成的配方", records.presets)
    command("fields", "列出配方的全部字段和意思", records.fields)
    recipe = command("recipe", "把一个现成的配方写成文件，好改", records.recipe)
    recipe.add_argument("preset", metavar="名字")
    recipe.add_argument("file", type=Path, metavar="文件")
    practice = command("practice", "做练手模型（几秒钟）", _practice)
    practice.add_argument("--again", action="store_true", help="已经有了也重做，旧的移到回收站")
    return parser


def _start(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.estimate import estimate_plan
    from xiyou_tui.training.launch import plan_run, start_plan

    if parsed.chain:
        return _start_chain(study, parsed)
    recipe = _choose_recipe(study, parsed)
    after = find_run(study.places, parsed.after) if parsed.after else None
    plan = plan_run(study, recipe, after=after)
    estimate = estimate_plan(plan, study.places)
    for warning in plan.warnings:
        say(f"注意：{warning}")
    say(estimate.verdict_text)
    for advice in estimate.advice:
        say(f"  可以：{advice}")
    started = start_plan(study.places, plan, name=parsed.name, hosts=_hosts(parsed))
    say(f"开始了：{started.name}（{started.id}）")
    return _started(parsed, [started], {"estimate": estimate.as_record(), "warnings": list(plan.warnings)})


def _start_chain(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.launch import start_chain
    from xiyou_tui.training.presets import list_chains

    chain = next((chain for chain in list_chains() if chain.name == parsed.chain), None)
    if chain is None:
        raise TrainingError(
            f"没有「{parsed.chain}」这一串配方。", next_step="可选：" + "、".join(found.name for found in list_chains())
        )
    recipes = [preset.recipe for preset in chain.presets]
    if parsed.model:
        recipes = [recipe.changed("run.model", parsed.model) for recipe in recipes]
    _make_practice_if_wanted(study, recipes[0])
    runs = start_chain(study, recipes, _hosts(parsed))
    return _started(parsed, runs, {})


def _hosts(parsed: argparse.Namespace) -> tuple[Host, ...]:
    return read_hosts(parsed.hosts) if parsed.hosts else local_hosts(parsed.ranks)


def _started(parsed: argparse.Namespace, runs: list[RunDirectory], extra: dict[str, Any]) -> int:
    failed = False
    if parsed.wait:
        for started in runs:
            failed = follow(started).status in ("failed", "interrupted") or failed
    record = {"run": runs[-1].as_record(), "runs": [started.as_record() for started in runs], **extra}
    text = "\n".join(f"{started.id}  {started.state().label}  {started.path}" for started in runs)
    emit(parsed, record, text)
    return 1 if failed else 0


def _pack(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.exporting import TARGETS, export_training
    from xiyou_tui.training.source import gather

    recipe = _choose_recipe(study, parsed)
    data = gather(recipe, study)
    files = export_training(parsed.target, recipe, data, parsed.base, parsed.folder)
    for warning in data.warnings:
        say(f"注意：{warning}")
    if data.to_draw:
        say("注意：通用文本的数据集由训练进程去读，不在导出的数据里；那边要用，在那边的配方里写上它。")
    record = {"target": parsed.target, "files": [str(path) for path in files], "data": data.as_record()}
    emit(parsed, record, f"给 {TARGETS[parsed.target]} 的配方和数据写好了：\n" + "\n".join(f"  {path}" for path in files))
    return 0


def _estimate(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.estimate import estimate_plan
    from xiyou_tui.training.launch import plan_run
    from xiyou_tui.training.trial import measure_plan

    plan = plan_run(study, _choose_recipe(study, parsed))
    found = estimate_plan(plan, study.places)
    lines = [found.verdict_text]
    lines += [f"  {name}　{size_text(size)}" for name, size in found.parts.items()]
    lines.append(
        f"约 {found.tokens:,} 个词元，{found.steps:,} 步；时间：{duration_text(found.seconds) if found.seconds else '还不知道'}（{found.basis}）"
    )
    lines += [f"可以：{advice}" for advice in found.advice] + [f"注意：{warning}" for warning in plan.warnings]
    record: dict[str, Any] = {"estimate": found.as_record(), "warnings": list(plan.warnings)}
    if parsed.measure:
        measured = measure_plan(study.places, plan)
        record["measured"] = measured.as_record()
        lines.append(f"试走一步：模型和计算用了 {size_text(measured.memory)}，全程约 {duration_text(measured.total_seconds)}")
    emit(parsed, record, "\n".join(lines))
    return 0


def _rows(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.launch import plan_run
    from xiyou_tui.training.trial import preview_rows

    views = preview_rows(study.places, plan_run(study, _choose_recipe(study, parsed)), parsed.limit)
    # Reverse video on a terminal, marks elsewhere: a pipe should not get escape sequences.
    begin, end = ("\x1b[7m", "\x1b[0m") if sys.stdout.isatty() else ("⟦", "⟧")
    blocks = []
    for view in views:
        text = "".join(begin + "".join(part for part, _ in group) + end if target else "".join(part for part, _ in group)
                       for target, group in groupby(view.pieces, key=lambda piece: piece[1]))  # fmt: skip
        blocks.append(f"── {view.name}（{view.split}）{view.tokens} 个词元，要学 {view.targets} 个\n{text}")
    rows = [{"name": v.name, "split": v.split, "tokens": v.tokens, "targets": v.targets, "pieces": list(v.pieces)} for v in views]
    emit(parsed, {"rows": rows}, "\n".join(blocks))
    return 0


def _choose_recipe(study: Study, parsed: argparse.Namespace) -> Recipe:
    """The recipe of a command line: file or preset (else the preset that suits stage and model), then single changes."""
    from xiyou_tui.training.presets import default_preset, find_preset

    if parsed.recipe and parsed.preset:
        raise TrainingError("--recipe 和 --preset 只能写一个。", next_step="去掉一个。", code="recipe")
    if parsed.recipe:
        recipe = load_recipe(parsed.recipe)
    elif parsed.preset:
        recipe = find_preset(parsed.preset).recipe
    else:
        recipe = default_preset(parsed.stage or "dapt", parsed.model or PRACTICE).recipe
    if parsed.stage:
        recipe = recipe.changed("run.stage", parsed.stage)
    if parsed.model:
        recipe = recipe.changed("run.model", parsed.model)
    if parsed.start_from is not None:
        recipe = recipe.changed("run.start_from", parsed.start_from)
    for change in parsed.set:
        key, equals, value = change.partition("=")
        if not equals:
            raise TrainingError(
                f"「{change}」写得不对。", next_step="写成 字段=值，如 loop.batch=2；字段见 xiyou train fields。", code="recipe"
            )
        recipe = recipe.changed(key.strip(), value)
    _make_practice_if_wanted(study, recipe)
    return recipe


def _make_practice_if_wanted(study: Study, recipe: Recipe) -> None:
    from xiyou_tui.models.making import ensure_practice

    if recipe.model == PRACTICE:
        texts = [turn.text for sample in study.samples.list() for turn in sample.turns]
        ensure_practice(study.places, study.library.current(), texts, lambda record: say(f"练手模型：{record['what']}"))


def _command(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.launch import COMMANDS, send_command

    found = find_run(study.places, parsed.run)
    send_command(found, parsed.command)
    if parsed.command in ("stop", "abort"):
        while found.is_alive():
            time.sleep(POLL_SECONDS)
    emit(parsed, {"run": found.as_record()}, f"{COMMANDS[parsed.command]}：{found.name}")
    return 0


def _resume(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.launch import send_command

    found = find_run(study.places, parsed.run)
    send_command(found, "resume")
    say(f"继续：{found.name}")
    return _started(parsed, [found], {})


def _practice(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.models.making import ensure_practice, make_practice

    texts = [turn.text for sample in study.samples.list() for turn in sample.turns]
    started = time.monotonic()
    make = make_practice if parsed.again else ensure_practice
    card = make(
        study.places, study.library.current(), texts, lambda record: say(f"{record['step']}/{record['of']} {record['what']}")
    )
    seconds = time.monotonic() - started
    emit(
        parsed, {"model": card.as_record(), "seconds": round(seconds, 2)},
        f"练手模型：{card.parameters:,} 个参数，词表 {card.vocabulary:,}，{seconds:.1f} 秒。\n{card.path}",
    )  # fmt: skip
    return 0
