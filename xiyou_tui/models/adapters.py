"""What is in an adapter directory, without loading it: its shape, its base, whether the two still belong together. Light."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from xiyou_tui.errors import ModelError
from xiyou_tui.models.registry import ModelCard, inspect_model, model_hash, read_header

CONFIG, WEIGHTS = "adapter_config.json", "adapters.safetensors"
KINDS = {"lora": "LoRA", "dora": "DoRA"}


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """An adapter directory and the base it belongs to. `kind` is lora or dora; `run` the run that made it, if one did."""

    path: Path
    base: ModelCard
    kind: str
    rank: int
    bytes: int
    parameters: int
    run: str


def is_adapter(path: Path) -> bool:
    """Whether a directory is meant as an adapter (which does not say that it is whole)."""
    return (path / CONFIG).exists() and not (path / "config.json").exists()


def inspect_adapter(path: Path) -> AdapterCard:
    """The card of the adapter at `path`; raises ModelError for one that is broken, has no base, or whose base has changed."""
    if not path.is_dir():
        raise _refuse(f"没有这个适配器目录：{path}", "检查路径；训练的结果也可以用运行的名字。", "no-adapter")
    try:
        config = json.loads((path / CONFIG).read_text("utf-8"))
        kind = str(config.get("fine_tune_type", "lora"))
        base = str(config.get("model", ""))
        rank = int((config.get("lora_parameters") or {}).get("rank", 0))
        made = dict(config.get("xiyou") or {})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _refuse(f"{path} 的 {CONFIG} 读不懂（{error}）", "选由 xiyou 或 mlx-lm 练出的适配器目录。", "broken-adapter") from error
    if not (path / WEIGHTS).exists():
        raise _refuse(f"{path} 里没有权重文件 {WEIGHTS}", "把适配器目录拷贝完整。", "no-weights")
    if kind not in KINDS:
        raise _refuse(
            "这次练的是全部权重，不是适配器，没有可合并的", "它的结果本来就是完整的模型：选那次运行的 model 目录。", "not-an-adapter"
        )
    tensors = read_header(path / WEIGHTS)
    if not base:
        raise _refuse(f"{path} 没有写它是在哪个模型上练的", f"在 {CONFIG} 里写上 \"model\": \"底座目录\"。", "no-base")
    directory = Path(base).expanduser()
    if not directory.is_dir():
        raise _refuse(f"这个适配器的底座不在了：{base}", f"把底座放回原处，或在 {CONFIG} 里把 \"model\" 改成它现在的目录。", "no-base")
    card = inspect_model(directory)
    if (wanted := made.get("model_hash")) and wanted != model_hash(directory):
        raise _refuse(f"底座变了：{base} 已经不是练这个适配器时的模型", "换回原来的底座；练手模型重做以后，要重新训练。", "other-model")
    return AdapterCard(
        path=path,
        base=card,
        kind=kind,
        rank=rank,
        bytes=(path / WEIGHTS).stat().st_size,
        parameters=sum(math.prod(shape) for _, shape in tensors.values()),
        run=str(made.get("run", "")),
    )


def _refuse(what: str, next_step: str, code: str) -> ModelError:
    return ModelError(f"{what}。", kept="目录里的文件没有改动。", next_step=next_step, code=code)
