"""Bring in a model, file by file, checked by hash: `Downloader` is the door for the command line and the Models pane.

huggingface_hub is not used here: it checks sizes but no hashes while it downloads, can't be stopped in the middle of a file, and knows
no ModelScope. What `corpus/fetch` has for requests, waits and resuming serves both sites.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from xiyou_tui.corpus.fetch.failures import Fault, Stopped
from xiyou_tui.corpus.fetch.patience import Patience, persist
from xiyou_tui.corpus.fetch.proxies import choose_proxies
from xiyou_tui.corpus.fetch.stop import Stop
from xiyou_tui.corpus.fetch.transport import Limits, Transport
from xiyou_tui.errors import ModelError, StorageError
from xiyou_tui.models.hubs import Hub, Listing, RemoteFile
from xiyou_tui.models.parts import DownloadPlan, PartFolder, Pending, arrived, folder_of, is_busy, matches, read_pending
from xiyou_tui.models.registry import MARKER, ModelCard, inspect_model
from xiyou_tui.models.troubles import DownloadError, disk_full, explain_fault, no_room, show_gb, stopped
from xiyou_tui.models.wanted import check_config, choose_files, read_licence
from xiyou_tui.storage.files import discard, explained, write_json
from xiyou_tui.storage.places import Places

KIND = "download"
_LIST = ".list"
# A list of files is some tens of kilobytes; a repository with thousands of files is no model for this machine.
_LARGEST_LIST = 16 * 2**20
# Left free on the disk, so that the rest of the system goes on.
_SPARE = 256 * 2**20
_NAME = re.compile(r"[\w][\w.+-]{0,99}")
_CHECKED_EVERY = 32 * 2**20
# Six minutes of waits in all: a network that has worked may be gone for a while (a train, a lid that was closed) and come back.
PATIENCE = Patience(attempts=12, requests=1000)
# One that has not worked yet is given up sooner: the user sits there and waits for a word.
_FIRST_TRIES = 5
_HTML = (b"<!doctype", b"<html", b"<head", b"<body")


@dataclass(frozen=True, slots=True)
class Order:
    """What to fetch and from where. `revision` "" is the newest; `name` "" takes that of the repository."""

    hub: Hub
    repo: str
    revision: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What just happened. File `number` of `of`; `done` of `total` bytes of the whole model; `seconds` until the next try; `reason` in Chinese."""

    kind: Literal["listing", "planned", "receiving", "restarted", "waiting", "checking", "arrived", "found", "finishing"]
    file: str = ""
    number: int = 0
    of: int = 0
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A model that stands in its place. `already`: it stood there before, nothing was asked. `received` in bytes, this time."""

    card: ModelCard
    plan: DownloadPlan | None
    already: bool
    requests: int = 0
    received: int = 0
    reused: int = 0


def order_again(pending: Pending) -> Order:
    """The order that goes on with a download that is not whole."""
    return Order(pending.plan.hub, pending.plan.repo, pending.plan.revision, pending.plan.name)


def find_place(places: Places, order: Order) -> Path:
    """Where the model will stand: under the last part of its name, with its author in front where another model has that.

    Raises ModelError for a name that can't be one of a directory.
    """
    if order.name and not _NAME.fullmatch(order.name):
        raise ModelError(f"「{order.name[:60]}」不能当作模型目录的名字。", next_step="用字母、数字、汉字、点和横线，不以点开头。", code="bad-name")
    author, _, name = order.repo.partition("/")
    place = places.models / (order.name or name)
    if order.name or not place.exists() or repo_of(place) == order.repo:
        return place
    return places.models / f"{author}--{name}"


def repo_of(path: Path) -> str:
    """The repository that a model in a directory was fetched from, or ""."""
    try:
        return str(json.loads((path / MARKER).read_text("utf-8")).get("repo", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def origin_facts(card: ModelCard) -> list[tuple[str, str]]:
    """Where a fetched model came from, as label and text; nothing for others."""
    marker = card.marker
    if marker.get("kind") != KIND:
        return []
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(marker.get("made", 0))))
    commit = str(marker.get("commit", ""))[:12]
    rows = [("来源", f"{marker.get('repo', '')}（{marker.get('endpoint', '')}）"), ("版本", f"{marker.get('revision', '')}{f' {commit}' if commit else ''}")]
    return [*rows, ("下载", when), ("许可", str((marker.get("licence") or {}).get("id", "")) or "没写，看 README.md")]


class Downloader:
    """One download of one model. The waits and the chance in them can be replaced, for tests."""

    def __init__(
        self, order: Order, places: Places, *, proxy: str = "", stop: Stop | None = None, limits: Limits | None = None,
        patience: Patience | None = None, tell: Callable[[Step], None] | None = None, sleep: Callable[[float], None] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self.order = order
        self.stop = stop or Stop()
        self.place = find_place(places, order)
        self.folder = PartFolder(folder_of(places, order.repo))
        self._places = places
        self._patience = patience or PATIENCE
        self._tell = tell or (lambda step: None)
        self._sleep = sleep or self.stop.sleep
        self._jitter = jitter
        self._transport = Transport(
            proxies=choose_proxies(proxy), stop=self.stop, limits=replace(limits or Limits(stall=30.0), largest=_LARGEST_LIST),
            headers=self._headers, anywhere=True,
        )  # fmt: skip
        self._files: tuple[RemoteFile, ...] = ()
        self._gated = False
        self._worked = False

    def run(self, *, again: bool = False) -> Downloaded:
        """Fetch what is missing and put the model in its place. With `again` also a model that stands there (the old one goes to the bin).

        Raises DownloadError when it can't be had whole (what came is kept and gone on with next time), ModelError for what is no
        model for this program.
        """
        standing = self._standing()
        if standing is not None and not again:
            return Downloaded(standing, None, already=True)
        with self.folder:
            try:
                return self._run()
            except Stopped:
                raise stopped(self.order.repo, self._received(), self._total()) from None
            except StorageError as error:
                if error.code == "disk-full":
                    raise disk_full(self.order.repo, self._received(), self._total()) from error
                raise
            finally:
                # Where it never came to a plan, there is nothing to go on with.
                self.folder.remove_unplanned()

    def _run(self) -> Downloaded:
        listing = self._list()
        self._files = choose_files(listing)
        plan = self._plan(listing)
        self.folder.reconcile(self._files)
        self.folder.write_plan(plan)
        self._tell(Step("planned", of=len(self._files), done=self._received(), total=self._total()))
        self._check_room()
        reused = 0
        for number, file in enumerate(self._files, 1):
            self.stop.check()
            found = self.folder.has(file)
            reused += found
            if not found:
                self._bring(file, number, plan)
            self._tell(Step("found" if found else "arrived", file.path, number, len(self._files), self._received(), self._total()))
            if file.path == "config.json":
                try:
                    check_config(self.folder.files / file.path, self.order.repo)
                except ModelError:
                    self._forget()
                    raise
        card = self._finish(plan)
        return Downloaded(card, plan, False, self._transport.requests, self._transport.received, reused)

    # What is wanted.

    def _list(self) -> Listing:
        """The list of files at the revision that was asked for, or at the commit that a former try began with."""
        order, before = self.order, read_pending(self.folder.path)
        commit = ""
        if before is not None:
            self._files = before.plan.files
            # The files of one commit fit together; the branch may have gone on since.
            if order.hub.source != "modelscope" and before.plan.source != "modelscope" and before.plan.revision == order.revision:
                commit = before.plan.commit
        try:
            return self._ask_list(commit or order.revision or order.hub.revision)
        except DownloadError as error:
            if not commit or error.code != "download-no-revision":
                raise
            return self._ask_list(order.revision or order.hub.revision)

    def _ask_list(self, revision: str) -> Listing:
        order = self.order
        self._tell(Step("listing", done=self._received(), total=self._total()))
        partial = self.folder.partial(_LIST)

        def attempt() -> Listing:
            partial.discard()
            self._transport.receive(order.hub.list_address(order.repo, revision), partial, lambda size, total: None)
            data = partial.read()
            try:
                content = json.loads(data)
                if said := order.hub.refusal(content):
                    raise Fault("not-there", said, lasting=True)
                return order.hub.read_list(order.repo, content)
            except (ValueError, TypeError, AttributeError) as error:
                if data.lstrip()[:9].lower().startswith(_HTML):
                    raise Fault("html-page", "来的是一张网页，多半是上网登录页或出错页", tries=2) from error
                raise Fault("bad-answer", f"{order.hub.endpoint} 的回答看不懂，不像一个模型站", tries=2) from error

        try:
            listing: Listing = self._persist(attempt, partial_size=lambda: 0, file="")
        finally:
            partial.discard()
        self._gated = listing.gated
        return listing

    def _plan(self, listing: Listing) -> DownloadPlan:
        before, order = read_pending(self.folder.path), self.order
        started = before.plan.started if before else time.time()
        return DownloadPlan(
            order.repo, order.hub.source, order.hub.endpoint, order.revision, listing.commit, order.name, started, listing.licence, self._files
        )

    def _check_room(self) -> None:
        needed = self._total() - self._received()
        with explained(self.folder.path):
            free = shutil.disk_usage(self.folder.path).free
        if needed and needed + _SPARE > free:
            raise no_room(self.order.repo, needed, free, self._received(), self._total())

    # Files.

    def _bring(self, file: RemoteFile, number: int, plan: DownloadPlan) -> None:
        """One file, until it is here and is the one listed."""
        partial = self.folder.partial(file.path)
        address = self.order.hub.file_address(self.order.repo, plan.commit or self.order.revision or self.order.hub.revision, file.path)
        before = self._received() - arrived(self.folder.path, file)

        def step(kind: Literal["receiving", "restarted", "checking"], size: int) -> None:
            self._tell(Step(kind, file.path, number, len(self._files), before + size, self._total()))

        def attempt() -> None:
            try:
                self._receive(file, address, step)
            except Fault as fault:
                if fault.fresh:
                    partial.discard()
                raise

        if file.size:
            self._persist(attempt, partial_size=lambda: partial.size, file=file.path, number=number)
        self.folder.keep(file)

    def _receive(self, file: RemoteFile, address: str, step: Callable[[Any, int], None]) -> None:
        partial = self.folder.partial(file.path)
        start, began = partial.size, False

        def told(size: int, total: int | None) -> None:
            nonlocal began
            if not began and size < start:
                step("restarted", size)
            began = True
            self._worked = self._worked or size > start
            step("receiving", size)

        # All of it may be here, not yet checked, when the last try was ended by force.
        if start != file.size:
            trail = self._transport.receive(address, partial, told, expected=file.size)
            if trail.encoding:
                self._unpack(file, trail.encoding)
        shown = 0

        def checked(count: int) -> None:
            nonlocal shown
            self.stop.check()
            if count - shown >= _CHECKED_EVERY:
                shown = count
                step("checking", file.size)

        with explained(partial.path):
            good = matches(partial.path, file, checked)
        if good:
            return
        if partial.path.read_bytes()[:64].lstrip().lower().startswith(_HTML) and not file.path.lower().endswith((".md", ".html")):
            raise Fault("html-page", "来的是一张网页，不是文件，多半是上网登录页或出错页", fresh=True, tries=2, whole=True)
        # Pieces that were put together may not fit; what came in one go and is wrong is asked for once more.
        raise Fault("wrong-hash", "下到的和清单上的校验码对不上", fresh=True, tries=99 if start else 2)

    def _unpack(self, file: RemoteFile, encoding: str) -> None:
        """Take off a content coding that the server put on although none was asked for."""
        from xiyou_tui.corpus.fetch.arrival import unpack

        partial = self.folder.partial(file.path)
        data = unpack(partial.read(), encoding, file.size)
        with explained(partial.path):
            partial.path.write_bytes(data)

    def _persist(self, attempt: Callable[[], Any], *, partial_size: Callable[[], int], file: str, number: int = 0) -> Any:
        def waiting(seconds: float, fault: Fault) -> None:
            self._tell(Step("waiting", file, number, len(self._files), self._received(), self._total(), seconds, fault.reason))

        def tried() -> Any:
            try:
                return attempt()
            except Fault as fault:
                if not self._worked:
                    fault.tries = min(fault.tries, _FIRST_TRIES)
                elif fault.code in ("offline", "proxy"):
                    fault.tries = max(fault.tries, self._patience.attempts)
                raise

        try:
            return persist(tried, patience=self._patience, size=partial_size, sleep=self._sleep, waiting=waiting, jitter=self._jitter)
        except Fault as fault:
            raise explain_fault(
                fault, self.order.hub, self.order.repo, file, gated=self._gated, received=self._received(), total=self._total()
            ) from fault

    # The end.

    def _finish(self, plan: DownloadPlan) -> ModelCard:
        """Write the marker, look at the whole, move it to its place in one step."""
        files = self.folder.files
        self._tell(Step("finishing", number=len(self._files), of=len(self._files), done=self._total(), total=self._total()))
        licence = plan.licence or read_licence(files / "README.md")
        write_json(files / MARKER, {
            "kind": KIND, "name": self.place.name, "made": time.time(), "source": plan.source, "endpoint": plan.endpoint, "repo": plan.repo,
            "revision": plan.revision or plan.hub.revision, "commit": plan.commit, "date": time.strftime("%Y-%m-%d %H:%M:%S%z"),
            "licence": {"id": licence, "from": plan.repo} if licence else {}, "files": {file.path: file.as_record() for file in plan.files},
        })  # fmt: skip
        try:
            inspect_model(files)
        except ModelError as error:
            raise DownloadError(
                f"「{plan.repo}」下完了，却不是能用的模型：{error.what}", kept=f"下到的 {show_gb(plan.total)} 都在 {files}。",
                next_step="换一个模型；这一份在模型里按 d 删掉。", code="download-unusable", repo=plan.repo, received=plan.total, total=plan.total,
            ) from error  # fmt: skip
        with explained(self.place):
            if self.place.exists():
                discard(self.place, self._places.bin)
            files.rename(self.place)
        self.folder.remove()
        return inspect_model(self.place)

    def _standing(self) -> ModelCard | None:
        """The model that stands in the place already, if it is this one; raises ModelError when it is another."""
        if not self.place.exists():
            return None
        if repo_of(self.place) != self.order.repo:
            raise ModelError(f"{self.place.name} 这个名字已经有别的模型用了。", next_step="用 --name 另起一个名字。", code="name-taken")
        try:
            card = inspect_model(self.place)
        except ModelError:
            return None
        if self.folder.path.is_dir() and not self.folder.files.exists() and not is_busy(self.folder.path):
            # The last try was ended by force when all was done but for tidying up.
            self.folder.remove()
        return card

    def _forget(self) -> None:
        """What came is of no use: leave no unfinished download behind, unless weights have come before."""
        if not any(file.path.endswith(".safetensors") and arrived(self.folder.path, file) for file in self._files):
            self.folder.remove()

    def _headers(self, address: str) -> Mapping[str, str]:
        token = os.environ.get("HF_TOKEN", "").strip()
        plain = {"Accept": "*/*"}
        return {**plain, "Authorization": f"Bearer {token}"} if token.isascii() and token and self.order.hub.takes_token(address) else plain

    def _received(self) -> int:
        return sum(arrived(self.folder.path, file) for file in self._files)

    def _total(self) -> int:
        return sum(file.size for file in self._files)
