"""The heavy part of fusing, quantising and writing models, on mlx-lm's own functions. Runs in the child of `converter`. Uses MLX."""

from __future__ import annotations

import errno
import gc
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from xiyou_tui.errors import ModelError
from xiyou_tui.models.readme import LICENCE_FILES

COMPANIONS = (
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "*.tiktoken", "*.jinja", "generation_config.json",
    "preprocessor_config.json", "*.py",
)  # fmt: skip
ADAPTER_LEAVES = ("lora_a", "lora_b", "m")


def open_model(path: Path, *, lazy: bool = True) -> tuple[nn.Module, Any, dict[str, Any]]:
    """Model, tokenizer and configuration of a directory; raises ModelError where mlx-lm can't open it."""
    if not mx.metal.is_available():
        # Compiled kernels need a C++ compiler at run time on the CPU.
        mx.disable_compile()
    from mlx_lm.utils import load

    try:
        model, tokenizer, config = load(str(path), lazy=lazy, return_config=True)
    except Exception as error:  # whatever a foreign directory makes of the library
        raise ModelError(
            f"模型打不开：{path}（{str(error)[:200]}）。", kept="没有改动。", next_step="重新下载，或换一个模型。", code="unloadable"
        ) from error
    return model, tokenizer, config


def open_for_reading(path: Path) -> tuple[nn.Module, Any]:
    """A model and its tokenizer to be measured. Without a GPU, MLX multiplies packed weights hundreds of times slower than plain
    ones: there they are unpacked first, which changes nothing but rounding."""
    from mlx_lm.utils import dequantize_model

    model, tokenizer, _ = open_model(path)
    if not mx.metal.is_available():
        packed = [module for _, module in model.named_modules() if hasattr(module, "scales")]
        if all(getattr(module, "mode", "affine") == "affine" for module in packed):
            dequantize_model(model)
            model.set_dtype(mx.float32)
    return model, tokenizer


def put_adapter(model: nn.Module, adapter: Path) -> None:
    """Load an adapter onto its base, all of it; raises ModelError when it was made for another shape."""
    from mlx_lm.tuner.utils import load_adapters

    try:
        load_adapters(model, str(adapter))
        wanted = {name for name, _ in tree_flatten(model.parameters()) if name.rsplit(".", 1)[-1] in ADAPTER_LEAVES}
        given = set(mx.load(str(adapter / "adapters.safetensors")))
    except Exception as error:  # as above
        raise _misfit(adapter, str(error)[:200]) from error
    # mlx-lm lets missing names pass.
    if missing := sorted(wanted - given):
        raise _misfit(adapter, f"缺 {missing[0]} 等 {len(missing)} 项")
    model.eval()


def fuse(model: nn.Module, config: dict[str, Any], *, dequantise: bool) -> dict[str, Any]:
    """Fuse the adapter on `model` into its weights, in place; returns the configuration of the result.

    The sum is taken in float32 and rounded once to the type the weights had (mlx-lm would round the two parts by themselves, and
    would leave DoRA's layers in float32).
    """
    from mlx_lm.utils import dequantize_model

    fused = []
    for name, module in model.named_modules():
        if not hasattr(module, "fuse"):
            continue
        inner = module.linear if "linear" in module else module.embedding
        floats = [array.dtype for _, array in tree_flatten(inner.parameters()) if mx.issubdtype(array.dtype, mx.floating)]
        kind = floats[0] if floats else mx.bfloat16
        inner.set_dtype(mx.float32)
        whole = module.fuse(dequantize=dequantise)
        whole.set_dtype(kind)
        fused.append((name, whole))
    if not fused:
        raise ModelError("这个适配器没有装在任何一层上，没有可合并的。", kept="没有改动。", next_step="换一个适配器。", code="nothing-to-fuse")
    model.update_modules(tree_unflatten(fused))
    if dequantise:
        dequantize_model(model)
        config = {key: value for key, value in config.items() if key not in ("quantization", "quantization_config")}
    return config


def quantise(model: nn.Module, config: dict[str, Any], *, bits: int, group: int) -> dict[str, Any]:
    """Quantise `model` in place, one layer after the other so that memory holds the small result; returns its configuration."""
    from mlx_lm.utils import quantize_model

    _, config = quantize_model(model, config, group, bits)
    for _, module in model.named_modules():
        if hasattr(module, "scales"):
            mx.eval(module.parameters())
    return config


def save(directory: Path, source: Path, model: nn.Module, config: dict[str, Any]) -> None:
    """Write a model directory, letting the weights go as they are written. Raises OSError on a full disk.

    What belongs to the vocabulary is copied as it is (transformers would write it anew in its own way), licence files too.
    """
    from mlx_lm.utils import save_config, save_model

    vision = "vision_tower" in getattr(model, "model", {})
    with on_disk(directory):
        save_model(directory, model, donate_model=True)
    save_config(config, directory / "config.json", keep_vision_config=vision)
    copy_companions(source, directory)
    let_go()


def copy_companions(source: Path, directory: Path) -> None:
    """Copy what a model needs beside weights and configuration: vocabulary, template, generation settings, licence."""
    for pattern in COMPANIONS:
        for file in source.glob(pattern):
            shutil.copyfile(file, directory / file.name)
    copy_licence(source, directory)


def copy_licence(source: Path, directory: Path) -> None:
    """Copy the licence of a model, as far as its directory holds one."""
    for name in LICENCE_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, directory / name)


def let_go() -> None:
    """Give memory that nothing holds any more back to the system."""
    gc.collect()
    mx.clear_cache()


@contextmanager
def on_disk(directory: Path) -> Iterator[None]:
    """Turn what MLX says of a failed write into an OSError with a number."""
    try:
        yield
    except RuntimeError as error:
        full = shutil.disk_usage(directory).free < 64 * 2**20
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from error


def _misfit(adapter: Path, why: str) -> ModelError:
    return ModelError(
        f"适配器和底座对不上：{adapter.name}（{why}）。", kept="没有改动。", next_step="换回练它时的底座，或重新训练。", code="other-model"
    )
