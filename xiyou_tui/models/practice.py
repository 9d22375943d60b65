"""The practice model: a tiny Qwen2 with a vocabulary made from the text at hand. Runs as a child process; `making` starts it.

python -m xiyou_tui.models.practice --edition-file text.jsonl --out DIRECTORY
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xiyou_tui.errors import ModelError, XiyouError
from xiyou_tui.models.registry import MARKER
from xiyou_tui.storage.files import discard, explained, write_json

Progress = Callable[[dict[str, Any]], None]

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
# ChatML, as Qwen writes it; without a system message of its own there is none.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of the model: about half a million parameters with a full vocabulary."""

    vocabulary: int = 4096
    hidden: int = 64
    layers: int = 4
    heads: int = 4
    key_value_heads: int = 2
    intermediate: int = 192
    context: int = 2048


def make_practice_model(
    texts: Iterable[str],
    directory: Path,
    *,
    title: str = "",
    edition: str = "",
    seed: int = 7,
    shape: Shape | None = None,
    bin_directory: Path | None = None,
    progress: Progress = lambda record: None,
) -> Path:
    """Write a model directory that mlx_lm opens, in one step; a former one moves to `bin_directory` (or is removed).

    The same texts and seed give the same bytes of weights and vocabulary. Raises ModelError for texts too short to learn a vocabulary
    from, StorageError when the place can't be written.
    """
    shape = shape or Shape()
    material = [text for text in texts if text.strip()]
    characters = sum(map(len, material))
    if characters < 200:
        raise ModelError(
            f"文本只有 {characters} 字，做不成练手模型的词表。", next_step="先导入一部书，或用自带的提要卷。", code="short-text"
        )
    progress({"step": 1, "of": 4, "what": "学词表", "characters": characters})
    tokenizer = train_tokenizer(material, shape.vocabulary)
    progress({"step": 2, "of": 4, "what": "造权重", "vocabulary": tokenizer.get_vocab_size()})
    draft = directory.parent / f".{directory.name}.{os.getpid()}"
    with explained(directory):
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True, mode=0o700)
            _write_tokenizer(draft, tokenizer, shape)
            parameters = _write_weights(draft, tokenizer, shape, seed)
            progress({"step": 3, "of": 4, "what": "写入磁盘", "parameters": parameters})
            digest = hashlib.sha256("\0".join(material).encode()).hexdigest()[:16]
            write_json(draft / MARKER, {
                "kind": "practice", "name": "练手模型", "made": time.time(), "title": title, "edition": edition, "text_hash": digest,
                "seed": seed, "parameters": parameters,
                "note": "几十万参数，只为看清训练和问答怎样运作；它不懂《西游记》。",
            })  # fmt: skip
            _sync(draft)
            _replace(draft, directory, bin_directory)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    progress(
        {
            "step": 4,
            "of": 4,
            "what": "做成了",
            "path": str(directory),
            "parameters": parameters,
            "vocabulary": tokenizer.get_vocab_size(),
        }
    )
    return directory


def train_tokenizer(texts: list[str], vocabulary: int) -> Any:
    """A byte-level BPE tokenizer (tokenizers.Tokenizer) of at most `vocabulary` entries; decoding gives back any text exactly."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        show_progress=False,
        special_tokens=[END_OF_TEXT, TURN_START, TURN_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _write_tokenizer(directory: Path, tokenizer: Any, shape: Shape) -> None:
    tokenizer.save(str(directory / "tokenizer.json"))
    added = {
        str(tokenizer.token_to_id(token)): {
            "content": token,
            "special": True,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "single_word": False,
        }
        for token in (END_OF_TEXT, TURN_START, TURN_END)
    }
    write_json(directory / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": False, "clean_up_tokenization_spaces": False,
        "model_max_length": shape.context, "eos_token": TURN_END, "pad_token": END_OF_TEXT, "bos_token": None, "unk_token": None,
        "additional_special_tokens": [TURN_START, TURN_END], "added_tokens_decoder": added, "chat_template": CHAT_TEMPLATE,
    })  # fmt: skip


def _write_weights(directory: Path, tokenizer: Any, shape: Shape, seed: int) -> int:
    """Random weights under the names of the Qwen2 architecture; returns how many numbers they are."""
    import mlx.core as mx

    vocabulary = tokenizer.get_vocab_size()
    head = shape.hidden // shape.heads
    matrices: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocabulary, shape.hidden),
        "model.norm.weight": (shape.hidden,),
    }
    for layer in range(shape.layers):
        at = f"model.layers.{layer}"
        matrices |= {f"{at}.{name}.weight": (shape.hidden,) for name in ("input_layernorm", "post_attention_layernorm")}
        sizes = {"q_proj": shape.heads * head, "k_proj": shape.key_value_heads * head, "v_proj": shape.key_value_heads * head}
        for name, size in sizes.items():
            matrices |= {f"{at}.self_attn.{name}.weight": (size, shape.hidden), f"{at}.self_attn.{name}.bias": (size,)}
        matrices[f"{at}.self_attn.o_proj.weight"] = (shape.hidden, shape.heads * head)
        matrices |= {f"{at}.mlp.{name}.weight": (shape.intermediate, shape.hidden) for name in ("gate_proj", "up_proj")}
        matrices[f"{at}.mlp.down_proj.weight"] = (shape.hidden, shape.intermediate)
    key = mx.random.key(seed)
    weights = {}
    for name, extent in matrices.items():
        key, part = mx.random.split(key)
        if name.endswith("norm.weight"):
            weights[name] = mx.ones(extent)
        elif name.endswith("bias"):
            weights[name] = mx.zeros(extent)
        else:
            # Small enough that the untrained model is close to "every token equally likely".
            scale = (
                0.02
                if "embed" in name
                else extent[-1] ** -0.5 / (2 * shape.layers) ** (0.5 if "o_proj" in name or "down" in name else 0)
            )
            weights[name] = scale * mx.random.normal(extent, key=part)
    mx.save_safetensors(str(directory / "model.safetensors"), weights, metadata={"format": "mlx"})
    write_json(directory / "config.json", {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": shape.hidden, "num_hidden_layers": shape.layers,
        "intermediate_size": shape.intermediate, "num_attention_heads": shape.heads, "num_key_value_heads": shape.key_value_heads,
        "rms_norm_eps": 1e-6, "vocab_size": vocabulary, "max_position_embeddings": shape.context, "rope_theta": 10000.0,
        "tie_word_embeddings": True, "hidden_act": "silu", "torch_dtype": "float32",
        "eos_token_id": tokenizer.token_to_id(TURN_END), "pad_token_id": tokenizer.token_to_id(END_OF_TEXT),
    })  # fmt: skip
    return sum(int(weight.size) for weight in weights.values())


def _sync(directory: Path) -> None:
    for path in [*directory.iterdir(), directory]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _replace(draft: Path, directory: Path, bin_directory: Path | None) -> None:
    if directory.exists():
        if bin_directory is not None:
            discard(directory, bin_directory)
        else:
            shutil.rmtree(directory)
    draft.rename(directory)


def _read_source(path: Path) -> tuple[str, str, list[str]]:
    title, edition, texts = "", "", []
    try:
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            title, edition = row.get("title", title), row.get("edition", edition)
            if row.get("text"):
                texts.append(str(row["text"]))
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"文本读不了：{path}（{error}）。", next_step="再试一次。", code="no-text") from error
    return title, edition, texts


def main(arguments: list[str]) -> int:
    """Make the model; progress as JSON lines on stdout, the last one names the place or the error. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="xiyou_tui.models.practice")
    parser.add_argument("--edition-file", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bin", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parsed = parser.parse_args(arguments)

    def tell(record: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    try:
        title, edition, texts = _read_source(parsed.edition_file)
        make_practice_model(
            texts, parsed.out, title=title, edition=edition, seed=parsed.seed, bin_directory=parsed.bin, progress=tell
        )
    except XiyouError as error:
        tell({"error": error.as_record()})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
