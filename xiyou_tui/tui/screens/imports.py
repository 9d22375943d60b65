"""Import a text: pick a file, read the report, accept it. Nothing becomes an edition before it was accepted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from xiyou_tui.errors import XiyouError
from xiyou_tui.study import Study
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.widgets.import_report import describe_import

if TYPE_CHECKING:
    from xiyou_tui.corpus.importer import ImportReport


class PathSuggester(Suggester):
    """Completes a path with the first file or directory that fits."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        if not value.strip():
            return None
        typed = Path(value).expanduser()
        folder, beginning = (typed, "") if value.endswith("/") else (typed.parent, typed.name)
        try:
            names = sorted(item.name + ("/" if item.is_dir() else "") for item in folder.iterdir() if item.name.startswith(beginning))
        except OSError:
            return None
        names = [name for name in names if not name.startswith(".")]
        return value[: len(value) - len(beginning)] + names[0] if names else None


class ImportDialog(Dialog[str]):
    """Returns the id of the edition that was accepted."""

    DEFAULT_CSS = """
    ImportDialog #report { height: auto; max-height: 16; }
    ImportDialog #report Static { width: 1fr; height: auto; }
    """

    @dataclass
    class TextRead(Message):
        """A file was read: a report, or the reason why not."""

        path: str
        report: ImportReport | None
        error: XiyouError | None

    def __init__(self, study: Study) -> None:
        super().__init__()
        self._study = study
        self._report: ImportReport | None = None
        self._path = ""
        self._reading = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "导入原著文本"
            box.border_subtitle = "→ 补全路径 · Enter 读取 · Esc 取消"
            yield Input(placeholder="文件路径，如 ~/Downloads/西游记.txt", id="path", suggester=PathSuggester())
            with VerticalScroll(id="report", can_focus=False):
                yield Static(
                    "txt（GB18030、Big5、UTF-8、UTF-16 自动识别）、html、epub、zip、文件夹都可以。\n把文件拖进终端窗口也能填路径。", id="told", classes="hint"
                )

    @on(Input.Changed)
    def _typed(self) -> None:
        if self._report is not None:
            self._report = None
            self.query_one(Vertical).border_subtitle = "→ 补全路径 · Enter 读取 · Esc 取消"

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        path = event.value.strip().strip("'\"").replace("\\ ", " ")
        if not path or self._reading:
            return
        if self._report is not None:
            try:
                self.dismiss(self._study.library.add(self._report.edition).id)
            except XiyouError as error:
                self._tell(Content.styled(error.render(), "$error"))
            return
        self._reading = True
        self._tell(Content("正在读……"))
        self._read(path)

    @work(thread=True, exclusive=True)
    def _read(self, path: str) -> None:
        from xiyou_tui.corpus.importer import import_text

        report, failure = None, None
        try:
            report = import_text(Path(path).expanduser())
        except XiyouError as error:
            failure = error
        self.post_message(self.TextRead(path, report, failure))

    @on(TextRead)
    def _text_read(self, event: TextRead) -> None:
        self._reading = False
        if event.error is not None or event.report is None:
            self._tell(Content.styled(event.error.render() if event.error else "", "$error"))
            return
        self._report = event.report
        self._tell(describe_import(event.report))
        self.query_one(Vertical).border_subtitle = "Enter 收下这个底本 · Esc 不要"

    def _tell(self, content: Content) -> None:
        told = self.query_one("#told", Static)
        told.remove_class("hint")
        told.update(content)
