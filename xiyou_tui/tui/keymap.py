"""The one table of keys. Dispatch, the key bar and the help screen are made from it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from xiyou_tui.tui.terminal import widen_keys


@dataclass(frozen=True, slots=True)
class Key:
    """One action and its keys (Textual key names, comma-separated). `weight` orders the key bar: 0 keeps it out of it."""

    scope: str
    keys: str
    action: str
    label: str
    help: str = ""
    weight: int = 0
    shown_as: str = ""
    priority: bool = False

    @property
    def id(self) -> str:
        return f"{self.scope}.{self.action}"


SCOPES = {
    "app": "处处可用",
    "corpus": "原著",
    "reader": "正文",
    "samples": "样本",
    "review": "审阅",
    "editor": "样本编辑",
    "sample-statistics": "样本统计",
    "train": "训练",
    "chat": "对话",
    "question": "问题框",
    "talk": "回答",
    "passage": "出处边栏",
    "conversations": "对话列表",
    "evaluate": "评测",
    "figures": "指标表",
    "outcomes": "题目",
    "drill": "一道题",
    "models": "模型",
}

APP_KEYS = (
    Key("app", "f1,1", "mode('corpus')", "原著", "读原文、查找、选段造样本"),
    Key("app", "f2,2", "mode('samples')", "样本", "写样本、审样本"),
    Key("app", "f3,3", "mode('train')", "训练", "训练和曲线"),
    Key("app", "f4,4", "mode('chat')", "对话", "提问，回答带出处"),
    Key("app", "f5,5", "mode('evaluate')", "评测", "用题集检验"),
    Key("app", "f6,6", "mode('models')", "模型", "底座、适配器、练手模型"),
    Key("app", "f9", "settings", "设置", "改设置；同一份 settings.toml 也可在外面改", 2, "F9"),
    Key("app", "f10,question_mark", "help", "帮助", "这张表", 3, "F10"),
    Key("app", "ctrl+q", "quit", "退出", "退出；草稿和训练都不受影响", 1, "^Q", True),
)

_TABLE: list[Key] = list(APP_KEYS)


def register_keys(*keys: Key) -> None:
    """Add the keys of a pane to the table; a pane calls this once, at import."""
    known = {key.id for key in _TABLE}
    _TABLE.extend(key for key in keys if key.id not in known)


def all_keys() -> tuple[Key, ...]:
    return tuple(_TABLE)


def bindings(scope: str) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """The bindings of one scope, with full-width twins for punctuation."""
    return [
        Binding(
            widen_keys(key.keys), key.action, key.label, show=key.weight > 0, key_display=key.shown_as or None,
            tooltip=key.help or key.label, id=key.id, priority=key.priority,
        )
        for key in _TABLE
        if key.scope == scope
    ]  # fmt: skip


def weight_of(binding_id: str | None) -> int:
    """How much a binding wants to be in the key bar; 0 for unknown ones."""
    return next((key.weight for key in _TABLE if key.id == binding_id), 0)


DISPLAY = {
    "enter": "↵", "escape": "Esc", "space": "空格", "slash": "/", "left_square_bracket": "[", "right_square_bracket": "]", "question_mark": "?",
    "tab": "Tab", "shift+tab": "⇧Tab", "pagedown": "PgDn", "pageup": "PgUp", "up": "↑", "down": "↓", "left": "←", "right": "→", "delete": "Del",
    "backspace": "⌫", "home": "Home", "end": "End", "full_stop": ".", "comma": ",", "colon": ":", "plus": "+", "minus": "-",
    "exclamation_mark": "!", "less_than_sign": "<", "greater_than_sign": ">", "apostrophe": "'", "equals_sign": "=",
}  # fmt: skip


def show_key(name: str) -> str:
    """A key's name as people write it: ctrl+f → ^F, f1 → F1, slash → /."""
    if name.startswith("ctrl+"):
        return "^" + name[5:].upper()
    if name in DISPLAY:
        return DISPLAY[name]
    return name.upper() if name.startswith("f") and name[1:].isdigit() else name
