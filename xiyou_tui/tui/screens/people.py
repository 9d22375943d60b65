"""Who is who: the lexicon, where a name appears, and the scenes that two names share."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from xiyou_tui.corpus.lexicon import Entry, load_lexicon
from xiyou_tui.corpus.model import Edition
from xiyou_tui.corpus.people import Scene, common_scenes
from xiyou_tui.tui.screens.dialogs import Dialog
from xiyou_tui.tui.widgets.side import KINDS

Spans = tuple[tuple[int, int, int], ...]
SHOWN = 200


class PeopleDialog(Dialog[tuple[Spans, int]]):
    """Search the lexicon; Enter lists the scenes of an entry, a mark on a second one narrows them to both. Returns the scenes and the chosen one."""

    BINDINGS = [
        Binding("down", "step(1)", priority=True), Binding("up", "step(-1)", priority=True), Binding("ctrl+t", "mark", "标记", priority=True),
        Binding("pagedown", "step(10)", priority=True), Binding("pageup", "step(-10)", priority=True),
    ]  # fmt: skip
    DEFAULT_CSS = """
    PeopleDialog OptionList { height: 14; max-height: 50vh; }
    PeopleDialog #about { height: 5; width: 1fr; border-top: hkey $border; color: $foreground 80%; }
    """

    @dataclass
    class ScenesFound(Message):
        """The scenes of the marked entries were found."""

        entries: tuple[Entry, ...]
        scenes: tuple[Scene, ...]

    def __init__(self, edition: Edition) -> None:
        super().__init__()
        self._edition = edition
        self._lexicon = load_lexicon()
        self._entries: list[Entry] = []
        self._marked: list[Entry] = []
        self._scenes: tuple[Scene, ...] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "人物名物"
            yield Input(placeholder="名字、别名都可以：孙行者、白骨精、芭蕉扇……", id="wanted")
            yield OptionList(id="found")
            yield Static("", id="about")

    def on_mount(self) -> None:
        self.query_one("#found", OptionList).can_focus = False
        self._list("")

    def _list(self, wanted: str) -> None:
        self._scenes = None
        name = wanted.strip()
        self._entries = list(self._lexicon.search(name, limit=SHOWN)) if name else list(self._lexicon.entries[:SHOWN])
        # Whoever bears the name comes before those whose description holds it.
        self._entries.sort(key=lambda entry: 0 if name == entry.name else 1 if name in entry.aliases else 2 if name in entry.name else 3)
        found = self.query_one("#found", OptionList)
        found.clear_options()
        found.add_options([Option(self._line(entry)) for entry in self._entries])
        if self._entries:
            found.highlighted = 0
        else:
            self.query_one("#about", Static).update("没有这个名字。")
        names = "＋".join(entry.name for entry in self._marked)
        self.query_one(Vertical).border_subtitle = (f"已标记 {names} · " if names else "") + "Enter 看出现的地方 · ^T 标记（标两个看同场）· Esc 关闭"

    def _line(self, entry: Entry) -> Content:
        mark = "● " if entry in self._marked else "  "
        others = "、".join(entry.aliases[:4])
        return Content.assemble((mark, "$primary"), (entry.name, "bold"), (f" {KINDS.get(entry.kind, '')} ", "$secondary"), (others, "$foreground 60%"))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._list(event.value)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        about = self.query_one("#about", Static)
        if self._scenes is not None:
            scene = self._scenes[event.option_index]
            chapter = self._edition.chapter(scene.chapter)
            about.update(Content(chapter.text[max(0, scene.start - 12) : scene.start + 150].replace("\n", " ")))
            return
        entry = self._entries[event.option_index]
        related = "、".join(other.name for other in self._lexicon.related(entry))
        also = "、".join((*entry.aliases, *entry.popular))
        about.update(Content.assemble(entry.gloss, (f"\n又作：{also}" if also else "", "$foreground 60%"), (f"\n相关：{related}" if related else "", "$foreground 60%")))

    def action_step(self, step: int) -> None:
        found = self.query_one("#found", OptionList)
        if found.option_count:
            found.highlighted = max(0, min(found.option_count - 1, (found.highlighted or 0) + step))

    def action_mark(self) -> None:
        found = self.query_one("#found", OptionList)
        if self._scenes is not None or found.highlighted is None:
            return
        entry = self._entries[found.highlighted]
        if entry in self._marked:
            self._marked.remove(entry)
        else:
            self._marked = [*self._marked[-1:], entry]
        if len(self._marked) == 2:
            self._find(tuple(self._marked))
        else:
            index = found.highlighted
            self._list(self.query_one(Input).value)
            found.highlighted = index

    def action_leave(self) -> None:
        if self._scenes is not None:
            self._marked = []
            self._list(self.query_one(Input).value)
        else:
            self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        index = self.query_one("#found", OptionList).highlighted
        if index is None:
            return
        if self._scenes is not None:
            self.dismiss((tuple((scene.chapter, scene.start, scene.end) for scene in self._scenes), index))
        else:
            self._find(tuple(self._marked) or (self._entries[index],))

    @work(thread=True, exclusive=True)
    def _find(self, entries: tuple[Entry, ...]) -> None:
        self.post_message(self.ScenesFound(entries, tuple(common_scenes(self._edition, self._lexicon, *entries))))

    @on(ScenesFound)
    def _scenes_found(self, event: ScenesFound) -> None:
        names = "和".join(entry.name for entry in event.entries)
        if not event.scenes:
            self.query_one("#about", Static).update(f"这个底本里没有{names}{'同时' if len(event.entries) > 1 else ''}出现的段落。")
            self._marked = []
            return
        self._scenes = event.scenes[:SHOWN]
        found = self.query_one("#found", OptionList)
        found.clear_options()
        options = []
        for scene in self._scenes:
            chapter = self._edition.chapter(scene.chapter)
            words = chapter.text[scene.start : scene.start + 26].replace("\n", " ")
            options.append(Option(Content.assemble((f"{chapter.short_label}·{scene.paragraph}".rjust(7) + "  ", "$accent"), words)))
        found.add_options(options)
        found.highlighted = 0
        chapters = len({scene.chapter for scene in event.scenes})
        more = f"，列出前 {SHOWN}" if len(event.scenes) > SHOWN else ""
        self.query_one(Vertical).border_subtitle = f"{names}：{chapters} 回 {len(event.scenes)} 段{more} · Enter 打开 · Esc 返回"
