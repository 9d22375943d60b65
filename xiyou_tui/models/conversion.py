"""Making a model from a model: fuse, quantise, export. What each would make and cost, told and checked before anything heavy. Light.

Planning reads headers only. `converting.run_job` does the work of a plan in a child process.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from xiyou_tui.errors import ModelError
from xiyou_tui.models.adapters import AdapterCard
from xiyou_tui.models.drafts import refuse_existing
from xiyou_tui.models.gguf_rules import check_gguf, check_ollama, gguf_possible
from xiyou_tui.models.machine import available_memory, check_space, free_space, in_gigabytes
from xiyou_tui.models.readme import find_licence
from xiyou_tui.models.registry import ModelCard, read_header

Kind = Literal["fuse", "quantise", "export"]
Form = Literal["mlx", "gguf", "ollama"]
FORMS: Mapping[str, str] = {"mlx": "MLX 文件夹", "gguf": "GGUF（16 位）", "ollama": "Ollama（Modelfile）"}
BITS = (4, 8)
GROUPS = (64, 32, 128)
# The process and the framework before any weight is loaded, and what is written at a time.
FOOTING, SHARD = 400 * 2**20, 5 * 2**30
# Rough speeds for the time told beforehand: bytes read and written a second, and multiplications a second.
DISK_SPEED = 300e6
COMPUTE_SPEED = 3e12 if sys.platform == "darwin" else 3e10
# About the tokens that a measurement reads.
MEASURED_TOKENS = 2000


@dataclass(frozen=True, slots=True)
class Probe:
    """What a conversion is measured on: first questions as the chat sends them, and passages of a text nobody trained on."""

    title: str = ""
    questions: tuple[tuple[dict[str, str], ...], ...] = ()
    passages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Speech:
    """How the app speaks to a model, for a Modelfile: the fixed system prompt and the sampling of the settings."""

    system: str
    temperature: float
    top_p: float
    max_tokens: int
    # A question as the app sends it, which is how the model was trained to hear it.
    example: str = ""


@dataclass(frozen=True, slots=True)
class Training:
    """One training that went into a model, in words that may leave this machine."""

    run: str
    name: str
    stage: str
    source: str
    rows: int
    steps: int


@dataclass(frozen=True, slots=True)
class Job:
    """What a child is told to do. `source` is the model to load, `marker` what the new directory tells about itself."""

    kind: Kind
    source: Path
    target: Path
    adapter: Path | None = None
    dequantise: bool = False
    bits: int = 0
    group: int = 0
    form: Form = "mlx"
    measure_before: bool = False
    measure_after: bool = False
    probe: Probe = Probe()
    speech: Speech | None = None
    marker: dict[str, Any] = field(default_factory=dict)

    def as_record(self) -> dict[str, Any]:
        record = asdict(self)
        return {**record, "source": str(self.source), "target": str(self.target), "adapter": str(self.adapter or "")}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Job:
        """The job of a record that `as_record` made."""
        probe, speech = dict(record["probe"]), record.get("speech")
        return cls(
            **{
                **record,
                "source": Path(record["source"]),
                "target": Path(record["target"]),
                "adapter": Path(record["adapter"]) if record["adapter"] else None,
                "probe": Probe(
                    str(probe["title"]), tuple(tuple(turns) for turns in probe["questions"]), tuple(probe["passages"])
                ),
                "speech": Speech(**speech) if speech else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes to be written and free there, bytes of memory needed and available, and roughly how many seconds."""

    disk: int
    disk_free: int
    memory: int
    memory_available: int
    seconds: float

    @property
    def fits(self) -> bool:
        return self.memory <= self.memory_available

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """A conversion that has not begun. `losses` says plainly what is lost by it, `notes` what else to know."""

    job: Job
    cost: Cost
    losses: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def check(self, *, anyway: bool = False) -> None:
        """Raise StorageError or ModelError when disk or memory do not suffice now; `anyway` lets memory pass."""
        refuse_existing(self.job.target)
        check_space(self.job.target, self.cost.disk)
        available = available_memory()
        if not anyway and self.cost.memory > available:
            raise ModelError(
                f"内存不够：约需 {in_gigabytes(self.cost.memory)}，现在可用约 {in_gigabytes(available)}。",
                kept="还没有动手，什么都没有改。",
                next_step="关掉别的程序，或等训练结束再试；确信装得下，用 xiyou model 加 --anyway。",
                code="memory",
            )

    def as_record(self) -> dict[str, Any]:
        return {
            "kind": self.job.kind,
            "path": str(self.job.target),
            "cost": self.cost.as_record(),
            "losses": list(self.losses),
            "notes": list(self.notes),
        }


def plan_fuse(
    adapter: AdapterCard,
    directory: Path,
    *,
    name: str = "",
    dequantise: bool = False,
    probe: Probe | None = None,
    trained_on: Sequence[Training] = (),
) -> Plan:
    """Fusing an adapter into its base as a new model in `directory`; with `dequantise` a 4-bit base becomes 16-bit.

    Raises ModelError when the name is taken or no name.
    """
    base = adapter.base
    quantised = base.bits < 16
    dequantise = dequantise and quantised
    written = base.bytes if not dequantise else _dequantised_bytes(base)
    available = available_memory()
    before = probe is not None and (_read_bytes(base, base.bytes) + adapter.bytes + FOOTING) * 1.1 < available
    after = probe is not None and (_read_bytes(base, written) + FOOTING) * 1.1 < available
    # Weights are read as they are needed and let go as they are written.
    memory = min(base.bytes, SHARD) + min(written, SHARD) + FOOTING
    default = f"{base.path.name}-fused" + ("-16bit" if dequantise else "")
    target = _target(directory, name, default)
    losses = []
    if not quantised:
        losses.append("底座没有量化：合并不丢什么，只有舍入的误差。")
    elif dequantise:
        losses.append(f"还原成 16 位：适配器学到的都留下，大小是 {in_gigabytes(written)}，约为底座的 {written / max(1, base.bytes):.1f} 倍。")
    else:
        losses.append(
            f"底座是 {base.bits} 位的：合并后要重新量化，适配器改动得细微的地方会被抹掉一部分。做完在原文上量给你看；"
            "不想丢，选「还原成 16 位」，或不合并、接着用适配器。"
        )
    marker = {
        "kind": "fused",
        "name": name or f"{trained_on[-1].name if trained_on else base.name} · 合并",
        "from": base.name,
        **_inherited(base),
        "adapter": {"kind": adapter.kind, "rank": adapter.rank},
        "dequantised": dequantise,
        "trained_on": [*_earlier(base), *map(asdict, trained_on)],
    }
    job = Job(
        "fuse", base.path, target, adapter=adapter.path, dequantise=dequantise, measure_before=before, measure_after=before and after,
        probe=probe or Probe(), marker=marker,
    )  # fmt: skip
    passes = (2 * before + (before and after)) * 1.0
    return Plan(job, _cost(target, base, written, memory, passes, available), tuple(losses), _unmeasured(probe, before, after))


def plan_quantise(
    model: ModelCard, directory: Path, *, bits: int = 4, group: int = 64, name: str = "", probe: Probe | None = None
) -> Plan:
    """Quantising a 16-bit model to `bits` in groups of `group` weights. Raises ModelError for one that is quantised already."""
    if model.bits < 16:
        raise ModelError(
            f"「{model.name}」已经是 {model.bits} 位的了，再量化只会更差。",
            kept="没有改动。",
            next_step="要别的位数，从 16 位的原模型量化；适配器可以合并时选「还原成 16 位」，再量化。",
            code="already-quantised",
        )
    if bits not in BITS or group not in GROUPS:
        raise ModelError(
            f"不能量化成 {bits} 位、每组 {group} 个。",
            next_step=f"位数选 {' 或 '.join(map(str, BITS))}，每组选 {'、'.join(map(str, sorted(GROUPS)))}。",
            code="quantise-options",
        )
    written, touched, largest = _quantised_bytes(model, bits, group)
    if not touched:
        raise ModelError(
            f"「{model.name}」没有一层能按每组 {group} 个量化（行宽除不尽）。",
            kept="没有改动。",
            next_step=f"每组改成 {min(GROUPS)}，或不量化它。",
            code="quantise-options",
        )
    available = available_memory()
    before = probe is not None and (_read_bytes(model, model.bytes) + FOOTING) * 1.1 < available
    after = probe is not None and (_read_bytes(model, written) + FOOTING) * 1.1 < available
    target = _target(directory, name, f"{model.path.name}-{bits}bit")
    share = written / max(1, model.bytes)
    loss = f"{bits} 位、每组 {group} 个：大小变成 {in_gigabytes(written)}，是现在的 {share:.0%}。" + (
        "困惑度会升一些，模型越小升得越多。" if bits < 8 else "困惑度几乎不变。"
    )
    marker = {
        "kind": "quantised",
        "name": name or f"{model.name} · {bits} 位",
        "from": model.name,
        **_inherited(model),
        "bits": bits,
        "group": group,
        "trained_on": _earlier(model),
    }
    job = Job(
        "quantise", model.path, target, bits=bits, group=group, measure_before=before, measure_after=after, probe=probe or Probe(),
        marker=marker,
    )  # fmt: skip
    memory = written + 2 * largest + FOOTING
    cost = _cost(target, model, written, memory, float(before + after), available)
    return Plan(job, cost, (loss,), _unmeasured(probe, before, after))


def plan_export(
    source: ModelCard | AdapterCard,
    target: Path,
    form: Form,
    *,
    speech: Speech | None = None,
    trained_on: Sequence[Training] = (),
) -> Plan:
    """Exporting a model as a folder for others at `target`. An adapter can leave as MLX only, without its base.

    Raises ModelError, which says what to do instead, for a form that this model can't take.
    """
    if form not in FORMS:
        raise ModelError(f"没有「{form}」这种导出。", next_step="可选：" + "、".join(FORMS), code="no-form")
    refuse_existing(target)
    available = available_memory()
    notes: list[str] = []
    if isinstance(source, AdapterCard):
        if form != "mlx":
            raise ModelError(
                "适配器不能单独导出成这种格式。", kept="没有改动。", next_step="先合并（底座是量化的就选「还原成 16 位」），再导出合并出来的模型。",
                code="adapter-export",
            )  # fmt: skip
        card, size = source.base, source.bytes
        notes.append(f"只有适配器，不含底座；用的人要自己有「{card.name}」。")
        marker = {
            "kind": "adapter",
            "name": trained_on[-1].name if trained_on else source.path.name,
            **_inherited(card),
            "adapter": {"kind": source.kind, "rank": source.rank},
            "trained_on": [*_earlier(card), *map(asdict, trained_on)],
        }
        job = Job("export", card.path, target, adapter=source.path, form=form, marker=marker)
        return Plan(job, _cost(target, card, size, 64 * 2**20, 0.0, available), (), tuple(notes))
    card, size, memory = source, source.bytes, 64 * 2**20
    if form in ("gguf", "ollama"):
        if form == "gguf":
            check_gguf(card)
        else:
            notes += check_ollama(card)
        if form == "gguf" or gguf_possible(card):
            size = 2 * card.parameters
            memory = card.bytes + size + FOOTING
            notes.append("写成 16 位的 GGUF；要更小，再用 llama.cpp 的 llama-quantize。")
    if not find_licence(card.path).id:
        notes.append("底座目录里没有写许可；给别人以前，到它的主页核对。")
    marker = {"kind": "model", "name": card.name, **card.marker, **_inherited(card)}
    marker["trained_on"] = [*_earlier(card), *map(asdict, trained_on)]
    if trained_on:
        # What a run trained whole carries the record of the model it began as.
        marker["name"] = trained_on[-1].name
    job = Job("export", card.path, target, form=form, speech=speech, marker=marker)
    return Plan(job, _cost(target, card, size, memory, 0.0, available), (), tuple(notes))


def _target(directory: Path, name: str, default: str) -> Path:
    name = name.strip()
    if name:
        if "/" in name or name.startswith(".") or not name.isprintable() or len(name.encode()) > 120:
            raise ModelError(f"「{name}」不能作目录名。", next_step="换一个名字：不要有斜杠，不要以点开头，不要太长。", code="bad-name")
        refuse_existing(directory / name)
        return directory / name
    number, target = 2, directory / default
    while target.exists():
        target, number = directory / f"{default}-{number}", number + 1
    return target


def _cost(target: Path, card: ModelCard, written: int, memory: int, passes: float, available: int) -> Cost:
    seconds = 3 + (card.bytes + 2 * written) / DISK_SPEED + passes * 2 * card.parameters * MEASURED_TOKENS / COMPUTE_SPEED
    return Cost(written + 32 * 2**20, free_space(target), memory, available, seconds)


def _unmeasured(probe: Probe | None, before: bool, after: bool) -> tuple[str, ...]:
    if probe is None or (before and after):
        return ()
    return ("内存放不下整个 16 位模型，做前做后的差别就不量了。",)


def _read_bytes(card: ModelCard, size: int) -> int:
    """What a model of `size` bytes takes to be measured: on the CPU it is unpacked to 32 bits."""
    return size if sys.platform == "darwin" else max(size, 4 * card.parameters)


def _dequantised_bytes(card: ModelCard) -> int:
    width = 4 if any(kind == "F32" for name, (kind, _) in _tensors(card).items() if name.endswith(".scales")) else 2
    return card.parameters * width


def _quantised_bytes(card: ModelCard, bits: int, group: int) -> tuple[int, int, int]:
    """Bytes after quantising, how many matrices are quantised, and the largest matrix in bytes."""
    total = touched = largest = 0
    for name, (kind, shape) in _tensors(card).items():
        width = {"F32": 4, "F16": 2, "BF16": 2}.get(kind, 2)
        count = math.prod(shape)
        largest = max(largest, count * width)
        if name.endswith(".weight") and len(shape) >= 2 and shape[-1] % group == 0:
            total += count * bits // 8 + count // group * 2 * width
            touched += 1
        else:
            total += count * width
    return total, touched, largest


def _tensors(card: ModelCard) -> dict[str, tuple[str, tuple[int, ...]]]:
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for file in sorted(card.path.glob("model*.safetensors")):
        found.update(read_header(file))
    return found


def _earlier(card: ModelCard) -> list[Any]:
    return list(card.marker.get("trained_on") or ())


def _inherited(card: ModelCard) -> dict[str, Any]:
    """What a model hands down to what is made from it: the base all began with, its licence, what was fused into it."""
    licence = find_licence(card.path)
    kept = {
        key: card.marker[key]
        for key in ("title", "edition", "tokens_per_character", "base", "adapter", "dequantised")
        if key in card.marker
    }
    # A fetched model is known to others by its repository.
    return {"base": {"name": str(card.marker.get("repo") or card.name), "bits": card.bits}, **kept, "licence": {"id": licence.id, "from": licence.source or card.name}}
