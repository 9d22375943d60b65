"""The list of runs: what each is, where it stands, and which are laid over each other in the plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from xiyou_tui.tui.follow import RunEntry
from xiyou_tui.tui.story import show_time

# status → (mark, style)
MARKS = {
    "starting": ("…", "$accent"), "queued": ("⋯", "$foreground 60%"), "running": ("●", "$success"), "paused": ("‖", "$warning"),
    "finished": ("✓", "$success"), "stopped": ("■", "$foreground 60%"), "failed": ("✗", "$error"), "interrupted": ("◌", "$warning"),
}  # fmt: skip


def shorten(text: str, cells: int) -> str:
    """`text` cut to at most `cells` cells, with an ellipsis where something was cut off."""
    return text if cell_len(text) <= cells else set_cell_size(text, max(0, cells - 1)).rstrip() + "…"


class RunList(OptionList):
    """Two lines a run. The highlighted run stays highlighted when the list changes around it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ids: tuple[str, ...] = ()
        self._prompts: dict[str, Content] = {}
        self._shown: tuple[Sequence[RunEntry], Mapping[str, int]] = ((), {})
        self.filling = False

    def fill(self, entries: Sequence[RunEntry], colours: Mapping[str, int]) -> None:
        """Show these entries; `colours` are those of the marked runs."""
        self._shown = (entries, colours)
        prompts = {entry.run.id: self._prompt(entry, colours.get(entry.run.id)) for entry in entries}
        ids = tuple(prompts)
        if ids == self._ids:
            for run, prompt in prompts.items():
                if prompt != self._prompts[run]:
                    self.replace_option_prompt(run, prompt)
        else:
            here = self.chosen
            place = self.highlighted or 0
            self.filling = True
            self.clear_options()
            self.add_options([Option(prompt, id=run) for run, prompt in prompts.items()])
            self._ids = ids
            if ids:
                # A run that is gone leaves the cursor where it was, on its neighbour.
                self.highlighted = ids.index(here) if here in ids else min(place, len(ids) - 1)
            self.filling = False
        self._ids, self._prompts = ids, prompts

    def on_resize(self) -> None:
        self.fill(*self._shown)

    @property
    def chosen(self) -> str:
        """The id of the highlighted run; empty when there is none."""
        place = self.highlighted
        return self._ids[place] if place is not None and place < len(self._ids) else ""

    def choose(self, run: str) -> None:
        """Highlight a run, if it is listed."""
        if run in self._ids:
            self.highlighted = self._ids.index(run)

    def _prompt(self, entry: RunEntry, colour: int | None) -> Content:
        room = max(16, self.scrollable_content_region.width or 26) - 2
        mark, style = MARKS[entry.state.status]
        state = entry.state
        progress = f" {state.share:.0%}" if entry.live and state.of else ""
        model = str(entry.meta.model.get("name", "")) if entry.meta else "记录读不了"
        stage = entry.meta.recipe.stage.upper() if entry.meta else ""
        created = show_time(entry.meta.created) if entry.meta else ""
        name = shorten(entry.name, room - (2 if colour is not None else 0))
        first = Content.assemble((mark, style), " ", (name, "bold" if entry.live else ""))
        if colour is not None:
            first = Content.assemble(first, " ", ("◆", ("$primary", "$secondary", "$accent", "#87afd7", "#d787af", "#87d7d7")[colour % 6]))
        told = f"{state.label}{progress} {stage}"
        # Where the line is short, the time goes to the next one.
        wide = cell_len(told) + len(created) + 1 <= room
        second = Content.assemble((f"  {told} ", "$foreground 75%" if entry.live else "$foreground 55%"), (created if wide else "", "$foreground 55%"))
        third = shorten(" · ".join([*([] if wide else [created]), model, *entry.tags]), room)
        return Content("\n").join([first, second, Content.styled(f"  {third}", "$foreground 45%")])
