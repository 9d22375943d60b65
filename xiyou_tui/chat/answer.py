"""摘引: an answer from retrieval alone, no model: sentences of the text, quoted verbatim, or an honest refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xiyou_tui.chat.model import REFUSAL, Answer, Exchange, Part, assert_verbatim, cite_places

if TYPE_CHECKING:
    from xiyou_tui.corpus.retrieval import Retriever

QUOTES = 4


def answer_by_extract(question: str, retriever: Retriever, *, history: Sequence[Exchange] = ()) -> Answer:
    """The passages that answer `question`, quoted; refused where nothing in the text supports an answer."""
    edition = retriever.edition
    places = retriever.search(question, top=QUOTES)
    citations = cite_places(edition, places)
    if not citations:
        reason = "没有找到与问题有关的段落。"
        return Answer(question, "extract", "", True, reason, (Part("notice", f"{REFUSAL}。{reason}"),), (), edition.id)
    parts = tuple(Part("evidence", cited.quote, index) for index, cited in enumerate(citations))
    return assert_verbatim(Answer(question, "extract", "", False, "", parts, citations, edition.id), edition)
