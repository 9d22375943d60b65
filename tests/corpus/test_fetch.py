"""Fetching from a server that is well or badly behaved: what arrives is exactly the text, and nothing is asked for twice without need."""

from __future__ import annotations

import io
import shutil
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpus.conftest import make_book
from tests.corpus.server import (
    PORTAL,
    Server,
    chapter_path,
    drip,
    endless,
    hang_up,
    make_page,
    proxy_to,
    running,
    silent,
    status,
    wait_for,
    whole,
    zipped,
)  # fmt: skip
from xiyou_tui.corpus.fetch.arrival import check_chapter
from xiyou_tui.corpus.fetch.failures import Fault, FetchError
from xiyou_tui.corpus.fetch.fetching import Fetched, Fetcher, Step
from xiyou_tui.corpus.fetch.patience import Patience
from xiyou_tui.corpus.fetch.sources import Source, source_from_address
from xiyou_tui.corpus.fetch.stop import Stop
from xiyou_tui.corpus.fetch.transport import Limits
from xiyou_tui.corpus.model import Edition
from xiyou_tui.errors import CorpusError
from xiyou_tui.storage.places import Places

QUICK = Limits(connect=2.0, stall=0.3, slow_after=0.3, slow_bytes=100)
BOOK = make_book().encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with running() as made:
        yield made


class Run:
    """One fetch with quick limits; waits are noted and not waited for."""

    def __init__(self, source: Source, places: Places, **options: Any) -> None:
        self.waits: list[float] = []
        self.steps: list[Step] = []
        self.fetcher = Fetcher(
            source, places, limits=options.pop("limits", QUICK), tell=self.steps.append, sleep=options.pop("sleep", self.waits.append),
            jitter=lambda: 1.0, **options,
        )  # fmt: skip

    def run(self, **options: Any) -> Fetched:
        return self.fetcher.run(**options)

    def fails(self, **options: Any) -> FetchError:
        with pytest.raises(FetchError) as caught:
            self.fetcher.run(**options)
        assert caught.value.next_step
        return caught.value


def by_chapter(server: Server, count: int = 3, **options: Any) -> Source:
    return Source("wiki", "小文库", (server.chapters(range(1, count + 1)),), chapters=tuple(range(1, count + 1)), format="text", **options)


def one_file(server: Server, *answers: Any, path: str = "/book.txt") -> Source:
    return source_from_address(server.on(path, *answers))


def kept(run: Run) -> bytes:
    return run.fetcher.folder.page(run.fetcher.source.pages[0].name).read_bytes()


# All is well.


def test_chapters_become_an_edition(server: Server, places: Places) -> None:
    run = Run(by_chapter(server), places, contact="reader@example.org")
    fetched = run.run()
    edition = fetched.report.edition
    assert [chapter.number for chapter in edition.chapters] == [1, 2, 3] and edition.kind == "novel"
    assert edition.source == f"小文库（{server.address.removeprefix('http://')}）"
    assert server.paths() == [chapter_path(1), chapter_path(2), chapter_path(3)] and server.most_at_once == 1
    assert run.waits == [1.0, 1.0]
    agent = server.asked[0].headers["User-Agent"]
    assert agent.startswith("xiyou/") and "reader@example.org" in agent
    assert [step.kind for step in run.steps if step.kind != "receiving"] == ["asking", "arrived"] * 3 + ["reading"]
    assert (fetched.requests, fetched.reused) == (3, 0) and fetched.received == sum(len(make_page(n).encode()) for n in (1, 2, 3))


def test_what_is_there_is_not_asked_for_again(server: Server, places: Places) -> None:
    source = by_chapter(server)
    first = Run(source, places).run()
    again = Run(source, places).run()
    assert len(server.asked) == 3 and again.requests == 0 and again.reused == 3
    assert again.report.edition.id == first.report.edition.id
    Run(source, places).run(again=True)
    assert len(server.asked) == 6


def test_the_whole_book_by_chapter(server: Server, places: Places) -> None:
    report = Run(by_chapter(server, 100), places).run().report
    assert report.chapters == 100
    assert not [warning for warning in report.warnings if warning.code in ("missing-chapter", "chapter-short", "out-of-order", "wrong-number")]


@pytest.mark.parametrize("packed", [False, True])
def test_one_file(server: Server, places: Places, packed: bool) -> None:
    content = BOOK
    if packed:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("西游.txt", BOOK)
        content = buffer.getvalue()
    run = Run(one_file(server, whole(content), path="/a/book.zip" if packed else "/a/book"), places)
    assert run.run(title="甲本").report.edition.title == "甲本" and kept(run) == content


# Connections that break, stall and drip.


def test_a_break_is_gone_on_with(server: Server, places: Places) -> None:
    run = Run(one_file(server, whole(BOOK, cut=20_000), whole(BOOK, cut=20_000), whole(BOOK)), places)
    assert run.run().report.chapters == 100 and kept(run) == BOOK
    assert [asked.headers.get("Range") for asked in server.asked] == [None, "bytes=20000-", "bytes=40000-"]
    assert server.asked[1].headers["If-Range"] == '"v1"'
    assert [step.size for step in run.steps if step.kind == "waiting"] == [20_000, 40_000]


def test_a_later_fetch_goes_on_too(server: Server, places: Places) -> None:
    source = one_file(server, whole(BOOK, cut=30_000), status(500))
    error = Run(source, places, patience=Patience(attempts=2)).fails()
    assert error.code == "fetch-server-error" and "30,000 字节" in error.kept
    server.on("/book.txt", whole(BOOK))
    run = Run(source, places)
    run.run()
    assert kept(run) == BOOK and server.asked[-1].headers["Range"] == "bytes=30000-"


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(whole(BOOK, ranges=False), id="ignores Range"),
        pytest.param(whole(BOOK, etag='"v2"'), id="the file has changed"),
    ],
)
def test_what_does_not_fit_is_fetched_anew(server: Server, places: Places, second: Any) -> None:
    old = b"\xe6\x97\xa7" * 20_000
    run = Run(one_file(server, whole(old, cut=30_000), second), places)
    run.run()
    assert kept(run) == BOOK


@pytest.mark.parametrize("etag", ["", 'W/"v1"'])
def test_without_a_validator_nothing_is_joined(server: Server, places: Places, etag: str) -> None:
    run = Run(one_file(server, whole(BOOK, cut=30_000, etag=etag), whole(BOOK, etag=etag)), places)
    run.run()
    assert kept(run) == BOOK and "Range" not in server.asked[1].headers


def test_a_wrong_rest_is_thrown_away(server: Server, places: Places) -> None:
    def wrong(handler: Any) -> None:
        handler.head(206, 5, Content_Range="bytes 7-11/12", ETag='"v1"')
        handler.wfile.write(b"wrong")

    run = Run(one_file(server, whole(BOOK, cut=30_000), wrong, whole(BOOK)), places)
    run.run()
    assert kept(run) == BOOK


@pytest.mark.parametrize("first", [silent, hang_up, whole(BOOK, stall=10_000), endless(BOOK[:9000], chunked=True)], ids=["silent", "hang up", "stall", "broken chunk"])
def test_troubles_of_the_line_pass(server: Server, places: Places, first: Any) -> None:
    run = Run(one_file(server, first, whole(BOOK)), places)
    began = time.monotonic()
    run.run()
    assert kept(run) == BOOK and len(server.asked) == 2 and time.monotonic() - began < 5


def test_a_drip_counts_as_stalled(server: Server, places: Places) -> None:
    error = Run(one_file(server, drip(BOOK)), places, patience=Patience(attempts=1)).fails()
    assert error.code == "fetch-stalled" and "太慢" in error.what


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, len(BOOK)), st.booleans(), st.sampled_from(['"v1"', '"v2"', 'W/"v1"', ""]), st.booleans()), max_size=6
    )
)
def test_whatever_breaks_the_bytes_are_those_of_the_server(server: Server, places: Places, breaks: list[tuple[int, bool, str, bool]]) -> None:
    other = BOOK.replace("庄院".encode(), "寺院".encode())
    answers = [whole(other if etag == '"v2"' else BOOK, cut=cut, ranges=ranges, etag=etag) if not error else status(503) for cut, ranges, etag, error in breaks]
    run = Run(one_file(server, *answers, whole(BOOK)), places, patience=Patience(attempts=20))
    run.run(again=True)
    assert kept(run) in (BOOK, other)


# What servers say instead.


def test_a_chapter_that_is_not_there_costs_only_itself(server: Server, places: Places) -> None:
    source = by_chapter(server)
    server.on(chapter_path(2), status(404))
    error = Run(source, places).fails()
    assert (error.code, error.arrived, error.missing) == ("fetch-not-there", 2, (2,)) and "第 2 回" in error.what
    assert len([path for path in server.paths() if path == chapter_path(2)]) == 1
    report = Run(source, places).run(partial=True).report
    assert [chapter.number for chapter in report.edition.chapters] == [1, 3]


def test_after_three_lost_pages_it_asks_no_more(server: Server, places: Places) -> None:
    source = replace(by_chapter(server), chapters=tuple(range(11, 60)))
    error = Run(source, places).fails()
    assert len(server.asked) == 3 and len(error.missing) == 49


def test_the_second_address_helps(server: Server, places: Places) -> None:
    source = by_chapter(server)
    source = replace(source, addresses=(server.address + "/gone/{chapter}", *source.addresses))
    run = Run(source, places)
    assert run.run().report.chapters == 3
    # What served once is asked first from then on.
    assert server.paths() == ["/gone/1", chapter_path(1), chapter_path(2), chapter_path(3)]


@pytest.mark.parametrize(("value", "least"), [("7", 7.0), ("date", 25.0), ("nonsense", 1.0), ("-3", 1.0)])
def test_the_server_says_how_long_to_wait(server: Server, places: Places, value: str, least: float) -> None:
    header = formatdate(time.time() + 30, usegmt=True) if value == "date" else value
    run = Run(one_file(server, status(429, Retry_After=header), whole(BOOK)), places)
    run.run()
    assert len(run.waits) == 1 and least <= run.waits[0] <= least + 6
    assert next(step for step in run.steps if step.kind == "waiting").reason


def test_a_long_wait_ends_the_fetch(server: Server, places: Places) -> None:
    run = Run(one_file(server, status(429, Retry_After="3600")), places)
    error = run.fails()
    assert error.code == "fetch-too-busy" and "60 分钟" in error.what and not run.waits


def test_waits_grow_and_end(server: Server, places: Places) -> None:
    run = Run(one_file(server, status(500)), places)
    assert run.fails().code == "fetch-server-error"
    assert run.waits == [1.0, 2.0, 4.0, 8.0] and len(server.asked) == 5


@pytest.mark.parametrize(("code", "told"), [(403, "refused"), (410, "not-there"), (418, "refused")])
def test_a_refusal_is_taken_at_its_word(server: Server, places: Places, code: int, told: str) -> None:
    assert Run(one_file(server, status(code)), places).fails().code == f"fetch-{told}"
    assert len(server.asked) == 1


def test_nobody_listens(places: Places, server: Server) -> None:
    error = Run(source_from_address("http://127.0.0.1:1/x.txt"), places).fails()
    assert error.code == "fetch-offline" and "代理" in error.next_step and "已有的底本" in error.kept


# Redirects.


def test_redirects_within_the_site_are_followed(server: Server, places: Places) -> None:
    server.on("/新/book.txt", whole(BOOK))
    run = Run(one_file(server, status(302, Location="/新/book.txt".encode().decode("latin-1"))), places)
    run.run()
    assert kept(run) == BOOK and server.paths() == ["/book.txt", "/新/book.txt"]


@pytest.mark.parametrize("target", ["http://localhost:{port}/login", "file:///etc/passwd", "ftp://127.0.0.1/x", "//example.org/x"])
def test_redirects_elsewhere_are_not(server: Server, places: Places, target: str) -> None:
    port = server.address.rpartition(":")[2]
    error = Run(one_file(server, status(302, Location=target.format(port=port))), places).fails()
    assert error.code == "fetch-moved" and len(server.asked) == 1


def test_redirects_in_a_circle_end(server: Server, places: Places) -> None:
    assert Run(one_file(server, status(301, Location="/book.txt")), places).fails().code == "fetch-redirects"
    assert len(server.asked) <= 6


def test_a_wiki_page_that_points_to_another(server: Server, places: Places) -> None:
    source = by_chapter(server, 1)
    server.on("/w?title=西遊記/第一回&action=raw", whole(make_page(1).encode()))
    server.on(chapter_path(1), whole("#REDIRECT [[西遊記/第一回]]\n".encode()))
    assert Run(source, places).run().report.chapters == 1
    assert server.paths() == [chapter_path(1), "/w?title=西遊記/第一回&action=raw"]


# What arrives is checked.


def test_a_login_page_is_no_chapter(server: Server, places: Places) -> None:
    source = by_chapter(server)
    server.on(chapter_path(2), whole(PORTAL, kind="text/html"))
    error = Run(source, places).fails()
    # The others would fail likewise: they are not asked for.
    assert error.code == "fetch-html-page" and "登录" in error.what and chapter_path(3) not in server.paths()
    server.on(chapter_path(2), whole(make_page(2).encode()))
    assert Run(source, places).run().report.chapters == 3 and server.paths().count(chapter_path(1)) == 1


def test_a_login_page_is_no_book(server: Server, places: Places) -> None:
    source = one_file(server, whole(PORTAL, kind="text/html"))
    assert Run(source, places).fails().code == "fetch-html-page"
    server.on("/book.txt", whole(BOOK))
    assert Run(source, places).run().report.chapters == 100


def damaged(page: str) -> bytes:
    data = page.encode()
    return data[:3000] + b"\xff\xfe\x80\x80\xfd" + data[3005:]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(damaged(make_page(2)), "damaged-text", id="broken bytes"),
        pytest.param(make_page(2).encode("gb18030").decode("latin-1").encode(), "not-text", id="twice encoded"),
        pytest.param(bytes(range(256)) * 80, "not-text", id="binary"),
        pytest.param(b"", "not-text", id="empty"),
        pytest.param(make_page(5).encode(), "wrong-text", id="another chapter"),
        pytest.param(make_book(range(1, 2), 200).replace("回　", "曰　").encode(), "wrong-text", id="no chapter"),
        pytest.param(make_page(2, share=0.4).encode(), "too-short", id="torn"),
    ],
)
def test_pages_that_are_no_chapter_are_refused(server: Server, places: Places, body: bytes, code: str) -> None:
    source = by_chapter(server)
    server.on(chapter_path(2), whole(body))
    run = Run(source, places)
    error = run.fails()
    assert (error.code, error.missing) == (f"fetch-{code}", (2,)), error.what
    assert not run.fetcher.folder.partial("第002回.txt").size
    server.on(chapter_path(2), whole(make_page(2).encode()))
    assert Run(source, places).run().report.chapters == 3


def test_damage_on_the_way_passes(server: Server, places: Places) -> None:
    source = by_chapter(server)
    server.on(chapter_path(2), endless(make_page(2).encode()[:9000]), whole(damaged(make_page(2))), whole(make_page(2).encode()))
    assert Run(source, places).run().report.chapters == 3


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig"])
def test_other_encodings_are_read(server: Server, places: Places, encoding: str) -> None:
    source = by_chapter(server)
    server.on(chapter_path(2), whole(make_page(2).encode(encoding)))
    assert Run(source, places).run().report.chapters == 3


def test_a_somewhat_short_chapter_is_kept_and_named(server: Server, places: Places) -> None:
    source = by_chapter(server)
    server.on(chapter_path(2), whole(make_page(2, share=0.8).encode()))
    fetched = Run(source, places).run()
    assert [note[:6] for note in fetched.notes] == ["第 2 回："]
    assert [warning.chapter for warning in fetched.report.warnings if warning.code == "chapter-short"] == [2]


def test_packed_answers(server: Server, places: Places) -> None:
    run = Run(one_file(server, zipped(BOOK, cut=400), zipped(BOOK)), places)
    run.run()
    assert kept(run) == BOOK and server.asked[0].headers["Accept-Encoding"] == "identity"


def test_what_is_too_large_is_not_taken(server: Server, places: Places) -> None:
    small = replace(QUICK, largest=50_000)
    for answer in (whole(BOOK), endless(BOOK), zipped(b"\0" * 5_000_000)):
        run = Run(one_file(server, answer), places, limits=small)
        error = run.fails(again=True)
        assert error.code == "fetch-too-large" and not run.fetcher.folder.partial("book.txt").size


def test_an_incomplete_book_is_not_taken_silently(server: Server, places: Places) -> None:
    source = one_file(server, endless(make_book(range(1, 61)).encode()))
    error = Run(source, places).fails()
    assert error.code == "fetch-incomplete" and error.missing == tuple(range(61, 101))
    assert Run(source, places).run(partial=True).report.chapters == 60


def test_another_book_only_when_asked_for(server: Server, places: Places) -> None:
    text = "\n".join(f"第{n}回　张三李四\n　　话说这个人又来了一回，大家说了一会儿话，就去了。" for n in "一二三四五六")
    source = one_file(server, whole(text.encode()))
    with pytest.raises(CorpusError) as caught:
        Run(source, places).run()
    assert caught.value.code == "other-book"
    assert Run(source, places).run(other_book=True).report.edition.kind == "other" and len(server.asked) == 1


def test_every_chapter_of_the_real_novel_passes(novel: Edition) -> None:
    for chapter in novel.chapters:
        if chapter.kind == "chapter":
            assert check_chapter(chapter.text.encode(), chapter.number, "text") == ""
    with pytest.raises(Fault, match="第 27 回"):
        check_chapter(novel.chapter(27).text.encode(), 28, "text")


# Stopping.


def test_stopping_wakes_a_reader_and_keeps_what_came(server: Server, places: Places) -> None:
    source = by_chapter(server)
    server.on(chapter_path(3), whole(make_page(3).encode(), stall=5000))
    stop = Stop()
    run = Run(source, places, stop=stop, limits=Limits())
    threading.Thread(target=lambda: (wait_for(lambda: chapter_path(3) in server.paths()), time.sleep(0.1), stop.set()), daemon=True).start()
    began = time.monotonic()
    error = run.fails()
    assert time.monotonic() - began < 5 and error.code == "fetch-stopped" and "2 回" in error.kept and error.missing == (3,)
    server.on(chapter_path(3), whole(make_page(3).encode()))
    Run(source, places).run()
    assert server.asked[-1].headers["Range"] == "bytes=5000-"


def test_stopping_ends_a_wait(server: Server, places: Places) -> None:
    stop = Stop()
    run = Run(one_file(server, status(429, Retry_After="100")), places, stop=stop, sleep=None)
    threading.Timer(0.3, stop.set).start()
    assert run.fails().code == "fetch-stopped"


def test_two_at_once_are_kept_apart(server: Server, places: Places) -> None:
    source = by_chapter(server)
    run = Run(source, places)
    with Run(source, places).fetcher.folder:
        assert run.fails().code == "fetch-busy"
    assert run.run().report.chapters == 3


# Proxies.


def test_the_proxy_of_the_settings_is_used(server: Server, places: Places) -> None:
    pages = {"nowhere.invalid/book.txt": BOOK}
    server.on("http://nowhere.invalid/book.txt", proxy_to(pages))
    source = source_from_address("http://nowhere.invalid/book.txt")
    run = Run(source, places, proxy=server.address.removeprefix("http://"))
    run.run()
    assert kept(run) == BOOK and server.paths() == ["http://nowhere.invalid/book.txt"]


def test_else_that_of_the_environment(server: Server, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("http://nowhere.invalid/book.txt", proxy_to({"nowhere.invalid/book.txt": BOOK}))
    monkeypatch.setenv("http_proxy", server.address)
    assert Run(source_from_address("http://nowhere.invalid/book.txt"), places).run().report.chapters == 100


def test_a_proxy_that_is_down_is_named_without_its_password(server: Server, places: Places) -> None:
    error = Run(source_from_address("http://nowhere.invalid/book.txt"), places, proxy="http://me:secret@127.0.0.1:1").fails()
    assert error.code == "fetch-offline" and "127.0.0.1:1" in error.what and "secret" not in error.render()


def test_a_proxy_of_another_kind_is_refused(server: Server, places: Places) -> None:
    with pytest.raises(FetchError, match="只支持 HTTP 代理") as caught:
        Run(source_from_address(server.address), places, proxy="socks5://127.0.0.1:1080")
    assert "7890" in caught.value.next_step


def test_a_proxy_that_makes_no_tunnel(server: Server, places: Places) -> None:
    error = Run(source_from_address("https://nowhere.invalid/book.txt"), places, proxy=server.address).fails()
    assert error.code == "fetch-proxy" and server.address in error.what


# TLS.


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed, with its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl to make a certificate")
    path = tmp_path / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", f"{path}.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


def test_a_certificate_that_does_not_fit_is_not_passed_over(server: Server, places: Places, certificate: Path) -> None:
    with running(certificate) as secure:
        error = Run(one_file(secure, whole(BOOK)), places).fails()
        assert error.code == "fetch-certificate" and not secure.asked


def test_over_tls(server: Server, places: Places, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    with running(certificate) as secure:
        run = Run(one_file(secure, whole(BOOK, cut=20_000), whole(BOOK)), places)
        run.run()
        assert kept(run) == BOOK and secure.asked[1].headers["Range"] == "bytes=20000-"
        stop = Stop()
        run = Run(one_file(secure, whole(BOOK, stall=20_000), path="/slow.txt"), places, stop=stop, limits=Limits())
        threading.Thread(target=lambda: (wait_for(lambda: len(secure.asked) == 3), time.sleep(0.1), stop.set()), daemon=True).start()
        began = time.monotonic()
        assert run.fails().code == "fetch-stopped" and time.monotonic() - began < 5
        plain = status(302, Location=server.on("/plain.txt", whole(BOOK)))
        assert Run(one_file(secure, plain, path="/down.txt"), places).fails().code == "fetch-moved" and not server.asked


def test_a_mirror_takes_the_place_of_the_host(server: Server, places: Places) -> None:
    server.chapters(range(1, 3))
    source = Source("w", "文库", ("https://zh.invalid/w?title=西遊記/第{chapter:03}回&action=raw",), chapters=(1, 2), mirror=server.address + "/")
    assert Run(source, places).run().report.chapters == 2


def test_files_are_private(server: Server, places: Places) -> None:
    run = Run(by_chapter(server, 1), places)
    run.run()
    folder = Path(run.fetcher.folder.path)
    assert folder.stat().st_mode & 0o077 == 0 and all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())
