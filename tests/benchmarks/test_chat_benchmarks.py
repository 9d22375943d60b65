"""The measurements of the chat with a model, at their smallest: that they measure what they say, never how fast it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import judge, second_turn
from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.models.practice import Shape, make_practice_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A practice model of the synopsis volume whose context holds a conversation."""
    texts = [chapter.text for chapter in load_synopsis().chapters]
    return make_practice_model(texts, tmp_path_factory.mktemp("models") / "practice", shape=Shape(context=8192))


async def test_a_second_turn_rests_on_the_first_and_a_cold_one_on_nothing(model: Path) -> None:
    [turn] = await second_turn.measure(load_synopsis(), model, second_turn.PAIRS[1:2])
    assert turn.question == "她后来怎么死的？"
    assert turn.warm.prompt_tokens == turn.cold.prompt_tokens > 500
    # What the stranger's prompt shares with every other is the beginning of a turn.
    assert turn.cold.reused < 10 < turn.warm.prompt_tokens / 2 < turn.warm.reused
    assert turn.warm.seconds > 0 and turn.cold.seconds > 0
    told = second_turn.summary([turn, turn])
    assert f"×{turn.ratio:.3f}" in told and f"{turn.warm.reused / turn.warm.prompt_tokens:.0%} of the prompt" in told


def test_the_judge_is_asked_of_both_passages_and_once_more_where_a_sentence_is_supported(model: Path) -> None:
    judged = judge.measure(load_synopsis(), model, 4)
    assert 0 < judged.compared <= 4 and 0 <= judged.wins <= judged.compared
    assert 2 * judged.compared <= len(judged.probabilities) == len(judged.seconds) <= 2 * judged.compared + judged.supported
    assert all(0 < probability < 1 for probability in judged.probabilities)
    assert judged.lowered <= judged.supported <= judged.compared
    assert str(judged).startswith(f"{judged.compared} pairs: own passage likelier in {judged.wins / judged.compared:.2f}")


def test_with_a_judge_that_knows_own_passages_win(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    edition = load_synopsis()
    own = {anchored.event.text: edition.chapter(anchored.chapter).text for anchored in judge.anchor_events(edition)}
    monkeypatch.setattr(judge, "probability_of_support", lambda _, sentence, passage: 0.9 if passage in own[sentence] else 0.1)
    judged = judge.measure(edition, model, 8)
    assert judged.wins == judged.compared > 0 and judged.lowered == 0


def test_the_judge_runs_without_arguments_but_its_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = tmp_path / "synopsis.txt"
    text.write_text("\n".join(f"{chapter.label}　{chapter.text}" for chapter in load_synopsis().chapters), "utf-8")
    monkeypatch.setattr("sys.argv", ["judge.py", "--corpus", str(text), "--pairs", "1"])
    judge.main()
    assert capsys.readouterr().out.startswith("1 pairs: own passage likelier")
