"""Fetching base models from the Models pane: begin, pause, go on, throw away. `ModelsScreen` adds the shelf."""

from __future__ import annotations

from textual import on, work

from xiyou_tui.errors import XiyouError
from xiyou_tui.models.download import Order, order_again
from xiyou_tui.models.parts import discard_pending, list_pending, read_pending
from xiyou_tui.storage.places import Places
from xiyou_tui.tui.downloads import DownloadChanged, pending_item
from xiyou_tui.tui.screens.base import ModeScreen
from xiyou_tui.tui.screens.get_model import GetDialog
from xiyou_tui.tui.shelf import ShelfItem
from xiyou_tui.tui.widgets.download_card import DownloadCard


class ModelDownloads(ModeScreen):
    """The actions on downloads; which line of the shelf is meant is up to `ModelsScreen`."""

    def __init__(self) -> None:
        super().__init__()
        self._wished = ""
        self._shown_part = ""

    def refresh_shelf(self) -> None:
        """Look through the directories again."""
        raise NotImplementedError

    def redraw_part(self, item: ShelfItem) -> None:
        """Draw the line of a download anew."""
        raise NotImplementedError

    def part_items(self, places: Places) -> tuple[ShelfItem, ...]:
        """The downloads that are not whole, as lines of the shelf. Reads files; any thread may call it."""
        return tuple(pending_item(pending, self.xiyou.downloads.state) for pending in list_pending(places))

    def follow_downloads(self) -> None:
        """Begin to show what goes on; called when the screen opens."""
        self.xiyou.downloads.listen(self.post_message)
        self.call_after_refresh(self.show_card)

    def on_screen_suspend(self) -> None:
        # What went wrong has been read; a new visit begins with the shelf.
        state = self.xiyou.downloads.state
        if state is not None and state.status == "failed":
            self.xiyou.downloads.forget()

    def show_card(self) -> None:
        """Show how the download stands."""
        self.query_one(DownloadCard).show(self.xiyou.downloads.state)

    @on(DownloadChanged)
    def _download_changed(self, event: DownloadChanged) -> None:
        state = event.state
        self.show_card()
        if state.status == "done":
            self._wished = str(state.place)
        if state.live and self._shown_part == str(state.folder) and (pending := read_pending(state.folder)):
            self.redraw_part(pending_item(pending, state))
        elif state.step.kind != "listing" or not state.live:
            # It has come on the shelf, or is about to leave it.
            self._shown_part = str(state.folder) if state.live else ""
            self.refresh_shelf()

    @work
    async def action_get(self) -> None:
        if self._is_taken():
            return
        order = await self.app.push_screen_wait(GetDialog(self.study))
        if order is not None and not self._is_taken():
            self.start_download(order)

    def action_pause(self) -> None:
        downloads = self.xiyou.downloads
        if downloads.live:
            downloads.pause()
        elif downloads.state is not None and downloads.state.status in ("stopped", "failed"):
            self.start_download(downloads.state.order)
        else:
            self.notify("没有正在下载的模型。按 g 下载一个。", timeout=3)

    def continue_part(self, item: ShelfItem) -> None:
        """Go on with a download that is not whole."""
        state = self.xiyou.downloads.state
        if state is not None and state.live and state.folder == item.path:
            self.notify("正在下。按 p 暂停。", timeout=3)
            return
        pending = read_pending(item.path)
        if pending is not None and not self._is_taken():
            self.start_download(order_again(pending))

    def start_download(self, order: Order) -> None:
        """Begin, or go on; what can't begin says why."""
        try:
            self.xiyou.downloads.start(order, proxy=self.study.settings.text("network.proxy"))
        except XiyouError as error:
            self.xiyou.complain(error)
            return
        if self.xiyou.downloads.state is not None:
            self._wished = str(self.xiyou.downloads.state.folder)

    def _is_taken(self) -> bool:
        """Whether a download goes on already; says so."""
        state = self.xiyou.downloads.state
        if state is None or not state.live:
            return False
        self.notify(f"「{state.name}」还在下，一次下一个。按 p 先暂停它。", severity="warning", timeout=5, markup=False)
        return True

    async def discard_part(self, item: ShelfItem) -> None:
        """Throw a download away, after asking."""
        from xiyou_tui.tui.screens.train_dialogs import AskDialog

        downloads = self.xiyou.downloads
        if downloads.live and downloads.state is not None and downloads.state.folder == item.path:
            self.notify("它还在下。先按 p 暂停，再删。", severity="warning", timeout=4)
            return
        text = "下到一半的直接删掉，不进回收站；要用就得从头下。"
        if await self.app.push_screen_wait(AskDialog(f"删掉「{item.name}」下到的部分？", text, [("no", "不删"), ("yes", "删掉")])) != "yes":
            return
        try:
            discard_pending(item.path)
        except XiyouError as error:
            self.xiyou.complain(error)
        if downloads.state is not None and downloads.state.folder == item.path:
            downloads.forget()
        self.show_card()
        self.refresh_shelf()
