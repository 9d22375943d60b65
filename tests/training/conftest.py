"""A tiny real model and a workplace with a text and samples, for the tests of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xiyou_tui.corpus.synopsis import load_synopsis
from xiyou_tui.models.making import practice_path
from xiyou_tui.models.practice import Shape, make_practice_model
from xiyou_tui.samples.model import Turn, new_sample
from xiyou_tui.study import Study
from xiyou_tui.training.recipe import Recipe

SMALL = Shape(vocabulary=512, hidden=32, layers=2, heads=4, key_value_heads=2, intermediate=64)


@pytest.fixture(scope="session")
def model_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A practice model of some 40,000 parameters, made once."""
    texts = [chapter.text for chapter in load_synopsis().chapters]
    return make_practice_model(texts, tmp_path_factory.mktemp("model") / "practice", title="test", edition="test", shape=SMALL)


@pytest.fixture(scope="session")
def tokenizer(model_directory: Path) -> Any:
    from xiyou_tui.training.session import load_model

    return load_model(model_directory)[1]


@pytest.fixture
def tiny(study: Study, model_directory: Path) -> Study:
    """The workplace with the tiny model in the practice model's place and a dozen approved samples."""
    import shutil

    shutil.copytree(model_directory, practice_path(study.places, study.library.current()))
    for index in range(8):
        study.samples.save(new_sample("fact", f"第{index + 1}个问题是谁？", f"是孙悟空，第{index + 1}次。", status="approved"))
    for index in range(4):
        refused = new_sample(
            "refusal", f"有没有手机{index}？", "原著未提及。", refusal=True, reason="out-of-scope", status="approved"
        )
        study.samples.save(refused)
    turns = [Turn("user", "悟空是谁？"), Turn("assistant", "石猴。"), Turn("user", "师父呢？"), Turn("assistant", "唐僧。")]
    study.samples.save(new_sample("multi", turns=turns, status="approved"))
    return study


def small_recipe(**changes: Any) -> Recipe:
    """A recipe for the tiny model that takes seconds; `table__field=value` changes it."""
    recipe = Recipe()
    values = {
        "data__max_length": 64,
        "loop__batch": 4,
        "loop__precision": "float32",
        "optimizer__learning_rate": 3e-3,
        "loop__epochs": 50.0,
    }
    for key, value in {**values, **changes}.items():
        recipe = recipe.changed(key.replace("__", "."), value)
    return recipe


@pytest.fixture
def recipe_of() -> Callable[..., Recipe]:
    return small_recipe
