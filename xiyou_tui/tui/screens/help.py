"""The help screen: the key table, beginning with the mode one came from."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from xiyou_tui.tui.keymap import SCOPES, Key, all_keys, show_key

# Which scopes belong to a mode, in the order in which they matter there.
OF_MODE = {
    "corpus": ("corpus", "reader"),
    "samples": ("samples", "editor", "review", "sample-statistics"),
    "train": ("train",),
    "chat": ("chat", "question", "talk", "passage", "conversations"),
    "evaluate": ("evaluate", "figures", "outcomes", "drill"),
    "models": ("models",),
}


class HelpScreen(ModalScreen[None]):
    """All keys that work, by scope."""

    BINDINGS = [
        Binding("escape,q,f10", "leave", "关闭"), Binding("down,j", "roll(1)"), Binding("up,k", "roll(-1)"),
        Binding("pagedown,space", "roll(12)"), Binding("pageup", "roll(-12)"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    HelpScreen .dialog { height: 94%; }
    HelpScreen Static { width: 1fr; height: auto; }
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_title = "帮助：键位"
            box.border_subtitle = "Esc 关闭 · ↑↓ 翻看"
            yield Static(_table(self._mode))

    def action_roll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_leave(self) -> None:
        self.dismiss()


def _table(mode: str) -> Content:
    # Other modes register their keys when they are first opened, so only this mode's table is sure to be whole.
    scopes = (*OF_MODE.get(mode, ()), "app")
    lines: list[Content] = [Content.styled("中文输入法开着时，字母会先进输入框：用 ^（Control）或 F 键的那一个。全角标点同样有效。", "$foreground 60%")]
    for scope in scopes:
        keys = [key for key in all_keys() if key.scope == scope]
        if keys:
            lines.append(Content.styled(f"\n{SCOPES[scope]}", "bold $primary"))
            lines += [_line(key) for key in keys]
    lines.append(Content.styled("\n别的模式各有自己的键位：到那里按 F10。", "$foreground 60%"))
    return Content("\n").join(lines)


def _line(key: Key) -> Content:
    names = "  ".join(show_key(name) for name in key.keys.split(","))
    shown = Content(names)
    return Content.assemble((names, "bold $accent"), " " * max(2, 14 - shown.cell_length), f"{key.label}　", (key.help, "$foreground 70%"))
