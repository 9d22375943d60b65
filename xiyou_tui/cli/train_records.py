"""The parts of `xiyou train` that only look: runs, presets, fields; and rename, delete and export."""

from __future__ import annotations

import argparse
from typing import Any

from xiyou_tui.cli.output import emit
from xiyou_tui.cli.train_telling import follow, tell
from xiyou_tui.errors import TrainingError
from xiyou_tui.study import Study
from xiyou_tui.training.events import Evaluated, Sampled, Stepped
from xiyou_tui.training.recipe import FIELDS, dump_recipe
from xiyou_tui.training.run import find_run, list_runs


def list_all(study: Study, parsed: argparse.Namespace) -> int:
    records = [found.as_record() for found in list_runs(study.places)]
    lines = []
    for record, found in zip(records, list_runs(study.places), strict=False):
        loss = f"损失 {record['loss']:.3f}" if record["loss"] is not None else ""
        lines.append(f"{record['id']}  {found.state().label}  {record['step']}/{record['of']}  {loss}  {record['name']}")
    emit(parsed, {"runs": records}, "\n".join(lines) or "还没有运行。用 xiyou train start 开始一次。")
    return 0


def show(study: Study, parsed: argparse.Namespace) -> int:
    found = find_run(study.places, parsed.run)
    if parsed.follow:
        follow(found)
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
    lines += [line for event in events if isinstance(event, Evaluated) and (line := tell(event))]
    last = max((event.step for event in events if isinstance(event, Sampled)), default=-1)
    lines += [tell(event) for event in events if isinstance(event, Sampled) and event.step == last]
    lines += [f"  注意：{warning}" for warning in state.warnings]
    if state.error:
        lines += [state.error.what, f"下一步：{state.error.next_step}"]
    if state.resumable:
        lines.append(f"可以继续：xiyou train resume {found.id}")
    emit(parsed, record, "\n".join(lines))
    return 0


def rename(study: Study, parsed: argparse.Namespace) -> int:
    found = find_run(study.places, parsed.run)
    found.rename(parsed.name)
    emit(parsed, {"run": found.as_record()}, found.name)
    return 0


def delete(study: Study, parsed: argparse.Namespace) -> int:
    found = find_run(study.places, parsed.run)
    moved = found.delete(study.places.bin)
    emit(parsed, {"moved": str(moved)}, f"移到了回收站：{moved}")
    return 0


def export(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.storage.files import write_text
    from xiyou_tui.training.curves import Curves, to_csv

    if parsed.file.exists():
        raise TrainingError(f"{parsed.file} 已经有了。", kept="没有覆盖它。", next_step="换一个文件名。", code="exists")
    curves = Curves()
    curves.add(find_run(study.places, parsed.run).events().events)
    write_text(parsed.file.absolute(), to_csv(curves))
    emit(parsed, {"path": str(parsed.file)}, f"写好了：{parsed.file}")
    return 0


def presets(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.training.presets import list_presets

    found = list_presets()
    records = [
        {"name": preset.name, "label": preset.label, "help": preset.help, "recipe": preset.recipe.as_tables()} for preset in found
    ]
    emit(parsed, {"presets": records}, "\n".join(f"{preset.name:<14}{preset.label}：{preset.help}" for preset in found))
    return 0


def fields(study: Study, parsed: argparse.Namespace) -> int:
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


def recipe(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.storage.files import write_text
    from xiyou_tui.training.presets import find_preset

    text = dump_recipe(find_preset(parsed.preset).recipe)
    if parsed.file.exists():
        raise TrainingError(f"{parsed.file} 已经有了。", kept="没有覆盖它。", next_step="换一个文件名。", code="exists")
    write_text(parsed.file.absolute(), text)
    emit(parsed, {"path": str(parsed.file)}, f"写好了：{parsed.file}")
    return 0
