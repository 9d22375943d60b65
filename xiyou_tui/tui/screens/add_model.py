"""The dialog that adds a model or an adapter by its directory."""

from __future__ import annotations

from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label

from xiyou_tui.errors import ModelError
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.screens.imports import PathSuggester
from xiyou_tui.tui.shelf import ShelfItem, inspect_directory


class AddDialog(Dialog[ShelfItem]):
    """Ask for a directory and return what is in it; a directory that is no model stays here with the reason."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "加一个模型或适配器目录"
            box.border_subtitle = "→ 补全路径 · Enter 检查 · Esc 取消"
            yield Input(placeholder="目录，如 ~/models/Qwen2.5-7B-Instruct-4bit", suggester=PathSuggester())
            yield Label("里面要有 config.json 和 *.safetensors；适配器要有 adapter_config.json。文件不会被移动或复制。", id="told", classes="hint")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        path = event.value.strip().strip("'\"").replace("\\ ", " ")
        if not path:
            return
        try:
            self.dismiss(inspect_directory(Path(path)))
        except ModelError as error:
            told = self.query_one("#told", Label)
            told.remove_class("hint")
            told.update(Content.styled(error.render(), "$error"))
