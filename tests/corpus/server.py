"""A small web server on this machine that behaves as badly as it is told to, and pages in the shape of the novel's chapters, in our own words."""

from __future__ import annotations

import gzip
import itertools
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.corpus.conftest import make_paragraph
from xiyou_tui.corpus.importer.expected import chapter_marks, count_letters, usual_lengths
from xiyou_tui.corpus.model import chinese_number
from xiyou_tui.corpus.synopsis import load_titles

Answer = Callable[["Handler"], None]


def make_page(chapter: int, *, share: float = 1.0) -> str:
    """A raw wiki page of one chapter: its title, the words that mark it, and made-up sentences up to its usual length."""
    lines = [f"{{{{header2|title=西遊記|section=第{chinese_number(chapter)}回 {load_titles()[chapter]}}}}}", ""]
    letters, wanted = 0, share * usual_lengths("shidetang")[chapter]
    marks = chapter_marks("shidetang")[chapter]
    for index in itertools.count(1):
        line = make_paragraph(chapter, index) + (f"众人说起{marks[index - 1]}，都道好。" if index <= len(marks) else "")
        letters += count_letters(line)
        if letters > wanted:
            break
        lines += [line, ""]
    return "\n".join([*lines, "毕竟不知后事如何，且听下回分解。"])


@dataclass
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]


@dataclass
class Server:
    """Answers by path. A list of answers is used up from the front, its last one stays."""

    address: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, path: str, *answers: Answer) -> str:
        """Set the answers for a path; returns its address."""
        self.answers[path] = list(answers)
        return self.address + path

    def chapters(self, numbers: range, *, share: float = 1.0) -> str:
        """Serve whole chapters at /w?title=第NNN回; returns the template of their addresses."""
        for number in numbers:
            self.on(chapter_path(number), whole(make_page(number, share=share).encode()))
        return self.address + "/w?title=西遊記/第{chapter:03}回&action=raw"

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


def chapter_path(number: int) -> str:
    return f"/w?title=西遊記/第{number:03}回&action=raw"


class Handler(BaseHTTPRequestHandler):
    """Looks up the answer for a path and lets it write."""

    protocol_version = "HTTP/1.1"
    state: Server

    def do_GET(self) -> None:
        path = unquote(self.path)
        with self.state._lock:
            self.state._now += 1
            self.state.most_at_once = max(self.state.most_at_once, self.state._now)
            self.state.asked.append(Asked(path, dict(self.headers)))
            waiting = self.state.answers.get(path) or [status(404)]
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        try:
            answer(self)
        except OSError:
            pass
        finally:
            self.close_connection = True
            with self.state._lock:
                self.state._now -= 1

    def log_message(self, format: str, *args: object) -> None:
        pass

    def head(self, code: int, length: int | None = None, **headers: str) -> None:
        self.send_response(code)
        self.send_header("Connection", "close")
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def wait(self, seconds: float) -> None:
        self.state.closing.wait(seconds)


@contextmanager
def running(certificate: Path | None = None) -> Iterator[Server]:
    """A server on a free port of 127.0.0.1; with a certificate (a PEM file with its key) over TLS."""
    state = Server()
    handler = type("BoundHandler", (Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    state.address = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        server.server_close()


# What a server may do. `etag` "" leaves it out.


def whole(body: bytes, *, etag: str = '"v1"', ranges: bool = True, cut: int | None = None, stall: int | None = None, kind: str = "text/plain", **headers: str) -> Answer:
    """Send `body` (or the rest of it that was asked for); break the connection after `cut` bytes, or fall silent after `stall`."""

    def answer(handler: Handler) -> None:
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        fits = handler.headers.get("If-Range") in (None, etag) and etag
        extra = {**({"ETag": etag} if etag else {}), "Content_Type": kind, **headers}
        if asked and ranges and fits:
            start = int(asked[1])
            if start >= len(body):
                handler.head(416, 0, Content_Range=f"bytes */{len(body)}")
                return
            handler.head(206, len(body) - start, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}", **extra)
        else:
            handler.head(200, len(body), **extra)
        rest = body[start:]
        stop = min(len(rest), *(n for n in (cut, stall, len(rest)) if n is not None))
        handler.wfile.write(rest[:stop])
        handler.wfile.flush()
        if stall is not None and stop < len(rest):
            handler.wait(30)

    return answer


def endless(body: bytes, *, chunked: bool = False) -> Answer:
    """Send `body` without saying how long it is and close; with `chunked` break off in the middle of a chunk."""

    def answer(handler: Handler) -> None:
        if chunked:
            handler.head(200, None, Transfer_Encoding="chunked", ETag='"v1"')
            handler.wfile.write(f"{len(body) + 100:x}\r\n".encode() + body)
        else:
            handler.head(200, None)
            handler.wfile.write(body)
        handler.wfile.flush()

    return answer


def drip(body: bytes) -> Answer:
    """One byte at a time, with a rest after each."""

    def answer(handler: Handler) -> None:
        handler.head(200, len(body))
        for index in range(len(body)):
            handler.wfile.write(body[index : index + 1])
            handler.wfile.flush()
            if handler.state.closing.wait(0.02):
                return

    return answer


def status(code: int, body: bytes = b"no", **headers: str) -> Answer:
    return lambda handler: (handler.head(code, len(body), **headers), handler.wfile.write(body))[0]


def silent(handler: Handler) -> None:
    """Take the request and say nothing."""
    handler.wait(30)


def hang_up(handler: Handler) -> None:
    """Take the request and close."""


def zipped(body: bytes, *, cut: int | None = None) -> Answer:
    packed = gzip.compress(body)[:cut]
    return whole(packed, Content_Encoding="gzip")


PORTAL = "<!DOCTYPE html><html><head><title>上网认证</title></head><body><p>欢迎使用，请先登录后上网。</p></body></html>".encode()


def proxy_to(pages: dict[str, bytes]) -> Answer:
    """What an HTTP proxy does with a plain request: it is asked for the whole address."""

    def answer(handler: Handler) -> None:
        parts = urlsplit(unquote(handler.path))
        body = pages[parts.netloc + parts.path + (f"?{parts.query}" if parts.query else "")]
        handler.head(200, len(body))
        handler.wfile.write(body)

    return answer


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Wait until something holds; whether it came to."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return condition()
