"""The exchanges of a sample by themselves: nothing that was said gets lost on the way through them."""

from __future__ import annotations

from textual.app import App, ComposeResult

from xiyou_tui.tui.widgets.sample_talk import SampleTalk


class Alone(App[None]):
    """Nothing but the exchanges."""

    def compose(self) -> ComposeResult:
        yield SampleTalk()


async def test_an_empty_exchange_is_neither_followed_nor_kept() -> None:
    async with Alone().run_test() as pilot:
        talk = pilot.app.query_one(SampleTalk)
        talk.open(())
        assert talk.exchanges == (("", ""),) and not talk.step(1) and not talk.step(-1)
        talk.open([("问一", "答一")])
        assert talk.step(1) and talk.at == 1 and len(talk.exchanges) == 2
        assert not talk.step(1)
        assert talk.step(-1) and talk.exchanges == (("问一", "答一"),)
        assert (talk.question.text, talk.answer.text) == ("问一", "答一")


async def test_what_is_typed_is_taken_over_once_and_comes_back() -> None:
    async with Alone().run_test() as pilot:
        talk = pilot.app.query_one(SampleTalk)
        talk.open([("问一", "答一"), ("问二", "答二")])
        assert not talk.take_over()
        talk.write_answer("改一")
        assert talk.exchanges[0] == ("问一", "答一") and talk.take_over() and not talk.take_over()
        assert talk.step(1) and (talk.question.text, talk.answer.text) == ("问二", "答二")
        assert talk.step(-1) and talk.answer.text == "改一"
        assert talk.exchanges == (("问一", "改一"), ("问二", "答二"))


async def test_undo_brings_the_old_answer_back() -> None:
    async with Alone().run_test() as pilot:
        talk = pilot.app.query_one(SampleTalk)
        talk.open([("问", "答")])
        talk.write_answer("原著未提及。")
        talk.answer.undo()
        assert talk.answer.text == "答"
