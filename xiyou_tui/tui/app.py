"""The app: six modes over one workplace. Knows which screen is open; what a screen shows is its own affair."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App
from textual.screen import Screen

from xiyou_tui.errors import XiyouError
from xiyou_tui.storage.bugs import record_bug
from xiyou_tui.storage.places import find_places
from xiyou_tui.storage.settings import load_settings
from xiyou_tui.tui.cover import CoverScreen
from xiyou_tui.tui.keymap import bindings
from xiyou_tui.tui.messages import EditionChanged, PassageRequested, SampleRequested, SettingsChanged
from xiyou_tui.tui.terminal import copy_text, install_line_breaking
from xiyou_tui.tui.theme import THEMES

if TYPE_CHECKING:
    from xiyou_tui.storage.instance import InstanceLock
    from xiyou_tui.storage.settings import Settings
    from xiyou_tui.study import Study
    from xiyou_tui.tui.downloads import DownloadEnded, Downloads, DownloadWentOn
    from xiyou_tui.tui.follow import RunEnded, RunFollower

# mode → (module below xiyou_tui.tui.screens, class). A screen's module is imported when its mode is first opened.
SCREENS = {
    "corpus": ("corpus", "CorpusScreen"),
    "samples": ("samples", "SamplesScreen"),
    "train": ("train", "TrainScreen"),
    "chat": ("chat", "ChatScreen"),
    "evaluate": ("evaluate", "EvaluateScreen"),
    "models": ("models", "ModelsScreen"),
}


def _opener(mode: str) -> Callable[[], Screen[None]]:
    module, name = SCREENS[mode]

    def open_screen() -> Screen[None]:
        screen: Screen[None] = getattr(import_module(f"xiyou_tui.tui.screens.{module}"), name)()
        return screen

    return open_screen


class XiyouApp(App[None]):
    """The full-screen app.

    Without a study it shows the cover first and opens the user's workplace once that is on the screen: opening files and
    loading the reader takes longer than a first picture should. With a study it begins in the reader at once.
    """

    TITLE = "xiyou"
    CSS_PATH = "app.tcss"
    MODES: ClassVar = {"cover": CoverScreen, **{mode: _opener(mode) for mode in SCREENS}}
    DEFAULT_MODE = "cover"
    BINDINGS: ClassVar = bindings("app")
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, study: Study | None = None) -> None:
        install_line_breaking()
        super().__init__()
        self._study = study
        self.failure: XiyouError | None = None
        self._lock: InstanceLock | None = None
        self._stop_watching: Callable[[], None] | None = None
        self._follower: RunFollower | None = None
        self._downloads: Downloads | None = None
        settings = study.settings if study is not None else load_settings(find_places().settings)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = settings.text("interface.theme")

    @property
    def study(self) -> Study:
        """The open workplace; there from the first mode on."""
        assert self._study is not None
        return self._study

    async def on_mount(self) -> None:
        if self._study is not None:
            await self._begin()
        else:
            self.call_after_refresh(self._open_study)

    async def _open_study(self) -> None:
        from xiyou_tui.study import open_study

        try:
            self._study = open_study()
        except XiyouError as error:
            self.failure = error
            self.exit(return_code=1)
            return
        await self._begin()

    async def _begin(self) -> None:
        await self.switch_mode("corpus")
        self.set_timer(0.3, self._settle)

    @property
    def reading_title(self) -> str:
        """What is being read, for the bar on top."""
        return self.study.library.current().title

    def _settle(self) -> None:
        """What can wait until the reader is on the screen."""
        from xiyou_tui.storage.instance import InstanceLock
        from xiyou_tui.storage.settings import watch_settings

        self._lock = InstanceLock(self.study.places.data)
        if not self._lock.acquire():
            self.notify("另一个 xiyou 也开着同一个目录。两边都能写，不会丢；同一条样本以后存的为准。", title="已有一个在运行", timeout=8)
        for warning in self.study.settings.warnings:
            self.notify(warning, severity="warning", timeout=10)

        def changed(settings: Settings) -> None:
            self.call_from_thread(self._adopt, settings)

        self._stop_watching = watch_settings(self.study.places.settings, changed)
        if any(self.study.places.runs.iterdir()):
            # A run may be going on since the last time: its end is told in whatever mode one is.
            self.follower.wake()

    @property
    def follower(self) -> RunFollower:
        """What follows the runs; started when first needed."""
        if self._follower is None:
            from xiyou_tui.tui.follow import RunFollower

            self._follower = RunFollower(self.study.places, self.post_message).start()
        return self._follower

    def on_run_ended(self, message: RunEnded) -> None:
        from xiyou_tui.tui.notices import tell_end

        tell_end(self, message.entry)

    @property
    def downloads(self) -> Downloads:
        """The download of a model, which goes on in whatever mode one is; made when first needed."""
        if self._downloads is None:
            from xiyou_tui.tui.downloads import Downloads

            self._downloads = Downloads(self.study.places, self.post_message)
        return self._downloads

    def on_download_went_on(self, message: DownloadWentOn) -> None:
        self.downloads.take(message)

    def on_download_ended(self, message: DownloadEnded) -> None:
        from xiyou_tui.tui.downloads import tell_end

        state = self.downloads.end(message)
        # On the pane itself what went wrong stands there in full, where there is room for it.
        shown = self.current_mode == "models" and not self.screen.has_class("-tiny")
        if state is not None and (state.status == "done" or not shown):
            title, text, severity = tell_end(state)
            self.notify(text, title=title, severity=severity, timeout=10, markup=False)

    async def release_engine(self) -> None:
        """Let the chat's model give its memory back, before training starts; nothing to do when no chat holds one."""
        for stack in list(self._screen_stacks.values()):
            for screen in stack:
                responder = getattr(screen, "responder", None)
                if responder is not None:
                    await responder.release()

    def _adopt(self, settings: Settings) -> None:
        if settings == self.study.settings and settings.warnings == self.study.settings.warnings:
            return
        self.study.settings = settings
        self.theme = settings.text("interface.theme")
        for warning in settings.warnings:
            self.notify(warning, severity="warning", timeout=10)
        self.tell_all(SettingsChanged(settings))

    def tell_all(self, message: SettingsChanged | EditionChanged) -> None:
        """Post a fact to every open screen, not only the one in front."""
        for stack in self._screen_stacks.values():
            for screen in stack:
                screen.post_message(message)

    async def action_mode(self, mode: str) -> None:
        if self._study is not None:
            await self.open_mode(mode)

    async def open_mode(self, mode: str) -> Screen[Any]:
        """Bring a mode to the front and return its screen. A dialog in the way is left first, so nothing is typed into the void."""
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if self.current_mode != mode:
            await self.switch_mode(mode)
        return self.screen

    def action_help(self) -> None:
        from xiyou_tui.tui.screens.help import HelpScreen

        if self._study is not None and not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.current_mode))

    def action_settings(self) -> None:
        from xiyou_tui.tui.screens.settings import SettingsScreen

        if self._study is not None and not isinstance(self.screen, SettingsScreen):
            self.push_screen(SettingsScreen())

    @on(PassageRequested)
    async def _open_passage(self, message: PassageRequested) -> None:
        from xiyou_tui.tui.screens.corpus import CorpusScreen

        try:
            if message.edition and message.edition != self.study.library.current().id:
                self.study.library.choose(message.edition)
                self.tell_all(EditionChanged(message.edition))
            self.study.library.current().chapter(message.chapter)
        except XiyouError as error:
            self.complain(error)
            return
        screen = await self.open_mode("corpus")
        assert isinstance(screen, CorpusScreen)
        screen.show_passage(message.chapter, message.start, message.end)

    @on(SampleRequested)
    async def _write_sample(self, message: SampleRequested) -> None:
        from xiyou_tui.tui.screens.samples import SamplesScreen

        screen = await self.open_mode("samples")
        assert isinstance(screen, SamplesScreen)
        screen.write_sample(message)

    def complain(self, error: XiyouError) -> None:
        """Show an error that the user can act on."""
        self.notify(error.render(), title="没有成功", severity="error", timeout=12, markup=False)

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Show errors that the user can act on, and go on; whatever else is raised stays a bug."""
        from xiyou_tui.storage.database import explained_database

        try:
            with explained_database():
                yield
        except XiyouError as error:
            self.complain(error)

    def copy_with_notice(self, text: str, what: str) -> None:
        """Copy to the clipboard, and say so only when it worked."""
        driver = self._driver
        if copy_text(text, driver.write if driver is not None else None):
            self.notify(f"{what}已复制。", timeout=3)
        else:
            self.notify("这个终端不让程序写剪贴板。可以按住 Option 或 Shift 用鼠标选取。", severity="warning")

    def _fatal_error(self) -> None:
        """A bug ends the app with one sentence and the traceback in the log, not with a screen full of code."""
        self._return_code = 2
        self._exit_renderables.append(record_bug())
        self._close_messages_no_wait()

    def on_unmount(self) -> None:
        if self._stop_watching is not None:
            self._stop_watching()
        if self._follower is not None:
            self._follower.close()
        if self._downloads is not None:
            self._downloads.close()
        if self._lock is not None:
            self._lock.release()


def open_app() -> int:
    """Run the app until the user leaves it; returns the exit code. Raises XiyouError when the workplace can't be opened."""
    app = XiyouApp()
    app.run()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0
