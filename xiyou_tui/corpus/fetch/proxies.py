"""Which proxy a request goes through: the setting network.proxy, else what the environment (on a Mac: the system) says."""

from __future__ import annotations

import urllib.request
from urllib.parse import urlsplit

from xiyou_tui.corpus.fetch.failures import FetchError


def choose_proxies(setting: str) -> dict[str, str]:
    """Scheme → proxy, as urllib takes it; empty for a direct connection. Raises FetchError for a proxy that can't be used."""
    if setting.strip():
        proxy = setting.strip()
        found = dict.fromkeys(("http", "https"), proxy if "://" in proxy else f"http://{proxy}")
    else:
        found = {scheme: proxy for scheme, proxy in urllib.request.getproxies().items() if scheme in ("http", "https") and proxy}
    for proxy in found.values():
        scheme = urlsplit(proxy).scheme if "://" in proxy else "http"
        if scheme not in ("http", "https"):
            raise FetchError(
                f"代理「{without_secrets(proxy)}」用不了：只支持 HTTP 代理。",
                next_step="多数代理软件同时开着一个 HTTP 端口，把设置里的「代理」（network.proxy）改成它，如 http://127.0.0.1:7890。",
                code="fetch-proxy",
            )
    return found


def without_secrets(proxy: str) -> str:
    """A proxy as it may be shown: without user name and password."""
    scheme, mark, rest = proxy.rpartition("://")
    return scheme + mark + rest.rpartition("@")[2]


def describe_proxies(setting: str) -> str:
    """The proxy in use as people read it; "" for a direct connection."""
    try:
        found = choose_proxies(setting)
    except FetchError as error:
        return error.what
    return "、".join(dict.fromkeys(without_secrets(proxy) for proxy in found.values()))
