"""One request over HTTP, by the standard library: bytes into a partial file, going on where it broke off.

Says what went wrong as a Fault; whether to ask again is decided in `patience`.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from xiyou_tui import __version__
from xiyou_tui.corpus.fetch.failures import Fault, FetchError
from xiyou_tui.corpus.fetch.proxies import without_secrets
from xiyou_tui.corpus.fetch.sources import encode_address, readable
from xiyou_tui.corpus.fetch.stop import Stop
from xiyou_tui.corpus.fetch.store import Partial, Trail
from xiyou_tui.corpus.importer.formats import LARGEST

_CHUNK = 65_536
_HOPS = 5
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
Told = Callable[[int, "int | None"], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait (seconds) and how much to take (bytes). Slower than `slow_bytes` in `slow_after` seconds counts as stalled."""

    connect: float = 15.0
    stall: float = 20.0
    slow_after: float = 30.0
    slow_bytes: int = 2048
    largest: int = LARGEST


class Transport:
    """Sends the requests of one fetch, one at a time.

    `headers` gives the headers to add for an address; it is asked again at every redirect, so that a secret stays with its host.
    `anywhere` lets redirects lead to other sites: only for what is checked against a known hash.
    """

    def __init__(
        self, *, proxies: dict[str, str], stop: Stop, limits: Limits, contact: str = "",
        headers: Callable[[str], Mapping[str, str]] | None = None, anywhere: bool = False,
    ) -> None:  # fmt: skip
        self.requests = 0
        self.received = 0
        self._proxies = proxies
        self._stop = stop
        self._limits = limits
        self._agent = f"xiyou/{__version__} (reader of Xiyouji; one request at a time{'; ' + contact if contact else ''})"
        self._opener = _make_opener(proxies, stop, limits)
        self._headers = headers or (lambda address: {})
        self._anywhere = anywhere

    def receive(self, address: str, partial: Partial, told: Told, *, expected: int | None = None) -> Trail:
        """Bring the whole of `address` into `partial`; returns what the server said of it. `told` hears (bytes there, bytes in all).

        `expected` is the size of a file whose hash will be checked afterwards: then a beginning that came from anywhere is gone on
        with, and an answer of another size or a web page in its place leaves the beginning untouched. Raises Fault when it fails (the partial keeps what came), Stopped when the user asked to, StorageError when the disk is full.
        """
        try:
            return self._receive(address, partial, told, expected)
        except (OSError, http.client.HTTPException) as error:
            self._stop.check()
            raise self._fault(address, error) from error
        finally:
            self._stop.unwatch()

    def _receive(self, address: str, partial: Partial, told: Told, expected: int | None) -> Trail:
        trail = partial.trail
        if expected is not None:
            if partial.size > expected:
                partial.discard()
            trail = Trail(address, total=expected) if partial.size else None
        elif trail is not None and (trail.address != address or not trail.validator):
            # The beginning of something else, or of nobody knows what: the rest would not fit.
            partial.discard()
            trail = None
        start = partial.size
        headers = {"Range": f"bytes={start}-"} if trail is not None and start else {}
        if headers and trail is not None and expected is None:
            headers["If-Range"] = trail.validator
        try:
            response = self._open(address, headers)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416 and trail is not None and trail.total == start:
                    return trail
                if error.code == 416:
                    raise Fault("broken-off", "服务器说没有剩下的部分，从头再取", fresh=True) from error
                raise _status_fault(error) from error
        with response:
            if response.status == 206:
                trail = self._check_range(response, trail, start, partial)
            else:
                # 200: the server does not resume, or the file has changed since.
                trail = self._begin(address, response, partial, expected)
            self._pump(response, partial, trail, told, expected)
        size = partial.size
        if trail.total is not None and size < trail.total:
            raise Fault("broken-off", f"传到一半断了（{size:,} / {trail.total:,} 字节）", whole=True)
        if trail.total is not None and size > trail.total:
            raise Fault("broken-off", "收到的比服务器说的多，从头再取", fresh=True, tries=2)
        return trail

    def _open(self, address: str, headers: dict[str, str]) -> Any:
        """The response to a GET; follows redirects within the same site. Raises HTTPError for every other status than 200 and 206."""
        current = address
        for _ in range(_HOPS + 1):
            self._stop.check()
            self.requests += 1
            request = urllib.request.Request(
                current, headers={"User-Agent": self._agent, "Accept": "text/plain, text/*;q=0.9, */*;q=0.5", "Accept-Encoding": "identity", **self._headers(current), **headers}
            )
            try:
                return self._opener.open(request, timeout=self._limits.connect)
            except urllib.error.HTTPError as error:
                target = error.headers.get("Location") if error.code in (301, 302, 303, 307, 308) else None
                if not target:
                    raise
                error.close()
                current = _follow(current, target, self._anywhere)
        raise Fault("redirects", "服务器让人转来转去，没有尽头", lasting=True)

    def _begin(self, address: str, response: Any, partial: Partial, expected: int | None) -> Trail:
        length = response.headers.get("Content-Length", "")
        trail = Trail(
            address, response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""),
            # With a transfer coding the length, if any, counts something else.
            int(length) if _is_number(length) and not response.headers.get("Transfer-Encoding") else None,
            response.headers.get("Content-Encoding", "").strip().lower(),
        )  # fmt: skip
        if expected is not None and not trail.encoding:
            if response.headers.get("Content-Type", "").lower().startswith("text/html") and trail.total != expected:
                raise Fault("html-page", "来的是一张网页，不是文件，多半是上网登录页或出错页", tries=2, whole=True)
            if trail.total is not None and trail.total != expected:
                raise Fault("wrong-size", f"服务器给的有 {trail.total:,} 字节，清单上是 {expected:,} 字节", tries=2)
        elif trail.total is not None and trail.total > self._limits.largest:
            raise self._too_large(trail.total)
        partial.begin(trail)
        return trail

    def _check_range(self, response: Any, trail: Trail | None, start: int, partial: Partial) -> Trail:
        """The trail, when the rest that the server sends fits to what is there."""
        match = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        total = int(match[3]) if match and match[3] != "*" else None
        if trail is None or not match or int(match[1]) != start or encoding != trail.encoding or (total and trail.total and total != trail.total):
            raise Fault("broken-off", "接上的部分对不上，从头再取", fresh=True, tries=3)
        return replace(trail, total=total or trail.total)

    def _pump(self, response: Any, partial: Partial, trail: Trail, told: Told, expected: int | None) -> None:
        size, largest = partial.size, self._limits.largest if expected is None or trail.encoding else expected
        told(size, trail.total)
        window, since = 0, time.monotonic()
        while chunk := response.read1(_CHUNK):
            self._stop.check()
            size += len(chunk)
            if size > largest:
                if expected is not None:
                    raise Fault("wrong-size", f"比清单上的 {expected:,} 字节多", fresh=True, tries=2)
                raise self._too_large(size)
            partial.append(chunk)
            self.received += len(chunk)
            told(size, trail.total)
            window += len(chunk)
            now = time.monotonic()
            if now - since >= self._limits.slow_after:
                if window < self._limits.slow_bytes:
                    raise Fault("stalled", f"太慢了，{self._limits.slow_after:.0f} 秒只来了 {window} 字节", whole=True)
                window, since = 0, now
        self._stop.check()

    def _too_large(self, size: int) -> Fault:
        return Fault("too-large", f"有 {size / 1024 / 1024:.0f} MB 以上，超过一部书的上限 {self._limits.largest / 1024 / 1024:.0f} MB，没有取", lasting=True, fresh=True)

    def _fault(self, address: str, error: BaseException) -> Fault:
        """What an error of the network means, in words that help."""
        cause: object = error.reason if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError) else error
        host = urlsplit(address).hostname or ""
        proxy = self._proxies.get(urlsplit(address).scheme)
        if proxy and urllib.request.proxy_bypass(host):
            proxy = None
        through = f"（经代理 {without_secrets(proxy)}）" if proxy else ""
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Fault("certificate", f"{host} 的证书对不上（{cause.verify_message}），可能有人在中间，或电脑的日期不对", lasting=True, whole=True)
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return Fault("certificate", f"和 {host} 建不成加密连接（{cause.reason or cause}）{through}", tries=3, whole=True)
        if isinstance(cause, OSError) and "Tunnel connection failed" in str(cause):
            return Fault("proxy", f"代理不肯连 {host}（{str(cause).rpartition(': ')[2]}）{through}", tries=2, whole=True)
        if isinstance(cause, socket.gaierror):
            return Fault("offline", f"找不到 {urlsplit(proxy).hostname if proxy else host}（域名解析失败）{through}", tries=3, whole=True)
        if isinstance(cause, TimeoutError):
            return Fault("stalled", f"{host} 很久没有回音{through}", whole=True)
        if isinstance(cause, ConnectionRefusedError):
            return Fault("offline", f"{'代理' if proxy else host} 不接受连接{through}", tries=3, whole=True)
        if isinstance(cause, (ConnectionError, http.client.IncompleteRead, http.client.RemoteDisconnected, ssl.SSLError)):
            return Fault("broken-off", f"和 {host} 的连接断了{through}", whole=True)
        if isinstance(cause, OSError):
            return Fault("offline", f"连不上 {host}（{cause.strerror or cause}）{through}", tries=3, whole=True)
        return Fault("bad-answer", f"{host} 的回答不像 HTTP（{type(cause).__name__}）{through}", tries=3, whole=True)


def _make_opener(proxies: dict[str, str], stop: Stop, limits: Limits) -> urllib.request.OpenerDirector:
    """An opener for http and https alone (no file:, no ftp:) that follows no redirect by itself and lets `stop` cut its connections."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(limits.stall)
            stop.watch(self.sock)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(limits.stall)
            stop.watch(self.sock)

    context = ssl.create_default_context()

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Plain, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Secure, req, context=context)

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(proxies), PlainHandler(), SecureHandler(context=context), urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


def _follow(address: str, target: str, anywhere: bool) -> str:
    """Where a redirect leads; raises Fault when that is not encrypted any more, or (without `anywhere`) another site."""
    # Headers are read as Latin-1; some servers put UTF-8 there.
    with contextlib.suppress(UnicodeError):
        target = target.encode("latin-1").decode("utf-8")
    try:
        following = encode_address(urljoin(address, target))
    except FetchError:
        raise Fault("moved", f"服务器转到了一个不是网页的地址（{target[:80]}），没有跟过去", lasting=True, whole=True) from None
    before, after = urlsplit(address), urlsplit(following)
    if before.scheme == "https" and after.scheme == "http":
        raise Fault("moved", f"服务器转到不加密的 {readable(following)[:120]}，没有跟过去", lasting=True, whole=True)
    if not anywhere and not _same_site(before.hostname or "", after.hostname or ""):
        raise Fault("moved", f"服务器转到了别处：{readable(following)[:200]}，没有跟过去（可能是上网登录页；若信得过，把它当网址再取）", lasting=True, whole=True)
    return following


def _same_site(one: str, other: str) -> bool:
    one, other = one.removeprefix("www."), other.removeprefix("www.")
    return one == other or one.endswith("." + other) or other.endswith("." + one)


def _status_fault(error: urllib.error.HTTPError) -> Fault:
    fault = _explain_status(error)
    fault.status, fault.said = error.code, error.headers.get("X-Error-Code", "")[:60]
    return fault


def _explain_status(error: urllib.error.HTTPError) -> Fault:
    code = error.code
    if code in (404, 410):
        return Fault("not-there", f"服务器说没有这一页（{code}）", lasting=True)
    if code == 407:
        return Fault("proxy", "代理要用户名和密码（407）", lasting=True, whole=True)
    if code in (401, 402, 403, 451):
        return Fault("refused", f"服务器不给（{code}）", lasting=True, whole=True)
    if code == 429 or (code == 503 and error.headers.get("Retry-After")):
        return Fault("too-busy", f"服务器嫌请求太多（{code}）", after=_retry_after(error.headers.get("Retry-After", "")), whole=True)
    if code >= 500 or code in (408, 425):
        return Fault("server-error", f"服务器出错（{code}）", after=_retry_after(error.headers.get("Retry-After", "")), whole=True)
    return Fault("refused", f"服务器不肯给（{code}）", lasting=True)


def _retry_after(value: str) -> float | None:
    """Seconds to wait by a Retry-After header, which holds a number of seconds or a date (RFC 9110, section 10.2.3)."""
    text = value.strip()
    if _is_number(text):
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except (ValueError, TypeError, OverflowError):
        return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
