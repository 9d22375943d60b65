"""Distractors among the passages shown, support of a model's own words, and the reading of held-out chapters."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.chat.model import Answer, Part
from xiyou_tui.chat.render import MODEL_SOURCE
from xiyou_tui.cli.main import run
from xiyou_tui.corpus.model import Edition, Place
from xiyou_tui.corpus.retrieval import Retriever
from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.evaluation.judging import Reply, judge
from xiyou_tui.evaluation.noise import Noise
from xiyou_tui.evaluation.perplexity import MOST, Reading, choose_passages, keep_readings, kept_readings
from xiyou_tui.evaluation.plain import count_supported, read_reply
from xiyou_tui.evaluation.questions import Question


def place(chapter: int, number: int = 1) -> Place:
    return Place(chapter, number, 0, 4, f"第{chapter}回")


PASSAGES = [place(chapter, number) for chapter in range(1, 41) for number in range(1, 4)]


@given(st.integers(0, 12), st.integers(1, 8), st.text(max_size=12))
def test_noise_keeps_a_found_passage_and_adds_only_strangers(count: int, most: int, question: str) -> None:
    ranked = [place(chapter) for chapter in range(1, 11)]
    shown = list(Noise(PASSAGES, count, 7).mix(question, ranked, most))[:most]
    related = {found.chapter for found in ranked}
    strangers = [found for found in shown if found.chapter not in related]
    assert len(shown) == most
    assert len(strangers) == min(count, most - 1)
    assert list(Noise(PASSAGES, count, 7).mix(question, ranked, most))[:most] == shown


def test_without_noise_or_passages_nothing_changes() -> None:
    ranked = [place(3), place(1)]
    assert Noise(PASSAGES, 0, 7).mix("谁", ranked, 6) == ranked
    assert list(Noise(PASSAGES, 3, 7).mix("谁", [], 6)) == []


def test_support_of_the_models_own_words_is_counted_by_sentence(edition: Edition) -> None:
    parts = (
        Part("summary", "有依据。也有依据。", None, True, MODEL_SOURCE),
        Part("summary", "没有依据。", None, False, MODEL_SOURCE),
        Part("summary", "好的。", None, None, MODEL_SOURCE),
        Part("summary", "情节索引的话。", None, None, "情节索引"),
    )
    question = Question("Q", "fact", "谁？", True, ("有依据",), (), ())
    answer = Answer("谁？", "closed", "m", False, "", parts, (), edition.id)
    outcome = judge("closed", question, Reply(answer, 1.0), edition)
    assert (outcome.supported, outcome.claims) == (2, 3)
    assert judge("rag", question, Reply(answer, 1.0, support=(1, 4)), edition).claims == 4


def test_a_baselines_sentences_go_through_the_same_check() -> None:
    retriever = Retriever(load_synopsis())
    shown = retriever.search("石猴怎么成为美猴王", top=3)
    answer, _ = read_reply("石猴怎么成为美猴王", "石猴率先跳进瀑布，被群猴拜为美猴王。贾宝玉在大观园里作诗。", shown, retriever.edition, "rag", "m")
    supported, claims = count_supported(answer, shown, retriever)
    assert (supported, claims) == (1, 2)


def test_passages_are_spread_over_the_held_out_chapters() -> None:
    chosen = choose_passages([place(10, number) for number in range(500)] + [place(11)], frozenset({10}))
    assert len(chosen) == MOST
    assert chosen[0].paragraph == 0 and chosen[-1].paragraph == 499


def test_a_reading_is_kept_and_told(tmp_path: Path) -> None:
    reading = Reading("/m", "", "m", (10, 30), ((20.0, 10, 8), (40.0, 10, 12)))
    assert reading.perplexity == pytest.approx(math.exp(3))
    assert reading.bits_per_character == pytest.approx(60 / 20 / math.log(2))
    low, high = reading.interval()
    assert low is not None and high is not None and low <= reading.perplexity <= high
    keep_readings(tmp_path, [reading])
    assert kept_readings(tmp_path) == (reading,)
    (tmp_path / "perplexity.json").write_text("{", "utf-8")
    assert kept_readings(tmp_path) == ()


@pytest.mark.slow
def test_an_evaluation_reads_the_held_out_chapters_and_mixes_noise(
    novel_path: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["corpus", "import", str(novel_path)]) == 0
    capsys.readouterr()
    start = ["eval", "run", "dev", "--mode", "retrieve,rag", "--model", str(tiny_model), "--limit", "4", "--noise", "2", "--json"]
    assert run(start) == 0
    record = json.loads(capsys.readouterr().out)
    (reading,) = record["perplexity"]
    assert 1 < reading["perplexity"] < 1500
    assert reading["low"] <= reading["perplexity"] <= reading["high"]
    assert len(reading["passages"]) == MOST and 10 in reading["chapters"]
    assert run(["eval", "report", "last"]) == 0
    report = Path(capsys.readouterr().out.splitlines()[0]).read_text("utf-8")
    assert "留出的回" in report and "换进 2 段" in report
