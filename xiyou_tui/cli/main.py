"""The command line: finds the subcommand, runs it, and turns errors into messages and exit codes."""

from __future__ import annotations

import sys

# name → (module below xiyou_tui.cli, what it does). A module is imported only when its command runs.
COMMANDS: dict[str, tuple[str, str]] = {
    "corpus": ("corpus", "底本：import 导入 · fetch 从网上取 · list · show · find 查找 · search 检索"),
    "sample": ("sample", "样本：add · list · import · export · stats"),
    "note": ("note", "注解：add · list · import · export"),
    "train": ("train", "训练：start · list · show"),
    "chat": ("chat", "问答：ask"),
    "eval": ("eval", "评测：run 跑题集 · list · show · compare 比较 · report 报告"),
    "model": ("model", "模型：get 下载底座 · list · use · fuse 合并 · quantise 量化 · export 导出"),
    "demo": ("demo", "不开界面，把读、造样本、训练、问答走一遍"),
    "doctor": ("doctor", "检查终端、字体宽度、MLX、磁盘和网络设置"),
    "where": ("where", "列出所有文件放在哪里"),
}

USAGE = """用法：xiyou [命令] [选项]

不带命令就打开全屏界面。

命令：
{commands}

选项：
  -h, --help     显示帮助；xiyou 命令 --help 看该命令的用法
  --version      显示版本

多数命令可加 --json：标准输出只有一个 JSON 对象，过程信息走标准错误。
退出码：0 成功，1 可由你改正的错误，2 程序缺陷。环境变量 XIYOU_HOME 可以把所有文件移到别处。"""


def run(arguments: list[str]) -> int:
    """Run one command line (without the program's name) and return the exit code."""
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help", "help"):
        print(USAGE.format(commands="\n".join(f"  {name:<9}{text}" for name, (_, text) in COMMANDS.items())))
        return 0
    if first in ("-V", "--version"):
        from xiyou_tui import __version__

        print(f"xiyou {__version__}")
        return 0
    if first and first not in COMMANDS:
        print(f"没有「{first}」这个命令。用 xiyou --help 看有哪些命令。", file=sys.stderr)
        return 1
    return _guard(COMMANDS[first][0] if first else "app", arguments[1:])


def _guard(module: str, arguments: list[str]) -> int:
    import importlib

    from xiyou_tui.errors import XiyouError

    try:
        return int(importlib.import_module(f"xiyou_tui.cli.{module}").run(arguments))
    except XiyouError as error:
        if "--json" in arguments:
            import json

            print(json.dumps({"error": error.as_record()}, ensure_ascii=False))
        print(error.render(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n已中断。已经写下的都在。", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output went away (xiyou … | head): nothing to say, and nobody to say it to.
        sys.stderr.close()
        return 0
    except Exception:
        from xiyou_tui.storage.bugs import record_bug

        print(record_bug(), file=sys.stderr)
        return 2
