"""Mode 模型: what models and adapters there are, what is in them, and which one the chat uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from textual import on, work
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.errors import XiyouError
from xiyou_tui.models.download import origin_facts
from xiyou_tui.models.drafts import sweep_drafts
from xiyou_tui.models.making import practice_path
from xiyou_tui.models.parts import read_pending
from xiyou_tui.models.readme import tell_measured
from xiyou_tui.storage.files import discard
from xiyou_tui.study import open_study
from xiyou_tui.tui.downloads import part_facts
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.messages import EditionChanged, SettingsChanged
from xiyou_tui.tui.screens.add_model import AddDialog
from xiyou_tui.tui.screens.model_downloads import ModelDownloads
from xiyou_tui.tui.screens.model_making import ModelMaking
from xiyou_tui.tui.shelf import (
    KINDS,
    ShelfItem,
    forget_directory,
    known_directories,
    list_shelf,
    remember_directory,
    show_parameters,
)
from xiyou_tui.tui.story import show_bytes, show_time
from xiyou_tui.tui.widgets.download_card import DownloadCard
from xiyou_tui.tui.widgets.run_list import shorten
from xiyou_tui.tui.widgets.run_panel import hang, plain

register_keys(
    Key("models", "enter,ctrl+s", "use", "用于对话", "对话从此用这个模型（适配器连同它的底座）", 9, "↵"),
    Key("models", "g,ctrl+g", "get", "下载模型", "从 Hugging Face、镜像或 ModelScope 下载一个底座模型", 8, "g"),
    Key("models", "p,ctrl+p", "pause", "暂停/继续", "暂停下载，下到的留着；再按一次接着下"),
    Key("models", "n,ctrl+n", "practice", "练手模型", "从当前底本做练手模型，几秒钟；已有的可以重做", 8, "n"),
    Key("models", "o,ctrl+o", "add", "加目录", "把一个模型或适配器目录加进来，文件留在原处", 2, "o"),
    Key("models", "t,ctrl+t", "train", "训练它", "用这个模型新建一次训练", 6, "t"),
    Key("models", "y,ctrl+y", "copy", "复制路径", "复制目录的路径", 2, "y"),
    Key("models", "x,ctrl+x", "unuse", "不指定", "对话不再指定模型：有练手模型就用它", 2, "x"),
    Key("models", "d,ctrl+d,delete", "delete", "删除", "自己的移到回收站，外面的只从表里去掉（会先问）", 4, "d"),
)

GROUPS = {"part": "没下完的", "ours": "模型", "run": "训练所得", "added": "外面的目录"}
EMPTY = "还没有模型。按 n 从当前底本做一个练手模型（几秒钟），看训练和问答怎样走；按 g 下载一个真的底座模型（断了能续，下完核对）；已有 MLX 模型目录（如 Qwen2.5-7B-Instruct-4bit）就按 o 加进来。"


class ModelsScreen(ModelMaking, ModelDownloads):
    """The shelf of models and what is known of the one under the cursor."""

    mode = "models"
    CSS_PATH = "models.tcss"
    BINDINGS = bindings("models")

    @dataclass
    class ShelfRead(Message):
        """The directories were looked through."""

        items: tuple[ShelfItem, ...]

    @dataclass
    class MakingWentOn(Message):
        """Something on the way to the practice model was begun: what, and how much of it is done (0 to 1)."""

        what: str
        share: float

    @dataclass
    class PracticeMade(Message):
        """The practice model stands, or why not."""

        path: str
        error: XiyouError | None

    def __init__(self) -> None:
        super().__init__()
        self._items: tuple[ShelfItem, ...] = ()

    def body(self) -> Iterable[Widget]:
        with Horizontal():
            yield OptionList(id="shelf")
            with VerticalScroll(id="beside", can_focus=False):
                yield DownloadCard()
                yield Static("", id="making")
                yield Static("", id="details")

    @property
    def shelf(self) -> OptionList:
        return self.query_one("#shelf", OptionList)

    def on_mount(self) -> None:
        self.shelf.focus()
        self.follow_downloads()

    def on_screen_resume(self) -> None:
        self.refresh_shelf()
        self.show_card()

    @on(EditionChanged)
    @on(SettingsChanged)
    def _changed(self) -> None:
        self.refresh_shelf()

    def refresh_shelf(self) -> None:
        """Look through the directories again."""
        self._read(known_directories(self.study.connection))

    @work(thread=True, exclusive=True, group="shelf")
    def _read(self, known: tuple[str, ...]) -> None:
        sweep_drafts(self.study.places.models)
        self.post_message(self.ShelfRead((*self.part_items(self.study.places), *list_shelf(self.study.places, known))))

    def on_resize(self) -> None:
        self.call_after_refresh(self._list)

    @on(ShelfRead)
    def _shelf_read(self, event: ShelfRead) -> None:
        self._items = event.items
        self._list()

    def redraw_part(self, item: ShelfItem) -> None:
        self._items = tuple(item if known.id == item.id else known for known in self._items)
        if any(option.id == item.id for option in self.shelf.options):
            self.shelf.replace_option_prompt(item.id, self._row(item))
            if self._here() is item:
                self._show()

    def _list(self) -> None:
        # What is wished for may still be on its way to the shelf.
        wished = self._wished if any(item.id == self._wished for item in self._items) else ""
        here = wished or (item.id if (item := self._here()) else "") or self._used()[1] or self._used()[0]
        place = self.shelf.highlighted or 0
        if wished:
            self._wished = ""
        options: list[Option] = []
        keys: list[str] = []
        for origin, label in GROUPS.items():
            found = [item for item in self._items if item.origin == origin]
            if found:
                options.append(Option(Content.styled(f"{label}　{len(found)}", "bold $primary"), disabled=True))
                keys.append("")
            for item in found:
                options.append(Option(self._row(item), id=item.id))
                keys.append(item.id)
        self.shelf.clear_options()
        self.shelf.add_options(options)
        if keys:
            self.shelf.highlighted = keys.index(here) if here and here in keys else min(max(1, place), len(keys) - 1)
        self._show()

    def _row(self, item: ShelfItem) -> Content:
        room = max(20, (self.shelf.scrollable_content_region.width or 42) - 3)
        mark = Content.styled("● ", "$success") if self._is_used(item) else Content.styled("✗ ", "$error") if item.trouble else Content.styled("↓ ", "$warning") if item.kind == "part" else Content("  ")
        told = "　".join(part for part in (KINDS[item.kind], item.about, show_bytes(item.bytes) if item.bytes else "") if part)
        return Content.assemble(mark, (shorten(item.name, room), "bold"), f"\n  {shorten(told, room)}").stylize("$foreground 90%")

    def _here(self) -> ShelfItem | None:
        place = self.shelf.highlighted
        if place is None or place >= self.shelf.option_count:
            return None
        key = self.shelf.get_option_at_index(place).id
        return next((item for item in self._items if item.id == key), None)

    def _used(self) -> tuple[str, str]:
        """The model and the adapter of the chat, as the settings name them."""
        return self.study.settings.text("chat.model"), self.study.settings.text("chat.adapter")

    def _is_used(self, item: ShelfItem) -> bool:
        model, adapter = self._used()
        return (adapter == item.id) if item.adapter else (not adapter and model == item.id)

    @on(OptionList.OptionHighlighted, "#shelf")
    def _highlighted(self) -> None:
        self._show()

    def _show(self) -> None:
        details = self.query_one("#details", Static)
        item = self._here()
        if item is None:
            details.update(Content.styled(EMPTY, "$foreground 75%"))
            return
        width = max(24, self.query_one("#beside").scrollable_content_region.width - 1)
        lines = [Content.assemble((item.name, "bold $primary"), (f"　{KINDS[item.kind]}", "$secondary"))]
        if item.trouble:
            lines.append(hang(item.trouble, width, Content.styled("✗ ", "$error"), "$error"))
        if self._is_used(item):
            lines.append(Content.styled("● 对话正用着它", "$success"))
        lines.append(Content(""))
        lines += [hang(plain(text), width, Content.styled(label + " " * max(1, 12 - cell_len(label)), "$foreground 55%")) for label, text in self._facts(item)]
        details.update(Content("\n").join(lines))

    def _facts(self, item: ShelfItem) -> list[tuple[str, str]]:
        if item.kind == "part":
            pending = read_pending(item.path)
            return part_facts(pending, self.xiyou.downloads.state) if pending else []
        rows = [("来历", item.about), ("参数", f"{show_parameters(item.parameters)}（{item.parameters:,}）" if item.parameters else "")]
        rows.append(("大小", show_bytes(item.bytes) if item.bytes else ""))
        if card := item.card:
            rows += [
                ("结构", card.architecture),
                ("精度", f"{card.bits} 位"),
                ("层数", f"{card.layers} 层，宽 {card.hidden:,}，前馈 {card.intermediate:,}"),
                ("注意力", f"{card.heads} 头，键值 {card.key_value_heads} 头"),
                ("词表", f"{card.vocabulary:,}"),
                ("上下文", f"{card.context:,} 词元"),
                ("对话模板", "有" if card.has_chat_template else "没有：只能续写，不能一问一答"),
            ]
            rows += origin_facts(card)
            if item.kind == "practice":
                rows += [("做成", show_time(float(card.marker.get("made", 0)))), ("说明", str(card.marker.get("note", "")))]
            rows += tell_measured(card.marker.get("measured") or {})[1:]
        if item.base is not None:
            rows.append(("底座", str(item.base)))
        if item.run:
            rows.append(("运行", item.run))
        rows.append(("目录", str(item.path)))
        return [(label, text) for label, text in rows if text]

    # What one does with them.

    @on(OptionList.OptionSelected, "#shelf")
    def action_use(self) -> None:
        item = self._here()
        if item is None:
            return
        if item.kind == "part":
            self.continue_part(item)
            return
        if item.trouble:
            self.notify(item.trouble, title="现在用不了", severity="error", timeout=8, markup=False)
            return
        self._set_chat(str(item.model), str(item.adapter or ""))
        without = "" if item.card is None or item.card.has_chat_template else "它没有对话模板，只会续写。"
        self.notify(f"对话从现在起用「{item.name}」。{without}", timeout=4, markup=False)

    def action_unuse(self) -> None:
        self._set_chat("", "")
        self.notify("对话不再指定模型。", timeout=3)

    def _set_chat(self, model: str, adapter: str) -> None:
        try:
            self.study.change_setting("chat.model", model)
            settings = self.study.change_setting("chat.adapter", adapter)
        except XiyouError as error:
            self.xiyou.complain(error)
            return
        self.xiyou.tell_all(SettingsChanged(settings))

    @work
    async def action_practice(self) -> None:
        from xiyou_tui.tui.screens.train_dialogs import AskDialog

        if self._making:
            return
        edition = self.study.library.current()
        if practice_path(self.study.places, edition).exists():
            answers = [("no", "不，留着现在的"), ("yes", "重做（旧的进回收站）")]
            text = f"「{edition.title}」的练手模型已经有了。重做以后，在旧的上面练出的适配器就对不上了。"
            if await self.app.push_screen_wait(AskDialog("重做练手模型？", text, answers)) != "yes":
                return
        self._making = True
        self._progress("做练手模型", 0.0)
        self._make()

    @work(thread=True, exclusive=True, group="practice")
    def _make(self) -> None:
        from xiyou_tui.tui.launching import make_model

        path, failure = "", None
        study = open_study(self.study.places)
        try:
            path = str(make_model(study, again=True, progress=self._tell_progress).path)
        except XiyouError as error:
            failure = error
        finally:
            study.close()
        self.post_message(self.PracticeMade(path, failure))

    def _tell_progress(self, what: str, share: float) -> None:
        self.post_message(self.MakingWentOn(what, share))

    @on(MakingWentOn)
    def _went_on(self, event: MakingWentOn) -> None:
        self._progress(event.what, event.share)

    def _progress(self, what: str, share: float) -> None:
        from xiyou_tui.tui.screens.train_form import show_progress

        self.set_class(bool(what), "busy")
        self.query_one("#making", Static).update(show_progress(what, share) if what else "")

    @on(PracticeMade)
    def _made(self, event: PracticeMade) -> None:
        self._making = False
        self._progress("", 0.0)
        if event.error is not None:
            self.xiyou.complain(event.error)
            return
        self._wished = event.path
        self.refresh_shelf()
        self.notify("练手模型做好了。按 t 训练它，按 Enter 用它对话。", timeout=5)

    @work
    async def action_add(self) -> None:
        item = await self.app.push_screen_wait(AddDialog())
        if item is not None:
            remember_directory(self.study.connection, item.path)
            self._wished = item.id
            self.refresh_shelf()

    @work
    async def action_train(self) -> None:
        from xiyou_tui.tui.screens.train import TrainScreen

        item = self._here()
        if item is None:
            return
        if item.kind == "part":
            self.notify("还没有下完。按 Enter 接着下，下完再训练。", timeout=4)
            return
        if item.kind not in ("base", "practice"):
            self.notify("这是训练的结果。在训练里新建，「接着谁练」选它，就在它上面接着练。", timeout=6)
            return
        if item.kind == "practice" and item.path != practice_path(self.study.places, self.study.library.current()):
            self.notify("这个练手模型属于另一个底本。先在原著里换到那个底本。", severity="warning", timeout=6)
            return
        screen = await self.xiyou.open_mode("train")
        assert isinstance(screen, TrainScreen)
        screen.new_run_with("practice" if item.kind == "practice" else item.id)

    def action_copy(self) -> None:
        item = self._here()
        if item is not None:
            self.xiyou.copy_with_notice(str(item.path), "路径")

    @work
    async def action_delete(self) -> None:
        from xiyou_tui.tui.screens.train_dialogs import AskDialog

        item = self._here()
        if item is None:
            return
        if item.kind == "part":
            await self.discard_part(item)
            return
        if item.origin == "run":
            self.notify("这是一次训练的结果，和那次运行在一起。要删，到训练里删那次运行。", timeout=6)
            return
        ours = item.origin == "ours"
        text = "目录移到回收站，可以从那里拿回来。" if ours else "只从这张表里去掉，目录里的文件不动。"
        answers = [("no", "不删"), ("yes", "移到回收站" if ours else "从表里去掉")]
        if await self.app.push_screen_wait(AskDialog(f"删除「{item.name}」？", text, answers)) != "yes":
            return
        try:
            if ours:
                lies = discard(item.path, self.study.places.bin)
                self.notify(str(lies), title="在回收站里", timeout=6, markup=False)
            else:
                forget_directory(self.study.connection, item.path)
        except XiyouError as error:
            self.xiyou.complain(error)
        if self._is_used(item):
            self._set_chat("", "")
        self.refresh_shelf()
