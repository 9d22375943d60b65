"""The settings screen, made from the schema."""

from __future__ import annotations

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.errors import SettingsError, StorageError
from xiyou_tui.storage.settings import BY_KEY, SCHEMA, Setting
from xiyou_tui.tui.app import XiyouApp
from xiyou_tui.tui.messages import SettingsChanged
from xiyou_tui.tui.screens.dialogs import Dialog


class SettingsScreen(Dialog[None]):
    """A list of settings; Enter steps through choices or opens the value for editing."""

    BINDINGS = [("escape", "leave", "关闭"), ("ctrl+r", "reset", "恢复默认")]
    DEFAULT_CSS = """
    SettingsScreen Input { display: none; border: tall $primary; }
    SettingsScreen Input.open { display: block; }
    SettingsScreen #about { height: auto; min-height: 3; color: $foreground 70%; border-top: hkey $border; }
    """

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "设置"
            box.border_subtitle = "Enter 修改 · ^R 恢复默认 · Esc 关闭"
            yield OptionList(*[Option(self._row(setting), id=setting.key) for setting in SCHEMA])
            yield Input(id="value")
            yield Static("", id="about")

    @property
    def _xiyou(self) -> XiyouApp:
        assert isinstance(self.app, XiyouApp)
        return self.app

    def _row(self, setting: Setting) -> Content:
        value = setting.show(self._xiyou.study.settings[setting.key])
        shown = value if len(value) <= 26 else value[:25] + "…"
        caution = bool(setting.caution(self._xiyou.study.settings[setting.key]))
        label = setting.label + " " * max(0, 12 - cell_len(setting.label))
        return Content.assemble((label, "bold"), "  ", (shown, "$warning" if caution else "$accent"))

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option.id:
            self._explain(BY_KEY[event.option.id])

    def _explain(self, setting: Setting) -> None:
        caution = setting.caution(self._xiyou.study.settings[setting.key])
        choices = f"可选：{'、'.join(setting.names or setting.choices)}" if setting.choices else f"默认：{setting.show(setting.default)[:60]}"
        text = Content.assemble(f"{setting.help}。{choices}", (f"\n{setting.key}", "$foreground 50%"))
        self.query_one("#about", Static).update(Content.assemble((caution + "\n", "$warning"), text) if caution else text)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        setting = BY_KEY[str(event.option.id)]
        value = self._xiyou.study.settings[setting.key]
        if setting.choices:
            self._change(setting, setting.choices[(setting.choices.index(str(value)) + 1) % len(setting.choices)])
            return
        field = self.query_one(Input)
        field.value = str(value)
        field.border_title = setting.label
        field.add_class("open")
        field.focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        setting = self._here()
        if setting is not None and self._change(setting, event.value):
            self._close_field()

    def action_leave(self) -> None:
        if self.query_one(Input).has_class("open"):
            self._close_field()
        else:
            self.dismiss(None)

    def action_reset(self) -> None:
        setting = self._here()
        if setting is not None:
            self._change(setting, setting.default)

    def _close_field(self) -> None:
        self.query_one(Input).remove_class("open")
        self.query_one(OptionList).focus()

    def _here(self) -> Setting | None:
        options = self.query_one(OptionList)
        return SCHEMA[options.highlighted] if options.highlighted is not None else None

    def _change(self, setting: Setting, raw: object) -> bool:
        try:
            settings = self._xiyou.study.change_setting(setting.key, raw)
        except (SettingsError, StorageError) as error:
            self.query_one("#about", Static).update(Content.styled(error.render(), "$error"))
            return False
        self._xiyou.theme = settings.text("interface.theme")
        self._xiyou.tell_all(SettingsChanged(settings))
        self.query_one(OptionList).replace_option_prompt(setting.key, self._row(setting))
        self._explain(setting)
        return True
