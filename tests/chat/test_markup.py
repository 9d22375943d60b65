"""Whatever a model writes, what is shown is harmless and forges nothing."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from xiyou_tui.chat.markup import Quote, StreamText, Words, clean, parse_output, plain_words

NASTY = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\r", "\x00", "\u202e", "\u200b", "\ufeff", "〔27·12〕", "〔999·1〕", "[1]", "[1]<q>", "</q>", "<q>",
             "「", "」", "“大圣”", "<think>", "</think>", "<|im_end|>", "[2:3]", "【3†】", "［", "\ue000", "e\u0301\u0301\u0301\u0301", "〔〔1·1〕〕"]
        ),
    ),
    max_size=20,
).map("".join)  # fmt: skip


@given(NASTY)
def test_cleaned_text_holds_no_control_or_invisible_character(raw: str) -> None:
    for character in clean(raw):
        assert character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


@given(NASTY)
def test_cleaning_twice_changes_nothing_more(raw: str) -> None:
    assert clean(clean(raw)) == clean(raw)


@given(NASTY)
@example("〔27〔1·1〕·12〕")
@example("<<q>q>「」")
def test_own_words_hold_no_marks_quotation_marks_or_delimiters(raw: str) -> None:
    for piece in parse_output(raw):
        assert isinstance(piece, (Words, Quote))
        if isinstance(piece, Words):
            assert not set('〔〕“”「」『』"') & set(piece.text)
            assert "<q>" not in piece.text
            assert "</q>" not in piece.text


def test_pieces_come_in_order_with_ids_and_references() -> None:
    pieces = parse_output("悟空打它。[1]然后[2]<q>大圣道：“呆子</q>他说“好汉”")
    assert pieces == (Words("悟空打它。", (1,)), Words("然后"), Quote("大圣道：“呆子", 2), Words("他说"), Quote("好汉"))


def test_a_quote_that_breaks_off_is_known_as_open() -> None:
    assert parse_output("[3]<q>未完") == (Quote("未完", 3, False),)


def test_thoughts_are_not_shown() -> None:
    assert parse_output("<think>想一想<q>x</q></think>答案") == (Words("答案"),)
    assert parse_output("<think>没有想完") == ()


@given(NASTY, st.integers(1, 5))
def test_streaming_in_pieces_shows_what_streaming_at_once_shows_of_plain_text(raw: str, size: int) -> None:
    plain = plain_words("".join(character for character in clean(raw) if character not in "[]<>〔〕"))
    stream = StreamText()
    shown = "".join(stream.feed(plain[at : at + size]) for at in range(0, len(plain), size)) + stream.feed("", last=True)
    assert shown == plain


def test_a_streamed_tag_is_never_seen_in_half() -> None:
    stream = StreamText()
    shown = [stream.feed(piece) for piece in ("他说", "[", "1]", "<", "q>", "原文", "</", "q>", "完")] + [
        stream.feed("", last=True)
    ]
    assert "".join(shown) == "他说「原文」完"
    assert all("<" not in text and "[" not in text for text in shown)
