"""The grammar of a constrained answer: the model's own words, and quotes that can only be text of the passages shown."""

from __future__ import annotations

import json
from collections.abc import Sequence

# Shorter quotes say nothing; a substring expression would admit even the empty one.
SHORTEST_QUOTE = 4

# What the model's own words may not hold: the delimiters, every kind of quotation mark and citation bracket, controls.
# So nothing outside <q>…</q> can look like a quote or a citation. Lenticular brackets are forgeries of our marks.
FORBIDDEN = '<>\\[\\]「」『』“”‘’"〔〕【】｛｝{}＂\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f'


def whole_grammar(texts: Sequence[str]) -> str:
    """The grammar of a closed-book answer: own words, and `<q>…</q>` that can only hold a piece of one of the texts.

    The texts are joined by the one character that no quote may hold, so none runs from a chapter into the next. A quote stays
    within a paragraph and neither begins nor ends with a space. Texts that hold `<` can't be quoted.
    """
    joined = "<".join(text for text in texts if "<" not in text)
    rules = [f"WORDS: /[^{FORBIDDEN}]+/"]
    if len(joined) < SHORTEST_QUOTE:
        return "\n".join(["start: WORDS", *rules])
    rules.append('quote: "<q>" Q "</q>"')
    rules.append(f'SUB: %regex {{"substring_chars": {json.dumps(joined, ensure_ascii=False)}}}')
    rules.append(f"Q: SUB & /[^<\\s][^<\\n]{{{SHORTEST_QUOTE - 2},}}[^<\\s]/")
    return "\n".join(["start: (WORDS | quote)+", *rules])


def quote_grammar(quotable: Sequence[str]) -> str:
    """The Lark grammar (llguidance dialect) of an answer over passages numbered from 1.

    Own words, `[n]` after them as a reference, and `[n]<q>…</q>` as a quote: id first, then a substring of passage n.
    Delimiters are ASCII, since CJK brackets share their leading UTF-8 bytes with 。 and 、. Passages that hold `<` or are
    too short can be referred to but not quoted.
    """
    numbers = list(range(1, len(quotable) + 1))
    quotes = [index for index in numbers if "<" not in quotable[index - 1] and len(quotable[index - 1]) >= SHORTEST_QUOTE]
    rules = [f"WORDS: /[^{FORBIDDEN}]+/"]
    choices = ["WORDS"]
    if numbers:
        rules.append("ref: " + " | ".join(f'"[{index}]"' for index in numbers))
        choices.append("ref")
    if quotes:
        rules.append("quote: " + " | ".join(f'"[{index}]<q>" Q{index} "</q>"' for index in quotes))
        choices.append("quote")
    for index in quotes:
        text = json.dumps(quotable[index - 1], ensure_ascii=False)
        rules.append(f'SUB{index}: %regex {{"substring_chars": {text}}}')
        rules.append(f"Q{index}: SUB{index} & /(?s:.{{{SHORTEST_QUOTE},}})/")
    return "\n".join([f"start: ({' | '.join(choices)})+", *rules])
