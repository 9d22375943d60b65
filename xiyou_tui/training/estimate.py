"""What a run will need, told before it starts: memory by parts and time, with a plain verdict. Light: reads sizes, loads nothing."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from itertools import pairwise

from xiyou_tui.errors import TrainingError
from xiyou_tui.models.machine import available_memory
from xiyou_tui.models.registry import ModelCard
from xiyou_tui.models.vocabulary import count_tokens
from xiyou_tui.storage.places import Places
from xiyou_tui.training.events import Stepped
from xiyou_tui.training.plan import Plan
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.run import list_runs

# Tokens per character of classical Chinese with a Qwen vocabulary, where the model's own can't be read.
TOKENS_PER_CHARACTER = 0.83
# Characters of the data, evenly spread, of which the tokens are counted.
SAMPLE = 3000
# Bytes the process and the framework take before any weight is loaded (measured on Linux; a Mac is close).
FOOTING = 400 * 2**20
VERDICTS = {"fits": "够用", "tight": "偏紧", "too-big": "放不下"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes by part, what this machine can give, tokens and steps of the run, seconds when a speed is known."""

    parts: dict[str, int]
    available: int
    tokens: int
    steps: int
    seconds: float | None
    basis: str
    verdict: str
    advice: tuple[str, ...]

    @property
    def memory(self) -> int:
        return sum(self.parts.values())

    @property
    def verdict_text(self) -> str:
        """One sentence for this machine."""
        need, have = self.memory / 2**30, self.available / 2**30
        return f"{VERDICTS[self.verdict]}：约需 {need:.2f} GB，这台机器可用约 {have:.1f} GB。"

    def as_record(self) -> dict[str, object]:
        record: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        return {**record, "memory": self.memory, "advice": list(self.advice), "text": self.verdict_text}


def estimate_plan(plan: Plan, places: Places) -> Estimate:
    """Memory and time of a plan on this machine. Time comes from earlier runs of the same model here, else it is not known yet."""
    recipe, card = plan.recipe, plan.card
    per_character = tokens_per_character(plan)
    length = recipe.max_length
    if recipe.stage != "dapt":
        length = min(length, math.ceil(plan.data.longest() * per_character) + 32)
    parts = memory_parts(recipe, card, length)
    available = available_memory()
    tokens = math.ceil(plan.data.characters * per_character * recipe.epochs)
    rows = plan.data.count("train", "general")
    if recipe.stage == "dapt":
        rows = max(rows, math.ceil(plan.data.characters * per_character / recipe.max_length))
    steps = max(1, math.ceil(rows * recipe.epochs / (recipe.batch * recipe.accumulate)))
    if recipe.max_steps and recipe.max_steps < steps:
        tokens, steps = tokens * recipe.max_steps // steps, recipe.max_steps
    step = measured_step(places, plan)
    need = sum(parts.values())
    verdict = "too-big" if need > available else "tight" if need > 0.85 * available else "fits"
    return Estimate(
        parts=parts,
        available=available,
        tokens=tokens,
        steps=steps,
        seconds=step * steps if step else None,
        basis="按这台机器上同一模型、同一阶段最近一次的速度" if step else "这个模型在这台机器上还没练过；开跑后第一步就量出时间",
        verdict=verdict,
        advice=_advise(recipe, parts) if verdict != "fits" else (),
    )


def memory_parts(recipe: Recipe, card: ModelCard, length: int) -> dict[str, int]:
    """Bytes by part for rows of `length` tokens: what the weights, adapters, optimizer, activations and logits take."""
    width = {"float32": 4, "bfloat16": 2, "float16": 2}.get(recipe.precision, 4 if card.bits == 32 else 2)
    trained = trainable_parameters(recipe, card)
    weights = card.bytes if recipe.precision == "model" or card.bits < 16 else card.parameters * width
    full = recipe.adapter == "full"
    positions = recipe.batch * length
    if recipe.stage == "dpo":
        positions *= 2
    # Kept for the way back in each layer: inputs of the norms, the seven projections and the activation, and the attention.
    attention = card.heads * length * width
    per_token = width * (8 * card.hidden + 4 * card.heads * card.head_dimension + 5 * card.intermediate) + 2 * attention
    if not full and recipe.dropout:
        per_token += 4 * (4 * card.hidden + 2 * card.intermediate)
    layers = max(1, card.layers)
    activations = positions * (width * card.hidden * layers + per_token if recipe.gradient_checkpoint else per_token * layers)
    scored = min(positions, recipe.loss_chunk or positions)
    return {
        "程序": FOOTING,
        "权重": weights,
        "适配器": 0 if full else trained * 4,
        "梯度": trained * (width if full else 4),
        "优化器": 2 * trained * (width if full else 4),
        "中间结果": activations,
        "词表概率": 3 * 4 * scored * card.vocabulary,
    }


def trainable_parameters(recipe: Recipe, card: ModelCard) -> int:
    """How many numbers the recipe trains in this model."""
    if recipe.adapter == "full":
        return card.parameters
    queries, keys = card.heads * card.head_dimension, card.key_value_heads * card.head_dimension
    shapes = [(card.hidden, queries), (card.hidden, keys), (card.hidden, keys), (queries, card.hidden)]
    if recipe.targets == "all":
        shapes += [(card.hidden, card.intermediate)] * 2 + [(card.intermediate, card.hidden)]
    layers = min(recipe.layers or card.layers, card.layers)
    magnitude = sum(out for _, out in shapes) if recipe.adapter == "dora" else 0
    return layers * (recipe.rank * sum(into + out for into, out in shapes) + magnitude)


def tokens_per_character(plan: Plan) -> float:
    """Tokens that a character of the plan's data takes in the model's vocabulary: 0.8 with one made for Chinese, 2 with an English one."""
    text = plan.data.sample(SAMPLE)
    count = count_tokens(plan.card.path, text)
    return count / len(text) if count and text else TOKENS_PER_CHARACTER


def measured_step(places: Places, plan: Plan) -> float | None:
    """Seconds that a step of the plan should take: from the newest run of the same model, stage and kind of weights here.

    Scaled by rows a step and by the length of DAPT windows; None when there was no such run.
    """
    recipe = plan.recipe
    for run in list_runs(places):
        with contextlib.suppress(TrainingError):
            meta = run.meta()
            known = meta.recipe
            if (known.stage, known.adapter, meta.model.get("base_hash")) != (recipe.stage, recipe.adapter, plan.base_hash):
                continue
            # The first step warms up.
            took = sorted(
                (event.tokens - before.tokens) / event.tokens_per_second
                for before, event in pairwise(event for event in run.events().events if isinstance(event, Stepped))
                if event.step == before.step + 1 and event.tokens_per_second > 0
            )
            if took:
                scale = recipe.batch * recipe.accumulate / (known.batch * known.accumulate)
                return took[len(took) // 2] * scale * (recipe.max_length / known.max_length if recipe.stage == "dapt" else 1)
    return None


def _advise(recipe: Recipe, parts: dict[str, int]) -> tuple[str, ...]:
    found = []
    if recipe.batch > 1:
        found.append(f"批大小从 {recipe.batch} 降到 1，梯度累积升到 {recipe.batch * recipe.accumulate}：结果一样，内存少。")
    if not recipe.gradient_checkpoint:
        found.append("打开「重算省内存」：慢三成左右，中间结果小得多。")
    if not recipe.loss_chunk or recipe.loss_chunk > 256:
        found.append("「损失分块」设为 256。")
    if recipe.max_length > 512:
        found.append("缩短「窗口长度」。")
    if recipe.adapter == "full":
        found.append("改练 LoRA。")
    if parts["权重"] > sum(parts.values()) / 2:
        found.append("换 4 位量化的模型，或更小的模型。")
    return tuple(found)
