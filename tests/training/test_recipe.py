"""Recipes: one schema gives TOML, validation and forms, and nothing slips past it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.errors import TrainingError
from xiyou_tui.training.fields import RecipeField, Value
from xiyou_tui.training.presets import default_preset, find_preset, list_chains, list_presets
from xiyou_tui.training.recipe import FIELDS, STAGES, Recipe, dump_recipe, fields_for, load_recipe, parse_recipe, save_recipe


def values_of(field: RecipeField) -> st.SearchStrategy[Value]:
    low, high = field.minimum, field.maximum
    if field.choices:
        return st.sampled_from([value for value, _ in field.choices])
    if field.kind == "switch":
        return st.booleans()
    if field.kind == "whole":
        return st.integers(int(low or 0), int(high if high is not None else 2**31))
    if field.kind == "number":
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    if field.kind == "lines":
        return st.lists(st.text("西游记abc？", min_size=1), max_size=4).map(tuple)
    return st.text("西游记/abc-7,", max_size=12).map(str.strip)


recipes = st.fixed_dictionaries({field.key: values_of(field) for field in FIELDS})


@given(recipes)
def test_a_recipe_survives_its_file(values: dict[str, Value]) -> None:
    recipe = Recipe()
    for key, value in values.items():
        recipe = recipe.changed(key, list(value) if isinstance(value, tuple) else value)
    assert parse_recipe(dump_recipe(recipe)) == recipe


@given(recipes)
def test_a_form_reads_back_what_it_shows(values: dict[str, Value]) -> None:
    for field in FIELDS:
        assert field.parse(field.show(values[field.key])) == values[field.key]


def test_a_saved_file_explains_every_field(tmp_path: Path) -> None:
    save_recipe(tmp_path / "r.toml", Recipe())
    text = (tmp_path / "r.toml").read_text("utf-8")
    assert load_recipe(tmp_path / "r.toml") == Recipe()
    assert all(field.help in text for field in FIELDS)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[loop]\nbach = 2", "loop.batch"),
        ("[loop]\nbatch = 0", "不能小于 1"),
        ("[loop]\nbatch = 2.5", "整数"),
        ("[optimizer]\nlearning_rate = nan", "不能小于"),
        ("[run]\nstage = 'rlhf'", "只能是"),
        ("[loop]\ngradient_checkpoint = 1", "true 或 false"),
        ("[loop\n", "TOML"),
        ("loop = 3", "表"),
        ("[check]\nprompts = [1]", "文字"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(text: str, word: str) -> None:
    with pytest.raises(TrainingError) as caught:
        parse_recipe(text)
    assert word in caught.value.render()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="读不了"):
        load_recipe(tmp_path / "none.toml")


def test_presets_cover_every_size_and_stage_within_the_advised_ranges() -> None:
    names = [preset.name for preset in list_presets()]
    assert names[:3] == ["practice-dapt", "practice-sft", "practice-dpo"]
    for chain in list_chains():
        assert [preset.recipe.stage for preset in chain.presets] == list(STAGES)
    assert all(preset.recipe.cautions() == () for preset in list_presets())
    assert default_preset("sft", "Qwen2.5-7B-Instruct-4bit").name == "7b-sft"
    assert default_preset("dapt", "practice").name == "practice-dapt"
    with pytest.raises(TrainingError, match="没有"):
        find_preset("70b-dapt")


def test_fields_that_a_stage_ignores_are_not_shown() -> None:
    shown = {field.key for field in fields_for("dapt")}
    assert "data.held_out" in shown
    assert "dpo.beta" not in shown


def test_values_outside_the_advised_range_work_with_a_caution() -> None:
    recipe = Recipe().changed("adapter.rank", 256)
    assert any("rank" in caution for caution in recipe.cautions())
