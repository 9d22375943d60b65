"""Fusing and quantising for real: what comes out says what went in, and no way of failing leaves anything behind."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.models.conftest import PROBE, TEXTS
from tests.models.made import a_llama, an_adapter, logits_of
from xiyou_tui.errors import ModelError, StorageError, XiyouError
from xiyou_tui.models.adapters import inspect_adapter
from xiyou_tui.models.child import child_command, child_environment
from xiyou_tui.models.conversion import Job, Plan, Training, plan_export, plan_fuse, plan_quantise
from xiyou_tui.models.converting import convert
from xiyou_tui.models.drafts import drafting, sweep_drafts
from xiyou_tui.models.practice import Shape, make_practice_model
from xiyou_tui.models.registry import inspect_model, list_models, model_hash
from xiyou_tui.storage.places import Places

TRAINED = (Training("r1", "通读那次", "通读 DAPT", "小本西游", 96, 21),)


def apart(one: Any, other: Any) -> float:
    import mlx.core as mx

    return float(mx.abs(one - other).max().item())


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_a_fused_model_says_what_base_and_adapter_said(kind: str, base: Path, adapters: dict[str, Path], places: Places) -> None:
    before = model_hash(base)
    told: list[tuple[str, float]] = []
    plan = plan_fuse(inspect_adapter(adapters[kind]), places.models, probe=PROBE, trained_on=TRAINED)
    made = convert(places, plan, progress=lambda what, share: told.append((what, share)))
    wanted = logits_of(base, adapters[kind])
    assert apart(logits_of(made.path), wanted) < 1e-4 < 0.1 < apart(logits_of(base), wanted)
    assert made.measured["logit_max"] < 1e-4 and made.measured["agreement"] == 1.0 and made.measured["adapter_kl"] > 0.01
    assert made.measured["perplexity_after"] == pytest.approx(made.measured["perplexity_before"], rel=1e-4)
    card = inspect_model(made.path)
    assert (card.bits, card.name, card.marker["base"]["name"]) == (32, "通读那次 · 合并", "练手模型")
    assert card.marker["trained_on"][0]["source"] == "小本西游" and card.marker["adapter"]["kind"] == kind
    assert (made.path / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    assert [share for _, share in told] == sorted(share for _, share in told) and told[0] == ("量底座", 0.0)
    assert model_hash(base) == before and not [path for path in places.models.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", ["lora4", "dora4"])
def test_what_fusing_into_four_bits_costs_is_measured(kind: str, small: Path, adapters: dict[str, Path], places: Places) -> None:
    adapter = inspect_adapter(adapters[kind])
    wanted = logits_of(small, adapters[kind])
    lossy = plan_fuse(adapter, places.models, probe=PROBE)
    assert "抹掉一部分" in lossy.losses[0] and "还原成 16 位" in lossy.losses[0]
    four = convert(places, lossy)
    whole = convert(places, plan_fuse(adapter, places.models, dequantise=True, probe=PROBE))
    assert inspect_model(four.path).bits == 4 and inspect_model(whole.path).bits == 32
    assert apart(logits_of(whole.path), wanted) < 1e-3 < apart(logits_of(four.path), wanted)
    # The figure told is the loss: nothing where it was dequantised, a share of the adapter where it was not.
    assert whole.measured["kl"] < 1e-5 < four.measured["kl"] < four.measured["adapter_kl"]
    assert whole.path.name == f"{small.name}-fused-16bit"
    assert abs(whole.bytes - lossy_bytes(plan_fuse(adapter, places.models, dequantise=True))) < 0.5 * whole.bytes


def lossy_bytes(plan: Plan) -> int:
    return plan.cost.disk - 32 * 2**20


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_sixteen_bits_stay_sixteen_bits(kind: str, base: Path, tmp_path: Path, places: Places) -> None:
    import mlx.core as mx

    half = Path(shutil.copytree(base, tmp_path / "half"))
    weights = {name: array.astype(mx.bfloat16) for name, array in mx.load(str(half / "model.safetensors")).items()}
    mx.save_safetensors(str(half / "model.safetensors"), weights, metadata={"format": "mlx"})
    adapter = an_adapter(tmp_path / "adapter", half, kind)
    made = convert(places, plan_fuse(inspect_adapter(adapter), places.models))
    fused = mx.load(str(made.path / "model.safetensors"))
    assert {array.dtype for array in fused.values()} == {mx.bfloat16}
    assert apart(logits_of(made.path), logits_of(half, adapter)) < 0.2


async def test_a_quantised_model_is_smaller_loads_and_chats(base: Path, places: Places, tmp_path: Path) -> None:
    from xiyou_tui.chat.client import EngineClient
    from xiyou_tui.chat.protocol import GenerateRequest

    plan = plan_quantise(inspect_model(base), places.models, bits=8, group=32, probe=PROBE)
    made = convert(places, plan)
    card = inspect_model(made.path)
    assert (card.bits, card.parameters, card.name) == (8, inspect_model(base).parameters, "练手模型 · 8 位")
    assert abs(card.bytes - lossy_bytes(plan)) < 0.05 * card.bytes
    assert made.measured["size_after"] < 0.35 * made.measured["size_before"]
    assert made.measured["perplexity_after"] == pytest.approx(made.measured["perplexity_before"], rel=0.01)
    engine = EngineClient(log=tmp_path / "log")
    try:
        request = GenerateRequest("1", str(made.path), ({"role": "user", "content": "白骨精是谁？"},), max_tokens=8)
        events = [event async for event in engine.ask(request)]
    finally:
        await engine.close()
    assert events[-1].kind == "done" and events[-1].data["tokens"] > 0


def with_config(**changes: Any) -> Callable[[Path], Any]:
    def change(path: Path) -> None:
        config = json.loads((path / "adapter_config.json").read_text("utf-8"))
        (path / "adapter_config.json").write_text(json.dumps({**config, **changes}), "utf-8")

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (shutil.rmtree, "no-adapter"),
        (with_config(model=""), "no-base"),
        (with_config(model="/nowhere/model"), "no-base"),
        (with_config(fine_tune_type="full"), "not-an-adapter"),
        (with_config(xiyou={"model_hash": "another"}), "other-model"),
        (lambda path: (path / "adapter_config.json").write_text("{"), "broken-adapter"),
        (lambda path: (path / "adapters.safetensors").unlink(), "no-weights"),
        (lambda path: (path / "adapters.safetensors").write_bytes(b"\x10\0"), "truncated-weights"),
    ],
)
def test_each_kind_of_bad_adapter_is_named(change: Callable[[Path], Any], code: str, adapters: dict[str, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(adapters["lora"], tmp_path / "copy"))
    change(copy)
    with pytest.raises(ModelError) as caught:
        inspect_adapter(copy)
    assert caught.value.code == code and caught.value.next_step and caught.value.kept


def test_what_can_not_be_made_is_refused_before_anything_starts(base: Path, small: Path, adapters: dict[str, Path], places: Places, tmp_path: Path) -> None:
    card, adapter = inspect_model(base), inspect_adapter(adapters["lora"])
    (places.models / "在了").mkdir()
    narrow = inspect_model(a_llama(tmp_path / "narrow", hidden_size=64))
    attempts: list[tuple[str, Callable[[], Any]]] = [
        ("already-quantised", lambda: plan_quantise(inspect_model(small), places.models)),
        ("quantise-options", lambda: plan_quantise(card, places.models, bits=5)),
        ("quantise-options", lambda: plan_quantise(inspect_model(base), places.models, group=48)),
        ("exists", lambda: plan_fuse(adapter, places.models, name="在了")),
        ("bad-name", lambda: plan_fuse(adapter, places.models, name="../外面")),
        ("bad-name", lambda: plan_quantise(narrow, places.models, name=".藏")),
        ("adapter-export", lambda: plan_export(adapter, tmp_path / "o", "gguf")),
        ("quantised", lambda: plan_export(inspect_model(small), tmp_path / "o", "gguf")),
        ("quantised", lambda: plan_export(inspect_model(small), tmp_path / "o", "ollama")),
        ("exists", lambda: plan_export(card, tmp_path, "mlx")),
    ]
    for code, attempt in attempts:
        with pytest.raises(ModelError) as caught:
            attempt()
        assert caught.value.code == code and caught.value.next_step
    assert [path.name for path in places.models.iterdir()] == ["在了"]


def test_the_rows_must_divide_into_groups(tmp_path: Path, places: Places) -> None:
    odd = make_practice_model(TEXTS, tmp_path / "odd", shape=Shape(vocabulary=400, hidden=32, layers=1, intermediate=48))
    with pytest.raises(ModelError, match="没有一层"):
        plan_quantise(inspect_model(odd), places.models, group=64)


def test_an_adapter_of_another_shape_is_refused_by_the_child(base: Path, tmp_path: Path, places: Places) -> None:
    narrow = make_practice_model(TEXTS, tmp_path / "narrow", shape=Shape(vocabulary=400, hidden=32, layers=2, intermediate=64))
    stranger = an_adapter(tmp_path / "stranger", narrow)
    with_config(model=str(base))(stranger)
    with pytest.raises(ModelError) as caught:
        convert(places, plan_fuse(inspect_adapter(stranger), places.models))
    assert caught.value.code == "other-model" and not list(places.models.iterdir())
    # Names that are missing pass mlx-lm's own check.
    partial = an_adapter(tmp_path / "partial", base)
    import mlx.core as mx

    weights = dict(mx.load(str(partial / "adapters.safetensors")))
    weights.pop(sorted(weights)[0])
    mx.save_safetensors(str(partial / "adapters.safetensors"), weights)
    with pytest.raises(ModelError, match="对不上"):
        convert(places, plan_fuse(inspect_adapter(partial), places.models))


def test_disk_and_memory_are_looked_at_first(base: Path, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    from xiyou_tui.models import conversion, machine

    plan = plan_quantise(inspect_model(base), places.models, group=32)
    usage = shutil.disk_usage(places.models)
    with monkeypatch.context() as patched:
        patched.setattr(machine.shutil, "disk_usage", lambda path: usage._replace(free=1000))
        with pytest.raises(StorageError) as full:
            convert(places, plan)
    assert full.value.code == "disk-full" and "只剩" in full.value.what
    monkeypatch.setattr(conversion, "available_memory", lambda: 2**20)
    with pytest.raises(ModelError) as short:
        convert(places, plan)
    assert short.value.code == "memory" and "--anyway" in short.value.next_step
    assert not list(places.models.iterdir())
    # Measuring needs the whole model: where that does not fit, it is left out and said.
    unmeasured = plan_quantise(inspect_model(base), places.models, group=32, probe=PROBE)
    assert not unmeasured.job.measure_before and "不量了" in unmeasured.notes[0]
    made = convert(places, unmeasured, anyway=True)
    assert "perplexity_before" not in made.measured and inspect_model(made.path).bits == 4


def test_a_disk_that_fails_in_the_middle_leaves_nothing(base: Path, adapters: dict[str, Path], places: Places) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(XiyouError) as caught:
            convert(places, plan_fuse(inspect_adapter(adapters["lora"]), places.models))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code in ("unwritable", "disk-full") and "没有写成" in caught.value.what
    assert not list(places.models.iterdir()) and not list(places.cache.glob("convert-*"))


def test_a_stop_leaves_nothing(base: Path, adapters: dict[str, Path], places: Places) -> None:
    stop = threading.Event()
    plan = plan_fuse(inspect_adapter(adapters["lora"]), places.models, probe=PROBE)
    with pytest.raises(ModelError) as caught:
        convert(places, plan, stop=stop, progress=lambda what, share: stop.set() if share > 0.2 else None)
    assert caught.value.code == "cancelled" and not list(places.models.iterdir())


def start_child(plan: Plan, tmp_path: Path) -> subprocess.Popen[bytes]:
    """The child of a plan, at the moment at which its draft is there."""
    job = tmp_path / "job.json"
    job.write_text(json.dumps(plan.job.as_record(), ensure_ascii=False), "utf-8")
    child = subprocess.Popen(
        child_command("xiyou_tui.models.converter", str(job)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment()
    )
    until = time.monotonic() + 60
    while not list(plan.job.target.parent.glob(".making-*")):
        assert time.monotonic() < until and child.poll() is None
        time.sleep(0.01)
    return child


def test_a_killed_child_leaves_no_model_and_is_swept(base: Path, adapters: dict[str, Path], places: Places, tmp_path: Path) -> None:
    plan = plan_fuse(inspect_adapter(adapters["lora"]), places.models, probe=PROBE)
    child = start_child(plan, tmp_path)
    assert sweep_drafts(places.models) == (), "what is being filled is left alone"
    child.kill()
    child.communicate()
    left = list(places.models.iterdir())
    assert len(left) == 1 and left[0].name.startswith(".making-") and list_models(places) == []
    assert sweep_drafts(places.models) == tuple(left) and not list(places.models.iterdir())


def test_a_child_whose_parent_is_gone_gives_up(base: Path, adapters: dict[str, Path], places: Places, tmp_path: Path) -> None:
    child = start_child(plan_fuse(inspect_adapter(adapters["lora"]), places.models, probe=PROBE), tmp_path)
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(30) == 3
    sweep_drafts(places.models)
    assert not list(places.models.iterdir())


def test_a_draft_does_not_write_over_what_came_meanwhile(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught, drafting(tmp_path / "m") as draft:
        (draft / "a").write_text("mine")
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "b").write_text("yours")
    assert caught.value.code == "exists"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["b"]


def test_a_job_comes_back_from_its_record(base: Path, places: Places) -> None:
    job = plan_quantise(inspect_model(base), places.models, probe=PROBE).job
    assert Job.from_record(json.loads(json.dumps(job.as_record()))) == job
    assert os.fspath(job.target).endswith("practice-x-4bit")
