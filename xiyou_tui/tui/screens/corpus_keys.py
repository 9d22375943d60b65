"""The keys of mode 原著."""

from __future__ import annotations

from xiyou_tui.tui.keymap import Key, register_keys

SCOPE = "corpus"

register_keys(
    Key(SCOPE, "slash,ctrl+f", "search", "查找", "在全书里查找，边打边出；Tab 换成按意思检索", 9, "/"),
    Key(SCOPE, "g,ctrl+g", "go", "跳到", "按回和段跳，如 27 或 27.12", 8, "g"),
    Key(SCOPE, "a,ctrl+n", "sample", "造样本", "用选中的原文新建样本，引文自动填好", 7, "a"),
    Key(SCOPE, "n,ctrl+k", "note", "注解", "给选中的原文写注解，写明来源"),
    Key(SCOPE, "p,ctrl+p", "people", "人物", "人物、地方、宝物：在哪里出现，两个一起出现在哪里", 1, "p"),
    Key(SCOPE, "d,ctrl+d", "variants", "对勘", "和另一个底本比较这一段"),
    Key(SCOPE, "left_square_bracket", "chapter(-1)", "上回", "上一回"),
    Key(SCOPE, "right_square_bracket", "chapter(1)", "下回", "下一回", 4, "[ ]"),
    Key(SCOPE, "full_stop,f8", "hit(1)", "下一处", "下一个查找结果"),
    Key(SCOPE, "comma,f7", "hit(-1)", "上一处", "上一个查找结果"),
    Key(SCOPE, "y,ctrl+y", "copy", "复制", "复制选中的原文，带出处", 3, "y"),
    Key(SCOPE, "t,ctrl+t", "script", "简繁", "底本原样 → 简体 → 繁体", 3, "t"),
    Key(SCOPE, "m", "bookmark", "书签", "给这一段加上或去掉书签"),
    Key(SCOPE, "apostrophe", "bookmarks", "书签表", "列出书签"),
    Key(SCOPE, "less_than_sign,backspace", "history(-1)", "后退", "回到跳转以前的地方"),
    Key(SCOPE, "greater_than_sign", "history(1)", "前进", "再到跳转以后的地方"),
    Key(SCOPE, "i,f12", "side", "边栏", "显示或收起右边的边栏", 2, "i"),
    Key(SCOPE, "c", "contents", "目录", "到目录里选回，再按一次回正文", 2, "c"),
    Key(SCOPE, "plus,equals_sign", "measure(4)", "加宽", "版心加宽"),
    Key(SCOPE, "minus", "measure(-4)", "收窄", "版心收窄"),
    Key(SCOPE, "o,ctrl+o", "import_text", "导入", "导入原著文本文件", 6, "o"),
    Key(SCOPE, "w,f11", "fetch_text", "网取", "从网上取原著文本：先看清地址，问过才取", 5, "w"),
    Key(SCOPE, "e,ctrl+e", "editions", "底本", "换一个底本"),
    Key(SCOPE, "escape", "leave", "取消", "收起查找、取消选取和标记"),
)
