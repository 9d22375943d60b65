"""`xiyou model get`: choose a model and a place, fetch it with progress on stderr. Called by `cli/model.py`."""

from __future__ import annotations

import argparse
import time

from xiyou_tui.cli.output import LiveLine, emit, interrupting, say
from xiyou_tui.corpus.fetch.proxies import describe_proxies
from xiyou_tui.corpus.fetch.stop import Stop
from xiyou_tui.errors import ModelError
from xiyou_tui.models.download import Downloader, Order, Step
from xiyou_tui.models.hubs import NAMES, check_revision, default_source, find_hub, parse_repo
from xiyou_tui.models.pace import Pace, show_left
from xiyou_tui.models.parts import folder_of, read_pending
from xiyou_tui.models.suggestions import find_suggestion, load_suggestions
from xiyou_tui.models.troubles import show_gb
from xiyou_tui.study import Study

# Without a terminal, a line each time so much more of the whole has come.
_EVERY = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("model", nargs="?", default="", metavar="模型", help="短名（xiyou model list 列出）、「作者/名字」或模型网页的网址")
    parser.add_argument("--source", choices=tuple(NAMES), default="", help="从哪里下：hub 官方站、mirror 镜像、modelscope；默认官方站，设了镜像就用镜像")
    parser.add_argument("--endpoint", default="", metavar="网址", help="这一次用的站点地址，如 https://hf-mirror.com")
    parser.add_argument("--revision", default="", metavar="版本", help="分支、标签或提交号；默认最新")
    parser.add_argument("--name", default="", metavar="名字", help="存成什么名字；默认用模型自己的")
    parser.add_argument("--proxy", default="", metavar="代理", help="这一次用的代理；默认用设置 network.proxy，再没有就用系统的")
    parser.add_argument("--again", action="store_true", help="已有也重新下载，旧的进回收站")


def run(study: Study, parsed: argparse.Namespace) -> int:
    """Fetch; raises ModelError for what the user can mend."""
    if not parsed.model:
        raise ModelError(
            "没有说要哪个模型。", next_step=f"如 xiyou model get qwen3-4b；短名有 {'、'.join(item.id for item in load_suggestions())}，也可以写「作者/名字」。", code="no-name"
        )
    order = make_order(study, parsed)
    proxy = parsed.proxy or study.settings.text("network.proxy")
    stop, progress, began = Stop(), _Progress(), time.monotonic()
    downloader = Downloader(order, study.places, proxy=proxy, stop=stop, tell=progress.show)
    say(f"从 {order.hub.name} 下载 {order.repo}（{order.hub.page(order.repo)}）。停下按 ^C，下到的都留着。")
    if through := describe_proxies(proxy):
        say(f"经代理 {through}。")
    try:
        with interrupting(stop):
            done = downloader.run(again=parsed.again)
    finally:
        progress.close()
    seconds = time.monotonic() - began
    if done.already:
        text = f"已经有了：{done.card.path}\n要换成最新的，加 --again。"
    else:
        say(f"用时 {seconds:.0f} 秒，收到 {show_gb(done.received)}，每个文件都核对过。")
        text = f"下好了：{done.card.path}\n用它对话：xiyou model use {done.card.path.name}"
    record = {
        "model": done.card.as_record(), "already": done.already, "source": order.hub.source, "endpoint": order.hub.endpoint, "repo": order.repo,
        "requests": done.requests, "received": done.received, "reused": done.reused, "seconds": round(seconds, 2),
    }  # fmt: skip
    emit(parsed, record, text)
    return 0


def make_order(study: Study, parsed: argparse.Namespace) -> Order:
    """What the arguments ask for; a download that was begun goes on where it was, unless another place is named."""
    mirror = study.settings.text("network.mirror")
    suggestion = find_suggestion(parsed.model)
    repo, told = (suggestion.repo, None) if suggestion else parse_repo(parsed.model)
    before = read_pending(folder_of(study.places, repo))
    if before is not None and not (parsed.source or parsed.endpoint or told):
        plan = before.plan
        return Order(plan.hub, plan.repo, check_revision(parsed.revision) or plan.revision, parsed.name or plan.name)
    source = parsed.source or told or default_source(mirror)
    hub = find_hub(source, mirror=mirror, endpoint=parsed.endpoint)
    if suggestion:
        repo = suggestion.repo_at(hub.source)
    revision, name = check_revision(parsed.revision), parsed.name
    if before is not None:
        revision, name = revision or (before.plan.revision if before.plan.hub.revision == hub.revision else ""), name or before.plan.name
    return Order(hub, repo, revision, name)


class _Progress(LiveLine):
    """Tells the steps: on a terminal on one line that is written over, else a line for each tenth of the way."""

    def __init__(self) -> None:
        super().__init__()
        self._pace = Pace()
        self._told = 0.0

    def show(self, step: Step) -> None:
        size = f"{show_gb(step.done)} / {show_gb(step.total)}"
        if step.kind == "listing":
            self.line("取文件清单……")
        elif step.kind == "planned":
            self.line(f"{step.of} 个文件，共 {show_gb(step.total)}" + (f"，已有 {show_gb(step.done)}，接着下。" if step.done else "。"))
            self._told = step.done / max(1, step.total)
        elif step.kind == "receiving":
            self._pace.add(time.monotonic(), step.done)
            share = step.done / max(1, step.total)
            if self.is_due():
                self.over(f"{share:4.0%}　{size}{self._speed(step)}　{step.file}")
            elif not self.terminal and share >= self._told + _EVERY:
                self._told = share
                self.line(f"{share:.0%}　{size}{self._speed(step)}")
        elif step.kind == "checking":
            self._pace.rest()
            if self.is_due():
                self.over(f"核对 {step.file} ……")
        elif step.kind == "restarted":
            self.line(f"{step.file}　服务器不肯从断的地方接着传，这个文件从头下。")
        elif step.kind == "waiting":
            self._pace.rest()
            self.line(f"{step.file or '清单'}　{step.reason}；{max(1, round(step.seconds))} 秒后再试")
        elif step.kind == "arrived":
            if not self.terminal:
                self.line(f"{step.number}/{step.of}　{step.file}　到了，核对无误")
        elif step.kind == "finishing":
            self.line("都到了，放到模型目录……")

    def _speed(self, step: Step) -> str:
        left = self._pace.left(step.total - step.done)
        if left is None:
            return ""
        return f"　{show_gb(self._pace.speed)}/秒　{show_left(left)}"
