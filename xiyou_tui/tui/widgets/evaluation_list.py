"""The list of evaluations: when, of what set, by which systems, with their key figures; and which are laid side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from xiyou_tui.evaluation.measures import BY_NAME, Summary, show_share
from xiyou_tui.evaluation.records import STATUSES
from xiyou_tui.evaluation.systems import MODES
from xiyou_tui.tui.evaluations import EvaluationEntry
from xiyou_tui.tui.story import show_time
from xiyou_tui.tui.widgets.run_list import shorten

MARKS = {
    "running": ("●", "$success"), "finished": ("✓", "$success"), "stopped": ("■", "$foreground 60%"), "failed": ("✗", "$error"),
    "interrupted": ("◌", "$warning"),
}  # fmt: skip
SHORT = {"contained": "含", "refusal_recall": "拒", "over_refusal": "误"}
LINES = 3


class EvaluationList(OptionList):
    """Some lines an evaluation. The highlighted one stays highlighted when the list changes around it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ids: tuple[str, ...] = ()
        self._prompts: dict[str, Content] = {}
        self._shown: tuple[Sequence[EvaluationEntry], Sequence[str]] = ((), ())
        self.filling = False

    def on_resize(self) -> None:
        self.call_after_refresh(lambda: self.fill(*self._shown))

    def fill(self, entries: Sequence[EvaluationEntry], marked: Sequence[str]) -> None:
        """Show these entries; `marked` are laid side by side."""
        self._shown = entries, marked
        prompts = {entry.id: self._prompt(entry, entry.id in marked) for entry in entries}
        ids = tuple(prompts)
        if ids == self._ids:
            for id, prompt in prompts.items():
                if prompt != self._prompts[id]:
                    self.replace_option_prompt(id, prompt)
        else:
            here, place = self.chosen, self.highlighted or 0
            self.filling = True
            self.clear_options()
            self.add_options([Option(prompt, id=id) for id, prompt in prompts.items()])
            self._ids = ids
            if ids:
                self.highlighted = ids.index(here) if here in ids else min(place, len(ids) - 1)
            self.filling = False
        self._ids, self._prompts = ids, prompts

    @property
    def chosen(self) -> str:
        """The id of the highlighted evaluation; empty when there is none."""
        place = self.highlighted
        return self._ids[place] if place is not None and place < len(self._ids) else ""

    def choose(self, id: str) -> None:
        """Highlight an evaluation, if it is listed."""
        if id in self._ids:
            self.highlighted = self._ids.index(id)

    def _prompt(self, entry: EvaluationEntry, marked: bool) -> Content:
        room = max(16, self.scrollable_content_region.width or 26) - 2
        mark, style = MARKS[entry.state.status]
        meta = entry.meta
        if meta is None:
            return Content.assemble((mark, "$error"), " ", shorten(entry.id, room), ("\n  记录读不了", "$error"))
        name = entry.name if entry.name and not entry.name.startswith(f"{meta.set_name} · ") else f"{meta.set_name} {meta.questions} 题"
        tail = " ◆" if marked else ""
        first = Content.assemble((mark, style), " ", (shorten(name, room - cell_len(tail)), "bold" if entry.running else ""), (tail, "$primary"))
        if entry.running:
            told = f"{STATUSES['running']} {entry.state.done}/{meta.total}"
        else:
            told = show_time(meta.created) + ("" if entry.state.status == "finished" else f" {STATUSES[entry.state.status]} {entry.state.done}/{meta.total}")
        lines = [first, Content.styled(f"  {shorten(told, room)}", "$foreground 60%")]
        systems = [(MODES[spec.mode], entry.summaries[spec.mode]) for spec in meta.systems if spec.mode in entry.summaries]
        if len(systems) == 1:
            lines.append(Content.assemble("  ", _figures(*systems[0], room)))
        else:
            lines += [Content.assemble("  ", _figures(label, summary, room)) for label, summary in systems[:LINES]]
            if len(systems) > LINES:
                lines.append(Content.styled(f"  还有 {len(systems) - LINES} 种方式", "$foreground 45%"))
        if any(summary.bugs for _, summary in systems):
            lines.append(Content.styled("  ✗ 保证被破坏", "bold $error"))
        return Content("\n").join(lines)


def _figures(label: str, summary: Summary, room: int) -> Content:
    """The mode and as many key figures as fit."""
    used = cell_len(label)
    parts: list[Content] = [Content.styled(label, "$foreground 75%")]
    for name, short in SHORT.items():
        figure = summary.all.figures[name]
        if figure.value is None:
            continue
        value = show_share(figure.value).replace(".0%", "%") if figure.value in (0, 1) else f"{figure.value:.0%}"
        size = cell_len(f" {short} {value}")
        if used + size > room:
            break
        used += size
        parts.append(Content.assemble((f" {short}", "$foreground 50%"), (value, "$accent" if BY_NAME[name].better > 0 else "$foreground 75%")))
    return Content("").join(parts)
