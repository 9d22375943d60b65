"""Bring in a source, page by page and politely, and read it as an edition: `Fetcher` is the door for the command line and the dialog."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

from xiyou_tui.corpus.fetch.arrival import check_book, check_chapter, find_redirect, unpack
from xiyou_tui.corpus.fetch.failures import Fault, FetchError, Stopped
from xiyou_tui.corpus.fetch.patience import Patience, persist
from xiyou_tui.corpus.fetch.proxies import choose_proxies
from xiyou_tui.corpus.fetch.sources import Page, Source
from xiyou_tui.corpus.fetch.stop import Stop
from xiyou_tui.corpus.fetch.store import FetchFolder, Partial
from xiyou_tui.corpus.fetch.transport import Limits, Transport
from xiyou_tui.corpus.importer import ImportReport, import_text
from xiyou_tui.corpus.importer.report import ranges
from xiyou_tui.errors import CorpusError
from xiyou_tui.storage.places import Places

# So many pages in a row that can't be had: the source has moved, and asking for the rest is no use.
_MOST_LOST = 3
_ALTERNATIVES = "换一个来源，在设置里填代理（network.proxy），在 sources.toml 里给这个来源写镜像（mirror），或用浏览器下载了再导入文件"


@dataclass(frozen=True, slots=True)
class Step:
    """What just happened. `number` of `of` pages; `size` and `total` in bytes; `seconds` until the next try; `reason` in Chinese."""

    kind: Literal["asking", "receiving", "waiting", "arrived", "found", "failed", "reading"]
    page: Page
    number: int
    of: int
    address: str = ""
    size: int = 0
    total: int | None = None
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A source that was fetched and read: nothing is on the shelf yet. `received` in bytes; `reused` pages were there before."""

    source: Source
    folder: str
    report: ImportReport
    requests: int
    received: int
    reused: int
    notes: tuple[str, ...]


@dataclass
class _Haul:
    """The pages of one fetch: which are there, which could not be had and why."""

    reused: int = 0
    arrived: list[Page] = field(default_factory=list)
    lost: list[tuple[Page, Fault]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Fetcher:
    """One fetch of one source. The waits and the chance in them can be replaced, for tests."""

    def __init__(
        self, source: Source, places: Places, *, proxy: str = "", contact: str = "", stop: Stop | None = None, limits: Limits | None = None,
        patience: Patience | None = None, tell: Callable[[Step], None] | None = None, sleep: Callable[[float], None] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self.source = source
        self.stop = stop or Stop()
        self.folder = FetchFolder(places.cache, source.id)
        self._limits = limits or Limits()
        self._patience = patience or Patience()
        self._tell = tell or (lambda step: None)
        self._sleep = sleep or self.stop.sleep
        self._jitter = jitter
        self._transport = Transport(proxies=choose_proxies(proxy), stop=self.stop, limits=self._limits, contact=contact)
        self._other_book = False
        # Which of the addresses served last: the next page is asked there first.
        self._served = 0

    def run(self, *, again: bool = False, partial: bool = False, title: str = "", other_book: bool = False) -> Fetched:
        """Fetch what is missing and read the whole. With `again` from the beginning; with `partial` also when pages are missing.

        Raises FetchError when the text can't be had whole (what came is kept and gone on with next time), CorpusError when it is no
        text of this novel (unless `other_book`).
        """
        self._other_book = other_book
        with self.folder:
            if again:
                self.folder.clear()
            haul = _Haul()
            try:
                self._bring_all(haul)
            except Stopped:
                raise self._stopped(haul) from None
            if haul.lost and not (partial and haul.arrived):
                raise self._incomplete(haul)
            report = self._read(haul, title, partial)
        return Fetched(
            self.source, str(self.folder.path), report, self._transport.requests, self._transport.received, haul.reused, tuple(haul.notes)
        )

    def _bring_all(self, haul: _Haul) -> None:
        pages = self.source.pages
        lost = 0
        for number, page in enumerate(pages, 1):
            self.stop.check()
            if self.folder.has(page.name):
                haul.reused += 1
                haul.arrived.append(page)
                self._tell(Step("found", page, number, len(pages)))
                continue
            if self._transport.requests:
                self._sleep(self.source.pause)
            try:
                size, note = self._bring(page, number, len(pages))
            except Fault as fault:
                haul.lost.append((page, fault))
                self._tell(Step("failed", page, number, len(pages), reason=fault.reason))
                lost += 1
                if fault.whole or lost >= _MOST_LOST:
                    haul.lost += [(rest, fault) for rest in pages[number:] if not self.folder.has(rest.name)]
                    haul.arrived += [rest for rest in pages[number:] if self.folder.has(rest.name)]
                    return
                continue
            lost = 0
            haul.arrived.append(page)
            if note:
                haul.notes.append(f"{_label(page)}：{note}")
            self._tell(Step("arrived", page, number, len(pages), size=size, reason=note))

    def _bring(self, page: Page, number: int, of: int) -> tuple[int, str]:
        """One page, from the first of its addresses that has it; returns its bytes and what to know of it. Raises the last Fault."""
        count = len(page.addresses)
        fault: Fault | None = None
        down: set[str] = set()
        for turn in range(count):
            index = (self._served + turn) % count
            host = urlsplit(page.addresses[index]).netloc
            if host in down:
                continue
            if turn:
                self._sleep(self.source.pause)
            try:
                found = self._persist(page, page.addresses[index], number, of)
            except Fault as failed:
                # Of several failures the one that says most: that the page is not there says least.
                fault = failed if fault is None or fault.code == "not-there" else fault
                if failed.whole:
                    down.add(host)
                continue
            self._served = index
            return found
        assert fault is not None
        raise fault

    def _persist(self, page: Page, address: str, number: int, of: int) -> tuple[int, str]:
        partial = self.folder.partial(page.name)

        def attempt() -> tuple[int, str]:
            try:
                return self._receive(page, address, partial, number, of)
            except Fault as fault:
                if fault.fresh:
                    partial.discard()
                raise

        def waiting(seconds: float, fault: Fault) -> None:
            self._tell(Step("waiting", page, number, of, address, partial.size, None, seconds, fault.reason))

        return persist(attempt, patience=self._patience, size=lambda: partial.size, sleep=self._sleep, waiting=waiting, jitter=self._jitter)

    def _receive(self, page: Page, address: str, partial: Partial, number: int, of: int) -> tuple[int, str]:
        data = b""
        # A wiki page may only point to another one: that one is asked for once.
        for turn in range(2):
            asked = address

            def told(size: int, total: int | None, asked: str = asked) -> None:
                self._tell(Step("receiving", page, number, of, asked, size, total))

            self._tell(Step("asking", page, number, of, asked, partial.size))
            trail = self._transport.receive(asked, partial, told)
            data = unpack(partial.read(), trail.encoding, self._limits.largest)
            following = find_redirect(data, asked) if page.chapter is not None else None
            if following is None or turn:
                break
            self._sleep(self.source.pause)
            address = following
        note = ""
        if page.chapter is None:
            check_book(data)
        elif not self._other_book:
            note = check_chapter(data, page.chapter, self.source.format)
        self.folder.keep(page.name, data)
        return len(data), note

    def _read(self, haul: _Haul, title: str, partial: bool) -> ImportReport:
        """The edition out of what came; its source is the name of the place and the machine it came from."""
        single = not self.source.chapters
        path = self.folder.page(self.source.pages[0].name) if single else self.folder.path
        last = self.source.pages[-1]
        self._tell(Step("reading", last, len(self.source.pages), len(self.source.pages)))
        try:
            report = import_text(path, title=title, other_book=self._other_book)
        except CorpusError as error:
            if single and error.code != "other-book":
                # Kept, it would be taken for the book again next time.
                path.unlink(missing_ok=True)
            raise
        missing = _missing(report) if single and report.edition.kind == "novel" else []
        if missing and not partial:
            raise FetchError(
                f"取来的文件不全：没有第 {ranges(missing)} 回。",
                kept=f"文件在 {path}。",
                next_step=f"加 --again 从头再取，或加 --partial 就用这些；也可以{_ALTERNATIVES}。",
                code="fetch-incomplete", arrived=report.chapters, missing=missing, folder=str(self.folder.path),
            )  # fmt: skip
        host = self.source.hosts[0]
        name = self.source.name if self.source.name == host else f"{self.source.name}（{host}）"
        return replace(report, edition=replace(report.edition, source=name))

    def _stopped(self, haul: _Haul) -> FetchError:
        return FetchError(
            "已停下，没有取完。", kept=self._kept(haul), next_step="再取一次就从这里接着取。", code="fetch-stopped",
            arrived=len(haul.arrived), missing=self._absent(), folder=str(self.folder.path),
        )  # fmt: skip

    def _incomplete(self, haul: _Haul) -> FetchError:
        page, fault = haul.lost[0]
        absent = self._absent()
        # Where the source as a whole failed, its reason is said once.
        reasons = list(dict.fromkeys(fault.reason for _, fault in haul.lost))[:3]
        what = f"没有取全，缺第 {ranges(list(absent))} 回：{'；'.join(reasons)}。" if absent else f"{_label(page)}没有取到：{fault.reason}。"
        return FetchError(
            what, kept=self._kept(haul), next_step=f"过一会儿再取，会从断的地方接着取；也可以{_ALTERNATIVES}。",
            code=f"fetch-{fault.code}", arrived=len(haul.arrived), missing=absent, folder=str(self.folder.path),
        )  # fmt: skip

    def _absent(self) -> Sequence[int]:
        return [page.chapter for page in self.source.pages if page.chapter is not None and not self.folder.has(page.name)]

    def _kept(self, haul: _Haul) -> str:
        there = sum(1 for page in self.source.pages if self.folder.has(page.name))
        if self.source.chapters and there:
            return f"取到的 {there} 回都在 {self.folder.path}，已有的底本没有改动。"
        size = self.folder.partial(self.source.pages[0].name).size
        return f"取到的 {size:,} 字节留着，已有的底本没有改动。" if size else "已有的底本没有改动。"


def _label(page: Page) -> str:
    return f"第 {page.chapter} 回" if page.chapter is not None else f"「{page.name}」"


def _missing(report: ImportReport) -> list[int]:
    there = {chapter.number for chapter in report.edition.chapters}
    return [number for number in range(1, 101) if number not in there]

