"""What models and adapters there are: in our models directory, made by runs, and added by path. Reads headers only; knows no widget."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xiyou_tui.errors import ModelError, TrainingError, XiyouError
from xiyou_tui.models.known import forget_directory as forget_directory
from xiyou_tui.models.known import known_directories as known_directories
from xiyou_tui.models.known import remember_directory as remember_directory
from xiyou_tui.models.registry import ModelCard, inspect_model, list_models, read_header
from xiyou_tui.storage.places import Places
from xiyou_tui.training.recipe import PRACTICE
from xiyou_tui.training.run import RunDirectory, list_runs
from xiyou_tui.tui.follow import RunEntry
from xiyou_tui.tui.story import show_bytes, show_time

# What a download that is not whole is, its line says by how far it is.
KINDS = {"practice": "练手模型", "base": "底座", "full": "练过的模型", "adapter": "适配器", "part": ""}
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapters.safetensors"


@dataclass(frozen=True, slots=True)
class Pick:
    """One thing to pick: its value, what it is called, and a line on it."""

    value: str
    label: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """A model, or an adapter with the model it belongs to. `bytes` and `parameters` are its own, not those of its base.

    `origin`: ours (in the models directory), run (made by a run), added (a directory elsewhere), part (a download that is not whole). `trouble` says why it can't be used now.
    """

    kind: str
    name: str
    path: Path
    origin: str
    bytes: int = 0
    parameters: int = 0
    card: ModelCard | None = None
    base: Path | None = None
    run: str = ""
    about: str = ""
    trouble: str = ""

    @property
    def id(self) -> str:
        return str(self.path)

    @property
    def model(self) -> Path:
        """The model directory to load."""
        return self.base or self.path

    @property
    def adapter(self) -> Path | None:
        """The adapter directory to load on it."""
        return self.path if self.kind == "adapter" else None


def list_shelf(places: Places, known: Iterable[str] = ()) -> tuple[ShelfItem, ...]:
    """Everything there is: our models, then what runs made (newest first), then what was added by path."""
    items = [_of_card(card, "ours") for card in list_models(places)]
    for run in list_runs(places):
        item = _of_run(run)
        if item is not None:
            items.append(item)
    seen = {item.id for item in items}
    for path in known:
        if path in seen:
            continue
        try:
            items.append(inspect_directory(Path(path)))
        except ModelError as error:
            items.append(ShelfItem("base", Path(path).name, Path(path), "added", trouble=error.what))
    return tuple(items)


def inspect_directory(path: Path) -> ShelfItem:
    """The model or the adapter in a directory; raises ModelError, in Chinese, for what is neither."""
    path = path.expanduser().absolute()
    if path.is_dir() and (path / ADAPTER_CONFIG).exists() and not (path / "config.json").exists():
        return _of_adapter(path)
    return _of_card(inspect_model(path), "added")


def model_picks(places: Places, known: Sequence[str]) -> tuple[Pick, ...]:
    """The models one can train, for the field 模型 of a recipe."""
    picks = [Pick(PRACTICE, "练手模型", "用当前底本的；没有就先做一个，几秒钟")]
    for item in list_shelf(places, known):
        if item.kind == "base" and not item.trouble and item.card is not None:
            picks.append(Pick(item.id, item.name, describe(item)))
    return tuple(picks)


def start_picks(entries: Iterable[RunEntry]) -> tuple[Pick, ...]:
    """What a run can start from, for the field 接着谁练."""
    picks = [Pick("", "从模型本身开始"), Pick("last", "接着最近一次", "同一个模型最近练完或停下的一次")]
    for entry in entries:
        if entry.meta is not None and entry.run.best_step() is not None:
            about = f"{entry.meta.recipe.stage_label} · {entry.meta.model.get('name', '')} · {entry.run.id}"
            picks.append(Pick(entry.run.id, entry.name, about))
    return tuple(picks)


def describe(item: ShelfItem) -> str:
    """Size and kind in one line."""
    parts = [show_parameters(item.parameters), show_bytes(item.bytes)]
    if item.card is not None:
        parts += [item.card.architecture, f"{item.card.bits} 位"]
    return " · ".join(part for part in parts if part)


def show_parameters(count: int) -> str:
    """A number of parameters as people write it: 0.48M, 7.6B."""
    if count >= 10**9:
        return f"{count / 1e9:.1f}B"
    return f"{count / 1e6:.2f}M" if count < 10**7 else f"{count / 1e6:.0f}M"


def _of_card(card: ModelCard, origin: str) -> ShelfItem:
    kind = "practice" if card.is_practice and origin == "ours" else "base"
    made = {"fused": "合并自", "quantised": "量化自"}.get(str(card.marker.get("kind", "")))
    about = f"从「{card.marker.get('title', '')}」做成" if card.is_practice else f"{made}「{card.marker.get('from', '')}」" if made else ""
    if card.marker.get("kind") == "download":
        about = "下载所得"
    return ShelfItem(kind, card.name, card.path, origin, card.bytes, card.parameters, card, about=about)


def _of_run(run: RunDirectory) -> ShelfItem | None:
    """What a run made, as far as it is saved; None when it made nothing that can be loaded."""
    try:
        meta = run.meta()
        made = run.trained()
        if made.adapter is None:
            card = inspect_model(made.model)
            return ShelfItem("full", run.name, made.model, "run", card.bytes, card.parameters, card, run=run.id, about=f"{show_time(meta.created)} {meta.recipe.stage_label}")
        if meta.recipe.adapter == "full":
            return None
        size, count = _measure(made.adapter)
        trouble = "" if made.model.is_dir() else f"它的底座不在了：{made.model}"
        about = f"{show_time(meta.created)} {meta.recipe.stage_label} · 第 {made.adapter.name[5:].lstrip('0') or 0} 步"
        return ShelfItem("adapter", run.name, made.adapter, "run", size, count, base=made.model, run=run.id, about=about, trouble=trouble)
    except XiyouError:
        return None


def _of_adapter(path: Path) -> ShelfItem:
    try:
        config = json.loads((path / ADAPTER_CONFIG).read_text("utf-8"))
        base = Path(str(config["model"])).expanduser()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} 的 {ADAPTER_CONFIG} 读不懂（{error}）。", kept="目录里的文件没有改动。",
            next_step="选由 xiyou 或 mlx-lm 练出的适配器目录。", code="broken-adapter",
        ) from error  # fmt: skip
    if not (path / ADAPTER_WEIGHTS).exists():
        raise ModelError(
            f"{path} 里没有权重文件 {ADAPTER_WEIGHTS}。", kept="目录里的文件没有改动。", next_step="把适配器目录拷贝完整。", code="no-weights"
        )
    size, count = _measure(path)
    trouble = "" if base.is_dir() else f"它的底座不在这台机器上：{base}"
    return ShelfItem("adapter", path.name, path, "added", size, count, base=base, trouble=trouble)


def _measure(adapter: Path) -> tuple[int, int]:
    """Bytes and number of parameters of an adapter's weights."""
    weights = adapter / ADAPTER_WEIGHTS
    count = 0
    with contextlib.suppress(ModelError):
        for _, shape in read_header(weights).values():
            product = 1
            for side in shape:
                product *= side
            count += product
    try:
        return weights.stat().st_size, count
    except OSError as error:
        raise TrainingError(f"适配器的权重不见了：{weights}。", code="no-weights") from error
