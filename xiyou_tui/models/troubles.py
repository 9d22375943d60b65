"""What goes wrong while a model is fetched, said to the user: what happened, what was kept, and the other ways to get it."""

from __future__ import annotations

import os
from typing import Any

from xiyou_tui.corpus.fetch.failures import Fault
from xiyou_tui.errors import ModelError
from xiyou_tui.models.hubs import Hub, Source

_OTHERS: dict[Source, str] = {
    "hub": "换来源：镜像（地址在设置「镜像」里改）或 ModelScope（按 g 换，命令加 --source mirror 或 --source modelscope）",
    "mirror": "换来源：别的镜像（设置「镜像」）、官方站或 ModelScope（按 g 换，命令加 --source hub 或 --source modelscope）",
    "modelscope": "换来源：Hugging Face 官方站或它的镜像（按 g 换，命令加 --source hub 或 --source mirror）",
}


class DownloadError(ModelError):
    """A model could not be fetched whole. `received` of `total` bytes are there, for `--json`; the next try goes on from them."""

    code = "download"

    def __init__(self, what: str, *, kept: str = "", next_step: str = "", code: str = "", repo: str = "", received: int = 0, total: int = 0) -> None:
        super().__init__(what, kept=kept, next_step=next_step, code=code)
        self.repo = repo
        self.received = received
        self.total = total

    def as_record(self) -> dict[str, Any]:
        return {**super().as_record(), "repo": self.repo, "received": self.received, "total": self.total}


def explain_fault(fault: Fault, hub: Hub, repo: str, file: str, *, gated: bool, received: int, total: int) -> DownloadError:
    """The error that the user meets; `file` is what was being fetched ("" for the list of files)."""
    code, what, first = _describe(fault, hub, repo, file, gated)
    elsewhere = f"在能下载的电脑上用 hf download {repo} 下好，拷过来按 o「加目录」"
    if code == "missing":
        step = f"{first}；也可以{_OTHERS[hub.source]}。"
    else:
        step = f"{first}；也可以{_OTHERS[hub.source]}，已下到的接着用；都不行，就{elsewhere}。"
    return DownloadError(what, kept=kept(received, total), next_step=step, code=f"download-{code}", repo=repo, received=received, total=total)


def stopped(repo: str, received: int, total: int) -> DownloadError:
    """The user asked to stop."""
    return DownloadError(
        "已停下，没有下完。", kept=kept(received, total), next_step=f"再下一次就从这里接着：在模型里按 Enter「继续」，或 xiyou model get {repo}。",
        code="download-stopped", repo=repo, received=received, total=total,
    )  # fmt: skip


def no_room(repo: str, needed: int, free: int, received: int, total: int) -> DownloadError:
    """The disk is too full to begin."""
    return DownloadError(
        f"磁盘放不下：还要下 {show_gb(needed)}，只剩 {show_gb(free)}。", kept=kept(received, total),
        next_step="腾出空间再下（回收站里的旧模型和用不着的训练检查点最占地方；xiyou where 说它们在哪里），或选一个小些的模型，或用 XIYOU_HOME 换一个盘。",
        code="download-no-room", repo=repo, received=received, total=total,
    )  # fmt: skip


def disk_full(repo: str, received: int, total: int) -> DownloadError:
    """The disk ran full on the way."""
    return DownloadError(
        "下到一半，磁盘满了。", kept=kept(received, total), next_step="腾出空间再下一次，从断的地方接着；或选一个小些的模型。",
        code="download-disk-full", repo=repo, received=received, total=total,
    )  # fmt: skip


def kept(received: int, total: int) -> str:
    """What is there already."""
    if not received:
        return "已有的模型没有改动。"
    return f"下到的 {show_gb(received)}{f'（共 {show_gb(total)}）' if total else ''}都留着，已有的模型没有改动。"


def show_gb(size: float) -> str:
    """Bytes as the sites write them, in powers of ten: 310 KB, 290 MB, 4.3 GB."""
    if size >= 10**9:
        return f"{size / 10**9:.2f} GB"
    return f"{size / 10**6:.0f} MB" if size >= 10**6 else f"{max(1, round(size / 1000))} KB" if size else "0 KB"


def _describe(fault: Fault, hub: Hub, repo: str, file: str, gated: bool) -> tuple[str, str, str]:
    """Code, what happened, and what to do first."""
    of = f"「{file}」" if file else f"「{repo}」的文件清单"
    if fault.status in (401, 403):
        if fault.said == "RepoNotFound" or (fault.status == 401 and not gated and not file and fault.said != "GatedRepo"):
            # The hub does not tell strangers whether a repository is private or not there at all.
            return "missing", f"{hub.name} 上没有「{repo}」，或者它不公开（{fault.status}）。", _spelling(hub)
        return "gated", f"{hub.name} 不给「{repo}」：它要先登录、同意许可（{fault.status}）。", _permission(hub, repo)
    if fault.code == "not-there":
        if file:
            return "changed", f"{hub.name} 上的「{file}」不见了（{fault.status}），这个模型刚刚改过。", "再下一次，会按新的清单来"
        if fault.said == "RevisionNotFound":
            return "no-revision", f"{hub.name} 上的「{repo}」没有这个版本（{fault.status}）。", "版本写错了就改，不写就是最新的"
        return "missing", f"{hub.name} 上没有「{repo}」（{fault.status or fault.reason}）。", _spelling(hub)
    first = {
        "too-busy": "过一会儿再下，会从断的地方接着；设了 HF_TOKEN 的限得松些",
        "offline": "看看网络通不通、代理（设置 network.proxy）对不对，再下一次",
        "proxy": "改对代理（设置 network.proxy），再下一次",
        "certificate": "看看电脑的日期；公司或校园网常在中间换证书，换一个网络再下",
        "html-page": "用浏览器打开一个网页，登录上网，再下一次",
        "wrong-hash": "再下一次；总是这样，就是这个来源的文件坏了或被改过",
        "wrong-size": "再下一次；总是这样，就是这个来源的文件和清单对不上",
    }.get(fault.code, "过一会儿再下，会从断的地方接着")
    return fault.code, f"{of}没有下到：{fault.reason}。", first


def _spelling(hub: Hub) -> str:
    return f"对一对名字（大小写也算），在 {hub.endpoint} 上搜一搜"


def _permission(hub: Hub, repo: str) -> str:
    if hub.source == "modelscope":
        return f"在 {hub.page(repo)} 看看它要什么，或换一个公开的模型"
    if os.environ.get("HF_TOKEN", "").strip():
        if not hub.takes_token(hub.endpoint):
            return "令牌（HF_TOKEN）不会发给这个地址；用官方站下，或换一个公开的模型"
        return f"环境变量 HF_TOKEN 里的令牌不管用：在 {hub.page(repo)} 用同一个账号同意许可，检查令牌没有过期"
    return f"在 {hub.page(repo)} 登录、同意许可，建一个只读令牌，放进环境变量 HF_TOKEN 再开 xiyou；或换一个不用登录的模型"
