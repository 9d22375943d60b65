"""Which models can become GGUF and which Ollama can read, decided from files before anything is loaded. Light.

`gguf` writes the llama, mistral, qwen2 and qwen3 structures in 16 bits, with the vocabularies it knows to write; where a model is of
another kind the file would open and talk nonsense, so such are refused here, with the way that does work.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xiyou_tui.errors import ModelError
from xiyou_tui.models.registry import ModelCard

# Architecture of mlx-lm → what llama.cpp calls it.
ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
# How llama.cpp calls a byte-level vocabulary, by the pattern that cuts text before it (none: GPT-2's own).
CUTS = {
    "": "gpt-2",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": "qwen2",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": "llama-bpe",
}
SENTENCEPIECE = "llama"
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
    """Raise ModelError, saying what to do instead, unless this model can be written as GGUF here."""
    _refuse_quantised(card)
    config = read_config(card.path)
    if card.architecture not in ARCHITECTURES:
        raise _refuse(f"这里只会把 {'、'.join(ARCHITECTURES)} 结构写成 GGUF，这个是 {card.architecture}。", "gguf-architecture")
    if not vocabulary_kind(card.path):
        raise _refuse("它的词表切分文字的办法不是这里认得的几种，写成 GGUF 会答非所问。", "gguf-tokenizer")
    scaling = config.get("rope_scaling") or {}
    if str(scaling.get("rope_type") or scaling.get("type") or "default") not in ("default", "linear"):
        raise _refuse("它的位置编码（rope_scaling）这里不会写进 GGUF，长一点的上下文会乱。", "gguf-rope")
    if config.get("use_sliding_window"):
        raise _refuse("它用滑动窗口，这里不会写进 GGUF。", "gguf-shape")


def gguf_possible(card: ModelCard) -> bool:
    """Whether this model can be written as GGUF here."""
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
    raise _refuse(f"Ollama 不会读这种结构的 safetensors（{names[0] or card.architecture}），这里也写不了它的 GGUF。", "ollama-architecture")


def read_config(path: Path) -> dict[str, Any]:
    """The model's config.json, with the position encoding where older libraries look for it."""
    config: dict[str, Any] = json.loads((path / "config.json").read_text("utf-8"))
    parameters = config.get("rope_parameters")
    if isinstance(parameters, dict):
        config.setdefault("rope_theta", parameters.get("rope_theta", 10000.0))
        if str(parameters.get("rope_type", "default")) != "default":
            config.setdefault("rope_scaling", parameters)
    return config


def vocabulary_kind(path: Path) -> str:
    """How llama.cpp calls the way this vocabulary cuts text; "" for a way that is not known here."""
    try:
        record = json.loads((path / "tokenizer.json").read_text("utf-8"))
        model, cut = record["model"], record.get("pre_tokenizer") or {}
        if model.get("type") != "BPE":
            return ""
        if model.get("byte_fallback"):
            return SENTENCEPIECE
        steps: list[dict[str, Any]] = list(cut["pretokenizers"]) if cut.get("type") == "Sequence" else [cut]
        patterns = [step["pattern"]["Regex"] for step in steps if step["type"] == "Split"]
        if [step["type"] for step in steps if step["type"] != "Split"] != ["ByteLevel"] or len(patterns) > 1:
            return ""
        # With a pattern of its own, the byte level must not cut again.
        whole = bool(steps[-1].get("use_regex", True)) != bool(patterns)
        return CUTS.get("".join(patterns), "") if whole and not steps[-1].get("add_prefix_space") else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""


def _refuse_quantised(card: ModelCard) -> None:
    if card.bits < 16:
        raise ModelError(
            f"「{card.name}」是 {card.bits} 位的 MLX 量化，GGUF 和 Ollama 都读不了它。",
            kept="没有改动。",
            next_step="从 16 位的模型导出：合并适配器时选「还原成 16 位」，再导出那一个；要小，导出后用 llama.cpp 或 Ollama 量化。",
            code="quantised",
        )


def _refuse(what: str, code: str) -> ModelError:
    return ModelError(what, kept="没有改动。", next_step=f"{LLAMA_CPP}。", code=code)
