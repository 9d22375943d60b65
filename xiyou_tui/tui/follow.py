"""Follows the run directories from a thread: wakes when files change (watchdog), looks every second or two anyhow, posts facts.

The app owns one follower; the Train pane names the runs it wants in full. Nothing here is lost when the interface ends: the
next follower reads the same files.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from textual.message import Message

from xiyou_tui.errors import TrainingError
from xiyou_tui.storage.places import Places
from xiyou_tui.training.events import Event
from xiyou_tui.training.run import RunDirectory, RunMeta, list_runs
from xiyou_tui.training.state import RunState
from xiyou_tui.tui.story import RunStory

LIVE = ("starting", "queued", "running", "paused")
# Of a run that ended, the list needs its last events only.
TAIL_BYTES = 64 * 1024
# Pictures follow the files no faster than this, seconds.
SHORTEST = 0.15
SLOW_POLL = 1.5


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One line of the list of runs. `meta` is None for a run whose record can't be read."""

    run: RunDirectory
    name: str
    tags: tuple[str, ...]
    meta: RunMeta | None
    state: RunState

    @property
    def live(self) -> bool:
        return self.state.status in LIVE


@dataclass
class RunsListed(Message):
    """The list of runs, newest first, or the state of one in it, has changed."""

    entries: tuple[RunEntry, ...]


@dataclass
class StoryOpened(Message):
    """A run was read from its beginning; the story now belongs to whoever gets this."""

    run: str
    story: RunStory


@dataclass
class StoryContinued(Message):
    """A run has gone on: new events, its state, and its log when that changed."""

    run: str
    events: tuple[Event, ...]
    state: RunState
    log: tuple[str, ...] | None


@dataclass
class RunEnded(Message):
    """A run that was live a moment ago has finished, stopped, failed or broken off."""

    entry: RunEntry


class _Glance:
    """What the list needs of one run, read again only when its files changed."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._folded = RunState()
        self._offset = max(0, _size(run.metrics) - TAIL_BYTES) if not run.is_alive() else 0
        self._labels: object = None
        self._named: tuple[str, tuple[str, ...], RunMeta | None] = (run.id, (), None)

    def entry(self) -> RunEntry:
        page = self.run.events(self._offset)
        self._offset = page.offset
        for event in page.events:
            self._folded = self._folded.after(event)
        labels = (_stamp(self.run.path / "labels.json"), _stamp(self.run.path / "start.json"))
        if self._labels is None or labels != self._labels:
            self._labels = labels
            meta = None
            with contextlib.suppress(TrainingError):
                meta = self.run.meta()
            self._named = (self.run.name, self.run.tags, meta)
        name, tags, meta = self._named
        return RunEntry(self.run, name, tags, meta, self.run.settle(self._folded))


class _Reading:
    """One run followed in full: where its events and its log were read to."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._offset = 0
        self._log: object = None
        self._folded = RunState()
        self._told: RunState | None = None

    def open(self) -> RunStory:
        story = RunStory(self.run)
        events, log = self._read()
        story.add(events)
        story.state = self._told = self.run.settle(self._folded)
        story.log = log or ()
        return story

    def go_on(self) -> StoryContinued | None:
        """What is new, or None."""
        events, log = self._read()
        state = self.run.settle(self._folded)
        if not events and log is None and state == self._told:
            return None
        self._told = state
        return StoryContinued(self.run.id, events, state, log)

    def _read(self) -> tuple[tuple[Event, ...], tuple[str, ...] | None]:
        page = self.run.events(self._offset)
        self._offset = page.offset
        for event in page.events:
            self._folded = self._folded.after(event)
        stamp = _stamp(self.run.log)
        if stamp == self._log:
            return page.events, None
        self._log = stamp
        return page.events, self.run.log_tail()


class RunFollower:
    """The thread that reads. `post` gets the messages; it must be callable from any thread, as `post_message` is."""

    def __init__(self, places: Places, post: Callable[[Message], Any]) -> None:
        self._places = places
        self._post_ended = post
        self._post: Callable[[Message], Any] | None = None
        self._wanted: tuple[str, ...] = ()
        self._glances: dict[str, _Glance] = {}
        self._readings: dict[str, _Reading] = {}
        self._listed: tuple[RunEntry, ...] | None = None
        self._told: tuple[RunEntry, ...] | None = None
        self._stir = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="runs", daemon=True)
        self._stop_watching: Callable[[], None] = lambda: None

    def start(self) -> RunFollower:
        self._thread.start()
        return self

    def close(self) -> None:
        """End the thread; returns at once."""
        self._closing.set()
        self._stir.set()

    def listen(self, post: Callable[[Message], Any] | None) -> None:
        """Where lists and stories go; None: nowhere. The list comes at once."""
        with self._lock:
            self._post, self._told = post, None
            self._readings.clear()
        self._stir.set()

    def want(self, runs: Iterable[str]) -> None:
        """Which runs (ids) are followed in full. A new one is told with StoryOpened."""
        with self._lock:
            self._wanted = tuple(runs)
        self._stir.set()

    def wake(self) -> None:
        """Look now: something was just done to a run."""
        self._stir.set()

    @property
    def entries(self) -> tuple[RunEntry, ...]:
        """The list as last read."""
        return self._listed or ()

    def _follow(self) -> None:
        self._stop_watching = _watch(self._places, self._stir.set)
        try:
            while not self._closing.is_set():
                self._stir.clear()
                # A thing that can't be read now is read on the next round; the thread must outlive it.
                with contextlib.suppress(Exception):
                    self.look()
                self._closing.wait(SHORTEST)
                self._stir.wait(SLOW_POLL)
        finally:
            self._stop_watching()

    def look(self) -> None:
        """One round: read what changed and post what is new."""
        with self._lock:
            post, wanted = self._post, self._wanted
        found = {run.id: run for run in list_runs(self._places)}
        self._glances = {key: self._glances.get(key) or _Glance(run) for key, run in found.items()}
        entries = tuple(glance.entry() for glance in self._glances.values())
        before = {entry.run.id: entry for entry in self._listed or ()}
        self._listed = entries
        for entry in entries:
            former = before.get(entry.run.id)
            if former is not None and former.live and not entry.live:
                self._post_ended(RunEnded(entry))
        if post is None:
            return
        if entries != self._told:
            self._told = entries
            post(RunsListed(entries))
        self._readings = {key: reading for key, reading in self._readings.items() if key in wanted and key in found}
        for key in wanted:
            if key not in found:
                continue
            if key not in self._readings:
                reading = _Reading(found[key])
                post(StoryOpened(key, reading.open()))
                self._readings[key] = reading
            elif (news := self._readings[key].go_on()) is not None:
                post(news)


def _watch(places: Places, stir: Callable[[], None]) -> Callable[[], None]:
    """Call `stir` when anything below `runs/` changes; returns what ends it. Where the system can't watch, the slow poll remains."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            # Reading a file makes events of its own ("opened"): those must not wake the reader.
            if event.event_type in ("modified", "created", "moved", "deleted"):
                stir()

    observer = Observer()
    observer.daemon = True
    try:
        places.runs.mkdir(parents=True, exist_ok=True)
        observer.schedule(Handler(), str(places.runs), recursive=True)
        observer.start()
    except OSError:
        return lambda: None
    return observer.stop


def _size(path: Any) -> int:
    try:
        return int(path.stat().st_size)
    except OSError:
        return 0


def _stamp(path: Any) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_size


def blank_entry(run: RunDirectory) -> RunEntry:
    """An entry for a run that was started this moment, until the follower has looked."""
    return replace(_Glance(run).entry())
