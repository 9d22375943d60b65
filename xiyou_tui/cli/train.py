"""`xiyou train`: plan, start, watch and steer runs; recipes, presets and the practice model."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xiyou_tui.cli.output import Parser, add_json, emit, say
from xiyou_tui.errors import TrainingError
from xiyou_tui.study import Study, open_study
from xiyou_tui.training.events import Evaluated, Event, Sampled, Stepped, Warned
from xiyou_tui.training.recipe import FIELDS, PRACTICE, STAGES, Recipe, dump_recipe, load_recipe
from xiyou_tui.training.run import RunDirectory, RunTail, find_run, list_runs

POLL_SECONDS = 0.2
ENDED = ("finished", "stopped", "failed", "interrupted")


def run(arguments: list[str]) -> int:
    """Run one subcommand; the exit code is 1 when a run that was waited for failed."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.print_help()
        return 0
    study = open_study()
    try:
        action: Callable[[Study, argparse.Namespace], int] = parsed.action
        return action(study, parsed)
    finally:
        study.close()


def _parser() -> Parser:
    parser = Parser("xiyou train", description="训练：估算、开始、查看、暂停、继续。训练在独立进程里进行，关掉这里它也接着练。")
    commands = parser.add_subparsers(dest="command", metavar="命令", parser_class=Parser)

    def command(name: str, text: str, action: Callable[[Study, argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(action=action)
        add_json(made)
        return made

    for name, text, action in (("start", "开始一次运行", _start), ("estimate", "只估算内存和时间，不开始", _estimate)):
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
    commands.choices["estimate"].add_argument("--measure", action="store_true", help="试走最费的一步，量出真实的内存和时间")
    start = commands.choices["start"]
    start.add_argument("--after", metavar="运行", help="排在这次运行后面")
    start.add_argument("--chain", metavar="规模", help="通读、问答、偏好依次做：practice、0.5b、3b 或 7b")
    start.add_argument("--wait", action="store_true", help="等它结束，过程写到标准错误")
    command("list", "列出所有运行，新的在前", _list)
    show = command("show", "看一次运行：状态、评测、固定提问的回答", _show)
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
    rename = command("rename", "给一次运行换个名字", _rename)
    rename.add_argument("run", metavar="运行")
    rename.add_argument("name", metavar="名字")
    delete = command("delete", "把一次运行移到回收站", _delete)
    delete.add_argument("run", metavar="运行")
    export = command("export", "把一次运行的曲线写成 CSV", _export)
    export.add_argument("run", metavar="运行")
    export.add_argument("file", type=Path, metavar="文件")
    command("presets", "列出现成的配方", _presets)
    command("fields", "列出配方的全部字段和意思", _fields)
    recipe = command("recipe", "把一个现成的配方写成文件，好改", _recipe)
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
    started = start_plan(study.places, plan, name=parsed.name)
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
    runs = start_chain(study, recipes)
    return _started(parsed, runs, {})


def _started(parsed: argparse.Namespace, runs: list[RunDirectory], extra: dict[str, Any]) -> int:
    failed = False
    if parsed.wait:
        for started in runs:
            failed = _follow(started).status in ("failed", "interrupted") or failed
    record = {"run": runs[-1].as_record(), "runs": [started.as_record() for started in runs], **extra}
    text = "\n".join(f"{started.id}  {started.state().label}  {started.path}" for started in runs)
    emit(parsed, record, text)
    return 1 if failed else 0


def _estimate(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.estimate import estimate_plan
    from xiyou_tui.training.launch import measure_plan, plan_run

    plan = plan_run(study, _choose_recipe(study, parsed))
    found = estimate_plan(plan, study.places)
    lines = [found.verdict_text]
    lines += [f"  {name}　{_size(size)}" for name, size in found.parts.items()]
    lines.append(
        f"约 {found.tokens:,} 个词元，{found.steps:,} 步；时间：{_duration(found.seconds) if found.seconds else '还不知道'}（{found.basis}）"
    )
    lines += [f"可以：{advice}" for advice in found.advice] + [f"注意：{warning}" for warning in plan.warnings]
    record: dict[str, Any] = {"estimate": found.as_record(), "warnings": list(plan.warnings)}
    if parsed.measure:
        measured = measure_plan(study.places, plan)
        record["measured"] = measured.as_record()
        lines.append(f"试走一步：模型和计算用了 {_size(measured.memory)}，全程约 {_duration(measured.total_seconds)}")
    emit(parsed, record, "\n".join(lines))
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


def _follow(followed: RunDirectory) -> Any:
    """Tell on stderr what happens in a run until it ends; returns its last state."""
    tail = RunTail(followed)
    told = 0.0
    while True:
        for event in tail.poll():
            # Steps come many a second: every few seconds one is enough.
            if not isinstance(event, Stepped) or time.monotonic() - told > 2 or event.step == event.of:
                if isinstance(event, Stepped):
                    told = time.monotonic()
                if line := _tell(event):
                    say(line)
        if not tail.state.alive and tail.state.status in ENDED:
            break
        time.sleep(POLL_SECONDS)
    if tail.state.error:
        say(f"{tail.state.error.what}\n下一步：{tail.state.error.next_step}")
    return tail.state


def _tell(event: Event) -> str:
    if isinstance(event, Stepped):
        return f"{event.step}/{event.of} 步  损失 {event.loss:.3f}  {event.tokens_per_second:,.0f} 词元/秒  还要 {_duration(event.eta)}"
    if isinstance(event, Evaluated):
        return f"  第 {event.step} 步评测 {event.name}：损失 {event.loss:.3f}，困惑度 {event.perplexity:,.1f}" + (
            "（最好）" if event.best else ""
        )
    if isinstance(event, Sampled):
        return f"  问：{event.prompt}  答：{event.answer.replace(chr(10), ' ')[:60]}"
    return f"  注意：{event.message}" if isinstance(event, Warned) else ""


def _list(study: Study, parsed: argparse.Namespace) -> int:
    records = [found.as_record() for found in list_runs(study.places)]
    lines = []
    for record, found in zip(records, list_runs(study.places), strict=False):
        loss = f"损失 {record['loss']:.3f}" if record["loss"] is not None else ""
        lines.append(f"{record['id']}  {found.state().label}  {record['step']}/{record['of']}  {loss}  {record['name']}")
    emit(parsed, {"runs": records}, "\n".join(lines) or "还没有运行。用 xiyou train start 开始一次。")
    return 0


def _show(study: Study, parsed: argparse.Namespace) -> int:
    found = find_run(study.places, parsed.run)
    if parsed.follow:
        _follow(found)
    events = found.events().events
    meta = found.meta()
    evaluations = [event.as_record() for event in events if isinstance(event, Evaluated)]
    samples = [event.as_record() for event in events if isinstance(event, Sampled)]
    losses = [[event.step, event.loss] for event in events if isinstance(event, Stepped)]
    state = found.state()
    record = {
        "run": found.as_record(), "meta": meta.as_record(), "losses": losses, "evaluations": evaluations, "samples": samples,
        "checkpoints": list(found.checkpoint_steps()), "best": found.best_step(),
    }  # fmt: skip
    lines = [
        f"{found.name}（{found.id}）",
        f"{state.label}  {state.step}/{state.of} 步" + (f"  损失 {state.loss:.3f}" if state.loss else ""),
    ]
    lines.append(f"模型 {meta.model.get('name')}；数据 {meta.data.get('source')}")
    lines += [line for event in events if isinstance(event, Evaluated) and (line := _tell(event))]
    last = max((event.step for event in events if isinstance(event, Sampled)), default=-1)
    lines += [_tell(event) for event in events if isinstance(event, Sampled) and event.step == last]
    lines += [f"  注意：{warning}" for warning in state.warnings]
    if state.error:
        lines += [state.error.what, f"下一步：{state.error.next_step}"]
    if state.resumable:
        lines.append(f"可以继续：xiyou train resume {found.id}")
    emit(parsed, record, "\n".join(lines))
    return 0


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


def _rename(study: Study, parsed: argparse.Namespace) -> int:
    found = find_run(study.places, parsed.run)
    found.rename(parsed.name)
    emit(parsed, {"run": found.as_record()}, found.name)
    return 0


def _delete(study: Study, parsed: argparse.Namespace) -> int:
    found = find_run(study.places, parsed.run)
    moved = found.delete(study.places.bin)
    emit(parsed, {"moved": str(moved)}, f"移到了回收站：{moved}")
    return 0


def _export(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.storage.files import write_text
    from xiyou_tui.training.curves import Curves, to_csv

    if parsed.file.exists():
        raise TrainingError(f"{parsed.file} 已经有了。", kept="没有覆盖它。", next_step="换一个文件名。", code="exists")
    curves = Curves()
    curves.add(find_run(study.places, parsed.run).events().events)
    write_text(parsed.file.absolute(), to_csv(curves))
    emit(parsed, {"path": str(parsed.file)}, f"写好了：{parsed.file}")
    return 0


def _presets(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.presets import list_presets

    found = list_presets()
    records = [
        {"name": preset.name, "label": preset.label, "help": preset.help, "recipe": preset.recipe.as_tables()} for preset in found
    ]
    emit(parsed, {"presets": records}, "\n".join(f"{preset.name:<14}{preset.label}：{preset.help}" for preset in found))
    return 0


def _fields(study: Study, parsed: argparse.Namespace) -> int:
    records: list[dict[str, Any]] = []
    lines = []
    for field in FIELDS:
        choices = "；可选 " + "、".join(f"{value} {label}" for value, label in field.choices) if field.choices else ""
        stages = f"；只用于 {'、'.join(field.stages)}" if field.stages else ""
        lines.append(f"{field.key:<28}{field.label}：{field.help}（默认 {field.show(field.default) or '空'}{choices}{stages}）")
        records.append(
            {
                name: getattr(field, name)
                for name in ("key", "label", "help", "default", "choices", "minimum", "maximum", "stages")
            }
        )
    emit(parsed, {"fields": records}, "\n".join(lines))
    return 0


def _recipe(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.storage.files import write_text
    from xiyou_tui.training.presets import find_preset

    text = dump_recipe(find_preset(parsed.preset).recipe)
    if parsed.file.exists():
        raise TrainingError(f"{parsed.file} 已经有了。", kept="没有覆盖它。", next_step="换一个文件名。", code="exists")
    write_text(parsed.file.absolute(), text)
    emit(parsed, {"path": str(parsed.file)}, f"写好了：{parsed.file}")
    return 0


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


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GB" if count >= 2**29 else f"{count / 2**20:.0f} MB"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 90:
        return f"{whole} 秒"
    return f"{whole // 60} 分 {whole % 60} 秒" if whole < 3600 else f"{whole // 3600} 小时 {whole % 3600 // 60} 分"
