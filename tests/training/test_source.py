"""What a run trains on: held-out chapters, groups that stay together, warnings, and clear refusals of nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from xiyou_tui.corpus.model import Place
from xiyou_tui.corpus.passages import cut_passages
from xiyou_tui.errors import TrainingError
from xiyou_tui.samples.model import Turn, new_sample
from xiyou_tui.study import Study
from xiyou_tui.training.recipe import Recipe
from xiyou_tui.training.source import choose_held_out, gather, gather_samples


def plain(question: str, passages: Sequence[Place]) -> list[dict[str, str]]:
    """A chat's messages, reduced to what matters here."""
    shown = "".join(f"[{number}]{place.text}\n" for number, place in enumerate(passages, 1))
    return [{"role": "system", "content": "系统"}, {"role": "user", "content": f"{shown}问题：{question}"}]


def test_held_out_chapters_are_chosen_or_named(study: Study) -> None:
    edition = study.library.current()
    assert choose_held_out("auto", edition) == frozenset({10, 30, 50, 70, 90})
    assert choose_held_out("none", edition) == frozenset()
    assert choose_held_out("7，50, 93", edition) == frozenset({7, 50, 93})
    for wish in ("abc", "1,500"):
        with pytest.raises(TrainingError):
            choose_held_out(wish, edition)


def test_dapt_takes_the_current_edition_and_says_when_it_is_only_the_synopsis(study: Study) -> None:
    data = gather(Recipe(), study)
    assert data.count("held_out") == 5
    assert data.count("train") + 5 == len(study.library.current().chapters)
    assert any("提要" in warning for warning in data.warnings)
    assert data.hash == gather(Recipe(), study).hash


def test_sft_without_approved_samples_is_refused(study: Study) -> None:
    study.samples.save(new_sample("fact", "谁？", "我。", status="draft"))
    with pytest.raises(TrainingError, match="没有「通过」的样本"):
        gather(Recipe().changed("run.stage", "sft"), study)
    with pytest.raises(TrainingError, match="偏好对"):
        gather(Recipe().changed("run.stage", "dpo"), study)


def test_few_refusals_and_nothing_but_refusals_are_told(study: Study) -> None:
    recipe = Recipe().changed("run.stage", "sft")
    answered = [new_sample("fact", f"问{index}", "答", status="approved") for index in range(9)]
    refused = [new_sample("refusal", f"拒{index}", "原著未提及", refusal=True, status="approved") for index in range(3)]
    assert any("拒答样本只占 0%" in warning for warning in gather_samples(recipe, answered, plain).warnings)
    assert any("全是拒答" in warning for warning in gather_samples(recipe, refused, plain).warnings)
    balanced = gather_samples(recipe.changed("data.validation_share", 0), [*answered, *refused], plain)
    assert not any("拒答" in warning for warning in balanced.warnings)


def test_paraphrases_never_straddle_the_split(study: Study) -> None:
    recipe = Recipe().changed("run.stage", "sft").changed("data.validation_share", 0.3)
    samples = [
        new_sample("fact", f"问题{group}？" + "！" * copy, "答", status="approved", tags=[f"group:{group}"] if copy == 2 else [])
        for group in range(12)
        for copy in range(2)
    ]
    samples += [new_sample("fact", f"换个说法{copy}", "答", status="approved", tags=["group:x"]) for copy in range(5)]
    data = gather_samples(recipe, samples, plain)
    assert data.count("validation") > 0
    homes: dict[str, set[str]] = {}
    for row in data.rows:
        homes.setdefault(row["group"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in homes.values())
    assert all(row["messages"][0] == {"role": "system", "content": "系统"} for row in data.rows)


def test_marked_splits_win_and_test_rows_stay_out(study: Study) -> None:
    samples = [
        new_sample("fact", f"问{index}", "答", status="approved", split=split)
        for index, split in enumerate(("train", "valid", "test"))
    ]
    data = gather_samples(Recipe().changed("run.stage", "sft"), samples, plain)
    assert [row["split"] for row in sorted(data.rows, key=lambda row: row["messages"][-2]["content"])] == ["train", "validation"]


def test_general_text_must_be_there(study: Study, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="通用文本"):
        gather(Recipe().changed("data.general_text", str(tmp_path / "none.txt")), study)
    (tmp_path / "some.txt").write_text("\n\n".join(f"第{index}段话" for index in range(40)), "utf-8")
    data = gather(Recipe().changed("data.general_text", str(tmp_path / "some.txt")), study)
    assert (data.count("general"), data.count("general_held_out")) == (38, 2)


def test_preferences_come_from_approved_pairs(study: Study, recipe_of: Callable[..., Recipe]) -> None:
    for id, status in (("a", "approved"), ("b", "review"), ("c", "approved")):
        study.connection.execute(
            "INSERT INTO preference (id, prompt, chosen, rejected, status, created) VALUES (?, ?, ?, ?, ?, 0)",
            (id, f"问{id}", "好", "坏", status),
        )
    data = gather(recipe_of(run__stage="dpo"), study)
    assert [row["id"] for row in data.rows] == ["a", "c"]


def test_training_asks_as_the_chat_asks(study: Study) -> None:
    study.samples.save(new_sample("fact", "悟空是谁？", "石猴。", status="approved"))
    turns = [
        Turn("system", "另有吩咐"),
        Turn("user", "甲？"),
        Turn("assistant", "乙。"),
        Turn("user", "丙？"),
        Turn("assistant", "丁。"),
    ]
    study.samples.save(new_sample("multi", turns=turns, status="approved"))
    rows = {row["kind"]: row["messages"] for row in gather(Recipe().changed("run.stage", "sft"), study).rows}
    assert rows["fact"] == [*study.chat_messages("悟空是谁？"), {"role": "assistant", "content": "石猴。"}]
    assert [turn["role"] for turn in rows["multi"]] == ["system", "user", "assistant", "user", "assistant"]
    assert rows["multi"][0]["content"] == "另有吩咐"
    assert rows["multi"][3]["content"] == study.chat_messages("丙？")[-1]["content"]


def test_raft_rows_show_the_passage_or_are_refused(study: Study) -> None:
    edition = study.library.current()
    passages = cut_passages(edition)
    samples = []
    for index in range(40):
        place = passages[index]
        quote = place.text.split("\n")[0][:12]
        at = place.start
        cited = [edition.cite(place.chapter, at, at + len(quote))]
        samples.append(new_sample("quote", f"问{index}", f"原文说“{quote}”。", citations=cited, status="approved"))
    samples += [new_sample("refusal", f"拒{index}", "原著未提及。", refusal=True, status="approved") for index in range(10)]
    samples.append(new_sample("fact", "没有引文", "就这样。", status="approved"))
    recipe = Recipe().changed("run.stage", "sft").changed("data.raft", 1.0)
    data = gather_samples(recipe, samples, plain, edition)
    made = [row for row in data.rows if row["id"].endswith("+段落")]
    assert len(made) == 50
    answered = [row for row in made if not row["refusal"]]
    hidden = [row for row in made if row["refusal"] and row["kind"] == "quote"]
    assert 0 < len(hidden) < 20
    homes = {row["id"]: row["split"] for row in data.rows}
    for row in answered:
        assert homes[row["id"].removesuffix("+段落")] == row["split"]
        number, quote = re.search(r"\[(\d)\]<q>(.+?)</q>", row["messages"][-1]["content"]).groups()  # type: ignore[union-attr]
        shown = (
            row["messages"][-2]["content"].split("\n[" + number + "]")[-1] if number != "1" else row["messages"][-2]["content"]
        )
        assert quote in shown.split(f"[{int(number) + 1}]")[0]
    for row in hidden:
        source = next(sample for sample in samples if sample.id == row["id"].removesuffix("+段落"))
        assert edition.resolve(source.citations[0]) not in row["messages"][-2]["content"]
        assert "原著未提及" in row["messages"][-1]["content"]
    assert data.hash == gather_samples(recipe, samples, plain, edition).hash
