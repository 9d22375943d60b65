"""The one table of keys is whole: every scope has a name and a mode, no key does two things in one place, none that terminals or Macs take away."""

from __future__ import annotations

from collections import Counter
from importlib import import_module

from xiyou_tui.tui.app import SCREENS
from xiyou_tui.tui.keymap import SCOPES, all_keys, bindings
from xiyou_tui.tui.screens.help import OF_MODE

for module, _ in SCREENS.values():
    import_module(f"xiyou_tui.tui.screens.{module}")
# The first belong to the input method switch and to tmux, the arrows to Mission Control.
TAKEN = {"ctrl+space", "ctrl+@", "ctrl+a", "ctrl+left", "ctrl+right", "ctrl+up", "ctrl+down"}


def test_every_scope_has_a_name_and_a_place_in_the_help() -> None:
    helped = {scope for scopes in OF_MODE.values() for scope in scopes} | {"app"}
    assert {key.scope for key in all_keys()} == helped <= set(SCOPES)
    assert set(OF_MODE) == set(SCREENS)


def test_no_key_does_two_things_in_one_scope() -> None:
    used = Counter((key.scope, name) for key in all_keys() for name in key.keys.split(","))
    assert [key for key, times in used.items() if times > 1] == []


def test_no_key_that_others_take() -> None:
    assert not [key for key in all_keys() if TAKEN & set(key.keys.split(","))]


def test_every_key_says_what_it_does() -> None:
    assert all(key.label for key in all_keys())


def test_bindings_follow_the_table() -> None:
    for scope in SCOPES:
        assert len(bindings(scope)) == sum(1 for key in all_keys() if key.scope == scope)
