"""Writing a model as 16-bit GGUF that llama.cpp and Ollama open. Runs in the child of `converter`. Uses MLX.

mlx-lm's own converter knows the llama family with SentencePiece only, and llama.cpp refuses its files today (it wants the types of
the vocabulary's entries as int32), so only its pieces for names, rotary order and that vocabulary are used. What the header must hold:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import mlx.core as mx
from mlx.utils import tree_flatten

from xiyou_tui.errors import ModelError
from xiyou_tui.models.gguf_rules import ARCHITECTURES, SENTENCEPIECE, read_config, vocabulary_kind
from xiyou_tui.models.reshaping import on_disk, open_model

# Types of a vocabulary's entries, and of the file as a whole.
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
MOSTLY_F16 = 1
Header = dict[str, Any]


def write_gguf(directory: Path, file: Path, source: Path, name: str) -> int:
    """Write the model at `source` as a 16-bit GGUF and read it back; returns how many tensors it holds.

    `directory` holds a copy of the vocabulary's files. Raises ModelError when weights do not fit 16 bits or the file does not come back.
    """
    model, tokenizer, _ = open_model(source)
    config = read_config(source)
    kind = ARCHITECTURES[config["model_type"]]
    weights = {}
    for key, array in tree_flatten(model.parameters()):
        # What is no matrix stays in 32 bits, as llama.cpp keeps it.
        array = _half(key, array) if array.ndim > 1 else array.astype(mx.float32)
        weights[_translate(key)] = _order(key, array, config) if kind == "llama" else array
    header = {**_shape(config, kind, name), **_vocabulary(directory, config, tokenizer)}
    with on_disk(file.parent):
        mx.save_gguf(str(file), weights, header)
    written = cast(dict[str, mx.array], mx.load(str(file)))
    if {key: array.shape for key, array in written.items()} != {key: array.shape for key, array in weights.items()}:
        raise ModelError(
            f"写出的 GGUF 读回来不对：应有 {len(weights)} 个张量，读到 {len(written)} 个。", kept="没有留下文件。",
            next_step="换用「MLX 文件夹」，再用 llama.cpp 转。", code="gguf-broken",
        )  # fmt: skip
    return len(weights)


def _translate(name: str) -> str:
    from mlx_lm.gguf import translate_weight_names

    for part in "qk":
        name = name.replace(f"self_attn.{part}_norm", f"attn_{part}_norm")
    return str(translate_weight_names(name))


def _order(name: str, array: mx.array, config: dict[str, Any]) -> mx.array:
    """The llama family's queries and keys, with the halves of each head interleaved."""
    from mlx_lm.gguf import permute_weights

    heads = int(config["num_attention_heads"])
    for part, count in (("q", heads), ("k", int(config.get("num_key_value_heads") or heads))):
        if f"self_attn.{part}_proj." in name:
            return cast(mx.array, permute_weights(array, heads, count))
    return array


def _shape(config: dict[str, Any], kind: str, name: str) -> Header:
    heads = int(config["num_attention_heads"])
    width = int(config.get("head_dim") or int(config["hidden_size"]) // heads)
    whole = {
        "context_length": config.get("max_position_embeddings", 2048), "embedding_length": config["hidden_size"],
        "block_count": config["num_hidden_layers"], "feed_forward_length": config["intermediate_size"], "attention.head_count": heads,
        "attention.head_count_kv": config.get("num_key_value_heads") or heads, "attention.key_length": width,
        "attention.value_length": width, "rope.dimension_count": width, "vocab_size": config["vocab_size"],
    }  # fmt: skip
    real = {
        "attention.layer_norm_rms_epsilon": config.get("rms_norm_eps", 1e-6), "rope.freq_base": config.get("rope_theta", 10000.0),
    }  # fmt: skip
    scaling = config.get("rope_scaling") or {}
    linear = str(scaling.get("rope_type") or scaling.get("type")) == "linear"
    return {
        "general.architecture": kind,
        "general.name": name,
        **{f"general.{key}": mx.array(value, dtype=mx.uint32) for key, value in (("file_type", MOSTLY_F16), ("quantization_version", 2))},
        **{f"{kind}.{key}": mx.array(int(value), dtype=mx.uint32) for key, value in whole.items()},
        **{f"{kind}.{key}": mx.array(float(value), dtype=mx.float32) for key, value in real.items()},
        **({f"{kind}.rope.scaling.type": "linear", f"{kind}.rope.scaling.factor": mx.array(float(scaling["factor"]))} if linear else {}),
    }


def _vocabulary(directory: Path, config: dict[str, Any], tokenizer: Any) -> Header:
    kind = vocabulary_kind(directory)
    if kind == SENTENCEPIECE:
        from mlx_lm.gguf import HfVocab, prepare_metadata

        whole = prepare_metadata({**config, "num_key_value_heads": 1}, HfVocab.load(directory))
        header = {key: value for key, value in whole.items() if key.startswith("tokenizer.")}
        header["tokenizer.ggml.token_type"] = header["tokenizer.ggml.token_type"].astype(mx.int32)
    else:
        header = _byte_level(directory, int(config["vocab_size"])) | {"tokenizer.ggml.pre": kind}
    ends = config.get("eos_token_id", tokenizer.eos_token_id)
    known = {"eos": ends[0] if isinstance(ends, list) else ends, "bos": tokenizer.bos_token_id, "padding": tokenizer.pad_token_id}
    header |= {f"tokenizer.ggml.{key}_token_id": mx.array(int(value), dtype=mx.uint32) for key, value in known.items() if value is not None}
    template = getattr(tokenizer, "chat_template", None)
    return header | ({"tokenizer.chat_template": template} if isinstance(template, str) else {})


def _byte_level(directory: Path, size: int) -> Header:
    """A byte-level vocabulary: its entries by number, filled up to what the weights have, and its merges in order."""
    record = json.loads((directory / "tokenizer.json").read_text("utf-8"))
    tokens, kinds = [f"[PAD{number}]" for number in range(size)], [UNUSED] * size
    for text, number in record["model"]["vocab"].items():
        tokens[number], kinds[number] = text, NORMAL
    for added in record.get("added_tokens", ()):
        tokens[added["id"]], kinds[added["id"]] = added["content"], CONTROL if added.get("special") else USER_DEFINED
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in record["model"]["merges"]]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": mx.array(kinds, dtype=mx.int32),
        "tokenizer.ggml.merges": merges,
    }


def _half(name: str, array: mx.array) -> mx.array:
    half = array.astype(mx.float32).astype(mx.float16)
    if not mx.isfinite(half).all().item():
        raise ModelError(
            f"{name} 里有 16 位装不下的数，写成 GGUF 会坏。", kept="没有留下文件。", next_step="换用「MLX 文件夹」，再用 llama.cpp 转成 bf16 的 GGUF。",
            code="gguf-overflow",
        )  # fmt: skip
    return half
