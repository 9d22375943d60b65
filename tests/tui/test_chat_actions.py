"""What one does with answers and conversations, without a screen: a desk writes down what is said and answers dialogs."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.tui.talks import cited_answer, keep
from xiyou_tui.chat.model import REFUSAL
from xiyou_tui.chat.preferences import PreferenceStore
from xiyou_tui.corpus.model import Edition
from xiyou_tui.errors import XiyouError
from xiyou_tui.study import Study
from xiyou_tui.tui.messages import SampleRequested
from xiyou_tui.tui.screens.chat_actions import ChatActions
from xiyou_tui.tui.screens.chat_dialogs import Correction
from xiyou_tui.tui.widgets.answer import Answered


@dataclass
class Desk:
    """The app as the actions see it; `reply` is what comes of the next dialog."""

    study: Study
    reply: Any = None
    told: list[str] = field(default_factory=list)
    errors: list[XiyouError] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    posted: list[SampleRequested] = field(default_factory=list)

    def notify(self, message: str, *, timeout: float | None = None, markup: bool = True) -> None:
        self.told.append(message)

    def complain(self, error: XiyouError) -> None:
        self.errors.append(error)

    def copy_with_notice(self, text: str, what: str) -> None:
        self.copied.append(text)

    def post_message(self, message: SampleRequested) -> bool:
        self.posted.append(message)
        return True

    async def push_screen_wait(self, screen: object) -> Any:
        return self.reply


@pytest.fixture
def desk(study: Study) -> Desk:
    return Desk(study)


@pytest.fixture
def actions(desk: Desk) -> ChatActions:
    return ChatActions(desk)


@pytest.fixture
def talk(study: Study, small: Edition) -> str:
    return keep(study, cited_answer(small, "石猴在哪里？", ["仙石"]))


@pytest.fixture
def entry(study: Study, talk: str) -> Answered:
    message = study.conversations.messages(talk)[1]
    assert message.answer is not None
    return Answered(answer=message.answer, message=message.number)


def lock(study: Study) -> sqlite3.Connection:
    """Another program that writes for so long that nobody waits for it."""
    study.connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(study.places.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def test_a_rating_is_kept_and_taken_back(actions: ChatActions, desk: Desk, study: Study, talk: str, entry: Answered) -> None:
    assert actions.rate(entry, 1) and entry.rating == study.conversations.messages(talk)[1].rating == 1
    assert actions.rate(entry, 1) and entry.rating == study.conversations.messages(talk)[1].rating == 0
    assert len(desk.told) == 2 and not desk.errors


async def test_what_cannot_be_written_is_told_and_changes_nothing(
    actions: ChatActions, desk: Desk, study: Study, talk: str, entry: Answered
) -> None:
    assert actions.delete(talk)
    other = lock(study)
    desk.reply = "别的名字"
    assert not actions.rate(entry, 1) and entry.rating == 0
    assert not actions.restore()
    assert not await actions.rename(talk)
    desk.reply = Correction("pair", "仙石里。")
    await actions.correct(entry)
    assert [error.code for error in desk.errors] == ["database"] * 4 and all(error.kept and error.next_step for error in desk.errors)
    other.execute("ROLLBACK")
    # What could not be restored can still be.
    assert actions.restore() and not actions.restore()
    assert study.conversations.get(talk).title == "石猴在哪里？"


def test_deleting_goes_back_step_by_step(actions: ChatActions, desk: Desk, study: Study, small: Edition) -> None:
    first, second = (keep(study, cited_answer(small, question, ["仙石"])) for question in ("问一", "问二"))
    assert actions.delete(first) and actions.delete(second) and study.conversations.list() == ()
    assert actions.restore() and [known.id for known in study.conversations.list()] == [second]
    assert actions.restore() and not actions.restore()
    assert "没有刚删掉" in desk.told[-1]
    assert not actions.delete("none") and desk.errors[-1].code == "no-conversation"


async def test_a_correction_becomes_what_the_user_chose(actions: ChatActions, desk: Desk, study: Study, entry: Answered) -> None:
    await actions.correct(entry)
    assert not desk.told and not desk.posted
    desk.reply = Correction("editor", "在「仙石」里。")
    await actions.correct(entry)
    [wanted] = desk.posted
    assert (wanted.question, wanted.answer, wanted.refusal, len(wanted.citations)) == ("石猴在哪里？", "在「仙石」里。", False, 1)
    desk.reply = Correction("editor", f"{REFUSAL}。")
    await actions.correct(entry)
    assert desk.posted[-1].refusal and desk.posted[-1].citations == ()
    desk.reply = Correction("pair", "在「仙石」里。")
    await actions.correct(entry)
    assert [pair.chosen for pair in PreferenceStore(study.connection).list()] == ["在「仙石」里。"]
    desk.reply = Correction("pair", entry.answer.text)
    await actions.correct(entry)
    assert desk.errors[-1].code == "same-pair"
    desk.reply = Correction("sample", "在「仙石」里。")
    await actions.correct(entry)
    await actions.correct(entry)
    assert study.samples.count() == 1 and "没有再存" in desk.told[-1]


async def test_renaming_exporting_and_copying(actions: ChatActions, desk: Desk, study: Study, talk: str, entry: Answered) -> None:
    assert not await actions.rename(talk)
    desk.reply = "来历"
    assert await actions.rename(talk) and study.conversations.get(talk).title == "来历"
    actions.export(talk)
    assert sorted(path.suffix for path in study.places.exports.iterdir()) == [".json", ".md"]
    actions.copy(entry)
    assert desk.copied[0].startswith("问：石猴在哪里？\n答（摘引）：\n「仙石」")
