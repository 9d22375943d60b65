"""Who speaks, and what is verse."""

from __future__ import annotations

from collections import Counter

from tests.corpus.small import edition_of
from xiyou_tui.corpus.lexicon import load_lexicon
from xiyou_tui.corpus.model import Chapter, Edition, Place, edition_id
from xiyou_tui.corpus.speech import find_speeches, is_verse, speakers_in

TEXT = ["行者笑道：“师父，不打紧。”三藏对行者道：“徒弟，仔细些！”那里有人喊叫：“救命！”八戒听了，埋怨道：“又是妖怪。”旁边牌上写着“花果山”。"]


def test_speakers_are_told_by_the_words_before() -> None:
    edition = edition_of(TEXT)
    speeches = find_speeches(edition.chapter(1), load_lexicon())
    assert [speech.speaker.name if speech.speaker else None for speech in speeches] == ["孙悟空", "唐僧", None, "猪八戒", None]
    whole = Place(1, 1, edition.chapter(1).body, len(edition.chapter(1).text), "")
    assert [entry.name for entry in speakers_in(whole, edition, load_lexicon())] == ["孙悟空", "唐僧", "猪八戒"]


def test_verse_is_known() -> None:
    chapter = Chapter.compose(1, "题目 下句", [("散文一段。", "prose", False), ("花果山中无岁月，水帘洞里有春秋。", "verse", False)])
    edition = Edition(edition_id((chapter,)), "小本", "novel", "simplified", "tests", (chapter,))
    prose, verse = chapter.paragraphs
    assert is_verse(Place(1, 2, verse.start, verse.end, ""), edition)
    assert not is_verse(Place(1, 1, prose.start, prose.end, ""), edition)


def test_most_speeches_of_the_novel_have_a_speaker(novel: Edition) -> None:
    lexicon = load_lexicon()
    speeches = [speech for chapter in novel.chapters for speech in find_speeches(chapter, lexicon)]
    named = Counter(speech.speaker.name for speech in speeches if speech.speaker)
    assert len(speeches) > 8000
    assert sum(named.values()) / len(speeches) > 0.5
    assert named.most_common(1)[0][0] == "孙悟空"
