"""Folding: one spelling for characters that editions write differently, so that a search meets all of them.

A fold looks at one character at a time and keeps the length, so an offset into the folded text is one into the text.
`fold` is for exact search: script, graphic variants and punctuation. `fold_loosely` is for ranking and for finding a
phrase of one edition in another, and also joins characters that editions of this novel swap freely (象/像, 那/哪).
"""

from __future__ import annotations

from xiyou_tui.corpus.script import to_simplified

# Each group is one character in several dresses; the first stands for all. Counted from the differences of four editions.
VARIANTS = """
    钟锺鍾 毗毘 球毬 屣躧 檐簷 衔啣 圭珪 棂櫺 余馀 喧諠 焰燄燄 欹攲敧 肴殽 拈撚 藤籐 匹疋 侄姪 挂罣掛 幡旛 幕幙 楠柟 熏薰燻 窑窰窯 雁鴈
    仇雠 堤隄 哑痖 遁遯 仿倣彷 尝嚐 敕勅 丘坵 个箇 吃喫 斗鬭鬪 峰峯 真眞 筋觔 着著 么麽麼 呆獃騃 踪蹤 唬諕 玩翫 碗椀盌 岩巖嵓 驼駞 猿猨 鼋黿
    佩珮 孽孼 叹歎 咤吒 忻欣 晖暉 鳧凫 咽嚥 溪谿 柏栢 棹櫂 弃棄 泪淚 炉鑪 菇菰 瞋嗔 灾災烖 宝寶寳 草艸 遍徧 群羣 秘祕 略畧 村邨 霉黴
"""
# Swapped between editions, but different words elsewhere: good for ranking, too much for an exact search.
SWAPPED = """
    象像 哪那 啊呵 够彀勾 轮抡 旁傍 叠迭 复覆 晃幌 捶搥锤 箓录 杠扛 祗祇 札扎 讯汛 湾弯 座坐 锻煅 途涂 皈归 装妆粧 钳拑 很狠 馐羞 捍杆 玄元
    蛾娥 缰疆 他她它 扇搧 托託 辉晖 妳你
"""
QUOTES = {'"': "“”„‟「」『』＂", "'": "‘’‚‛＇", ";": "；﹔", ",": "，﹐", ":": "：﹕", "!": "！﹗", "?": "？﹖", "(": "（﹙", ")": "）﹚", "·": "•‧・", "-": "—―─－"}


class _Folder(dict[int, int]):
    """A table for str.translate that learns each character when it first meets it."""

    def __init__(self, *groups: str) -> None:
        super().__init__()
        self._chosen: dict[str, str] = {}
        for group in " ".join(groups).split():
            first = self._chosen.get(group[0], group[0])
            self._chosen.update(dict.fromkeys(group, first))
        for standard, dresses in QUOTES.items():
            self.update(dict.fromkeys(map(ord, dresses), ord(standard)))

    def __missing__(self, code: int) -> int:
        character = chr(code)
        if 0xFF01 <= code <= 0xFF5E:  # full-width Latin letters and digits
            self[code] = ord(chr(code - 0xFEE0).lower())
            return self[code]
        plain = to_simplified(character).lower()
        # A simplified form outside the basic plane would double the memory of the whole text; the old form serves as well.
        if len(plain) != 1 or ord(plain) > 0xFFFF:
            plain = character
        self[code] = ord(self._chosen.get(plain, plain))
        return self[code]


_STRICT = _Folder(VARIANTS)
_LOOSE = _Folder(VARIANTS, SWAPPED)


def fold(text: str) -> str:
    """`text` with script, graphic variants and punctuation made one; always as long as `text`."""
    return text.translate(_STRICT)


def fold_loosely(text: str) -> str:
    """As `fold`, and characters that editions of this novel swap made one too; always as long as `text`."""
    return text.translate(_LOOSE)
