"""The engine's client against engines that die, hang, print rubbish, or do as they should."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from xiyou_tui.chat.client import EngineClient, Patience
from xiyou_tui.chat.protocol import EngineEvent, GenerateRequest
from xiyou_tui.errors import ChatError

REQUEST = GenerateRequest("r1", "model", ({"role": "user", "content": "谁？"},))
QUICK = Patience(start=5, load=1.0, token=1.0, stop=0.5)
HEAD = """
import json, os, sys, time
def say(kind, id="", text="", **data):
    sys.stdout.write(json.dumps({"type": kind, "id": id, "text": text, "data": data}) + "\\n"); sys.stdout.flush()
def hear():
    line = sys.stdin.readline()
    if not line: sys.exit(0)
    return json.loads(line)
say("ready")
"""


def engine(tmp_path: Path, body: str, patience: Patience = QUICK) -> EngineClient:
    script = tmp_path / "engine.py"
    script.write_text(HEAD + body, "utf-8")
    return EngineClient(command=(sys.executable, str(script)), patience=patience, log=tmp_path / "engine.log")


async def collect(client: EngineClient, request: GenerateRequest = REQUEST) -> list[EngineEvent]:
    return [event async for event in client.ask(request)]


async def test_tokens_stream_in_order_and_the_process_is_kept(tmp_path: Path) -> None:
    client = engine(tmp_path, """
while True:
    r = hear()
    if r["type"] == "generate":
        for t in "甲乙丙": say("token", r["id"], t)
        say("done", r["id"], "甲乙丙", tokens=3, finish="stop", pid=os.getpid())
""")  # fmt: skip
    try:
        first, second = await collect(client), await collect(client)
        assert [event.text for event in first if event.kind == "token"] == list("甲乙丙")
        assert first[-1].data["pid"] == second[-1].data["pid"]
        assert client.state == "ready"
    finally:
        await client.close()
    assert client.state == "off"


async def test_a_long_prompt_is_waited_for_while_it_is_being_read(tmp_path: Path) -> None:
    client = engine(tmp_path, """
r = hear()
for done in range(4):
    time.sleep(0.4); say("prefill", r["id"], done=done, total=4)
say("done", r["id"], "好", finish="stop")
hear()
""")  # fmt: skip
    try:
        assert (await collect(client))[-1].text == "好", "all in all it took longer than the patience, but it was never silent so long"
    finally:
        await client.close()


async def test_rubbish_between_the_events_is_skipped(tmp_path: Path) -> None:
    client = engine(tmp_path, """
r = hear()
sys.stdout.buffer.write(b"\\xff\\xfe rubbish \\x1b[2J\\n[1,2]\\n{\\"type\\":\\"odd\\"}\\n" + b"x" * 6_000_000 + b"\\n"); sys.stdout.flush()
say("token", r["id"], "好"); say("token", "other", "坏"); say("done", r["id"], "好", finish="stop")
hear()
""")  # fmt: skip
    try:
        events = await collect(client)
        assert [event.text for event in events if event.kind == "token"] == ["好"]
        assert client.garbage >= 3
    finally:
        await client.close()


async def test_an_engine_that_dies_before_its_first_token_is_restarted_once(tmp_path: Path) -> None:
    client = engine(tmp_path, f"""
r = hear()
flag = {str(tmp_path / "died")!r}
if not os.path.exists(flag):
    open(flag, "w").close(); os._exit(9)
say("token", r["id"], "活"); say("done", r["id"], "活", finish="stop"); hear()
""")  # fmt: skip
    try:
        events = await collect(client)
        assert events[-1].text == "活"
    finally:
        await client.close()


@pytest.mark.parametrize("body", ['r = hear(); say("token", r["id"], "半"); os._exit(9)', "hear(); os._exit(9)"])
async def test_an_engine_that_keeps_dying_is_reported_and_the_client_lives_on(tmp_path: Path, body: str) -> None:
    client = engine(tmp_path, body)
    try:
        with pytest.raises(ChatError) as error:
            await collect(client)
        assert "问题已保留" in error.value.render()
        assert client.state == "off"
        with pytest.raises(ChatError):
            await collect(client)
    finally:
        await client.close()


async def test_a_hanging_engine_is_ended_and_reported(tmp_path: Path) -> None:
    client = engine(tmp_path, 'r = hear(); say("token", r["id"], "半"); time.sleep(60)')
    started = time.perf_counter()
    with pytest.raises(ChatError) as error:
        await collect(client)
    assert error.value.code == "engine-hung"
    assert time.perf_counter() - started < 10
    assert client.state == "off"


async def test_an_engine_that_never_starts_is_reported(tmp_path: Path) -> None:
    client = EngineClient(command=(sys.executable, "-c", "import time; time.sleep(60)"), patience=Patience(start=0.5))
    with pytest.raises(ChatError):
        await client.start()
    missing = EngineClient(command=(str(tmp_path / "none"),))
    with pytest.raises(ChatError):
        await missing.start()


async def test_a_stop_is_answered_at_once_even_by_a_deaf_engine(tmp_path: Path) -> None:
    client = engine(tmp_path, 'r = hear()\nwhile True: say("token", r["id"], "字"); time.sleep(0.01)')
    events: list[EngineEvent] = []
    stopped = 0.0
    async for event in client.ask(REQUEST):
        events.append(event)
        if len(events) == 5:
            stopped = time.perf_counter()
            await client.stop()
        if event.kind == "done":
            assert time.perf_counter() - stopped < 0.1
    assert events[-1].data["finish"] == "stopped"
    assert events[-1].text == "字" * (len(events) - 1)
    # It did not follow within the patience, so it was ended.
    assert client.state == "off"


async def test_release_frees_or_ends_the_engine(tmp_path: Path) -> None:
    client = engine(tmp_path, 'while True:\n r = hear()\n if r["type"] == "release": say("released")')
    await client.start()
    await client.release()
    assert client.state == "ready"
    await client.close()
    deaf = engine(tmp_path, "while True: hear()")
    await deaf.start()
    await deaf.release()
    assert deaf.state == "off"


async def test_a_second_question_waits_for_the_first(tmp_path: Path) -> None:
    client = engine(tmp_path, """
while True:
    r = hear()
    if r["type"] == "generate":
        time.sleep(0.05); say("token", r["id"], r["id"]); say("done", r["id"], r["id"], finish="stop")
""")  # fmt: skip
    try:
        other = GenerateRequest("r2", "model", REQUEST.messages)
        both = await asyncio.gather(collect(client), collect(client, other))
        assert [events[-1].text for events in both] == ["r1", "r2"]
    finally:
        await client.close()


async def test_an_abandoned_question_leaves_nothing_running(tmp_path: Path) -> None:
    client = engine(tmp_path, 'while True:\n r = hear()\n if r["type"] == "generate": say("token", r["id"], "字")')
    try:
        stream = client.ask(REQUEST)
        assert (await anext(stream)).kind == "token"
        await stream.aclose()  # type: ignore[attr-defined]
        assert client.state in ("off", "ready")
    finally:
        await client.close()
