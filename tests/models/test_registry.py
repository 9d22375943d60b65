"""What is no model is told apart from what is one, by reading headers only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.errors import ModelError
from xiyou_tui.models.practice import Shape, make_practice_model
from xiyou_tui.models.registry import inspect_model, list_models, practice_directory
from xiyou_tui.storage.places import Places


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [chapter.text for chapter in load_synopsis().chapters]
    return make_practice_model(
        texts, tmp_path_factory.mktemp("m") / "m", shape=Shape(vocabulary=400, hidden=32, layers=2, intermediate=64)
    )


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def code_of(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        inspect_model(path)
    assert caught.value.next_step
    return caught.value.code


def test_a_whole_model_has_a_card(made: Path) -> None:
    card = inspect_model(made)
    assert (card.architecture, card.vocabulary, card.hidden, card.layers, card.bits) == ("qwen2", 400, 32, 2, 32)
    assert card.bytes == (made / "model.safetensors").stat().st_size
    assert card.has_chat_template
    assert json.dumps(card.as_record(), ensure_ascii=False)


def test_parameters_are_counted_where_layers_are_quantised_differently(made: Path, tmp_path: Path) -> None:
    from mlx_lm.utils import load_model, quantize_model, save_config, save_model

    def bits_of(name: str, module: object) -> bool | dict[str, int | str]:
        # As the mixed recipes of mlx-lm do it: what matters most is kept finer, and some layers are left alone.
        if not hasattr(module, "to_quantized") or "o_proj" in name:
            return False
        return {"group_size": 32, "bits": 8, "mode": "affine"} if "embed" in name else {"group_size": 32, "bits": 4, "mode": "affine"}

    import mlx.core as mx

    mx.disable_compile()
    model, config = load_model(made)
    model, config = quantize_model(model, config, 32, 4, quant_predicate=bits_of)
    save_model(tmp_path / "q", model)
    save_config(config, tmp_path / "q" / "config.json")
    shutil.copy(made / "tokenizer.json", tmp_path / "q")
    card = inspect_model(tmp_path / "q")
    assert card.bits == 4
    assert card.parameters == inspect_model(made).parameters


def test_each_kind_of_no_model_is_named(copy: Path, tmp_path: Path) -> None:
    assert code_of(tmp_path / "none") == "no-model"
    (tmp_path / "model.gguf").touch()
    with pytest.raises(ModelError, match="是一个文件") as caught:
        inspect_model(tmp_path / "model.gguf")
    assert "GGUF" in caught.value.next_step
    (tmp_path / "empty").mkdir()
    assert code_of(tmp_path / "empty") == "no-config"
    weights = copy / "model.safetensors"
    content = weights.read_bytes()
    for cut in (0, 5, 200, len(content) - 1):
        weights.write_bytes(content[:cut])
        assert code_of(copy) == "truncated-weights"
    weights.unlink()
    assert code_of(copy) == "no-weights"
    weights.write_bytes(content)
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-00002-of-00002.safetensors"}}))
    assert code_of(copy) == "missing-weights"
    (copy / "model.safetensors.index.json").unlink()
    config = json.loads((copy / "config.json").read_text())
    for architecture in ("unheard_of", "../qwen2", ""):
        (copy / "config.json").write_text(json.dumps({**config, "model_type": architecture}))
        assert code_of(copy) == "unknown-architecture"
    (copy / "config.json").write_text("{")
    assert code_of(copy) == "broken-json"
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "tokenizer.json").unlink()
    assert code_of(copy) == "no-tokenizer"


def test_without_any_model_the_list_is_empty(places: Places) -> None:
    assert list_models(places) == []
    assert not practice_directory(places).exists()
