"""Settings: one schema, a file that may be edited by hand, and nothing fatal in it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xiyou_tui.errors import SettingsError
from xiyou_tui.storage.settings import BY_KEY, SCHEMA, Setting, Settings, load_settings, save_settings, watch_settings


def test_defaults_satisfy_their_own_schema() -> None:
    for setting in SCHEMA:
        assert setting.parse(setting.default) == setting.default
        assert not setting.caution(setting.default)


def test_round_trip(tmp_path: Path) -> None:
    settings = Settings().changed("chat.temperature", "0.1").changed("interface.script", "traditional")
    save_settings(tmp_path / "s.toml", settings)
    assert load_settings(tmp_path / "s.toml") == settings


@pytest.mark.parametrize("key, raw", [("chat.temperature", "热"), ("chat.temperature", 9), ("chat.mode", "rag"), ("interface.width", True), ("no.such", 1)])
def test_wrong_values_are_refused_in_chinese(key: str, raw: object) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings().changed(key, raw)
    assert caught.value.next_step


def test_values_past_the_recipe_are_allowed_with_a_warning() -> None:
    settings = Settings().changed("chat.temperature", 0.9)
    assert "建议" in BY_KEY["chat.temperature"].caution(settings["chat.temperature"])


def test_a_broken_file_means_defaults_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("这不是 [toml", "utf-8")
    settings = load_settings(path)
    assert settings.warnings and settings["chat.mode"] == "extract"
    save_settings(path, settings)
    assert (tmp_path / "settings.toml.bad").read_text("utf-8") == "这不是 [toml"


def test_wrong_entries_are_named_and_the_rest_holds(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('colour = 1\n[chat]\ntemperature = "热"\ntop_p = 0.5\n', "utf-8")
    settings = load_settings(path)
    assert settings["chat.top_p"] == 0.5 and settings["chat.temperature"] == 0.2
    assert len(settings.warnings) == 2


def test_an_edit_outside_arrives(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    save_settings(path, Settings())
    arrived = threading.Event()
    seen: list[Settings] = []

    def changed(settings: Settings) -> None:
        seen.append(settings)
        arrived.set()

    stop = watch_settings(path, changed)
    try:
        save_settings(path, Settings().changed("chat.top_p", 0.4))
        assert arrived.wait(10)
        assert seen[-1]["chat.top_p"] == 0.4
    finally:
        stop()


@given(st.sampled_from(SCHEMA), st.one_of(st.text(), st.integers(), st.floats(allow_nan=True), st.booleans(), st.none(), st.lists(st.integers())))
def test_parsing_admits_or_refuses_and_never_breaks(setting: Setting, raw: object) -> None:
    try:
        value = setting.parse(raw)
    except SettingsError:
        return
    assert type(value) is type(setting.default)
    assert setting.parse(value) == value
