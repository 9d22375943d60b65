"""The keys of mode 对话."""

from __future__ import annotations

from xiyou_tui.tui.keymap import Key, register_keys

SCOPE = "chat"

register_keys(
    Key(SCOPE, "ctrl+e", "mode", "方式", "摘引 → 检索 → 内化", 6),
    Key(SCOPE, "f8,ctrl+j", "citation(1)", "下一引文", "到下一条引文，从哪里都行", 5, "F8"),
    Key(SCOPE, "f7,ctrl+k", "citation(-1)", "上一引文", "到上一条引文"),
    Key(SCOPE, "ctrl+o", "leap", "到原著", "在原著里打开这条引文；F4 回来"),
    Key(SCOPE, "ctrl+y", "copy", "复制", "复制问题、回答和出处", 3),
    Key(SCOPE, "ctrl+t", "trace", "来历", "这个回答怎么来的：分析、检索、判断", 4),
    Key(SCOPE, "ctrl+r", "retry", "重答", "把这个问题再问一次，换掉回答", 3),
    Key(SCOPE, "ctrl+p", "edit", "改问", "改最后一个问题再问，换掉那一问一答", 2),
    Key(SCOPE, "ctrl+g", "rate(1)", "赞", "这个回答好；再按一次取消", 2),
    Key(SCOPE, "ctrl+d", "rate(-1)", "否", "这个回答不好；再按一次取消", 2),
    Key(SCOPE, "ctrl+s", "correct", "改正", "改好回答，存成样本（待审）或偏好对", 3),
    Key(SCOPE, "ctrl+l", "list", "对话表", "到对话列表，再按一次回来", 4),
    Key(SCOPE, "ctrl+n", "new", "新对话", "开一个新对话", 3),
    Key(SCOPE, "ctrl+f", "search", "搜对话", "在所有对话里搜索"),
    Key(SCOPE, "ctrl+w", "work", "待处理", "拒答过的问题和待审的偏好对"),
    Key(SCOPE, "f12", "compare", "比较", "同一个问题让两个模型并排回答，可以盲评；选好的成偏好对", 1, "F12"),
    Key(SCOPE, "escape", "leave", "停下", "停止回答；关边栏；在问题和回答之间来回"),
)
