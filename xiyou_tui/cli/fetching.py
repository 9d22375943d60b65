"""`xiyou corpus fetch`: bring a text in from the net, its addresses shown first, progress on stderr. Called by `cli/corpus.py`."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from xiyou_tui.cli.output import LiveLine, emit, interrupting, say

if TYPE_CHECKING:
    from xiyou_tui.corpus.fetch.fetching import Step
    from xiyou_tui.corpus.fetch.sources import Source, SourceList
    from xiyou_tui.study import Study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("source", nargs="?", default="", help="来源的 id 或网址（可含 {chapter:03}）；不写就用列表里的第一个")
    parser.add_argument("--list", action="store_true", help="只列出来源和地址，不联网")
    parser.add_argument("--again", action="store_true", help="已取到的不要，从头再取")
    parser.add_argument("--partial", action="store_true", help="取不全也收下有的")
    parser.add_argument("--check", action="store_true", help="只取来检查、出报告，不收入书架")
    parser.add_argument("--title", default="", help="底本的名字，默认「西游记」")
    parser.add_argument("--other-book", action="store_true", help="不是《西游记》也收，作为另一部书")
    parser.add_argument("--proxy", default="", help="这一次用的代理；默认用设置 network.proxy，再没有就用系统的")
    parser.add_argument("--mirror", default="", help="这一次用的镜像，如 https://mirror.example.org：换掉地址里的协议和主机")


def run(parsed: argparse.Namespace, study: Study) -> None:
    """Fetch, or list the sources; raises FetchError and CorpusError for what the user can mend."""
    from xiyou_tui.corpus.fetch.sources import load_sources

    known = load_sources(study.places)
    for warning in known.warnings:
        say(f"注意：{warning}")
    if parsed.list:
        record = {"sources": [source.as_record() for source in known.sources], "file": str(known.path), "warnings": list(known.warnings)}
        emit(parsed, record, _describe_list(known))
        return
    source = known.find(parsed.source, mirror=parsed.mirror)
    _fetch(parsed, study, known, source)


def _fetch(parsed: argparse.Namespace, study: Study, known: SourceList, source: Source) -> None:
    from xiyou_tui.cli.corpus import describe_report
    from xiyou_tui.corpus.fetch.fetching import Fetcher
    from xiyou_tui.corpus.fetch.proxies import describe_proxies
    from xiyou_tui.corpus.fetch.stop import Stop

    proxy = parsed.proxy or study.settings.text("network.proxy")
    say(f"从{source.name}取：{_describe_addresses(source)}")
    through = describe_proxies(proxy)
    if through:
        say(f"经代理 {through}。")
    began, stop, progress = time.monotonic(), Stop(), _Progress()
    fetcher = Fetcher(source, study.places, proxy=proxy, contact=known.contact, stop=stop, tell=progress.show)
    try:
        with interrupting(stop):
            fetched = fetcher.run(again=parsed.again, partial=parsed.partial, title=parsed.title, other_book=parsed.other_book)
    finally:
        progress.close()
    for note in fetched.notes:
        say(f"注意：{note}")
    if fetched.requests:
        say(f"用时 {time.monotonic() - began:.1f} 秒，请求 {fetched.requests} 次，收到 {fetched.received / 1024:,.0f} KB。")
    else:
        say("都是以前取到的，这次没有联网；要从头再取加 --again。")
    if not parsed.check:
        study.library.add(fetched.report.edition)
    record = {
        **fetched.report.as_record(), "source": source.id, "addresses": list(source.shown_addresses), "requests": fetched.requests,
        "received": fetched.received, "reused": fetched.reused, "notes": list(fetched.notes), "kept": not parsed.check,
    }  # fmt: skip
    emit(parsed, record, describe_report(fetched.report, kept=not parsed.check))


def _describe_list(known: SourceList) -> str:
    lines = []
    for source in known.sources:
        lines += [f"{source.id}　{source.name}", f"    {source.about}" if source.about else "", f"    {_describe_addresses(source)}"]
    lines.append(f"加来源、改镜像：写在 {known.path}；也可以直接给网址。")
    return "\n".join(line for line in lines if line)


def _describe_addresses(source: Source) -> str:
    shown = "，不行再从 ".join(source.shown_addresses)
    return f"{shown} 等 {len(source.chapters)} 页" if source.chapters else shown


class _Progress(LiveLine):
    """Tells the steps: on a terminal on one line that is written over, else a line for each thing that happened."""

    def show(self, step: Step) -> None:
        name = f"第 {step.page.chapter} 回" if step.page.chapter is not None else step.page.name
        count = f"[{step.number}/{step.of}] " if step.of > 1 else ""
        size = f"{step.size / 1024:,.0f}" + (f" / {step.total / 1024:,.0f}" if step.total else "") + " KB"
        if step.kind == "receiving":
            if self.is_due():
                self.over(f"{count}{name}　{size}")
        elif step.kind == "asking":
            if self.terminal:
                self.over(f"{count}{name}　" + (f"从 {step.size / 1024:,.0f} KB 接着取" if step.size else "……"))
            elif step.size:
                self.line(f"{count}{name}　从 {step.size:,} 字节接着取")
        elif step.kind == "waiting":
            self.line(f"{count}{name}　{step.reason}；{max(1, round(step.seconds))} 秒后再试")
        elif step.kind == "reading":
            self.line("取到了，正在读……")
        elif step.kind == "failed":
            self.line(f"{count}{name}　没有取到：{step.reason}")
        elif step.kind == "arrived":
            text = f"{count}{name}　{size}" + (f"　{step.reason}" if step.reason else "")
            if self.terminal:
                self.over(text)
            else:
                self.line(text)
