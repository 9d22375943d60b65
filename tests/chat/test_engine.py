"""The real engine with a real (tiny, random) model: streaming, constraint, cache, stopping, errors in Chinese."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from xiyou_tui.chat.client import EngineClient
from xiyou_tui.chat.engine import Engine
from xiyou_tui.chat.protocol import EngineEvent, GenerateRequest, JudgeRequest, decode_event
from xiyou_tui.errors import ChatError

PASSAGES = ("孙悟空三次看破打杀，最后显出白骨夫人。", "唐僧念紧箍咒并写贬书赶走孙悟空，悟空含泪拜别回花果山。")
ASK = ({"role": "system", "content": "只依据原文回答。"}, {"role": "user", "content": "白骨精是谁？" * 10})


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[EngineClient]:
    client = EngineClient(log=tmp_path / "engine.log")
    yield client
    await client.close()


async def collect(client: EngineClient, request: GenerateRequest) -> list[EngineEvent]:
    return [event async for event in client.ask(request)]


async def test_generation_streams_is_repeatable_and_reuses_the_prompt(engine: EngineClient, tiny_model: Path) -> None:
    first = await collect(engine, GenerateRequest("1", str(tiny_model), ASK, max_tokens=24, temperature=0.8, seed=5))
    assert [event.kind for event in first if event.kind != "token"] == ["loading", "loaded", "prefill", "done"]
    assert "".join(event.text for event in first if event.kind == "token") == first[-1].text
    assert (first[-1].data["finish"], first[-1].data["tokens"]) == ("length", 24)
    again = await collect(engine, GenerateRequest("2", str(tiny_model), ASK, max_tokens=24, temperature=0.8, seed=5))
    assert again[-1].text == first[-1].text
    assert again[-1].data["reused"] == again[-1].data["prompt_tokens"] - 1
    follow = (*ASK, {"role": "assistant", "content": first[-1].text}, {"role": "user", "content": "后来呢？"})
    third = await collect(engine, GenerateRequest("3", str(tiny_model), follow, max_tokens=8, seed=5))
    assert third[-1].data["reused"] > 20
    cold = EngineClient()
    try:
        fresh = await collect(cold, GenerateRequest("4", str(tiny_model), follow, max_tokens=8, seed=5))
    finally:
        await cold.close()
    assert fresh[-1].text == third[-1].text, "an answer from the cache is the answer without it"


def test_how_much_of_a_prompt_is_read_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    outlet, inlet = os.pipe()
    read = Engine(inlet, idle=1.0)._reading("q")
    read(512, 2000)
    monkeypatch.setattr("xiyou_tui.chat.engine.READING_SECONDS", 0.0)
    read(1024, 2000)
    read(2000, 2000)
    os.close(inlet)
    with os.fdopen(outlet, "rb") as told:
        lines = told.read().splitlines()
    assert [decode_event(line) for line in lines] == [EngineEvent("prefill", "q", "", {"done": 1024, "total": 2000})]


async def test_constrained_quotes_are_substrings_of_the_passage_they_name(engine: EngineClient, tiny_model: Path) -> None:
    quotes = 0
    for seed in range(1, 13):
        request = GenerateRequest(
            str(seed), str(tiny_model), ASK, temperature=2.0, top_p=1.0, max_tokens=60, seed=seed, quotable=PASSAGES,
            constrained=True, bias={"[": 18.0, "<": 18.0},
        )  # fmt: skip
        done = (await collect(engine, request))[-1]
        assert done.data["constrained"]
        for number, quote in re.findall(r"\[(\d+)\]<q>(.*?)</q>", done.text, re.DOTALL):
            assert quote in PASSAGES[int(number) - 1]
            assert len(quote) >= 4
            quotes += 1
        assert not set("「」“”〔〕") & set(re.sub(r"<q>.*?(</q>|$)", "", done.text, flags=re.DOTALL))
    assert quotes > 5


async def test_a_stop_is_followed_and_the_model_stays(engine: EngineClient, tiny_model: Path) -> None:
    await collect(engine, GenerateRequest("0", str(tiny_model), ASK, max_tokens=2))
    seen = 0
    async for event in engine.ask(GenerateRequest("1", str(tiny_model), ASK, max_tokens=4000, temperature=2.0, top_p=1.0)):
        seen += event.kind == "token"
        if seen == 3:
            started = time.perf_counter()
            await engine.stop()
        if event.kind == "done":
            assert time.perf_counter() - started < 0.1
            assert event.data["finish"] == "stopped"
    assert engine.state == "ready"
    next_answer = await collect(engine, GenerateRequest("2", str(tiny_model), ASK, max_tokens=2))
    assert "loading" not in [event.kind for event in next_answer]


async def test_release_lets_the_model_go_and_it_loads_again(engine: EngineClient, tiny_model: Path) -> None:
    await collect(engine, GenerateRequest("1", str(tiny_model), ASK, max_tokens=2))
    assert engine.loaded
    await engine.release()
    assert not engine.loaded
    assert "loaded" in [event.kind for event in await collect(engine, GenerateRequest("2", str(tiny_model), ASK, max_tokens=2))]


async def test_what_is_no_model_or_too_long_is_said_in_chinese(engine: EngineClient, tiny_model: Path, tmp_path: Path) -> None:
    empty = tmp_path / "空目录"
    empty.mkdir()
    torn = tmp_path / "torn"
    shutil.copytree(tiny_model, torn)
    (torn / "model.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    for path, adapter in ((empty, ""), (torn, ""), (tiny_model, str(empty))):
        with pytest.raises(ChatError) as error:
            await collect(engine, GenerateRequest("1", str(path), ASK, adapter=adapter))
        assert re.search("模型|适配器", error.value.what)
        assert error.value.next_step
    long = ({"role": "user", "content": "问" * 9000},)
    with pytest.raises(ChatError) as error:
        await collect(engine, GenerateRequest("2", str(tiny_model), long))
    assert error.value.code == "too-long"
    assert engine.state == "ready", "an error ends no engine"
    assert (await collect(engine, GenerateRequest("3", str(tiny_model), ASK, max_tokens=2)))[-1].kind == "done"


def test_the_engine_ends_when_its_input_ends_and_speaks_only_json() -> None:
    process = subprocess.Popen([sys.executable, "-m", "xiyou_tui.chat.engine"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'rubbish\n[]\n{"type":"generate","id":"x"}\n{"type":"ping"}\n')
    process.stdin.flush()
    kinds = [json.loads(process.stdout.readline())["type"] for _ in range(3)]
    assert kinds == ["ready", "failed", "pong"]
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()


async def test_the_judge_is_the_same_with_and_without_an_answer_before_it(engine: EngineClient, tiny_model: Path) -> None:
    request = JudgeRequest("j", str(tiny_model), "悟空打死了白骨精。", PASSAGES[0])
    first = await engine.judge(request)
    assert 0 < first < 1
    await collect(engine, GenerateRequest("1", str(tiny_model), ASK, max_tokens=4))
    again = await collect(engine, GenerateRequest("2", str(tiny_model), ASK, max_tokens=4, seed=5))
    assert await engine.judge(request) == first
    last = await collect(engine, GenerateRequest("3", str(tiny_model), ASK, max_tokens=4, seed=5))
    assert last[-1].text == again[-1].text
    assert last[-1].data["reused"] == last[-1].data["prompt_tokens"] - 1, "the conversation's cache is left alone"
    with pytest.raises(ChatError):
        await engine.judge(JudgeRequest("k", str(tiny_model), "话", "问" * 9000))
