"""Choose a base model to fetch and the place to fetch it from. Nothing is requested before Enter."""

from __future__ import annotations

import shutil
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.errors import ModelError
from xiyou_tui.models.download import Order
from xiyou_tui.models.hubs import NAMES, Source, default_source, find_hub, parse_repo
from xiyou_tui.models.machine import available_memory
from xiyou_tui.models.parts import folder_of, read_pending
from xiyou_tui.models.registry import list_models
from xiyou_tui.models.suggestions import FITS, Fit, Suggestion, judge, load_suggestions
from xiyou_tui.models.troubles import show_gb
from xiyou_tui.study import Study
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.widgets.choice import Choice

TYPED = "typed"
_STYLES: dict[Fit, str] = {"fits": "$success", "tight": "$warning", "too-big": "$error"}


class GetDialog(Dialog[Order]):
    """Returns what to fetch."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
    DEFAULT_CSS = """
    GetDialog OptionList { max-height: 11; }
    GetDialog.-tall OptionList { max-height: 18; }
    GetDialog #repo { display: none; }
    GetDialog .-typing #repo { display: block; }
    GetDialog .-typing OptionList { display: none; }
    GetDialog #told { height: auto; min-height: 4; max-height: 7; border-top: hkey $border; }
    """

    def __init__(self, study: Study) -> None:
        super().__init__()
        self._study = study
        self._mirror = study.settings.text("network.mirror")
        self._available = available_memory()
        self._free = free_space(study.places.models)
        self._there = {str(card.marker.get("repo", "")) for card in list_models(study.places)}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "下载一个底座模型"
            yield OptionList(
                *(Option(self._row(item), id=item.id) for item in load_suggestions()), Option(Content.styled("写一个名字或网址……", "bold"), id=TYPED), id="models"
            )
            yield Input(placeholder="作者/名字，或模型网页的网址", id="repo")
            yield Choice("从", dict(NAMES.items()), default_source(self._mirror), id="source")
            yield Static("", id="told")

    def on_mount(self) -> None:
        # The first that leaves room for training is what most people want: on 16 GB that is the 4B.
        items = load_suggestions()
        best = max((place for place, item in enumerate(items) if judge(item.train, self._available) == "fits"), default=0)
        self.query_one("#models", OptionList).highlighted = best
        self._enter(typing=False)

    @property
    def _source(self) -> Source:
        return self.query_one("#source", Choice).value  # type: ignore[return-value]

    def _row(self, item: Suggestion) -> Content:
        chat, train = judge(item.chat, self._available), judge(item.train, self._available)
        had = {item.repo, item.modelscope} & self._there
        told = Content.styled("　有了", "$success") if had else Content.assemble("　对话", (FITS[chat], _STYLES[chat]), " 训练", (FITS[train], _STYLES[train]))
        return Content.assemble((item.name, "bold"), (f"　约 {show_gb(item.size)}", "$secondary"), told, (f"\n  {item.why}", "$foreground 60%"))

    # What is chosen.

    def _enter(self, *, typing: bool) -> None:
        box = self.query_one(".dialog", Vertical)
        box.set_class(typing, "-typing")
        box.border_subtitle = "Enter 开始下 · Tab 换来源 · Esc 返回" if typing else "Enter 开始下 · Tab 换来源（←→）· Esc 取消"
        self.query_one("#repo" if typing else "#models").focus()
        self._describe()

    @property
    def _typing(self) -> bool:
        return self.query_one(".dialog", Vertical).has_class("-typing")

    def _suggestion(self) -> Suggestion | None:
        place = self.query_one("#models", OptionList).highlighted
        items = load_suggestions()
        return items[place] if not self._typing and place is not None and place < len(items) else None

    def _order(self) -> Order | None:
        """What Enter would fetch; None when nothing is chosen. Raises ModelError for a name that is none."""
        item = self._suggestion()
        if item is not None:
            repo = item.repo_at(self._source)
        elif self._typing and self.query_one("#repo", Input).value.strip():
            repo = parse_repo(self.query_one("#repo", Input).value)[0]
        else:
            return None
        hub = find_hub(self._source, mirror=self._mirror)
        before = read_pending(folder_of(self._study.places, repo))
        same = before is not None and before.plan.hub.revision == hub.revision
        return Order(hub, repo, before.plan.revision if before and same else "", before.plan.name if before else "")

    @on(OptionList.OptionHighlighted)
    @on(Input.Changed)
    @on(Choice.Chosen)
    def _describe(self) -> None:
        told = self.query_one("#told", Static)
        try:
            order = self._order()
        except ModelError as error:
            told.update(Content.styled(error.next_step if self._typing else error.what, "$foreground 60%"))
            return
        memory = Content.assemble(("这台机器约能给模型 ", "$foreground 60%"), show_gb(self._available), ("，磁盘还剩 ", "$foreground 60%"), show_gb(self._free))
        if order is None:
            told.update(Content("\n").join([Content("Hugging Face 或 ModelScope 上的 MLX 模型（含 model*.safetensors）。"), memory]))
            return
        lines = [Content.assemble(("地址　", "$foreground 60%"), (order.hub.page(order.repo), "$accent"))]
        if item := self._suggestion():
            lines.append(Content.assemble(("许可　", "$foreground 60%"), item.licence, ("　对话约 ", "$foreground 60%"), show_gb(item.chat), ("　训练约 ", "$foreground 60%"), show_gb(item.train)))
        lines.append(memory)
        before = read_pending(folder_of(self._study.places, order.repo))
        if before is not None and before.received:
            lines.append(Content.styled(f"以前下到 {show_gb(before.received)} / {show_gb(before.plan.total)}，会接着下。", "$success"))
        elif item is not None and item.size > self._free:
            lines.append(Content.styled("磁盘放不下，先腾出空间。", "$error"))
        else:
            lines.append(Content.styled("还没有发出任何请求。", "$foreground 60%"))
        told.update(Content("\n").join(lines))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        if event.option.id == TYPED:
            self._enter(typing=True)
        else:
            self._go()

    @on(Input.Submitted)
    def _go(self) -> None:
        try:
            order = self._order()
        except ModelError as error:
            self.query_one("#told", Static).update(Content.styled(error.render(), "$error"))
            return
        if order is not None:
            self.dismiss(order)

    @on(Input.Changed)
    def _follow_address(self, event: Input.Changed) -> None:
        """An address that was pasted tells the place too."""
        try:
            told = parse_repo(event.value)[1]
        except ModelError:
            return
        if told is not None:
            self.query_one("#source", Choice).value = told
            self._describe()

    def action_leave(self) -> None:
        if self._typing:
            self._enter(typing=False)
        else:
            self.dismiss(None)


def free_space(path: Path) -> int:
    """Bytes that are free where `path` lies."""
    return shutil.disk_usage(path).free
