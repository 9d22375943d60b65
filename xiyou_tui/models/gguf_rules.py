"""Which models can become GGUF and which Ollama can read, decided from files before anything is loaded. Light.

mlx-lm writes GGUF for the llama family only, in 16 bits, with a vocabulary of SentencePiece's kind; where a model is of another
kind its writer would give a file that opens and talks nonsense, so such are refused here, with the way that does work.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xiyou_tui.errors import ModelError
from xiyou_tui.models.registry import ModelCard

ARCHITECTURES = ("llama", "mistral")
# What Ollama converts from safetensors by itself (its convert/convert.go, by the name in config.json).
OLLAMA = (
    "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM",
    "Phi3ForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "CohereForCausalLM",
)  # fmt: skip
LLAMA_CPP = (
    "导出「MLX 文件夹」（16 位时就是 safetensors 的通用布局），再用 llama.cpp 转："
    "python convert_hf_to_gguf.py 那个文件夹 --outtype f16 --outfile model.gguf"
)


def check_gguf(card: ModelCard) -> None:
    """Raise ModelError, saying what to do instead, unless mlx-lm can write this model as GGUF."""
    _refuse_quantised(card)
    config = read_config(card.path)
    if card.architecture == "mixtral":
        raise _refuse("mlx-lm 现在把专家合在一起存，它的 GGUF 转换却还按分开的写，写出来的文件打不开。", "gguf-architecture")
    if card.architecture not in ARCHITECTURES:
        raise _refuse(f"mlx-lm 只会把 llama、mistral 结构写成 GGUF，这个是 {card.architecture}。", "gguf-architecture")
    if not _is_sentencepiece(card.path):
        raise _refuse("它的词表是字节 BPE，mlx-lm 的 GGUF 转换只会写 SentencePiece 那种，写出来会答非所问。", "gguf-tokenizer")
    scaling = config.get("rope_scaling") or {}
    if str(scaling.get("rope_type") or scaling.get("type") or "default") not in ("default", "linear"):
        raise _refuse("它的位置编码（rope_scaling）mlx-lm 的 GGUF 转换不写，长一点的上下文会乱。", "gguf-rope")
    if card.head_dimension * card.heads != card.hidden:
        raise _refuse("它的注意力头宽和层宽对不上，mlx-lm 的 GGUF 转换写不对。", "gguf-shape")


def gguf_possible(card: ModelCard) -> bool:
    """Whether mlx-lm can write this model as GGUF."""
    try:
        check_gguf(card)
    except ModelError:
        return False
    return True


def check_ollama(card: ModelCard) -> list[str]:
    """What to know before Ollama reads this model; raises ModelError when it can't."""
    _refuse_quantised(card)
    if gguf_possible(card):
        return []
    names = read_config(card.path).get("architectures") or [""]
    if str(names[0]) in OLLAMA:
        return ["Modelfile 直接指着 safetensors 文件夹，ollama create 时由 Ollama 自己转换；加 --quantize q4_K_M 可以同时量化。"]
    raise _refuse(f"Ollama 不会读这种结构的 safetensors（{names[0] or card.architecture}），mlx-lm 也写不了它的 GGUF。", "ollama-architecture")


def read_config(path: Path) -> dict[str, Any]:
    """The model's config.json, with the position encoding where older libraries look for it."""
    config: dict[str, Any] = json.loads((path / "config.json").read_text("utf-8"))
    parameters = config.get("rope_parameters")
    if isinstance(parameters, dict):
        config.setdefault("rope_theta", parameters.get("rope_theta", 10000.0))
        if str(parameters.get("rope_type", "default")) != "default":
            config.setdefault("rope_scaling", parameters)
    return config


def _refuse_quantised(card: ModelCard) -> None:
    if card.bits < 16:
        raise ModelError(
            f"「{card.name}」是 {card.bits} 位的 MLX 量化，GGUF 和 Ollama 都读不了它。",
            kept="没有改动。",
            next_step="从 16 位的模型导出：合并适配器时选「还原成 16 位」，再导出那一个；要小，导出后用 llama.cpp 或 Ollama 量化。",
            code="quantised",
        )


def _is_sentencepiece(path: Path) -> bool:
    try:
        model = json.loads((path / "tokenizer.json").read_text("utf-8"))["model"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return model.get("type") == "BPE" and bool(model.get("byte_fallback"))


def _refuse(what: str, code: str) -> ModelError:
    return ModelError(what, kept="没有改动。", next_step=f"{LLAMA_CPP}。", code=code)
