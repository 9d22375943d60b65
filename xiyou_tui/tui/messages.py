"""Facts that panes tell each other, in the past tense. Whoever owns the state handles them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from xiyou_tui.corpus.model import Citation
    from xiyou_tui.storage.settings import Settings


@dataclass
class PassageRequested(Message):
    """A pane asked for a place of the text to be opened in the reader, its characters [start, end) highlighted."""

    chapter: int
    start: int
    end: int
    edition: str = ""


@dataclass
class SampleRequested(Message):
    """A pane asked for a new sample, with what is known of it filled in."""

    citations: tuple[Citation, ...] = ()
    question: str = ""
    answer: str = ""
    refusal: bool = False
    reason: str = ""


@dataclass
class EditionChanged(Message):
    """Another edition became current."""

    edition: str


@dataclass
class SettingsChanged(Message):
    """The settings file was edited outside, or a setting was changed on the screen."""

    settings: Settings
