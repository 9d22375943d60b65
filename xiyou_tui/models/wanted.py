"""Which files of a repository a model needs, and whether it is a model that this program can use at all. Opens no connection."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path

from xiyou_tui.errors import ModelError
from xiyou_tui.models.hubs import Listing, RemoteFile
from xiyou_tui.models.registry import knows_architecture

# What mlx-lm reads, and the papers. No program code (*.py): a model of ours runs none.
_NEEDED = (
    "config.json", "generation_config.json", "model*.safetensors", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json",
    "*tokenizer*.model", "*.tiktoken", "vocab.json", "vocab.txt", "merges.txt", "special_tokens_map.json",
    "added_tokens.json", "chat_template.*", "*.jinja", "LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*", "README.md",
)  # fmt: skip
_LICENCE = re.compile(r"^license(_name)?:\s*[\"']?([^\"'\n#]+)", re.MULTILINE)
_FIRST = ("config.json", "README.md")
_SHOWN = 3


def choose_files(listing: Listing) -> tuple[RemoteFile, ...]:
    """The files to fetch, what tells most first and the weights last. Raises ModelError for a repository that can't be used."""
    names = [file.path for file in listing.files]
    chosen = [file for file in listing.files if any(fnmatch(file.path, pattern) for pattern in _NEEDED)]
    if not any(fnmatch(name, "model*.safetensors") for name in names):
        raise _no_weights(listing.repo, names)
    if "config.json" not in names:
        raise _refuse(f"「{listing.repo}」里没有 config.json，不是一个完整的模型。", listing.repo, "no-config")
    if "tokenizer.json" not in names and not any(fnmatch(name, "*tokenizer*.model") for name in names):
        raise _refuse(f"「{listing.repo}」里没有词表（tokenizer.json），用不了。", listing.repo, "no-tokenizer")
    order = {name: place for place, name in enumerate(_FIRST)}
    return tuple(sorted(chosen, key=lambda file: (order.get(file.path, len(order)), file.path.endswith(".safetensors"), file.path)))


def check_config(path: Path, repo: str) -> None:
    """Look at the configuration before the weights come; raises ModelError for what mlx-lm can't load."""
    try:
        config = json.loads(path.read_text("utf-8"))
        architecture = str(config.get("model_type", ""))
    except (OSError, ValueError, AttributeError) as error:
        raise _refuse(f"「{repo}」的 config.json 读不懂（{error}）。", repo, "broken-config") from error
    if not knows_architecture(architecture):
        raise _refuse(f"「{repo}」的结构是 {architecture or '（没写）'}，这个版本的 mlx-lm 不认识。", repo, "unknown-architecture")
    if config.get("model_file"):
        raise _refuse(f"「{repo}」要运行它自带的程序才能载入，xiyou 不这样做。", repo, "own-code")


def read_licence(path: Path) -> str:
    """The licence that a README names at its head, or ""."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return ""
    head = text[3 : text.find("\n---", 3)] if text.startswith("---") else ""
    found = {bool(match[1]): match[2].strip() for match in _LICENCE.finditer(head)}
    return found.get(True) or found.get(False, "")


def _no_weights(repo: str, names: list[str]) -> ModelError:
    for ends, what, code in (
        (".gguf", "GGUF 权重", "only-gguf"), ((".bin", ".pth", ".pt"), "PyTorch 权重", "only-pytorch"), (".npz", "旧式 npz 权重", "only-npz"),
    ):  # fmt: skip
        if found := [name for name in names if name.endswith(ends)]:
            more = f" 等 {len(found)} 个" if len(found) > 1 else ""
            return _refuse(f"「{repo}」里只有 {what}（{found[0]}{more}），没有 MLX 能读的 model*.safetensors。", repo, code)
    if "adapter_config.json" in names:
        return _refuse(f"「{repo}」是一个适配器，不是底座模型。", repo, "only-adapter")
    shown = "、".join(names[:_SHOWN]) + (" 等" if len(names) > _SHOWN else "")
    return _refuse(f"「{repo}」里没有权重文件 model*.safetensors（有的是：{shown or '什么也没有'}）。", repo, "no-weights")


def _refuse(what: str, repo: str, code: str) -> ModelError:
    name = repo.rpartition("/")[2].removesuffix("-GGUF")
    return ModelError(
        what, kept="没有下载权重，已有的模型没有改动。",
        next_step=f"找它的 MLX 版（多半叫 mlx-community/{name}-4bit 这样的名字），或从建议的模型里选一个；也可以在 Mac 上用 mlx_lm.convert 转好，再按 o「加目录」。",
        code=f"download-{code}",
    )  # fmt: skip
