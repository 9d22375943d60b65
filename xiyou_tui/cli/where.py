"""`xiyou where`: where every file lives."""

from __future__ import annotations

from xiyou_tui.cli.output import Parser, add_json, emit
from xiyou_tui.storage.places import find_places

LABELS = {
    "data": "数据", "config": "设置目录", "cache": "缓存", "log": "日志", "database": "数据库", "settings": "设置文件",
    "editions": "底本", "runs": "训练记录", "models": "模型", "journal": "草稿", "bin": "回收站", "exports": "导出",
}  # fmt: skip


def run(arguments: list[str]) -> int:
    """Print the places; creates nothing."""
    parser = Parser("xiyou where", description="列出所有文件放在哪里。环境变量 XIYOU_HOME 可以整体移走。")
    add_json(parser)
    parsed = parser.parse_args(arguments)
    record = find_places().as_record()
    width = max(len(label) for label in LABELS.values())
    emit(parsed, record, "\n".join(f"{LABELS[name]}{'　' * (width - len(LABELS[name]))}  {path}" for name, path in record.items()))
    return 0
