"""The list of conversations: searched as one types, opened, renamed, exported, and thrown into the bin."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.chat.conversations import Conversation
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.widgets.lines import printable

register_keys(
    Key("conversations", "slash,ctrl+f", "search", "搜索", "在所有对话的问和答里搜", 6, "/"),
    Key("conversations", "r,ctrl+r", "want('rename')", "改名", "给对话改名", 5, "r"),
    Key("conversations", "x,ctrl+x", "want('export')", "导出", "写成 Markdown 和 JSON 两个文件", 5, "x"),
    Key("conversations", "d,delete,ctrl+d", "want('delete')", "删除", "移进回收，^Z 恢复", 4, "d"),
    Key("conversations", "u,ctrl+z", "want('restore')", "恢复", "恢复刚删掉的对话"),
)


class ConversationList(Vertical):
    """A search line above the conversations, last changed first."""

    DEFAULT_CSS = """
    ConversationList Input, ConversationList Input:focus { border: none; height: 1; padding: 0 1; background: $surface; }
    ConversationList #talks { height: 1fr; }
    ConversationList #none { padding: 1; color: $foreground 60%; display: none; }
    ConversationList.-none #none { display: block; }
    """
    BINDINGS = bindings("conversations")

    @dataclass
    class Opened(Message):
        """A conversation was chosen; by its id."""

        conversation: str

    @dataclass
    class Wanted(Message):
        """Something is to be done with a conversation: rename, export, delete, restore."""

        action: str
        conversation: str

    def __init__(self, find: Callable[[str], tuple[Conversation, ...]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._find = find
        self._current = ""
        self._found: tuple[Conversation, ...] = ()

    def compose(self) -> ComposeResult:
        yield Input(placeholder="搜对话", id="talk-search", select_on_focus=True)
        yield Static("还没有对话。", id="none")
        yield OptionList(id="talks")

    @property
    def highlighted(self) -> str:
        """The id of the highlighted conversation, "" where there is none."""
        index = self.query_one(OptionList).highlighted
        return self._found[index].id if index is not None and index < len(self._found) else ""

    def refresh_list(self, current: str) -> None:
        """Read the list again; `current` is the open conversation."""
        self._current = current
        talks = self.query_one(OptionList)
        text = self.query_one(Input).value.strip()
        before = self.highlighted
        self._found = self._find(text)
        talks.clear_options()
        talks.add_options([Option(self._entry(found), id=found.id) for found in self._found])
        self.set_class(not self._found, "-none")
        self.query_one("#none", Static).update("没有找到。" if text else "还没有对话。")
        wanted = before if talks.has_focus else current
        names = [found.id for found in self._found]
        if names:
            talks.highlighted = names.index(wanted) if wanted in names else 0

    def enter(self) -> None:
        """Put the focus into the list."""
        self.query_one(OptionList).focus()

    def _entry(self, found: Conversation) -> Content:
        width = max(8, self.size.width - 3)
        title = printable(found.title.replace("\n", " ")) or "新对话"
        here = found.id == self._current
        return Content.assemble(
            ("● " if here else "  ", "$primary"), (shorten(title, width - 2), "bold" if here else ""),
            (f"\n  {found.questions} 问 · {describe_time(found.changed)}", "$foreground 50%"),
        )  # fmt: skip

    def on_resize(self, event: events.Resize) -> None:
        self.refresh_list(self._current)

    def action_search(self) -> None:
        self.query_one(Input).focus()

    def action_want(self, action: str) -> None:
        if self.highlighted or action == "restore":
            self.post_message(self.Wanted(action, self.highlighted))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.refresh_list(self._current)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.enter()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option.id:
            self.post_message(self.Opened(event.option.id))


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` cells, with … where it was cut."""
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)).rstrip() + "…"


def describe_time(moment: float, now: float | None = None) -> str:
    """今天 10:20, 昨天 10:20, 3-17, or 2024-3-17."""
    then, today = time.localtime(moment), time.localtime(now)
    days = (time.mktime((*today[:3], 12, 0, 0, 0, 0, -1)) - time.mktime((*then[:3], 12, 0, 0, 0, 0, -1))) / 86400
    clock = time.strftime("%H:%M", then)
    if round(days) == 0:
        return f"今天 {clock}"
    if round(days) == 1:
        return f"昨天 {clock}"
    return f"{then.tm_mon}-{then.tm_mday}" if then.tm_year == today.tm_year else f"{then.tm_year}-{then.tm_mon}-{then.tm_mday}"
