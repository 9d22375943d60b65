"""`xiyou model`: fetch a base model, list what there is, look at one, add, choose, remove one; `model_making` adds fuse, quantise, export."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from xiyou_tui.cli import model_get
from xiyou_tui.cli.commands import CommandParser
from xiyou_tui.cli.model_making import add_making
from xiyou_tui.cli.output import emit
from xiyou_tui.errors import ModelError
from xiyou_tui.models.download import origin_facts
from xiyou_tui.models.known import forget_directory, known_directories, remember_directory
from xiyou_tui.models.parts import Pending, discard_pending, list_pending
from xiyou_tui.models.registry import ModelCard, inspect_model, list_models
from xiyou_tui.models.suggestions import FITS, find_suggestion, judge, load_suggestions
from xiyou_tui.models.troubles import show_gb
from xiyou_tui.storage.files import discard
from xiyou_tui.study import Study


def run(arguments: list[str]) -> int:
    """Run one of the model commands; raises ModelError for what the user can mend."""
    return _parser().run(arguments)


def _parser() -> CommandParser:
    parser = CommandParser("xiyou model", "模型：下载、查看、加入、选用、删除，合并、量化、导出。")
    model_get.add_arguments(parser.command("get", "下载一个底座模型；断了再运行一次就接着下", model_get.run))
    parser.command("list", "列出有的、下到一半的和建议下载的模型", _list)
    show = parser.command("show", "看一个模型：大小、结构、来历", _show)
    show.add_argument("model", metavar="模型", help="名字或目录")
    add = parser.command("add", "把别处的模型目录加进来，文件留在原处", _add)
    add.add_argument("directory", type=Path, metavar="目录")
    use = parser.command("use", "对话从此用这个模型", _use)
    use.add_argument("model", metavar="模型", help="名字或目录")
    remove = parser.command("remove", "自己的移到回收站，外面的只从表里去掉，下到一半的直接删", _remove)
    remove.add_argument("model", metavar="模型", help="名字、目录或「作者/名字」")
    add_making(parser)
    return parser


def find_model(study: Study, name: str) -> ModelCard:
    """The model with this name (that of its directory, of its marker, or of its repository) or in this directory. Raises ModelError."""
    cards = _cards(study)
    found = [card for card in cards if _is_named(card, name)]
    if found:
        return found[0]
    if "/" in name or name.startswith((".", "~")):
        return inspect_model(Path(name).expanduser().absolute())
    suggestion = find_suggestion(name)
    step = f"没有下载的先 xiyou model get {suggestion.id}。" if suggestion else f"有这些：{'、'.join(card.path.name for card in cards) or '（一个也没有）'}；也可以写目录。"
    raise ModelError(f"没有「{name}」这个模型。", next_step=step, code="no-model")


def _is_named(card: ModelCard, name: str) -> bool:
    return name in (card.path.name, card.name, str(card.path)) or card.marker.get("repo") in _repos(name)


def _repos(name: str) -> set[str]:
    """The repositories that a name means: its own, or those of the short name."""
    suggestion = find_suggestion(name)
    return {suggestion.repo, suggestion.modelscope} if suggestion else {name}


def _cards(study: Study) -> list[ModelCard]:
    """Our models and those that were added by path, as far as they are whole; adapters are not among them."""
    cards = list_models(study.places)
    for directory in known_directories(study.connection):
        try:
            cards.append(inspect_model(Path(directory)))
        except ModelError:
            continue
    return cards


def _list(study: Study, parsed: argparse.Namespace) -> int:
    from xiyou_tui.models.machine import available_memory

    cards, pending, available = _cards(study), list_pending(study.places), available_memory()
    used = study.settings.text("chat.model")
    suggested = load_suggestions()
    lines = [f"{'＊' if str(card.path) == used else '　'} {describe_card(card)}" for card in cards] or ["还没有模型。"]
    if pending:
        lines += ["", "下到一半的（xiyou model get 名字 接着下）："]
        lines += [f"　 {_describe_pending(item)}" for item in pending]
    there = {card.marker.get("repo") for card in cards}
    lines += ["", f"建议下载的（这台机器约能给模型 {show_gb(available)} 内存；xiyou model get 短名）："]
    for item in suggested:
        mark = "有了" if {item.repo, item.modelscope} & there else f"对话{FITS[judge(item.chat, available)]}、训练{FITS[judge(item.train, available)]}"
        lines.append(f"　 {item.id:<14}约 {show_gb(item.size)}　{mark}　{item.licence}　{item.why}")
    record = {
        "models": [{**card.as_record(), "used": str(card.path) == used} for card in cards], "pending": [item.as_record() for item in pending],
        "suggested": [{**item.as_record(), "chat_fit": judge(item.chat, available), "train_fit": judge(item.train, available)} for item in suggested],
        "available_memory": available,
    }  # fmt: skip
    emit(parsed, record, "\n".join(lines))
    return 0


def _show(study: Study, parsed: argparse.Namespace) -> int:
    card = find_model(study, parsed.model)
    lines = [
        describe_card(card),
        f"目录　{card.path}",
        f"结构　{card.architecture}，{card.layers} 层，宽 {card.hidden:,}，词表 {card.vocabulary:,}，上下文 {card.context:,} 词元",
        f"模板　{'有' if card.has_chat_template else '没有：只能续写，不能一问一答'}",
        *(f"{label}　{text}" for label, text in origin_facts(card)),
    ]
    emit(parsed, {"model": card.as_record()}, "\n".join(lines))
    return 0


def _add(study: Study, parsed: argparse.Namespace) -> int:
    card = inspect_model(parsed.directory.expanduser().absolute())
    remember_directory(study.connection, card.path)
    emit(parsed, {"model": card.as_record()}, f"加进来了：{describe_card(card)}")
    return 0


def _use(study: Study, parsed: argparse.Namespace) -> int:
    card = find_model(study, parsed.model)
    study.change_setting("chat.model", str(card.path))
    study.change_setting("chat.adapter", "")
    emit(parsed, {"model": card.as_record()}, f"对话从现在起用「{card.name}」。")
    return 0


def _remove(study: Study, parsed: argparse.Namespace) -> int:
    name = parsed.model
    half = next((item for item in list_pending(study.places) if item.plan.repo in _repos(name) or name in (item.key, item.plan.repo.partition("/")[2], str(item.folder))), None)
    known = known_directories(study.connection)
    outside = next((path for path in known if name in (path, Path(path).name) or str(Path(name).expanduser().absolute()) == path), None)
    ours = [card for card in list_models(study.places) if _is_named(card, name)]
    record: dict[str, Any]
    if ours:
        lies = discard(ours[0].path, study.places.bin)
        record, text = {"removed": str(ours[0].path), "bin": str(lies)}, f"「{ours[0].name}」移到了回收站：{lies}"
        gone = str(ours[0].path)
    elif half is not None:
        discard_pending(half.folder)
        record, text, gone = {"removed": str(half.folder), "bin": ""}, f"下到一半的「{half.plan.repo}」删掉了（{show_gb(half.received)}）。", ""
    elif outside is not None:
        forget_directory(study.connection, Path(outside))
        record, text, gone = {"removed": outside, "bin": ""}, f"从表里去掉了：{outside}；文件没有动。", outside
    else:
        find_model(study, name)
        raise ModelError(f"「{name}」不在模型表里，没有什么可删。", next_step="xiyou model list 看有哪些。", code="no-model")
    if gone and study.settings.text("chat.model") == gone:
        study.change_setting("chat.model", "")
        study.change_setting("chat.adapter", "")
        text += "\n对话本来用它，现在不指定模型了。"
    emit(parsed, record, text)
    return 0


def describe_card(card: ModelCard) -> str:
    """A model in one line."""
    count = f"{card.parameters / 1e9:.1f}B" if card.parameters >= 10**9 else f"{card.parameters / 1e6:.2f}M"
    return f"{card.path.name}　{count} 参数　{card.bits} 位　{show_gb(card.bytes)}　{card.architecture}"


def _describe_pending(item: Pending) -> str:
    share = item.received / item.plan.total if item.plan.total else 0.0
    return f"{item.plan.repo}　{show_gb(item.received)} / {show_gb(item.plan.total)}（{share:.0%}）　{item.plan.hub.name}{'　正在下' if item.running else ''}"
