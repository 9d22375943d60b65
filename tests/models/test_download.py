"""Fetching a model from a site that behaves, and from one that behaves in every bad way: what came is kept, and said."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpus.server import PORTAL, Server, hang_up, running, silent, status, wait_for, whole
from tests.corpus.test_fetch import certificate as certificate
from tests.models.hub import COMMIT, REPO, REST, Site, slowly
from xiyou_tui.corpus.fetch.patience import Patience
from xiyou_tui.corpus.fetch.stop import Stop
from xiyou_tui.corpus.fetch.transport import Limits
from xiyou_tui.errors import ModelError
from xiyou_tui.models import download
from xiyou_tui.models.download import Downloaded, Downloader, Order, Step, order_again
from xiyou_tui.models.hubs import Hub, default_source, find_hub, parse_repo
from xiyou_tui.models.parts import discard_pending, folder_of, list_pending
from xiyou_tui.models.registry import inspect_model, list_models
from xiyou_tui.models.troubles import DownloadError
from xiyou_tui.storage.places import Places

WEIGHTS = "model.safetensors"


class Try:
    """Downloads with no waits worth mentioning, and remembers the steps and the waits."""

    def __init__(self, site: Site, places: Places, **options: Any) -> None:
        self.steps: list[Step] = []
        self.waits: list[float] = []
        order = options.pop("order", None) or Order(Hub("modelscope" if site.kind == "modelscope" else "hub", site.server.address), site.repo)
        chosen: dict[str, Any] = {
            "limits": Limits(connect=1.0, stall=0.5), "patience": Patience(attempts=3, requests=1000), "tell": self.steps.append,
            "sleep": self.waits.append, "jitter": lambda: 1.0, **options,
        }  # fmt: skip
        self.downloader = Downloader(order, places, **chosen)

    def run(self, **options: bool) -> Downloaded:
        return self.downloader.run(**options)

    def fail(self) -> ModelError:
        with pytest.raises(ModelError) as caught:
            self.run()
        assert caught.value.what and caught.value.next_step and caught.value.kept
        return caught.value

    def kinds(self) -> set[str]:
        return {step.kind for step in self.steps}


@pytest.mark.parametrize("kind", ["hub", "modelscope"])
def test_a_model_arrives_whole_and_can_be_used(server: Server, content: dict[str, bytes], places: Places, kind: str) -> None:
    site = Site(server, content, kind=kind).serve()
    made = Try(site, places)
    done = made.run()
    assert done.card.path == places.models / "Little-Qwen-4bit" and [card.path for card in list_models(places)] == [done.card.path]
    assert {path.name: path.read_bytes() for path in done.card.path.iterdir() if path.name != "xiyou-model.json"} == content
    marker = json.loads((done.card.path / "xiyou-model.json").read_text("utf-8"))
    assert (marker["kind"], marker["source"], marker["repo"], marker["endpoint"]) == ("download", kind, REPO, server.address)
    assert marker["commit"] == (COMMIT if kind == "hub" else "") and marker["licence"] == {"id": "apache-2.0" if kind == "hub" else "test-licence", "from": REPO}
    assert marker["files"][WEIGHTS]["sha256"] == hashlib.sha256(content[WEIGHTS]).hexdigest() and marker["date"]
    assert not (places.models / ".part").exists()
    # Only what is needed was asked for, one at a time, and the configuration came before the weights.
    paths = server.paths()
    assert not any(site.file_path(name) in paths for name in REST) and server.most_at_once == 1
    assert paths.index(site.file_path("config.json")) < paths.index(site.file_path(WEIGHTS))
    assert made.steps[-1].done == made.steps[-1].total == sum(map(len, content.values())) and "planned" in made.kinds()
    # A second time nobody is asked.
    again = Try(site, places)
    assert again.run().already and len(server.paths()) == len(paths)
    renewed = Try(site, places).run(again=True)
    assert not renewed.already and len(list(places.bin.glob("*Little*"))) == 1


def test_mlx_lm_opens_what_arrived(site: Site, places: Places) -> None:
    import mlx.core as mx
    import mlx_lm

    mx.disable_compile()
    path = Try(site, places).run().card.path
    model, tokenizer = mlx_lm.load(str(path))[:2]
    assert isinstance(mlx_lm.generate(model, tokenizer, "却说", max_tokens=2), str)


def test_a_broken_connection_is_gone_on_with(site: Site, places: Places, content: dict[str, bytes]) -> None:
    data = content[WEIGHTS]
    site.on(WEIGHTS, whole(data, cut=5000), whole(data, cut=7000, etag='"v2"'), whole(data))
    made = Try(site, places)
    made.run()
    assert site.asked_for(WEIGHTS) == ["", "bytes=5000-", "bytes=12000-"]
    assert made.waits and "waiting" in made.kinds()


def test_what_came_is_gone_on_with_next_time_at_the_same_commit(site: Site, places: Places, content: dict[str, bytes]) -> None:
    data = content[WEIGHTS]
    site.on(WEIGHTS, whole(data, cut=9000), hang_up)
    error = Try(site, places).fail()
    assert isinstance(error, DownloadError) and error.code == "download-broken-off"
    assert "都留着" in error.kept and "镜像" in error.next_step and "ModelScope" in error.next_step and "hf download" in error.next_step
    (pending,) = list_pending(places)
    small = sum(len(body) for name, body in content.items() if name != WEIGHTS)
    assert pending.received == error.received == small + 9000 and pending.plan.total == error.total == small + len(data) and not pending.running
    # In the meantime the branch has gone on: what was begun is of the old commit, and so is the rest.
    site.server.on(site.list_path(), status(500))
    site.on(WEIGHTS, whole(data))
    made = Try(site, places, order=order_again(pending))
    done = made.run()
    assert site.asked_for(WEIGHTS)[-1] == "bytes=9000-" and done.reused == len(content) - 1
    assert site.server.paths().count(site.file_path("config.json")) == 1 and not list_pending(places)


def test_a_network_that_is_gone_for_a_while_is_waited_for(site: Site, places: Places, content: dict[str, bytes]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}/"
    there = status(302, b"", Location=site.server.address + site.data_path(WEIGHTS))
    site.server.on(site.file_path(WEIGHTS), there, *[status(302, b"", Location=nowhere)] * 8, there)
    site.on(WEIGHTS, whole(content[WEIGHTS], cut=9000), whole(content[WEIGHTS]))
    made = Try(site, places, patience=download.PATIENCE)
    made.run()
    assert site.asked_for(WEIGHTS) == ["", "bytes=9000-"] and made.waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    # Before anything came, a word is said soon.
    site.server.on(site.list_path(), hang_up)
    shutil.rmtree(places.models / "Little-Qwen-4bit")
    first = Try(site, places, patience=download.PATIENCE)
    assert first.fail().code == "download-broken-off" and len(first.waits) == 4


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(breaks=st.lists(st.tuples(st.integers(0, 60_000), st.booleans()), max_size=5))
def test_however_it_breaks_the_bytes_are_the_same(site: Site, places: Places, content: dict[str, bytes], breaks: list[tuple[int, bool]]) -> None:
    data = content[WEIGHTS]
    site.on(WEIGHTS, *[whole(data, cut=cut, ranges=ranges) for cut, ranges in breaks], whole(data))
    made = Try(site, places, patience=Patience(attempts=20, requests=1000))
    assert (made.run(again=True).card.path / WEIGHTS).read_bytes() == data
    done = [step.done for step in made.steps if step.kind in ("receiving", "arrived", "found", "finishing")]
    assert all(0 <= count <= made.steps[-1].total for count in done) and made.steps[-1].done == made.steps[-1].total


@given(content=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["siblings", "rfilename", "size", "lfs", "sha256", "blobId", "Data", "Files", "Path", "Size", "Type", "sha", "cardData", "license", "Message", "error"]), inner, max_size=4,
)))  # fmt: skip
def test_any_answer_is_a_list_or_none(content: Any) -> None:
    for hub in (Hub("hub", "https://h.example"), Hub("modelscope", "https://m.example")):
        assert isinstance(hub.refusal(content), str)
        try:
            listing = hub.read_list("a/b", content)
        except (ValueError, TypeError, AttributeError):
            continue
        assert all("/" not in file.path and file.size >= 0 and not file.path.startswith(".") for file in listing.files)


def test_modelscope_says_no_in_a_good_answer(server: Server, content: dict[str, bytes], places: Places) -> None:
    site = Site(server, content, kind="modelscope")
    server.on(site.list_path(), whole(json.dumps({"Code": 10010205001, "Message": "Record not found", "Success": False, "Data": None}).encode()))
    error = Try(site, places).fail()
    assert error.code == "download-missing" and "Record not found" in error.what and "--source hub" in error.next_step


def test_another_source_goes_on_with_the_same_files(server: Server, content: dict[str, bytes], places: Places) -> None:
    hub = Site(server, content).serve()
    hub.on(WEIGHTS, whole(content[WEIGHTS], cut=9000), hang_up)
    Try(hub, places).fail()
    other = Site(server, content, kind="modelscope").serve()
    done = Try(other, places).run()
    assert other.asked_for(WEIGHTS) == ["bytes=9000-"] and done.reused == len(content) - 1
    assert done.card.marker["source"] == "modelscope"


def test_a_changed_file_is_fetched_anew(server: Server, content: dict[str, bytes], places: Places) -> None:
    old = Site(server, content, kind="modelscope").serve()
    old.on(WEIGHTS, whole(content[WEIGHTS], cut=9000), hang_up)
    Try(old, places).fail()
    new = {**content, WEIGHTS: content[WEIGHTS][:-1] + bytes([content[WEIGHTS][-1] ^ 1]), "README.md": b"# new\n"}
    site = Site(server, new, kind="modelscope").serve()
    done = Try(site, places).run()
    assert (done.card.path / WEIGHTS).read_bytes() == new[WEIGHTS] and (done.card.path / "README.md").read_bytes() == b"# new\n"
    assert site.asked_for(WEIGHTS)[-1] == ""


def test_a_server_without_ranges_begins_anew_and_says_so(site: Site, places: Places, content: dict[str, bytes]) -> None:
    data = content[WEIGHTS]
    site.on(WEIGHTS, whole(data, cut=9000, ranges=False), whole(data, ranges=False))
    made = Try(site, places)
    made.run()
    assert "restarted" in made.kinds() and site.asked_for(WEIGHTS) == ["", "bytes=9000-"]


def test_a_login_page_leaves_what_came_alone(site: Site, places: Places, content: dict[str, bytes]) -> None:
    site.on(WEIGHTS, whole(content[WEIGHTS], cut=9000), whole(PORTAL, kind="text/html; charset=utf-8", ranges=False))
    error = Try(site, places).fail()
    assert error.code == "download-html-page" and "登录" in error.next_step
    assert list_pending(places)[0].received >= 9000 and (folder_of(places, REPO) / f"{WEIGHTS}.part").stat().st_size == 9000


@pytest.mark.parametrize("name", ["config.json", WEIGHTS])
def test_a_page_in_place_of_a_file_of_the_same_size(site: Site, places: Places, content: dict[str, bytes], name: str) -> None:
    site.on(name, whole(PORTAL.ljust(len(content[name]))[: len(content[name])], kind="application/octet-stream"))
    assert Try(site, places).fail().code == ("download-html-page" if len(content[name]) > 20 else "download-wrong-hash")


def test_a_page_in_place_of_the_list(site: Site, places: Places) -> None:
    site.server.on(site.list_path(), whole(PORTAL, kind="text/html"))
    assert Try(site, places).fail().code == "download-html-page"
    site.server.on(site.list_path(), whole(b'{"hello": 1}'))
    error = Try(site, places).fail()
    assert error.code == "download-bad-answer" and not list_pending(places) and not (places.models / ".part").exists()


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_wrong_hash_is_tried_once_more_and_then_told(site: Site, places: Places, name: str) -> None:
    site.lies[name] = "f" * 64
    site.serve()
    error = Try(site, places).fail()
    assert error.code == "download-wrong-hash" and "校验" in error.what and site.asked_for(name) == ["", ""]
    assert not (folder_of(places, REPO) / "files" / name).exists()


def test_a_bit_that_fell_over_is_mended(site: Site, places: Places, content: dict[str, bytes]) -> None:
    data = content[WEIGHTS]
    site.on(WEIGHTS, whole(data[:100] + b"?" + data[101:], cut=9000), whole(data))
    done = Try(site, places).run()
    assert (done.card.path / WEIGHTS).read_bytes() == data and site.asked_for(WEIGHTS) == ["", "bytes=9000-", ""]


def test_a_server_that_asks_to_wait_is_obeyed(site: Site, places: Places, content: dict[str, bytes]) -> None:
    site.on("config.json", status(429, Retry_After="7"), whole(content["config.json"]))
    made = Try(site, places)
    made.run()
    assert made.waits == [7.0] and any("429" in step.reason for step in made.steps)
    shutil.rmtree(places.models / "Little-Qwen-4bit")
    site.on("config.json", status(429, Retry_After="900"))
    error = Try(site, places).fail()
    assert error.code == "download-too-busy" and "15 分钟" in error.what and "HF_TOKEN" in error.next_step


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (status(404, X_Error_Code="RepoNotFound"), "missing", "没有"),
        (status(401, X_Error_Code="RepoNotFound"), "missing", "不公开"),
        (status(401), "missing", "不公开"),
        (status(404, X_Error_Code="RevisionNotFound"), "no-revision", "没有这个版本"),
        (status(403, X_Error_Code="GatedRepo"), "gated", "同意许可"),
        (status(503), "server-error", "出错"),
        (hang_up, "broken-off", "断了"),
        (silent, "stalled", "没有回音"),
    ],
)
def test_what_the_list_may_be_answered_with(site: Site, places: Places, answer: Any, code: str, told: str) -> None:
    site.server.on(site.list_path(), answer)
    error = Try(site, places).fail()
    assert error.code == f"download-{code}" and told in error.what and not (places.models / ".part").exists()


@pytest.mark.parametrize(("number", "said"), [(401, "GatedRepo"), (403, "")])
def test_a_gated_model_says_how_to_be_let_in(site: Site, places: Places, monkeypatch: pytest.MonkeyPatch, number: int, said: str) -> None:
    site.gated = True
    site.serve()
    site.on("config.json", status(number, X_Error_Code=said))
    error = Try(site, places).fail()
    assert error.code == "download-gated" and "HF_TOKEN" in error.next_step and f"{site.server.address}/{REPO}" in error.next_step
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_ENDPOINT", site.server.address)
    error = Try(site, places).fail()
    assert "不管用" in error.next_step and "hf_secret" not in error.render()


def test_the_token_goes_only_where_it_belongs(site: Site, places: Places, content: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as elsewhere:
        elsewhere.on("/w", whole(content[WEIGHTS]))
        site.server.on(site.file_path(WEIGHTS), status(302, b"", Location=elsewhere.address + "/w"))
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        Try(site, places).run()
        assert not any("Authorization" in asked.headers for asked in site.server.asked)
        monkeypatch.setenv("HF_ENDPOINT", site.server.address + "/")
        site.server.asked.clear()
        Try(site, places).run(again=True)
        assert {asked.headers.get("Authorization") for asked in site.server.asked} == {"Bearer hf_secret"}
        assert elsewhere.asked and not any("Authorization" in asked.headers for asked in elsewhere.asked)
    assert not any("hf_secret" in path.read_text("utf-8", "replace") for path in places.data.rglob("*.json"))
    assert Hub("hub", "https://huggingface.co").takes_token("https://huggingface.co/a/b/resolve/main/c")
    assert not Hub("hub", "https://huggingface.co").takes_token("https://cdn-lfs.hf.co/x") and not find_hub("mirror").takes_token("https://hf-mirror.com/x")
    assert not find_hub("modelscope").takes_token("https://modelscope.cn/x")


def test_no_network(places: Places, site: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    error = Try(site, places, order=Order(Hub("hub", address), REPO)).fail()
    assert error.code == "download-offline" and "--source modelscope" in error.next_step and "加目录" in error.next_step
    error = Try(site, places, order=Order(Hub("mirror", "http://models.invalid"), REPO)).fail()
    assert error.code == "download-offline" and "--source hub" in error.next_step


def test_a_certificate_that_nobody_knows(places: Places, site: Site, certificate: Path) -> None:
    with running(certificate) as secure:
        error = Try(site, places, order=Order(Hub("hub", secure.address), REPO)).fail()
    assert error.code == "download-certificate" and not secure.asked


def test_a_full_disk(site: Site, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage(10**12, 10**12, 1000))
    error = Try(site, places).fail()
    assert error.code == "download-no-room" and not any(site.asked_for(name) for name in site.content)
    monkeypatch.undo()
    monkeypatch.setenv("XIYOU_HOME", str(places.data.parent))

    real = os.open

    def full(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(path).endswith(f"{WEIGHTS}.part") and flags & os.O_APPEND:
            raise OSError(28, "No space left on device")
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", full)
    error = Try(site, places).fail()
    assert error.code == "download-disk-full" and "腾出空间" in error.next_step and list_pending(places)


@pytest.mark.parametrize(
    ("names", "code", "told"),
    [
        (["config.json", "pytorch_model.bin", "tokenizer.json"], "only-pytorch", "PyTorch"),
        (["little-q4_k_m.gguf", "README.md"], "only-gguf", "GGUF"),
        (["adapter_config.json", "adapter_model.safetensors"], "only-adapter", "适配器"),
        (["README.md"], "no-weights", "README.md"),
        ([], "no-weights", "什么也没有"),
        (["model.safetensors", "tokenizer.json"], "no-config", "config.json"),
        (["model.safetensors", "config.json"], "no-tokenizer", "词表"),
    ],
)
def test_a_repository_that_is_no_model_for_us(site: Site, places: Places, names: list[str], code: str, told: str) -> None:
    siblings = [{"rfilename": name, "size": 3, "blobId": "a" * 40} for name in names]
    site.server.on(site.list_path(), whole(json.dumps({"sha": COMMIT, "siblings": siblings}).encode()))
    error = Try(site, places).fail()
    assert error.code == f"download-{code}" and told in error.what and "MLX" in error.next_step
    assert len(site.server.asked) == 1 and not (places.models / ".part").exists()


@pytest.mark.parametrize(("config", "code"), [({"model_type": "no-such"}, "unknown-architecture"), ({}, "unknown-architecture"), ({"model_type": "qwen2", "model_file": "own.py"}, "own-code")])
def test_an_unknown_structure_is_seen_before_the_weights_come(server: Server, content: dict[str, bytes], places: Places, config: object, code: str) -> None:
    site = Site(server, {**content, "config.json": json.dumps(config).encode()}).serve()
    assert Try(site, places).fail().code == f"download-{code}"
    assert not site.asked_for(WEIGHTS) and not list_pending(places)


def test_names_from_outside_are_no_paths(site: Site, places: Places) -> None:
    listing = site.listing()
    listing["siblings"] += [{"rfilename": name, "size": 1, "blobId": "a" * 40} for name in ("../model.safetensors", "/etc/model.safetensors", "a/model-1.safetensors", "model\n.safetensors")]
    listing["siblings"] += [{"rfilename": "model-2.safetensors", "size": "12"}, {"rfilename": 3, "size": 1}]
    for revision in ("", COMMIT):
        site.server.on(site.list_path(revision), whole(json.dumps(listing).encode()))
    done = Try(site, places).run()
    assert {path.name for path in done.card.path.iterdir()} == {*site.content, "xiyou-model.json"}


def test_stopping_keeps_what_came(site: Site, places: Places, content: dict[str, bytes]) -> None:
    site.on(WEIGHTS, slowly(content[WEIGHTS], rest=0.02))
    stop = Stop()
    made = Try(site, places, stop=stop)

    def watch(step: Step) -> None:
        if step.file == WEIGHTS and step.kind == "receiving" and step.done > step.total - len(content[WEIGHTS]) + 8000:
            stop.set()

    made.downloader._tell = watch
    error = made.fail()
    assert error.code == "download-stopped" and "接着" in error.next_step
    (pending,) = list_pending(places)
    assert 8000 < pending.received - (pending.plan.total - len(content[WEIGHTS])) < len(content[WEIGHTS])
    site.on(WEIGHTS, whole(content[WEIGHTS]))
    Try(site, places).run()
    assert site.asked_for(WEIGHTS)[-1].startswith("bytes=")


CHILD = """
import sys
from xiyou_tui.models.download import Downloader, Order
from xiyou_tui.models.hubs import Hub
from xiyou_tui.storage.places import find_places

Downloader(Order(Hub("hub", sys.argv[1]), sys.argv[2]), find_places().prepare()).run()
"""


def test_a_kill_loses_nothing_that_was_written(site: Site, places: Places, content: dict[str, bytes], home: Path) -> None:
    data = content[WEIGHTS]
    site.on(WEIGHTS, slowly(data, piece=2048, rest=0.03))
    command = [sys.executable, "-c", CHILD, site.server.address, REPO]
    partial = folder_of(places, REPO) / f"{WEIGHTS}.part"
    before = 0
    for _ in range(3):
        process = subprocess.Popen(command, env={**os.environ, "XIYOU_HOME": str(home)})
        assert wait_for(lambda: partial.exists() and partial.stat().st_size > before + 3000, 20)  # noqa: B023
        assert list_pending(places)[0].running
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        size = partial.stat().st_size
        assert size > before
        before = size
        assert list_models(places) == [] and list_pending(places)[0].received == size + sum(map(len, content.values())) - len(data)
        assert not list_pending(places)[0].running
    site.on(WEIGHTS, whole(data))
    done = Try(site, places).run()
    assert site.asked_for(WEIGHTS)[-1] == f"bytes={before}-" and (done.card.path / WEIGHTS).read_bytes() == data


def test_a_kill_after_the_last_byte_asks_for_no_more(site: Site, places: Places, content: dict[str, bytes]) -> None:
    site.on(WEIGHTS, whole(content[WEIGHTS], cut=9000), hang_up)
    Try(site, places).fail()
    (folder_of(places, REPO) / f"{WEIGHTS}.part").write_bytes(content[WEIGHTS])
    count = len(site.asked_for(WEIGHTS))
    Try(site, places).run()
    assert len(site.asked_for(WEIGHTS)) == count


def test_a_kill_before_tidying_up_leaves_a_whole_model(site: Site, places: Places) -> None:
    done = Try(site, places).run()
    folder = folder_of(places, REPO)
    folder.mkdir(parents=True)
    (folder / "download.json").write_text("{}", "utf-8")
    assert not list_pending(places)
    assert Try(site, places).run().already and not folder.exists() and inspect_model(done.card.path)


def test_two_at_once_are_told_apart(site: Site, places: Places, content: dict[str, bytes]) -> None:
    site.on(WEIGHTS, slowly(content[WEIGHTS], rest=0.1))
    first = Try(site, places)
    thread = threading.Thread(target=first.fail)
    thread.start()
    assert wait_for(lambda: bool(site.asked_for(WEIGHTS)))
    assert Try(site, places).fail().code == "download-busy"
    with pytest.raises(ModelError, match="另一个"):
        discard_pending(folder_of(places, REPO))
    first.downloader.stop.set()
    thread.join(10)
    discard_pending(folder_of(places, REPO))
    assert not list_pending(places)


def test_a_name_that_is_taken_gets_its_author_in_front(site: Site, places: Places) -> None:
    (places.models / "Little-Qwen-4bit").mkdir()
    assert Try(site, places).run().card.path.name == "mlx-community--Little-Qwen-4bit"
    order = Order(Hub("hub", site.server.address), REPO, name="Little-Qwen-4bit")
    with pytest.raises(ModelError, match="已经有别的模型"):
        Try(site, places, order=order).run()
    for name in ("../x", ".x", "a/b"):
        with pytest.raises(ModelError, match="不能当作"):
            Try(site, places, order=Order(Hub("hub", site.server.address), REPO, name=name))


def test_names_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert parse_repo(" mlx-community/Qwen2.5-3B-Instruct-4bit/") == ("mlx-community/Qwen2.5-3B-Instruct-4bit", None)
    assert parse_repo("https://huggingface.co/a/b/tree/main") == ("a/b", "hub")
    assert parse_repo("https://www.modelscope.cn/models/a/b/files") == ("a/b", "modelscope")
    assert parse_repo("https://hf-mirror.com/a/b")[0] == "a/b"
    for text in ("", "qwen", "a/b/c", "../../etc", "a/..", "a b/c", "https://huggingface.co/a"):
        with pytest.raises(ModelError) as caught:
            parse_repo(text)
        assert "作者/名字" in caught.value.next_step
    assert default_source("") == "hub" and default_source("https://m.example") == "mirror"
    assert find_hub("mirror", mirror="m.example/").endpoint == "https://m.example"
    monkeypatch.setenv("HF_ENDPOINT", "https://e.example")
    assert default_source("") == "mirror" and find_hub("mirror").endpoint == "https://e.example" and find_hub("mirror").name == "镜像 e.example"
    with pytest.raises(ModelError, match="不能当作模型站"):
        find_hub("hub", endpoint="file:///etc")
