"""Folders for others: the GGUF reads back, the Modelfile says what the app says, the card names data and licence and no path."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import PROBE
from tests.models.made import a_byte_model, a_llama, logits_of
from xiyou_tui.errors import ModelError
from xiyou_tui.models.adapters import inspect_adapter
from xiyou_tui.models.conversion import Speech, Training, plan_export, plan_fuse
from xiyou_tui.models.converting import convert
from xiyou_tui.models.gguf_rules import CUTS, check_gguf, check_ollama
from xiyou_tui.models.modelfile import FAMILIES, SAMPLE, Family, find_family, write_modelfile
from xiyou_tui.models.readme import find_licence, tell_measured, write_readme
from xiyou_tui.models.registry import inspect_model
from xiyou_tui.storage.places import Places

SPEECH = Speech("只依据原著回答。", 0.2, 0.8, 400, example="问题：谁？\n用三五句话回答。")
TRAINED = (Training("r1", "问答那次", "问答 SFT", "小本西游", 1200, 300),)


def changed(path: Path, to: Path, file: str = "config.json", **changes: Any) -> Path:
    """A copy of a model with another configuration; None takes a field away."""
    shutil.copytree(path, to)
    config = {**json.loads((to / file).read_text("utf-8")), **changes}
    (to / file).write_text(json.dumps({key: value for key, value in config.items() if value is not None}), "utf-8")
    return to


def test_the_folder_is_a_model_again_and_tells_its_story(base: Path, adapters: dict[str, Path], places: Places, tmp_path: Path) -> None:
    fused = convert(places, plan_fuse(inspect_adapter(adapters["lora"]), places.models, probe=PROBE, trained_on=TRAINED))
    made = convert(places, plan_export(inspect_model(fused.path), tmp_path / "给人的", "mlx", speech=SPEECH))
    import mlx.core as mx

    assert mx.array_equal(logits_of(made.path), logits_of(fused.path)).item()
    card = (made.path / "README.md").read_text("utf-8")
    assert "问答 SFT：小本西游，1,200 行，300 步（问答那次）" in card and "LoRA，秩 4" in card and "已经合并进权重" in card
    assert "不含别人的权重" in card and "困惑度" in card and "# 问答那次 · 合并" in card
    text = "".join(path.read_text("utf-8") for path in made.path.iterdir() if path.suffix in (".md", ".json"))
    assert str(tmp_path) not in text and str(places.data) not in text and str(base) not in text
    assert inspect_model(made.path).marker["trained_on"][0]["source"] == "小本西游"


def test_the_licence_of_the_base_goes_along(base: Path, places: Places, tmp_path: Path) -> None:
    named = changed(base, tmp_path / "named", "xiyou-model.json", kind="", name="Qwen-mini")
    assert find_licence(named).id == ""
    told = plan_export(inspect_model(named), tmp_path / "a", "mlx")
    assert any("没有写许可" in note for note in told.notes)
    (named / "LICENSE").write_text("\n  Tongyi Qianwen LICENSE\n", "utf-8")
    assert find_licence(named).id == "Tongyi Qianwen LICENSE"
    (named / "README.md").write_text("---\nlicense: other\nlicense_name: qwen-research\n---\n", "utf-8")
    assert find_licence(named).id == "qwen-research"
    (named / "README.md").write_text("---\nlanguage: zh\nlicense: apache-2.0\n---\n# x\n", "utf-8")
    made = convert(places, plan_export(inspect_model(named), tmp_path / "b", "ollama", speech=SPEECH))
    card = (made.path / "README.md").read_text("utf-8")
    assert "license: apache-2.0" in card and "底座的许可：apache-2.0" in card and (made.path / "LICENSE").exists()
    assert 'LICENSE """apache-2.0' in (made.path / "Modelfile").read_text("utf-8")


def test_an_adapter_leaves_without_its_base(adapters: dict[str, Path], places: Places, tmp_path: Path) -> None:
    made = convert(places, plan_export(inspect_adapter(adapters["dora"]), tmp_path / "out", "mlx", trained_on=TRAINED))
    assert sorted(path.name for path in made.path.iterdir()) == ["README.md", "adapter_config.json", "adapters.safetensors"]
    config = json.loads((made.path / "adapter_config.json").read_text("utf-8"))
    assert config["model"] == "练手模型" and "xiyou" not in config
    assert "DoRA" in (made.path / "README.md").read_text("utf-8")


def test_a_gguf_holds_every_tensor_as_llama_cpp_reads_it(llama: Path, places: Places, tmp_path: Path) -> None:
    import mlx.core as mx

    made = convert(places, plan_export(inspect_model(llama), tmp_path / "out", "gguf"))
    file = made.path / "model-f16.gguf"
    assert file.read_bytes()[:4] == b"GGUF"
    tensors, header = mx.load(str(file), return_metadata=True)
    weights = mx.load(str(llama / "model.safetensors"))
    assert len(tensors) == len(weights) == 21
    assert header["general.architecture"] == "llama" and header["llama.block_count"].item() == 2
    assert header["llama.attention.head_count_kv"].item() == 2 and header["llama.rope.freq_base"].item() == 10000.0
    tokens = header["tokenizer.ggml.tokens"]
    assert len(tokens) == inspect_model(llama).vocabulary and tokens[:3] == ["<unk>", "<s>", "</s>"]
    # llama.cpp refuses another type here; bytes are told apart by it.
    kinds = header["tokenizer.ggml.token_type"]
    assert kinds.dtype == mx.int32 and kinds.tolist()[3:259] == [6] * 256
    same = {"token_embd.weight": "model.embed_tokens.weight", "blk.1.ffn_down.weight": "model.layers.1.mlp.down_proj.weight"}
    for name, before in same.items():
        assert tensors[name].dtype == mx.float16 and mx.allclose(tensors[name], weights[before], atol=1e-3)
    assert tensors["blk.0.attn_norm.weight"].dtype == mx.float32
    # Queries and keys are stored with the halves of each head interleaved.
    for name, before, heads in (("blk.0.attn_q.weight", "q", 4), ("blk.0.attn_k.weight", "k", 2)):
        matrix = weights[f"model.layers.0.self_attn.{before}_proj.weight"]
        back = tensors[name].reshape(heads, 8, 2, 64).swapaxes(1, 2).reshape(matrix.shape)
        assert mx.allclose(back, matrix, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "file", "code"),
    [
        ({"model_type": "phi3"}, "config.json", "gguf-architecture"),
        ({"model_type": "mixtral"}, "config.json", "gguf-architecture"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, "config.json", "gguf-rope"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "config.json", "gguf-rope"),
        ({"use_sliding_window": True}, "config.json", "gguf-shape"),
        ({"model": {"type": "Unigram"}}, "tokenizer.json", "gguf-tokenizer"),
        ({"model": {"type": "BPE"}, "pre_tokenizer": {"type": "Whitespace"}}, "tokenizer.json", "gguf-tokenizer"),
    ],
)
def test_gguf_is_refused_where_it_would_talk_nonsense(changes: dict[str, Any], file: str, code: str, llama: Path, tmp_path: Path) -> None:
    other = inspect_model(changed(llama, tmp_path / "other", file, **changes))
    with pytest.raises(ModelError) as caught:
        check_gguf(other)
    assert caught.value.code == code and "convert_hf_to_gguf.py" in caught.value.next_step


def test_a_qwen_becomes_a_gguf_with_its_own_header(base: Path, places: Places, tmp_path: Path) -> None:
    import mlx.core as mx

    made = convert(places, plan_export(inspect_model(base), tmp_path / "qwen2", "gguf"))
    tensors, header = mx.load(str(made.path / "model-f16.gguf"), return_metadata=True)
    weights = mx.load(str(base / "model.safetensors"))
    assert header["general.architecture"] == "qwen2" and header["qwen2.attention.key_length"].item() == 16
    assert (header["tokenizer.ggml.model"], header["tokenizer.ggml.pre"]) == ("gpt2", "gpt-2")
    assert len(tensors) == len(weights) and "output.weight" not in tensors, "the head is the embedding's"
    # Queries stay as they are in this family, biases in 32 bits.
    assert mx.allclose(tensors["blk.0.attn_q.weight"], weights["model.layers.0.self_attn.q_proj.weight"], atol=1e-3)
    assert tensors["blk.0.attn_q.bias"].dtype == mx.float32
    vocabulary = json.loads((base / "tokenizer.json").read_text("utf-8"))
    tokens, kinds = header["tokenizer.ggml.tokens"], header["tokenizer.ggml.token_type"].tolist()
    assert all(tokens[number] == text for text, number in vocabulary["model"]["vocab"].items())
    assert [tokens[number] for number, kind in enumerate(kinds) if kind == 3] == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    assert len(header["tokenizer.ggml.merges"]) == len(vocabulary["model"]["merges"])
    assert header["tokenizer.ggml.eos_token_id"].item() == tokens.index("<|im_end|>") and "im_start" in header["tokenizer.chat_template"]


def test_a_vocabulary_is_filled_up_to_the_weights(places: Places, tmp_path: Path) -> None:
    import mlx.core as mx

    cut = next(pattern for pattern, name in CUTS.items() if name == "qwen2")
    qwen3 = a_byte_model(tmp_path / "qwen3", "qwen3", cut, head_dim=32)
    made = convert(places, plan_export(inspect_model(qwen3), tmp_path / "out", "gguf"))
    tensors, header = mx.load(str(made.path / "model-f16.gguf"), return_metadata=True)
    assert header["tokenizer.ggml.pre"] == "qwen2" and header["qwen3.attention.key_length"].item() == 32
    assert tensors["blk.1.attn_q_norm.weight"].shape == (32,) and tensors["blk.1.attn_k_norm.weight"].dtype == mx.float32
    tokens, kinds = header["tokenizer.ggml.tokens"], header["tokenizer.ggml.token_type"].tolist()
    assert len(tokens) == tensors["token_embd.weight"].shape[0] and kinds[-12:] == [5] * 12 and tokens[-1].startswith("[PAD")


def test_weights_that_sixteen_bits_do_not_hold_are_refused(llama: Path, places: Places, tmp_path: Path) -> None:
    import mlx.core as mx

    wild = Path(shutil.copytree(llama, tmp_path / "wild"))
    weights = dict(mx.load(str(wild / "model.safetensors")))
    weights["lm_head.weight"] = weights["lm_head.weight"] * 1e6
    mx.save_safetensors(str(wild / "model.safetensors"), weights)
    with pytest.raises(ModelError) as caught:
        convert(places, plan_export(inspect_model(wild), tmp_path / "out", "gguf"))
    assert caught.value.code == "gguf-overflow" and not (tmp_path / "out").exists()


def test_ollama_gets_the_gguf_or_the_folder(llama: Path, base: Path, places: Places, tmp_path: Path) -> None:
    made = convert(places, plan_export(inspect_model(llama), tmp_path / "llama", "ollama", speech=SPEECH))
    text = (made.path / "Modelfile").read_text("utf-8")
    assert "FROM ./model-f16.gguf" in text and "对话模板：Mistral" in text and 'PARAMETER stop "</s>"' in text
    assert sorted(path.name for path in made.path.iterdir()) == ["Modelfile", "README.md", "model-f16.gguf"]
    # A vocabulary that GGUF can't have here: Ollama converts the folder itself.
    unknown = changed(base, tmp_path / "unknown", "tokenizer.json", pre_tokenizer={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True})
    made = convert(places, plan_export(inspect_model(unknown), tmp_path / "qwen", "ollama", speech=SPEECH))
    text = (made.path / "Modelfile").read_text("utf-8")
    assert "FROM .\n" in text and "对话模板：ChatML" in text and (made.path / "model.safetensors").exists()
    assert 'SYSTEM """只依据原著回答。"""' in text and "PARAMETER temperature 0.2\nPARAMETER top_p 0.8\nPARAMETER num_predict 400" in text
    assert 'PARAMETER stop "<|im_end|>"' in text and "问题：谁？ ⏎ 用三五句话回答。" in text
    strange = inspect_model(changed(unknown, tmp_path / "strange", architectures=["StrangeForCausalLM"]))
    with pytest.raises(ModelError) as caught:
        check_ollama(strange)
    assert caught.value.code == "ollama-architecture"


def test_an_unknown_template_is_left_to_ollama(tmp_path: Path, places: Places) -> None:
    odd = a_llama(tmp_path / "odd", template="{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}")
    made = convert(places, plan_export(inspect_model(odd), tmp_path / "out", "ollama", speech=SPEECH))
    assert "TEMPLATE \"\"\"" not in (made.path / "Modelfile").read_text("utf-8") and "没有写 TEMPLATE" in made.notes[-1]


def test_families_are_found_by_what_they_write() -> None:
    for family in FAMILIES:

        def render(messages: Any, family: Family = family) -> str:
            if family.system is None and messages[0]["role"] == "system":
                raise ValueError("no system turn")
            return "<s>" + family.render(messages)

        found = find_family(render, "<s>")
        assert found is not None and found.render(SAMPLE) == family.render(SAMPLE)
    assert find_family(lambda messages: "something else") is None


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=8), max_size=4))
def test_a_modelfile_can_not_be_broken_by_words(system: str, ends: list[str]) -> None:
    text = write_modelfile(".", Speech(system, 0.3, 0.8, 200), family=FAMILIES[0], ends=ends, context=4096)
    # Read as Ollama does: a block ends at the first delimiter after its beginning, and nothing may be left over behind it.
    rest = text[text.index("SYSTEM ") :]
    block, _, rest = rest.removeprefix('SYSTEM """').partition('"""')
    assert block.rstrip(" ") == system.replace('"""', "”””").rstrip(" ") and rest.startswith("\n\nPARAMETER temperature 0.3")
    stops = [line.removeprefix("PARAMETER stop ") for line in rest.split("\n") if line.startswith("PARAMETER stop")]
    assert [json.loads(stop) for stop in stops][2:] == list(dict.fromkeys(end for end in ends if end.isprintable()))


def test_measures_are_told_in_words() -> None:
    told = dict(tell_measured({
        "size_before": 2**31, "size_after": 2**29, "perplexity_before": 10.0, "perplexity_after": 10.4, "title": "西游记", "passages": 8,
        "tokens": 900, "logit_mean": 0.01, "logit_max": 0.2, "agreement": 0.98, "positions": 130, "kl": 0.02, "adapter_kl": 0.1,
    }))  # fmt: skip
    assert told["大小"] == "2.00 GB → 512.0 MB（25%）" and told["困惑度"].startswith("10.00 → 10.40（+4.00%")
    assert "20%" in told["适配器"] and "98.0%" in told["输出差"]
    assert tell_measured({}) == []
    assert "没有在 xiyou 里训练过" in write_readme({"name": "x", "base": {"name": "b"}}, form="mlx")
