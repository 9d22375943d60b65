"""What the checks say about a sample, and where citations are found again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xiyou_tui.corpus.model import Citation, Edition
from xiyou_tui.errors import CorpusError
from xiyou_tui.samples.checks import check_sample
from xiyou_tui.samples.citations import cite_paragraph, cite_typed, locate, look_up, reanchor_all, remember
from xiyou_tui.samples.duplicates import NearIndex
from xiyou_tui.samples.model import Sample, Turn, new_sample
from xiyou_tui.study import Study

Make = Callable[..., Edition]


def codes(study: Study, sample: Sample) -> set[str]:
    return {finding.code for finding in check_sample(sample, study.library, study.samples)}


def test_a_sound_sample_has_no_findings(study: Study, edition: Edition) -> None:
    sample = new_sample(
        "fact", "石头在哪里？", "在花果山顶，“有一块石头”（第一回）。", citations=[cite_paragraph(edition, "1.1")]
    )
    assert check_sample(sample, study.library, study.samples) == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("", "empty-answer"),
        ("说得太长" * 400, "too-long"),
        ("长" * 600, "long-answer"),
        ("“花果山顶有一块石头，”", None),
        ("“花果山有一块石头”", "misquote"),
        ("“石头里跳出，一个猴子”", "quote-punctuation"),
        ("“悟空打了三次，师父写了一封信”", "quote-uncited"),
        ("“花果山顶……一个猴子”", None),
        ("他叫“大王”", None),
        ("见〔27·1〕", "unknown-mark"),
        ("第二十七回写了", "uncited-chapter"),
        ("原著未提及。", "unmarked-refusal"),
        ("坏\x1b[31m字", "control-character"),
    ],
)
def test_what_is_wrong_with_an_answer_is_named(study: Study, edition: Edition, answer: str, code: str | None) -> None:
    sample = new_sample("fact", "石头怎么了？", answer, citations=[cite_paragraph(edition, "1.1")])
    found = codes(study, sample)
    assert found == ({code} if code else set())


def test_refusals_say_why_and_say_so(study: Study, edition: Edition) -> None:
    assert codes(study, new_sample("refusal", "诸葛亮是谁？", "不知道。")) == {"no-reason", "no-refusal-phrase"}
    assert codes(study, new_sample("refusal", "诸葛亮是谁？", "原著未提及“诸葛亮”。", reason="书外之事")) == set()


def test_answers_need_citations_and_quotes_even_more(study: Study, edition: Edition) -> None:
    findings = check_sample(new_sample("quote", "引一句", "好"), study.library)
    assert [(finding.code, finding.severity) for finding in findings] == [("no-citation", "error")]
    assert codes(study, new_sample("multi", "只有一轮", "答", citations=[cite_paragraph(edition, "1.1")])) == {"one-exchange"}
    talk = [Turn("user", "甲"), Turn("assistant", "乙"), Turn("user", "丙"), Turn("assistant", "")]
    assert codes(study, new_sample("fact", turns=talk, citations=[cite_paragraph(edition, "1.1")])) == {
        "many-exchanges",
        "empty-answer",
    }


def test_a_near_duplicate_is_named(study: Study, edition: Edition) -> None:
    other = study.samples.save(new_sample("refusal", "孙悟空的师父究竟是谁呢？", "原著未提及。", reason="x"))
    near = NearIndex([(other.id, other.question)])
    sample = new_sample("refusal", "孙悟空的师父究竟是谁？", "原著未提及。", reason="x")
    assert [f.code for f in check_sample(sample, study.library, near=near)] == ["duplicate"]
    assert check_sample(other, study.library, near=near) == []


def test_without_the_novel_quotes_are_only_hinted_at(study: Study) -> None:
    sample = new_sample("quote", "引一句", "“没法核对的一句话”", source="starter")
    assert {finding.severity for finding in check_sample(sample, study.library)} == {"hint"}


def test_citations_follow_the_text_into_another_edition(study: Study, edition: Edition, make_edition: Make) -> None:
    citation = cite_paragraph(edition, "2.2", "祖师给他起名叫悟空")
    stored = study.samples.save(new_sample("fact", "问", "答", citations=[citation]))
    other = make_edition({1: ["新加的一段。"], 2: ["前面多了几句话。祖师给他起名叫悟空，就这样。"]}, "另一本")
    study.library.add(other)
    moved = look_up(citation, study.library, study.samples)
    assert (moved.state, moved.text, moved.citation.edition) == ("moved", "祖师给他起名叫悟空", other.id)
    assert codes(study, stored) == {"moved-citation"}
    assert reanchor_all(study.samples, study.library).as_record() == {"kept": 0, "moved": 1, "lost": 0}
    assert study.samples.get(stored.id).citations == (moved.citation,)
    study.samples.undo()
    assert study.samples.get(stored.id).citations == (citation,)


def test_a_citation_outlives_its_edition(study: Study, edition: Edition, make_edition: Make) -> None:
    citation = cite_paragraph(edition, "27.2")
    stored = study.samples.save(new_sample("fact", "问", "答", citations=[citation]))
    remember(stored, study.library, study.samples)
    study.library.remove(edition.id)
    study.library.choose(study.library.synopsis().id)
    assert look_up(citation, study.library, study.samples).state == "broken"
    assert look_up(citation, study.library, study.samples).text == edition.resolve(citation)
    study.library.add(make_edition({27: ["悟空打了三次，师父写了一封信，叫他回去。"]}))
    assert look_up(citation, study.library, study.samples).state == "moved"


def test_the_traditional_text_is_found_from_simplified(study: Study, make_edition: Make) -> None:
    traditional = make_edition({5: ["師父寫了一封信，叫他回去。"]})
    found = locate("师父写了一封信", traditional)
    assert found is not None and traditional.resolve(found) == "師父寫了一封信"


def test_a_repeated_phrase_is_found_where_it_was(edition: Edition, make_edition: Make) -> None:
    twice = make_edition({1: ["猴子来了。", "猴子走了。", "猴子睡了。"]})
    last = twice.chapter(1).paragraphs[2].start
    third = locate("猴子", twice, chapter=1, near=last)
    assert third is not None and third.start == last


def test_what_is_typed_becomes_a_citation(edition: Edition) -> None:
    def text(typed: str) -> str:
        return edition.resolve(cite_typed(edition, typed))

    assert text("27.2") == text("〔27·2〕") == text("第二十七回第二段") == TEXT_27_2
    assert text("27.2：师父写了一封信") == "师父写了一封信"
    assert text("学会了许多") == "悟空很高兴，学会了许多变化。"
    for typed, what in (
        ("27", "没有写段号"),
        ("27.9", "没有第 9 段"),
        ("99.1", "没有第 99 回"),
        ("没有的话", "原文里没有"),
        ("27.2:不在", "里没有"),
    ):
        with pytest.raises(CorpusError, match=what):
            cite_typed(edition, typed)


TEXT_27_2 = "悟空打了三次，师父写了一封信，叫他回去。"


def test_a_citation_that_lies_is_broken(study: Study, edition: Edition) -> None:
    sample = new_sample(
        "fact", "问", "答", citations=[Citation(edition.id, 1, 0, 5, "0" * 16), Citation("gone", 101, 0, 5, "1" * 16)]
    )
    findings = check_sample(sample, study.library, study.samples)
    assert [finding.code for finding in findings] == ["broken-citation", "broken-citation"]
