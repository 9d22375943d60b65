"""What stands under the curves of a run: answers at each evaluation, the log with its errors on top, recipe and data."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from textual.content import Content

from xiyou_tui.training.recipe import BY_KEY, FIELDS, PRACTICE, Recipe
from xiyou_tui.tui.follow import RunEntry
from xiyou_tui.tui.story import RunStory, show_bytes, show_seconds
from xiyou_tui.tui.terminal import break_lines

# Values that are words of ours, as people read them.
NAMED: dict[tuple[str, object], str] = {
    ("run.model", PRACTICE): "练手模型", ("run.start_from", "last"): "最近一次", ("run.start_from", ""): "从模型本身开始",
    ("data.held_out", "auto"): "自动（约百分之五）", ("data.held_out", "none"): "不留",
}  # fmt: skip
TABS = {"answers": "固定提问", "log": "日志", "facts": "配方和数据"}
# How many of the earlier answers stay in sight.
SHOWN_ANSWERS = 12


def plain(text: str) -> str:
    """`text` in one line, without characters that move the cursor or hide."""
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "" for letter in text).strip()


def hang(text: str, width: int, lead: Content, style: str = "", *, bold_from: int | None = None) -> Content:
    """`text` broken to `width` cells with `lead` before it and every further line set in as far; from `bold_from` on it is accented."""
    inset = lead.cell_length
    lines: list[Content] = []
    for start, end in break_lines(text, max(8, width - inset)):
        before = lead if not lines else Content(" " * inset)
        cut = end if bold_from is None else min(max(bold_from, start), end)
        lines.append(Content.assemble(before, (text[start:cut], style), (text[cut:end], "$accent")))
    return Content("\n").join(lines)


def show_answers(story: RunStory, width: int) -> Content:
    """The fixed prompts with their answers, the newest first; what changed since the one before stands out."""
    if not story.answers:
        told = "这次运行没有固定提问。新建时在「固定提问」里写几句，每次评测模型都会各答一遍。" if story.started else "开始训练后，每次评测模型都会把固定提问各答一遍。"
        return Content.styled(told, "$foreground 60%")
    blocks: list[Content] = []
    for prompt, given in story.answers.items():
        blocks.append(hang(plain(prompt), width, Content.styled("问 ", "bold $secondary"), "bold"))
        newest = list(reversed(given))[:SHOWN_ANSWERS]
        for index, (step, answer) in enumerate(newest):
            text = plain(answer) or "（没有答出字来）"
            before = plain(newest[index + 1][1]) if index + 1 < len(newest) else None
            same = _common(text, before) if before is not None else None
            lead = Content.styled(f"{step:>6} 步  ", "$foreground 50%")
            if text == before:
                blocks.append(Content.assemble(lead, ("没有变", "$foreground 50%")))
            else:
                blocks.append(hang(text, width, lead, "" if index == 0 else "$foreground 70%", bold_from=same if index == 0 else None))
    return Content("\n").join(blocks)


def show_log(story: RunStory, width: int) -> Content:
    """The end of the log, newest last; lines about errors are pinned above it."""
    troubles = [hang(plain(line), width, Content.styled("✗ ", "bold $error"), "$error") for line in story.troubles()]
    lines = [Content.styled(plain(line), "$foreground 75%") for line in story.log[-80:]]
    if not lines:
        return Content.styled("日志是空的：训练库还没有说过什么。", "$foreground 60%")
    return Content("\n").join([*troubles, *([Content.styled("─" * min(width, 40), "$border")] if troubles else []), *lines])


def show_facts(entry: RunEntry, story: RunStory, width: int) -> Content:
    """What the run was started with and what the trainer measured of it."""
    meta = entry.meta
    if meta is None:
        return Content.styled("这次运行的记录（meta.json）读不了，可以把它删到回收站。", "$error")
    rows: list[tuple[str, str]] = [("编号", entry.run.id), ("模型", f"{meta.model.get('name', '')}　{meta.model.get('path', '')}")]
    if meta.start_from:
        rows.append(("接着", meta.start_from))
    rows.append(("数据", f"{meta.data.get('source', '')} · 指纹 {meta.data.get('hash', '')}"))
    if started := story.started:
        share = started.trainable / started.parameters if started.parameters else 0
        rows += [
            ("行数", f"训练 {started.rows:,} 行，验证 {started.validation_rows:,} 行，{started.tokens:,} 词元，填充占 {started.padding:.1%}"),
            ("参数", f"共 {started.parameters:,}，在练 {started.trainable:,}（{share:.1%}） · {started.device}"),
        ]
    if measured := story.calibrated:
        text = f"最费的一步用 {show_bytes(measured.memory)}、{measured.seconds:.2f} 秒，全程约 {show_seconds(measured.total_seconds)}"
        rows.append(("实测", text))
    steps = entry.run.checkpoint_steps()
    if steps:
        rows.append(("检查点", "、".join(f"{step} 步" for step in steps) + (f"，最好的是 {best} 步" if (best := entry.run.best_step()) is not None else "")))
    rows += recipe_rows(meta.recipe)
    rows.append(("版本", "　".join(f"{name} {version}" for name, version in meta.versions.items() if version)[:400]))
    rows.append(("目录", str(entry.run.path)))
    return Content("\n").join(_fact(label, text, width) for label, text in rows)


def recipe_rows(recipe: Recipe) -> list[tuple[str, str]]:
    """Label and value of every field that matters in the recipe's stage, those that differ from the default first."""
    fields = [field for field in FIELDS if field.applies(recipe.stage) and field.key not in ("run.name", "run.model", "run.start_from")]
    fields.sort(key=lambda field: recipe.value(field.key) == field.default)
    return [(field.label, show_choice(recipe, field.key)) for field in fields]


def show_choice(recipe: Recipe, key: str) -> str:
    """A field's value as people read it: the label of a choice, 是 or 否, lines in one line, 无 for nothing."""
    field, value = BY_KEY[key], recipe.value(key)
    if (key, value) in NAMED:
        return NAMED[key, value]
    if field.choices:
        return dict(field.choices).get(str(value), str(value))
    if isinstance(value, bool):
        return "是" if value else "否"
    return "；".join(field.show(value).splitlines()) or "（空）"


def _fact(label: str, text: str, width: int) -> Content:
    lead = Content.styled(label + " " * max(1, 14 - cell_len(label)), "$foreground 55%")
    return hang(plain(text), width, lead)


def _common(text: str, before: str) -> int:
    """How many characters from the start two texts share."""
    pairs: Iterable[tuple[str, str]] = zip(text, before, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(text), len(before)))
