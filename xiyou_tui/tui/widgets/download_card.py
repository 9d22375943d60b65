"""The download that goes on, beside the shelf of models: how far, how fast, how long, and what went wrong."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from xiyou_tui.models.troubles import show_gb
from xiyou_tui.tui.downloads import DownloadState, tell_left
from xiyou_tui.tui.widgets.run_list import shorten
from xiyou_tui.tui.widgets.run_panel import hang, plain

_TITLES = {"going": "正在下载", "stopping": "正在停", "stopped": "已暂停", "failed": "没有下完"}


class DownloadCard(Static):
    """Hidden as long as there is nothing to show, and when the model stands on the shelf."""

    DEFAULT_CSS = """
    DownloadCard { height: auto; margin: 0 0 1 0; display: none; }
    DownloadCard.-shown { display: block; }
    """

    def show(self, state: DownloadState | None) -> None:
        """Draw a state; None or a finished one hides the card."""
        shown = state is not None and state.status != "done"
        self.set_class(shown, "-shown")
        if shown and state is not None:
            self.update(draw(state, max(20, (self.parent.scrollable_content_region.width if self.parent else 40) - 1)))  # type: ignore[attr-defined]


def draw(state: DownloadState, width: int) -> Content:
    """The lines for a state, none wider than `width` cells."""
    step, error = state.step, state.error
    failed = state.status == "failed"
    title = Content.assemble((_TITLES[state.status], "bold $error" if failed else "bold $primary"), f"　{shorten(state.name, max(8, width - 10))}")
    lines = [title]
    if step.total:
        room = max(10, min(40, width - 6))
        full = round(room * min(1.0, state.share))
        lines.append(Content.assemble(("━" * full, "$primary"), ("─" * (room - full), "$foreground 30%"), f" {state.share:4.0%}"))
        told = " · ".join(part for part in (f"{show_gb(step.done)} / {show_gb(step.total)}", tell_left(state)) if part)
        lines.append(hang(told, width, Content("")))
    if state.status == "going":
        lines.append(Content.styled(shorten(_now(state), width), "$foreground 70%"))
        lines += [hang(trouble, width, Content.styled("· ", "$warning"), "$warning") for trouble in state.troubles]
        lines.append(hang("p 暂停；换到别处照样下", width, Content(""), "$foreground 50%"))
    elif state.status == "stopped":
        lines.append(hang("下到的都留着。p 接着下", width, Content(""), "$foreground 70%"))
    elif error is not None:
        lines.append(hang(plain(error.what), width, Content(""), "$error"))
        if error.kept:
            lines.append(hang(plain(error.kept), width, Content.styled("已保留 ", "$foreground 60%")))
        lines.append(hang(plain(error.next_step), width, Content.styled("下一步 ", "$foreground 60%")))
    return Content("\n").join(lines)


def _now(state: DownloadState) -> str:
    """What is being done this moment."""
    step = state.step
    if step.kind == "listing":
        return f"从 {state.order.hub.name} 取文件清单……"
    if step.kind == "waiting":
        return "等一会儿再试……"
    if step.kind == "finishing":
        return "都到了，放到模型目录……"
    if step.kind == "checking":
        return f"核对 {step.file} ……"
    return f"{step.file}（{step.number} / {step.of}）" if step.file else f"从 {state.order.hub.name}"
