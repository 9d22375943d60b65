"""What is in a model directory, without loading it: reads JSON and the headers of the weight files only. Light: no MLX."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

from xiyou_tui.errors import ModelError
from xiyou_tui.storage.places import Places

MARKER = "xiyou-model.json"
# Up to this size a model's whole content makes its hash; above it, a sample of blocks does.
WHOLE_HASH_BYTES = 64 * 2**20
BLOCK = 4096
_WANTED = "选含有 config.json 和 *.safetensors 的 MLX 模型目录；GGUF 和 PyTorch 权重要先转成 MLX。"
# Names that mlx-lm 0.32 loads with the code of another architecture.
REMAPPED = {
    "mistral": "llama", "llava": "mistral3", "phi-msft": "phixtral", "falcon_mamba": "mamba", "joyai_llm_flash": "deepseek_v3",
    "kimi_k2": "deepseek_v3", "qwen2_5_vl": "qwen2_vl", "minimax_m2": "minimax", "iquestcoder": "llama", "xverse": "llama",
    "gemma4_unified": "gemma4", "deepseek_v41_text": "deepseek_v41",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model directory. `bytes` are those of the weights on disk; `bits` is 16 or 32, or less when quantised."""

    path: Path
    name: str
    architecture: str
    parameters: int
    bytes: int
    bits: int
    vocabulary: int
    hidden: int
    layers: int
    intermediate: int
    heads: int
    key_value_heads: int
    head_dimension: int
    context: int
    tied: bool
    has_chat_template: bool
    marker: Mapping[str, Any]

    @property
    def is_practice(self) -> bool:
        return self.marker.get("kind") == "practice"

    def as_record(self) -> dict[str, Any]:
        return {name: str(self.path) if name == "path" else getattr(self, name) for name in self.__slots__}


def practice_directory(places: Places) -> Path:
    """Where the newest practice model lies (there is one for each edition); a path that is not there when none was made."""
    made: list[tuple[float, Path]] = []
    for marker in places.models.glob(f"practice*/{MARKER}"):
        record = _read_json(marker) or {}
        if record.get("kind") == "practice":
            made.append((float(record.get("made", 0)), marker.parent))
    return max(made)[1] if made else places.models / "practice"


def list_models(places: Places) -> list[ModelCard]:
    """All whole models below the models directory, the practice model first; what is no model is left out."""
    cards = []
    if places.models.is_dir():
        for path in sorted(places.models.iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                try:
                    cards.append(inspect_model(path))
                except ModelError:
                    continue
    return sorted(cards, key=lambda card: (not card.is_practice, card.name))


def inspect_model(path: Path) -> ModelCard:
    """The card of the model at `path`; raises ModelError that says what is missing or broken."""
    if path.is_file():
        raise _refuse(f"{path} 是一个文件，不是模型目录", _WANTED, "no-model")
    if not path.is_dir():
        raise _refuse(f"没有这个模型目录：{path}", "检查路径；练手模型用 xiyou train practice 做。", "no-model")
    config = _read_json(path / "config.json")
    if config is None:
        raise _refuse(f"{path} 里没有 config.json", _WANTED, "no-config")
    shape = {**config, **config.get("text_config", {})} if isinstance(config.get("text_config"), dict) else config
    architecture = str(config.get("model_type", ""))
    if not knows_architecture(architecture):
        raise _refuse(
            f"不认识这种模型结构：{architecture or '（config.json 没写 model_type）'}",
            "换一个 mlx-lm 支持的模型。",
            "unknown-architecture",
        )
    files = sorted(path.glob("model*.safetensors"))
    if not files:
        raise _refuse(
            f"{path} 里没有权重文件 model*.safetensors", "重新下载这个模型；GGUF 和 PyTorch 权重要先转成 MLX。", "no-weights"
        )
    _check_index(path, {file.name for file in files})
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {}
    for file in files:
        tensors.update(read_header(file))
    if not (path / "tokenizer.json").exists() and not any(path.glob("*tokenizer*.model")):
        raise _refuse(f"{path} 里没有词表 tokenizer.json", "重新下载这个模型。", "no-tokenizer")
    quantization = config.get("quantization") or config.get("quantization_config") or {}
    bits = int(quantization.get("bits", 0)) or (32 if any(kind == "F32" for kind, _ in tensors.values()) else 16)
    heads = int(shape.get("num_attention_heads", 1))
    hidden = int(shape.get("hidden_size", 0))
    marker = _read_json(path / MARKER) or {}
    return ModelCard(
        path=path,
        name=str(marker.get("name") or path.name),
        architecture=architecture,
        parameters=_count(tensors, quantization),
        bytes=sum(file.stat().st_size for file in files),
        bits=bits,
        vocabulary=int(shape.get("vocab_size", 0)),
        hidden=hidden,
        layers=int(shape.get("num_hidden_layers", 0)),
        intermediate=int(shape.get("intermediate_size", 0)),
        heads=heads,
        key_value_heads=int(shape.get("num_key_value_heads", heads)),
        head_dimension=int(shape.get("head_dim") or hidden // max(1, heads)),
        context=int(shape.get("max_position_embeddings", 0)),
        tied=bool(shape.get("tie_word_embeddings", architecture == "qwen2")),
        has_chat_template=_has_template(path),
        marker=marker,
    )


def model_hash(path: Path) -> str:
    """16 hex digits that change when the configuration, the vocabulary or the weights change.

    Of weights above 64 MiB the header, the size and 64 evenly spread blocks count, so that a 15 GB model takes no time.
    """
    digest = hashlib.sha256()
    for file in sorted([*path.glob("model*.safetensors"), path / "config.json", path / "tokenizer.json"]):
        if not file.exists():
            continue
        size = file.stat().st_size
        digest.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as stream:
            if size <= WHOLE_HASH_BYTES:
                digest.update(stream.read())
                continue
            digest.update(stream.read(256 * BLOCK))
            for index in range(64):
                stream.seek(index * (size - BLOCK) // 63)
                digest.update(stream.read(BLOCK))
    return digest.hexdigest()[:16]


def read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name → (type, shape) of the tensors in a safetensors file; raises ModelError when the file is cut off or damaged."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
            if length + 8 > size:
                raise ValueError("文件头不完整")
            header = json.loads(file.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
        if 8 + length + end != size:
            raise ValueError(f"应有 {8 + length + end} 字节，只有 {size} 字节" if 8 + length + end > size else "长度对不上")
        return {name: (str(entry["dtype"]), tuple(int(n) for n in entry["shape"])) for name, entry in tensors.items()}
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise _refuse(
            f"权重文件不完整：{path.name}（{error}）", "重新下载这个文件；下到一半的模型不能用。", "truncated-weights"
        ) from error


def knows_architecture(architecture: str) -> bool:
    """Whether mlx-lm has code for this kind of model."""
    # mlx-lm maps a few names onto others; the rest are modules of its package. Looking for the file imports nothing.
    spec = util.find_spec("mlx_lm")
    roots = list(spec.submodule_search_locations or ()) if spec else []
    name = REMAPPED.get(architecture, architecture)
    return name.replace("_", "").replace("-", "").isalnum() and any(
        (Path(root) / "models" / f"{name}.py").exists() for root in roots
    )


def _check_index(path: Path, present: set[str]) -> None:
    index = _read_json(path / "model.safetensors.index.json") or {}
    wanted = set(index.get("weight_map", {}).values()) if isinstance(index.get("weight_map"), dict) else set()
    if missing := sorted(wanted - present):
        raise _refuse(f"{path} 缺 {len(missing)} 个权重文件，如 {missing[0]}", "把这个模型下载完整。", "missing-weights")


def _count(tensors: Mapping[str, tuple[str, tuple[int, ...]]], quantization: Mapping[str, Any]) -> int:
    # Layers may be quantised each in its own way, so packed weights are counted by their scales: one for each group.
    total = 0
    for name, (_, shape) in tensors.items():
        layer = name.rpartition(".")[0]
        if name.endswith(".scales"):
            own = quantization.get(layer)
            group = own.get("group_size") if isinstance(own, dict) else None
            total += math.prod(shape) * int(group or quantization.get("group_size", 64))
        elif not name.endswith((".weight", ".biases")) or f"{layer}.scales" not in tensors:
            total += math.prod(shape)
    return total


def _has_template(path: Path) -> bool:
    return (path / "chat_template.jinja").exists() or bool(
        (_read_json(path / "tokenizer_config.json") or {}).get("chat_template")
    )


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _refuse(f"读不懂 {path}（{error}）", "重新下载这个模型。", "broken-json") from error
    return content if isinstance(content, dict) else None


def _refuse(what: str, next_step: str, code: str) -> ModelError:
    return ModelError(f"{what}。", kept="目录里的文件没有改动。", next_step=next_step, code=code)
