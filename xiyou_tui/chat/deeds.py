"""The words for deeds and ties: what claims one in a modern sentence, and under which other words the events may tell it."""

from __future__ import annotations

from xiyou_tui.corpus.fold import fold_loosely

# Deeds: the words that claim one (longest first), and after "|" further words under which the events may tell of it.
_DEEDS = {
    "kill": "打死 打杀 杀死 杀了 杀掉 杀 砍死 砍杀 筑死 害死 毒死 踢死 咬死 斩了 斩首 砍头 砍了 斩 烧死 淹死 勒死 处死 弄死 刺死 灭掉 | 死 剿 灭 剁 丧命 砸 捣 筑",
    "eat": "吃掉 吃了 偷吃 吞了 吞下 吞吃 吃进 吃下 喝了 喝下 喝 吃 | 咬 吞 服 尝",
    "subdue": "收服 收伏 收走 收去 收为 收了 收来 降伏 降服 擒住 擒拿 捉拿 捉住 拿住 带走 带回 领走 牵走 牵回 打败 战胜 打赢 收 | 收 降 擒 捉 拿 带 牵 败 套 骑 现 认 叫 罩",
    "seize": "抓走 抓住 掳走 摄走 抢走 劫走 摄去 抢去 拐走 背走 掳去 卷走 抓去 捉走 | 摄 抓 掳 抢 捉 拿 拖 卷 擒 劫 攫 绑",
    "marry": "娶了 娶 嫁给 嫁 成亲 成婚 拜堂 结婚 招赘 入赘 成了亲 拜了堂 拜了天地 拜天地 结了婚 | 婚 亲事 招赘 招亲 夫妻 配 丈夫 妻 洞房 女婿 媳",
    "teach": "拜师 为师 教会 传授 教给 学艺 | 教 传 师父 徒 收",
    "release": "放出来 放出 放了 救出 救了 救走 解救 揭帖 揭去 救活 救 | 放 解 脱 揭",
    "crush": "压在 压住 压了 镇压 压 | 镇",
    "spare": "饶了 饶过 放过 饶 | 免 赦",
    "steal": "偷走 偷了 盗走 盗取 偷 盗 | 拿 摄 抢 骗",
    "give": "送给 赐给 赠给 献给 借给 交给 传给 送 献 | 赐 赠 借 付 传 讨 授",
    "harass": "调戏 戏弄 侮辱 | 戏",
    "fell": "推倒 砍倒 砍了 毁了 烧了 烧掉 | 倒 毁 烧 砍 拆",
    "turn": "变成 变作 变为 | 变 化",
    "abandon": "抛弃 休了 遗弃 | 弃 休",
    "bear": "生了 生下 生 | 产",
    "banish": "赶走 逐走 驱逐 | 赶 逐 贬",
    "wound": "打伤 砍伤 刺伤 射伤 咬伤 烧伤 炸伤 抓伤 蜇伤 蜇了 打断 砍断 打瞎 咬掉 砍掉 打肿 毒倒 毒伤 | 伤 蜇 扎 断 咬 砍 射 刺 打中",
    "cheat": "骗走 骗去 骗到 骗了 哄骗 拐骗 骗 | 骗 哄 赚 诓 谎 诱 变",
    "push": "推下 推进 推到 推入 扔进 扔下 扔到 抛进 抛下 丢进 丢下 掀进 掀下 | 推 扔 抛 丢 掀 翻 摔 掷 落",
    "appoint": "封为 封成 封做 封了 任命 推举 提拔 册封 加封 | 封 拜 任 做 立 收",
    "punish": "罚去 罚了 处罚 惩罚 贬下 贬到 判了 关进 关在 囚禁 软禁 | 罚 贬 关 囚 打 押 锁",
    "heal": "治好 医好 治愈 治了 医治 | 治 医 救 药 膏 吃 服",
    "bind": "绑了 捆住 绑住 吊起 | 捆 绑 吊 锁",
}
# What someone is to someone: B 是 A 的 X, A 的 X B.
_TIES: dict[str, tuple[str, ...]] = {
    "mount": ("坐骑", "座骑", "宠物", "养的", "脚力"),
    "servant": ("童子", "童儿", "侍从", "仆人", "手下"),
    "child": ("亲生女儿", "亲生儿子", "儿子", "女儿"),
    "parent": ("父亲", "母亲", "爹", "妈妈", "爸爸"),
    "disciple": ("徒弟", "弟子"),
    "master": ("师父", "师傅"),
    "spouse": ("妻子", "丈夫", "老婆"),
    "sibling": ("哥哥", "弟弟", "妹妹", "姐姐"),
}
# The same tie seen from the other side.
OTHER_SIDE = {
    "child": "parent",
    "parent": "child",
    "disciple": "master",
    "master": "disciple",
    "spouse": "spouse",
    "sibling": "sibling",
}
_TIE_TELLING: dict[str, tuple[str, ...]] = {
    "mount": ("坐骑", "骑", "养", "主人", "跨", "收回"), "servant": ("童", "侍", "仆", "手下", "守", "看"),
    "child": ("儿", "子", "女", "太子", "公主", "生"), "parent": ("父", "母", "爹", "娘", "生"), "disciple": ("徒", "弟子", "教", "收"),
    "master": ("师", "教", "徒"), "spouse": ("妻", "夫", "娶", "嫁", "招", "成亲"), "sibling": ("兄", "弟", "哥", "姐", "妹"),
}  # fmt: skip


def _folded(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(fold_loosely, words)))


DEEDS = {name: _folded(tuple(words.partition(" | ")[0].split())) for name, words in _DEEDS.items()}
TIES = {name: _folded(words) for name, words in _TIES.items()}
# By deed or tie: the words under which an event may tell of it.
TELLING = {name: _folded(tuple(words.replace("|", " ").split())) for name, words in _DEEDS.items()}
TELLING |= {name: _folded(words) for name, words in _TIE_TELLING.items()}
# Every claiming word with its deed, longest first.
WORDS = sorted(((word, deed) for deed, words in DEEDS.items() for word in words), key=lambda item: -len(item[0]))
