"""Small models of other kinds than the practice model: a llama with a vocabulary of SentencePiece's kind, as GGUF wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.models.practice import CHAT_TEMPLATE
from xiyou_tui.storage.files import write_json

MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}"
)


def a_llama(path: Path, *, template: str = MISTRAL, **config: Any) -> Path:
    """A llama of random weights that mlx-lm opens; `config` changes its configuration."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers

    path.mkdir(parents=True)
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, limit_alphabet=200, show_progress=False)
    tokenizer.train_from_iterator([chapter.text for chapter in load_synopsis().chapters], trainer)
    # Bytes are pieces of the vocabulary, not special words.
    tokenizer = _without_special_bytes(tokenizer)
    tokenizer.save(str(path / "tokenizer.json"))
    write_json(path / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "chat_template": template,
        "clean_up_tokenization_spaces": False,
    })  # fmt: skip
    _write_model(path, "llama", tokenizer.get_vocab_size(), {"tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, **config})
    return path


def a_byte_model(path: Path, architecture: str, pattern: str, **config: Any) -> Path:
    """A qwen3 or llama of random weights with a byte-level vocabulary before which `pattern` cuts the text."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    path.mkdir(parents=True)
    tokenizer = Tokenizer(models.BPE())
    cut = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([chapter.text for chapter in load_synopsis().chapters], trainer)
    tokenizer.save(str(path / "tokenizer.json"))
    write_json(path / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
    })  # fmt: skip
    # As real models do, the weights have more rows than the vocabulary has entries.
    size = tokenizer.get_vocab_size() + 12
    _write_model(path, architecture, size, {"tie_word_embeddings": True, "eos_token_id": 2, "rope_theta": 1000000.0, **config})
    return path


def _write_model(path: Path, architecture: str, vocabulary: int, config: dict[str, Any]) -> None:
    import mlx.core as mx

    hidden, heads, keys, inner, layers = 64, 4, 2, 128, 2
    width = int(config.get("head_dim") or hidden // heads)
    write_json(path / "config.json", {
        "architectures": [f"{architecture.capitalize()}ForCausalLM"], "model_type": architecture, "hidden_size": hidden, "num_hidden_layers": layers,
        "intermediate_size": inner, "num_attention_heads": heads, "num_key_value_heads": keys, "rms_norm_eps": 1e-5, "vocab_size": vocabulary,
        "max_position_embeddings": 512, "rope_theta": 10000.0, "head_dim": width, "hidden_act": "silu", "torch_dtype": "float32", **config,
    })  # fmt: skip
    shapes = {"model.embed_tokens.weight": (vocabulary, hidden), "model.norm.weight": (hidden,)}
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (vocabulary, hidden)
    for layer in range(layers):
        at = f"model.layers.{layer}."
        shapes |= {at + f"{name}_layernorm.weight": (hidden,) for name in ("input", "post_attention")}
        shapes |= {at + "self_attn.q_proj.weight": (heads * width, hidden), at + "self_attn.o_proj.weight": (hidden, heads * width)}
        shapes |= {at + f"self_attn.{name}_proj.weight": (keys * width, hidden) for name in "kv"}
        if architecture == "qwen3":
            shapes |= {at + f"self_attn.{name}_norm.weight": (width,) for name in "qk"}
        shapes |= {at + f"mlp.{name}_proj.weight": (inner, hidden) for name in ("gate", "up")}
        shapes[at + "mlp.down_proj.weight"] = (hidden, inner)
    mx.random.seed(3)
    weights = {
        name: mx.random.uniform(0.8, 1.2, shape) if len(shape) == 1 else mx.random.normal(shape) * shape[-1] ** -0.5
        for name, shape in shapes.items()
    }
    mx.save_safetensors(str(path / "model.safetensors"), weights, metadata={"format": "mlx"})


def _without_special_bytes(tokenizer: Any) -> Any:
    import json

    from tokenizers import Tokenizer

    record = json.loads(tokenizer.to_str())
    record["added_tokens"] = record["added_tokens"][:3]
    return Tokenizer.from_str(json.dumps(record))


def an_adapter(path: Path, base: Path, kind: str = "lora", *, seed: int = 5, **config: Any) -> Path:
    """An adapter on `base` that changes it a good deal, in mlx-lm's format."""
    import mlx.core as mx
    import mlx_lm
    from mlx.utils import tree_flatten
    from mlx_lm.tuner.utils import linear_to_lora_layers

    mx.disable_compile()
    model = mlx_lm.load(str(base))[0]
    model.freeze()
    keys = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]
    parameters = {"rank": 4, "scale": 2.0, "dropout": 0.0, "keys": keys}
    linear_to_lora_layers(model, 2, parameters, use_dora=kind == "dora")
    mx.random.seed(seed)
    weights = dict(tree_flatten(model.trainable_parameters()))
    for name, array in weights.items():
        if name.endswith("lora_b"):
            weights[name] = 0.3 * mx.random.normal(array.shape)
        elif name.endswith(".m"):
            weights[name] = array * mx.random.uniform(0.8, 1.2, array.shape)
    path.mkdir(parents=True)
    mx.save_safetensors(str(path / "adapters.safetensors"), weights)
    write_json(path / "adapter_config.json", {
        "fine_tune_type": kind, "model": str(base), "num_layers": 2, "lora_parameters": parameters, **config,
    })  # fmt: skip
    return path


def logits_of(model: Path, adapter: Path | None = None) -> Any:
    """What a model says to a fixed text: its logits at every place, in float32."""
    import mlx.core as mx
    import mlx_lm

    mx.disable_compile()
    loaded, tokenizer = mlx_lm.load(str(model), adapter_path=str(adapter) if adapter else None)[:2]
    return loaded(mx.array([tokenizer.encode("却说孙悟空拜菩提祖师为师，学会七十二变。")]))[0].astype(mx.float32)
