"""Fetch a text from the net: choose a source, see its addresses, be asked, watch it arrive, read the report, accept it.

Nothing is requested before the second Enter, and nothing becomes an edition before the report was accepted.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.corpus.fetch.failures import FetchError
from xiyou_tui.corpus.fetch.sources import Source, load_sources, source_from_address
from xiyou_tui.corpus.fetch.stop import Stop
from xiyou_tui.corpus.fetch.store import FetchFolder
from xiyou_tui.errors import XiyouError
from xiyou_tui.study import Study
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.widgets.import_report import describe_import

if TYPE_CHECKING:
    from xiyou_tui.corpus.fetch.fetching import Fetched, Step

Stage = Literal["choosing", "typing", "asking", "going", "stopping", "failed", "read"]
TYPED = "typed"
SUBTITLES: dict[Stage, str] = {
    "choosing": "↑↓ 选来源 · Enter 看清再取 · Esc 取消",
    "typing": "Enter 看清再取 · Esc 返回",
    "asking": "Enter 开始取 · Esc 不取",
    "going": "Esc 停下，取到的留着",
    "stopping": "正在停 · Esc 关闭",
    "failed": "Enter 再取 · Esc 换一个来源",
    "read": "Enter 收下这个底本 · Esc 不要",
}
# Between two pictures of the progress of one page, in seconds: what the eye takes for moving.
_TICK = 0.1
_BAR = 40


class FetchDialog(Dialog[str]):
    """Returns the id of the edition that was accepted."""

    BINDINGS = [("enter", "go", "继续"), ("u", "use", "就用取到的"), ("a", "again", "从头再取")]
    DEFAULT_CSS = """
    FetchDialog #sources { max-height: 8; }
    FetchDialog #address { display: none; }
    FetchDialog .-typing #address { display: block; }
    FetchDialog .-late #sources { display: none; }
    FetchDialog #report { height: auto; max-height: 16; min-height: 7; }
    FetchDialog .-early #report { border-top: hkey $border; }
    FetchDialog #report Static { width: 1fr; height: auto; }
    """

    @dataclass
    class StepTaken(Message):
        """A fetch got on; `turn` tells which one."""

        turn: int
        step: Step

    @dataclass
    class FetchEnded(Message):
        """A fetch is over: a text to accept, or the reason why not."""

        turn: int
        fetched: Fetched | None
        error: Exception | None

    def __init__(self, study: Study) -> None:
        super().__init__()
        self._study = study
        self._known = load_sources(study.places)
        self._stage: Stage = "choosing"
        self._source: Source | None = None
        self._fetched: Fetched | None = None
        self._arrived = 0
        # Steps of a fetch that was left are not shown with those of the next one.
        self._turn = 0
        self._stop = Stop()
        self._thread: threading.Thread | None = None
        self._picture = _Progress()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "从网上取原著文本"
            options = [Option(Content.assemble((source.name, "bold"), (f"  {'、'.join(source.hosts)}", "$foreground 60%")), id=source.id) for source in self._known.sources]
            yield OptionList(*options, Option(Content.styled("手写一个网址……", "bold"), id=TYPED), id="sources")
            yield Input(placeholder="https://……，逐回的网址里写 {chapter:03}", id="address")
            with VerticalScroll(id="report"):
                yield Static("", id="told")

    def on_mount(self) -> None:
        self._enter("choosing")

    def on_unmount(self) -> None:
        self._stop.set()

    # Stages.

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        box = self.query_one(".dialog", Vertical)
        box.border_subtitle = SUBTITLES[stage]
        if stage == "failed" and self._arrived:
            box.border_subtitle = "Enter 接着取 · u 就用取到的 · Esc 换一个来源"
        elif stage == "asking" and self._is_there():
            box.border_subtitle = "Enter 读取到的 · a 从头再取 · Esc 不取"
        box.set_class(stage == "typing", "-typing")
        box.set_class(stage in ("choosing", "typing"), "-early")
        box.set_class(stage not in ("choosing", "typing"), "-late")
        titled = self._source is not None and stage not in ("choosing", "typing")
        box.border_title = f"从网上取：{self._source.name}" if titled and self._source else "从网上取原著文本"
        wanted = {"choosing": "#sources", "typing": "#address"}.get(stage, "#report")
        self.query_one(wanted).focus()
        if stage == "choosing":
            self._describe_choice()
        elif stage == "typing":
            self._tell(Content.styled("一个文件的网址（txt、html、epub、zip），或一回一页的网址。\n下一步会先给你看清楚，才发出请求。", "$foreground 60%"))

    def _tell(self, content: Content) -> None:
        self.query_one("#told", Static).update(content)
        self.query_one("#report", VerticalScroll).scroll_home(animate=False)

    def action_leave(self) -> None:
        if self._stage == "going":
            self._stop.set()
            self._enter("stopping")
        elif self._stage in ("typing", "asking", "failed"):
            self._enter("choosing")
        else:
            self.dismiss(None)

    def action_go(self) -> None:
        if self._stage in ("asking", "failed"):
            self._start()
        elif self._stage == "read" and self._fetched is not None:
            try:
                self.dismiss(self._study.library.add(self._fetched.report.edition).id)
            except XiyouError as error:
                self._tell(Content.styled(error.render(), "$error"))

    def action_use(self) -> None:
        """Read what came of a fetch that was not whole."""
        if self._stage == "failed" and self._arrived:
            self._start(partial=True)

    def action_again(self) -> None:
        """Fetch anew what is all there."""
        if self._stage == "asking" and self._is_there():
            self._start(again=True)

    # Choosing.

    @on(OptionList.OptionHighlighted, "#sources")
    def _describe_choice(self) -> None:
        if self._stage != "choosing":
            return
        index = self.query_one("#sources", OptionList).highlighted or 0
        lines = [Content.styled(f"注意：{warning}", "$warning") for warning in self._known.warnings]
        if index < len(self._known.sources):
            source = self._known.sources[index]
            lines += [Content(source.about)] if source.about else []
            lines += [*self._addresses(source), *self._there(source)]
        else:
            lines.append(Content("任何能下载到文本的网址。"))
        lines.append(Content.styled(f"还没有发出任何请求。加来源、写镜像：{self._known.path}", "$foreground 60%"))
        self._tell(Content("\n").join(lines))

    def _addresses(self, source: Source) -> list[Content]:
        first = f"共 {len(source.chapters)} 页，第一页" if source.chapters else "地址"
        labels = (first, *["不行再从"] * (len(source.shown_addresses) - 1))
        shown = zip(labels, source.shown_addresses, strict=True)
        return [Content.assemble((f"{label}：", "$foreground 60%"), (address, "$accent")) for label, address in shown]

    def _count(self, source: Source) -> int:
        """How many of its pages are there already."""
        folder = FetchFolder(self._study.places.cache, source.id)
        return sum(1 for page in source.pages if folder.has(page.name))

    def _is_there(self) -> bool:
        return self._source is not None and self._count(self._source) == len(self._source.pages)

    def _there(self, source: Source) -> list[Content]:
        there = self._count(source)
        if there == len(source.pages):
            return [Content.styled("以前已经取全，不用再发请求。", "$success")]
        return [Content.styled(f"以前取到 {there} 回，会接着取。", "$success")] if there else []

    @on(OptionList.OptionSelected, "#sources")
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        if event.option.id == TYPED:
            self._enter("typing")
        else:
            self._ask(self._known.find(str(event.option.id)))

    @on(Input.Submitted, "#address")
    def _address_typed(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            return
        try:
            self._ask(source_from_address(event.value))
        except FetchError as error:
            self._tell(Content.styled(error.render(), "$error"))

    def _ask(self, source: Source) -> None:
        from xiyou_tui.corpus.fetch.proxies import describe_proxies

        self._source = source
        proxy = describe_proxies(self._study.settings.text("network.proxy"))
        rest = f"，两页之间停 {source.pause:g} 秒" if source.pause else ""
        pages = f"一页一页地取，共 {len(source.chapters)} 页{rest}。" if source.chapters else "取一个文件。"
        lines = [
            *self._addresses(source),
            *self._there(source),
            Content.assemble(("代理：", "$foreground 60%"), proxy or "不用"),
            Content(f"{pages}断了、停了，取到的都留着，下次接着取。"),
        ]
        if not self._is_there():
            lines.append(Content.styled(f"现在就向 {'、'.join(source.hosts)} 发请求吗？", "bold"))
        self._enter("asking")
        self._tell(Content("\n").join(lines))

    # Fetching.

    def _start(self, *, partial: bool = False, again: bool = False) -> None:
        from xiyou_tui.corpus.fetch.fetching import Fetcher

        assert self._source is not None
        self._turn += 1
        self._stop = Stop()
        turn, before = self._turn, self._thread
        try:
            fetcher = Fetcher(
                self._source, self._study.places, proxy=self._study.settings.text("network.proxy"), contact=self._known.contact, stop=self._stop,
                tell=lambda step: self._take(turn, step),
            )  # fmt: skip
        except FetchError as error:
            self._fail(error)
            return
        self._picture = _Progress()
        self._enter("going")
        self._tell(self._picture.content())

        def run() -> None:
            # One that was stopped while it was connecting may still hold the folder for a moment.
            if before is not None:
                before.join(20)
            try:
                self.post_message(self.FetchEnded(turn, fetcher.run(partial=partial, again=again), None))
            except Exception as error:
                self.post_message(self.FetchEnded(turn, None, error))

        # Not a worker: leaving the program must not wait for a connection that does not come about.
        self._thread = threading.Thread(target=run, name="fetch", daemon=True)
        self._thread.start()

    def _take(self, turn: int, step: Step) -> None:
        """In the thread of the fetch: let the interface know, though not of every few bytes."""
        if self._picture.is_due(step):
            self.post_message(self.StepTaken(turn, step))

    @on(StepTaken)
    def _step_taken(self, event: StepTaken) -> None:
        if event.turn == self._turn and self._stage == "going":
            self._picture.add(event.step)
            self.query_one("#told", Static).update(self._picture.content())

    @on(FetchEnded)
    def _fetch_ended(self, event: FetchEnded) -> None:
        if event.turn != self._turn or self._stage not in ("going", "stopping"):
            return
        if event.error is not None and not isinstance(event.error, XiyouError):
            raise event.error
        if event.error is not None or event.fetched is None:
            self._fail(event.error)
            return
        self._fetched = event.fetched
        self._enter("read")
        notes = [Content.styled(f"· {note}", "$warning") for note in event.fetched.notes]
        self._tell(Content("\n").join([describe_import(event.fetched.report), *notes]))

    def _fail(self, error: Exception | None) -> None:
        assert isinstance(error, XiyouError)
        self._arrived = error.arrived if isinstance(error, FetchError) else 0
        self._enter("failed")
        style = "bold" if error.code == "fetch-stopped" else "bold $error"
        lines = [Content.styled(error.what, style)]
        if error.kept:
            lines.append(Content.assemble(("已保留：", "$foreground 60%"), error.kept))
        lines.append(Content.assemble(("下一步：", "$foreground 60%"), error.next_step))
        self._tell(Content("\n").join(lines))


class _Progress:
    """The picture of a fetch that goes on: a bar, the page, the last troubles."""

    def __init__(self) -> None:
        self._step: Step | None = None
        self._done = 0
        self._fresh = 0
        self._troubles: list[str] = []
        self._began = time.monotonic()
        self._drawn = 0.0

    def is_due(self, step: Step) -> bool:
        """Whether a step is worth a picture: bytes only every now and then, all else always."""
        now = time.monotonic()
        if step.kind in ("receiving", "asking", "found") and now - self._drawn < _TICK and step.number < step.of:
            return False
        self._drawn = now
        return True

    def add(self, step: Step) -> None:
        """Take in a step."""
        self._step = step
        if step.kind in ("arrived", "found", "failed"):
            self._done = step.number
            self._fresh += step.kind == "arrived"
        name = f"第 {step.page.chapter} 回" if step.page.chapter is not None else "文件"
        if step.kind == "waiting":
            self._troubles.append(f"{name}：{step.reason}；{max(1, round(step.seconds))} 秒后再试")
        elif step.kind == "failed" or (step.kind == "arrived" and step.reason):
            self._troubles.append(f"{name}：{step.reason}")

    def content(self) -> Content:
        """The lines to show."""
        step = self._step
        if step is None:
            return Content("正在连接……")
        size = f"{step.size / 1024:,.0f} KB" + (f" / {step.total / 1024:,.0f} KB" if step.total else "")
        if step.of > 1:
            share, count = self._done / step.of, f"{self._done} / {step.of} 回{self._left(step.of - self._done)}"
            now = f"第 {step.page.chapter} 回　{size if step.size else '……'}"
        else:
            share, count = (step.size / step.total if step.total else 0.0), size
            now = step.page.name
        if step.kind == "waiting":
            now = "等一会儿再试……"
        elif step.kind == "reading":
            # The size of the last page says nothing any more.
            share, now = 1.0, "取到了，正在读……"
            count = count if step.of > 1 else ""
        filled = round(share * _BAR)
        lines = [
            Content.assemble(("━" * filled, "$primary"), ("─" * (_BAR - filled), "$foreground 30%"), f"  {count}"),
            Content.styled(now, "$foreground 80%"),
            *[Content.styled(f"· {trouble}", "$warning") for trouble in self._troubles[-4:]],
        ]
        return Content("\n").join(lines)

    def _left(self, pages: int) -> str:
        """How long it will still take, once a few pages tell."""
        if self._fresh < 3 or not pages:
            return ""
        seconds = (time.monotonic() - self._began) / self._fresh * pages
        return "，不到一分钟" if seconds < 60 else f"，约还要 {seconds / 60:.0f} 分钟"
