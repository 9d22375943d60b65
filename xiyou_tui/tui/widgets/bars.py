"""The two bars of every screen: the modes on top, the keys at the bottom."""

from __future__ import annotations

from rich.cells import cell_len
from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from xiyou_tui.tui.keymap import APP_KEYS, show_key, weight_of

MODES = tuple((key.action[6:-2], key.keys.split(",")[1], key.label) for key in APP_KEYS if key.action.startswith("mode("))


class ModeBar(Widget):
    """The six modes by number, the open one marked, and at the right what is being read."""

    DEFAULT_CSS = """
    ModeBar {
        dock: top; height: 1; background: $panel; color: $foreground;
        link-style: none; link-style-hover: none; link-color: auto; link-background: transparent;
        link-background-hover: $primary 30%; link-color-hover: $foreground;
    }
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode

    def render(self) -> RenderResult:
        narrow = self.size.width < 76
        parts: list[Content] = [] if narrow else [Content.styled(" 西游 ", "bold $background on $primary"), Content(" ")]
        for name, digit, label in MODES:
            style = "bold $primary on $background" if name == self._mode else "$foreground 75%"
            # Where not even the six names fit, only the open mode has its name.
            short = self.size.width < 46 and name != self._mode
            title = f" {digit} " if short else f" {digit} {label}" if narrow else f" {digit} {label} "
            # The mouse gets the same way as the keyboard: a link that runs the app's action.
            parts.append(Content.from_markup(f"[{style}][@click=app.mode('{name}')]$title[/][/]", title=title))
        left = Content("").join(parts)
        right = self.app.reading_title if hasattr(self.app, "reading_title") else ""
        space = self.size.width - left.cell_length - cell_len(right) - 1
        if space < 1:
            return left
        return Content.assemble(left, " " * space, (right, "$foreground 60%"))


class KeyBar(Widget):
    """The keys that work here and now, most wanted first, as many as fit."""

    DEFAULT_CSS = "KeyBar { dock: bottom; height: 1; background: $panel; color: $foreground; }"

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def render(self) -> RenderResult:
        seen: dict[str, tuple[int, str, str]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            weight = weight_of(binding.id)
            if not binding.show or not active.enabled or not binding.description or binding.action in seen or not weight:
                continue
            seen[binding.action] = (weight, binding.key_display or show_key(binding.key.split(",")[0]), binding.description)
        room = self.size.width - 1
        chosen = []
        for index, (action, (weight, key, label)) in enumerate(seen.items()):
            chosen.append((-weight, index, action, key, label))
        parts: list[Content] = [Content(" ")]
        for _, _, action, key, label in sorted(chosen):
            width = cell_len(key) + 1 + cell_len(label) + 2
            if width > room:
                continue
            room -= width
            parts += [Content.styled(key, "bold $accent"), Content(f" {label}  ").stylize("$foreground 80%")]
            del action
        return Content("").join(parts)
