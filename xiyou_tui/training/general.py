"""General text from data sets, drawn by the trainer: a folder, JSON lines, Parquet, or a name on the Hugging Face hub. Light until it draws.

python -m xiyou_tui.training.general RUN_DIRECTORY

What was drawn is kept in the run as `general.jsonl`, so that a resumed run trains on the same; from the hub also in the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xiyou_tui.errors import TrainingError, XiyouError
from xiyou_tui.models.child import child_command
from xiyou_tui.storage.files import write_bytes
from xiyou_tui.storage.places import find_places
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.run import RunDirectory

HUB = "hub:"
SUFFIXES = {".jsonl": "json", ".json": "json", ".parquet": "parquet"}
# Columns that are taken for the text, the likeliest first; else the first that holds strings.
COLUMNS = ("text", "content", "正文", "文本")
# One in so many is kept apart, to measure what is forgotten.
KEPT_APART = 20
# UTF-8 bytes per token, of Chinese as of English, and how much more is drawn than the share asks for.
BYTES_PER_TOKEN, SPARE = 4, 1.5
SHUFFLED = 1000
PATIENCE = 900.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where general text comes from: a name on the hub (with split and column) or a place on the disk."""

    name: str
    on_hub: bool
    split: str = "train"
    column: str = ""


def parse_source(wish: str) -> Source | None:
    """The data set a recipe's `data.general_text` names; None for a plain text file. Raises TrainingError for one that can't be."""
    if wish.startswith(HUB):
        name, split, column, *rest = [*wish.removeprefix(HUB).split(":"), "", ""]
        if not name or any(rest):
            raise TrainingError(
                f"「通用文本」写得不对：{wish}。",
                next_step="写成 hub:名字、hub:名字:split 或 hub:名字:split:列名，如 hub:某人/某集:train:text。",
                code="no-general",
            )
        return Source(name, True, split or "train", column)
    path = Path(wish).expanduser()
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        if not path.exists():
            raise TrainingError(
                f"没有这个数据集：{path}。", next_step="改「通用文本」的路径，或把这一项留空。", code="no-general"
            )
        return Source(str(path.absolute()), False)
    return None


def general_row(index: int, text: str) -> dict[str, Any]:
    """A row of `data.jsonl` or `general.jsonl` for the general text number `index`."""
    split = "general_held_out" if index % KEPT_APART == KEPT_APART - 1 else "general"
    return {"chapter": 0, "title": "", "text": text, "split": split}


def ensure_general(run: RunDirectory, recipe: Recipe) -> None:
    """Draw the run's general text unless that was done. In a process of its own, the only one of a run that may use the network.

    Raises TrainingError with what to do when the data set can't be had.
    """
    if recipe.stage != "dapt" or not recipe.general_text or run.general.exists() or parse_source(recipe.general_text) is None:
        return
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLX_", "LD_PRELOAD"))}
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        environment.pop(name, None)
    command = child_command("xiyou_tui.training.general", str(run.path))
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE, check=False
        )
        record: dict[str, str] = json.loads(done.stdout.decode("utf-8").strip().splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise TrainingError(
            f"通用文本没有读成（{type(error).__name__}）。",
            next_step="详情在运行目录的 log.txt；先把数据集下载成文件夹，在「通用文本」里写它的路径。",
            code="no-general",
        ) from error
    if done.returncode:
        raise TrainingError(record["what"], kept=record["kept"], next_step=record["next_step"], code="no-general")


def wanted_bytes(run: RunDirectory, recipe: Recipe) -> int:
    """UTF-8 bytes of general text that are more than enough for its share in the run."""
    trained = 0
    with run.data.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if row["split"] == "train":
                trained += len(row["text"].encode("utf-8"))
    return int(trained * recipe.general_share / (1 - recipe.general_share) * BYTES_PER_TOKEN / 3 * SPARE) + 4096


def draw(source: Source, size: int, seed: int) -> list[dict[str, Any]]:
    """Rows of general text, some `size` bytes of them, in an order that follows from the seed. Streams: never reads a whole data set.

    Raises TrainingError when the data set can't be read or holds no text.
    """
    rows: list[dict[str, Any]] = []
    left = size
    try:
        for text in _texts(source, seed):
            rows.append(general_row(len(rows), text))
            left -= len(text.encode("utf-8"))
            if left <= 0:
                break
    except TrainingError:
        raise
    except Exception as error:  # the library raises what its readers and its network raise
        raise _explain(source, error) from error
    if not rows:
        raise TrainingError(
            f"数据集里没有文字：{source.name}。", next_step="换一个数据集，或写明列名：hub:名字:split:列名。", code="no-general"
        )
    return rows


def _texts(source: Source, seed: int) -> Iterator[str]:
    stream = _open(source).shuffle(seed=seed, buffer_size=SHUFFLED)
    column = source.column
    for row in stream:
        column = column or _find_column(row)
        if column not in row:
            raise TrainingError(
                f"数据集 {source.name} 没有「{column}」这一列。", next_step="它有：" + "、".join(row), code="no-general"
            )
        text = str(row[column] or "").strip()
        if text:
            yield text


def _open(source: Source) -> Any:
    import datasets

    datasets.disable_progress_bars()
    if source.on_hub:
        return datasets.load_dataset(source.name, split=source.split, streaming=True)
    path = Path(source.name)
    if (path / "dataset_info.json").exists() or (path / "dataset_dict.json").exists():
        found = datasets.load_from_disk(str(path))
        if isinstance(found, datasets.DatasetDict):
            found = found[source.split if source.split in found else next(iter(found))]
        return found.to_iterable_dataset()
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
    kinds = {SUFFIXES[file.suffix.lower()] for file in files}
    if len(kinds) != 1:
        raise TrainingError(
            f"{path} 里" + ("既有 JSON 又有 Parquet。" if kinds else "没有 JSON 或 Parquet 文件。"),
            next_step="给一个只放一种文件的文件夹，或直接写一个文件。",
            code="no-general",
        )
    return datasets.load_dataset(kinds.pop(), data_files={"train": [str(file) for file in files]}, split="train", streaming=True)


def _find_column(row: dict[str, Any]) -> str:
    strings = [name for name, value in row.items() if isinstance(value, str)]
    chosen = next((name for name in COLUMNS if name in strings), strings[0] if strings else "")
    if not chosen:
        raise TrainingError("数据集里没有一列是文字。", next_step="换一个数据集。它有：" + "、".join(row), code="no-general")
    return chosen


def _explain(source: Source, error: Exception) -> TrainingError:
    if not source.on_hub:
        return TrainingError(
            f"数据集读不了：{source.name}（{error}）。", next_step="检查文件，或把「通用文本」留空。", code="no-general"
        )
    names = {kind.__name__ for kind in type(error).__mro__}
    missing = "DatasetNotFoundError" in names or (isinstance(error, ValueError) and not isinstance(error, OSError))
    what = "上没有这个数据集，或没有这一部分" if missing else "连不上，取不到数据集"
    return TrainingError(
        f"Hugging Face {what}：{source.name}（{str(error)[:200]}）。",
        kept="没有开始训练，也没有改动任何东西。",
        next_step="核对名字和 split。" if missing
        else "联网后再试；镜像用环境变量 HF_ENDPOINT 指定；或在别处下载成文件夹，在「通用文本」里写它的路径；或把这一项留空。",
        code="no-general",
    )  # fmt: skip


def _draw_for(run: RunDirectory) -> None:
    recipe = run.meta().recipe
    source = parse_source(recipe.general_text)
    if source is None:
        return
    size = wanted_bytes(run, recipe)
    # What lies on the disk may change, and is as near as the cache.
    key = hashlib.sha256(f"{recipe.general_text}/{recipe.seed}/{size}".encode()).hexdigest()[:16]
    kept = find_places().cache / "general" / f"{key}.jsonl"
    if source.on_hub and kept.exists():
        write_bytes(run.general, kept.read_bytes())
        return
    rows = draw(source, size, recipe.seed)
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8")
    if source.on_hub:
        write_bytes(kept, content)
    write_bytes(run.general, content)


def main(arguments: list[str]) -> int:
    """Draw for the run in the given directory; a failure is told as one line of JSON."""
    try:
        _draw_for(RunDirectory(Path(arguments[0])))
    except XiyouError as error:
        _tell({"what": error.what, "kept": error.kept, "next_step": error.next_step})
        return 1
    _tell({})
    return 0


def _tell(record: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
