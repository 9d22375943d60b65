"""A recipe: everything that decides a run. One definition gives the TOML file, its validation, and the form of the Train pane."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from xiyou_tui.errors import TrainingError
from xiyou_tui.training.fields import RecipeField, Value

STAGES = {"dapt": "通读 DAPT", "sft": "问答 SFT", "dpo": "偏好 DPO"}
PRACTICE = "practice"


def _field(key: str, default: Value, label: str, help_text: str, **rules: Any) -> Any:
    return dataclasses.field(default=default, metadata={"key": key, "label": label, "help": help_text, **rules})


@dataclass(frozen=True, slots=True)
class Recipe:
    """Validated values; make one with `make_recipe`, `load_recipe` or `changed`, so that no value escapes its limits."""

    name: str = _field("run.name", "", "名称", "这次运行在列表里的名字；空着就用阶段和模型的名字")
    stage: str = _field(
        "run.stage", "dapt", "阶段", "通读原著、学问答，还是学偏好；依次做效果最好", choices=tuple(STAGES.items())
    )
    model: str = _field("run.model", PRACTICE, "模型", "practice 是练手模型；也可以写一个 MLX 模型目录")
    start_from: str = _field(
        "run.start_from",
        "",
        "接着谁练",
        "上一阶段的运行编号或适配器目录；last 是同一模型上一阶段最近的一次；空着就从模型本身开始",
    )
    seed: int = _field("run.seed", 7, "随机种子", "同样的种子、数据和配方得到同样的结果", minimum=0, maximum=2**31 - 1)

    max_length: int = _field(
        "data.max_length",
        512,
        "窗口长度",
        "一行最多多少词元；更长的样本会在开始前逐条点名，不会被悄悄截断",
        minimum=16,
        maximum=32768,
    )
    held_out: str = _field(
        "data.held_out",
        "auto",
        "留出的回",
        "不参加训练、只用来量困惑度的回：auto 自动留约百分之五，none 不留，或写 7,50,93",
        stages=("dapt",),
    )
    general_text: str = _field(
        "data.general_text", "", "通用文本", "掺进训练里防止遗忘：一个 UTF-8 文本文件、JSONL 或 Parquet 文件（夹）、datasets 存的文件夹，或 hub:名字[:split[:列名]]（要联网）；空着就不掺", stages=("dapt",)
    )
    general_share: float = _field(
        "data.general_share", 0.3, "通用文本占比", "通用文本占训练词元的份额", minimum=0.0, maximum=0.9, stages=("dapt",)
    )
    validation_share: float = _field(
        "data.validation_share",
        0.1,
        "验证占比",
        "没有标明用途的样本里，拿多少按问题分组留作验证",
        minimum=0.0,
        maximum=0.5,
        stages=("sft", "dpo"),
    )
    system_prompt: bool = _field(
        "data.system_prompt",
        True,
        "带系统提示",
        "没有系统提示的样本，训练时补上设置里的那一段，和对话时一致",
        stages=("sft", "dpo"),
    )
    raft: float = _field(
        "data.raft",
        0.0,
        "带段落的样本",
        "给这么多份额的单轮样本再配一份带原文段落的提问：有依据混着无关的，也有没有依据该拒答的；检索方式对话用得上",
        minimum=0.0,
        maximum=1.0,
        stages=("sft",),
    )
    order: str = _field(
        "data.order", "shuffled", "次序", "打乱，或先短后长", choices=(("shuffled", "打乱"), ("short-first", "先短后长"))
    )

    adapter: str = _field(
        "adapter.kind", "lora", "练哪些权重", "LoRA 只练小适配器，省内存；DoRA 略好略慢；full 练全部权重，只适合很小的模型",
        choices=(("lora", "LoRA"), ("dora", "DoRA"), ("full", "全部权重")),
    )  # fmt: skip
    rank: int = _field("adapter.rank", 16, "秩 rank", "适配器的大小", minimum=1, maximum=512, advised=(4, 64))
    alpha: float = _field("adapter.alpha", 32.0, "alpha", "适配器的力度；实际倍数是 alpha ÷ rank", minimum=0.1, maximum=2048)
    dropout: float = _field(
        "adapter.dropout", 0.0, "dropout", "训练时随机丢弃的份额，防止死记", minimum=0.0, maximum=0.9, advised=(0, 0.2)
    )
    layers: int = _field("adapter.layers", 0, "层数", "从最后一层往前数多少层装适配器；0 是全部", minimum=0, maximum=1024)
    targets: str = _field(
        "adapter.targets",
        "all",
        "装在哪里",
        "注意力和前馈都装，或只装注意力",
        choices=(("all", "注意力和前馈"), ("attention", "只装注意力")),
    )

    learning_rate: float = _field(
        "optimizer.learning_rate",
        1e-5,
        "学习率",
        "每一步走多大；太大会发散，太小学不动",
        minimum=1e-9,
        maximum=1.0,
        advised=(1e-6, 1e-2),
    )
    schedule: str = _field(
        "optimizer.schedule", "cosine", "学习率走势", "升温之后怎样降下来",
        choices=(("cosine", "余弦"), ("linear", "直线"), ("constant", "不变")),
    )  # fmt: skip
    warmup: float = _field(
        "optimizer.warmup", 0.1, "升温占比", "开头多少份额的步数用来升到最大学习率", minimum=0.0, maximum=1.0, advised=(0, 0.3)
    )
    final_rate: float = _field(
        "optimizer.final_rate", 0.1, "末尾学习率", "最后降到最大学习率的几分之几", minimum=0.0, maximum=1.0
    )
    weight_decay: float = _field("optimizer.weight_decay", 0.01, "权重衰减", "AdamW 的权重衰减", minimum=0.0, maximum=1.0)
    clip: float = _field("optimizer.clip", 1.0, "梯度裁剪", "梯度的范数超过它就按比例缩小；0 是不裁", minimum=0.0, maximum=1000)

    epochs: float = _field("loop.epochs", 1.0, "轮数", "全部数据过几遍", minimum=0.01, maximum=1000, advised=(0.1, 50))
    max_steps: int = _field("loop.max_steps", 0, "最多步数", "到这么多步就结束；0 是不限", minimum=0, maximum=10_000_000)
    batch: int = _field("loop.batch", 4, "批大小", "一次放进几行；内存不够时先降它", minimum=1, maximum=1024)
    accumulate: int = _field("loop.accumulate", 1, "梯度累积", "几批合成一步，按词元数加权", minimum=1, maximum=1024)
    gradient_checkpoint: bool = _field(
        "loop.gradient_checkpoint", False, "重算省内存", "不留中间结果、反传时重算：省内存，慢三成左右"
    )
    loss_chunk: int = _field(
        "loop.loss_chunk", 256, "损失分块", "一次算多少个位置的词表概率；词表大时省内存；0 是不分块", minimum=0, maximum=65536
    )
    precision: str = _field(
        "loop.precision", "model", "精度", "权重用什么精度算；练全部权重时请用 float32",
        choices=(("model", "模型原样"), ("float32", "float32"), ("bfloat16", "bfloat16"), ("float16", "float16")),
    )  # fmt: skip
    beta: float = _field(
        "dpo.beta",
        0.1,
        "β",
        "偏好训练里不让模型离参照太远的力度",
        minimum=0.001,
        maximum=10,
        advised=(0.05, 0.5),
        stages=("dpo",),
    )

    evaluate_every: int = _field(
        "check.evaluate_every", 0, "几步一评", "隔几步在留出的数据上评一次；0 是全程评十次", minimum=0, maximum=1_000_000
    )
    evaluate_rows: int = _field(
        "check.evaluate_rows",
        256,
        "评几行",
        "每次评测最多用几行留出的数据，均匀抽取、次次相同；0 是全部",
        minimum=0,
        maximum=1_000_000,
    )
    checkpoint_every: int = _field(
        "check.checkpoint_every", 0, "几步一存", "隔几步存一次；0 是每次评完存", minimum=0, maximum=1_000_000
    )
    checkpoint_minutes: float = _field(
        "check.checkpoint_minutes", 10.0, "几分钟一存", "离上次存超过这么久也存；0 是不看时间", minimum=0.0, maximum=1440
    )
    early_stop: int = _field(
        "check.early_stop", 0, "早停", "验证损失连续几次没有更好就停，保留最好的一次；0 是不早停", minimum=0, maximum=1000
    )
    prompts: tuple[str, ...] = _field("check.prompts", (), "固定提问", "每次评测时让模型各答一遍，看它怎样变化；一行一个")
    answer_tokens: int = _field("check.answer_tokens", 48, "答多长", "固定提问最多答多少词元", minimum=1, maximum=1024)

    @property
    def scale(self) -> float:
        """The factor on the adapter's output: alpha ÷ rank."""
        return self.alpha / self.rank

    @property
    def stage_label(self) -> str:
        return STAGES[self.stage]

    def value(self, key: str) -> Value:
        """The value under a dotted key; raises TrainingError for an unknown one."""
        return cast(Value, getattr(self, find_field(key).name))

    def changed(self, key: str, raw: object) -> Recipe:
        """A copy with one value replaced; raises TrainingError when the key is unknown or the value does not fit."""
        field = find_field(key)
        return dataclasses.replace(self, **{field.name: field.parse(raw)})  # type: ignore[arg-type]

    def cautions(self) -> tuple[str, ...]:
        """What lies outside the advised ranges, for the fields that matter in this stage."""
        found = [field.caution(self.value(field.key)) for field in FIELDS if field.applies(self.stage)]
        if self.adapter == "full" and self.precision in ("bfloat16", "float16"):
            found.append("练全部权重时用半精度，细小的改动会被舍入掉；建议「精度」用 float32。")
        return tuple(text for text in found if text)

    def as_tables(self) -> dict[str, dict[str, Any]]:
        """All values as nested TOML tables."""
        tables: dict[str, dict[str, Any]] = {}
        for field in FIELDS:
            table, name = field.key.split(".", 1)
            value = self.value(field.key)
            tables.setdefault(table, {})[name] = list(value) if isinstance(value, tuple) else value
        return tables


def _schema() -> tuple[RecipeField, ...]:
    found = []
    for field in dataclasses.fields(Recipe):
        about = dict(field.metadata)
        found.append(
            RecipeField(about.pop("key"), field.name, cast(Value, field.default), about.pop("label"), about.pop("help"), **about)
        )
    return tuple(found)


FIELDS = _schema()
BY_KEY: Mapping[str, RecipeField] = {field.key: field for field in FIELDS}
TABLES = {
    "run": "运行",
    "data": "数据",
    "adapter": "权重",
    "optimizer": "优化",
    "loop": "循环",
    "dpo": "偏好",
    "check": "评测与保存",
}


def find_field(key: str) -> RecipeField:
    """The field with this dotted key; raises TrainingError, naming the nearest known key, for an unknown one."""
    if key not in BY_KEY:
        import difflib

        near = difflib.get_close_matches(key, BY_KEY, n=1, cutoff=0.5)
        hint = f"是不是想写 {near[0]}？" if near else "用 xiyou train fields 看有哪些字段。"
        raise TrainingError(f"配方里没有「{key}」这个字段。", kept="配方文件没有改动。", next_step=hint, code="recipe")
    return BY_KEY[key]


def fields_for(stage: str) -> tuple[RecipeField, ...]:
    """The fields that have an effect in a stage, in the order in which a form shows them."""
    return tuple(field for field in FIELDS if field.applies(stage))


def make_recipe(tables: Mapping[str, Any]) -> Recipe:
    """A recipe from nested tables; missing fields get their defaults, unknown ones are refused (TrainingError)."""
    recipe = Recipe()
    for table, entries in tables.items():
        if not isinstance(entries, Mapping):
            raise TrainingError(
                f"配方里的「{table}」应当是一个表。",
                kept="配方文件没有改动。",
                next_step=f"写成 [{table}] 再列字段。",
                code="recipe",
            )
        for name, raw in entries.items():
            recipe = recipe.changed(f"{table}.{name}", raw)
    return recipe


def parse_recipe(text: str, source: str = "配方") -> Recipe:
    """A recipe from TOML text; raises TrainingError for broken TOML, unknown keys and wrong values."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(
            f"{source} 不是有效的 TOML（{error}）。", kept="文件没有改动。", next_step="改正所指的那一行。", code="recipe"
        ) from error
    return make_recipe({table: entries for table, entries in tables.items() if table != "preset"})


def load_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file; raises TrainingError when it is missing, unreadable or wrong."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"配方文件读不了：{path}（{error}）。", next_step="检查路径，或用 --preset 选一个现成的。", code="recipe"
        ) from error
    return parse_recipe(text, str(path))


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as TOML, each field with its label as a comment above it."""
    import tomli_w

    lines: list[str] = []
    for table, entries in recipe.as_tables().items():
        lines.append(f"[{table}]  # {TABLES[table]}")
        for name, value in entries.items():
            lines.append(f"# {BY_KEY[f'{table}.{name}'].label}：{BY_KEY[f'{table}.{name}'].help}")
            lines.append(tomli_w.dumps({name: value}).rstrip("\n"))
        lines.append("")
    return "\n".join(lines)


def save_recipe(path: Path, recipe: Recipe) -> None:
    """Write the recipe atomically as TOML; raises StorageError when the place can't be written."""
    from xiyou_tui.storage.files import write_text

    write_text(path, dump_recipe(recipe))
