"""The child that fuses, quantises and exports. `converting` starts it.

python -m xiyou_tui.models.converter JOB.json

Progress and the end are JSON lines on stdout. It gives up, leaving nothing, when its stdin closes: when it is told to stop, or when
whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xiyou_tui.errors import ModelError, XiyouError
from xiyou_tui.models.conversion import Job
from xiyou_tui.models.drafts import drafting
from xiyou_tui.models.readme import write_readme
from xiyou_tui.models.registry import MARKER, inspect_model
from xiyou_tui.storage.files import write_json, write_text

CANCELLED = 3
COPIED_AT_A_TIME = 16 * 2**20


@dataclass(slots=True)
class Teller:
    """Writes records; a step is one of `steps`, its own share done told within it."""

    output: int
    steps: int = 1
    step: int = 0
    what: str = ""
    told: float = 0.0

    def begin(self, what: str) -> None:
        self.step += 1
        self.what = what
        self.go_on(0.0, now=True)

    def go_on(self, share: float, *, now: bool = False) -> None:
        if not now and time.monotonic() - self.told < 0.2:
            return
        self.told = time.monotonic()
        whole = (self.step - 1 + min(1.0, share)) / self.steps
        self.tell({"step": self.step, "of": self.steps, "what": self.what, "share": round(min(1.0, whole), 4)})

    def tell(self, record: dict[str, Any]) -> None:
        data = memoryview((json.dumps(record, ensure_ascii=False) + "\n").encode())
        while data:
            data = data[os.write(self.output, data) :]

    @contextlib.contextmanager
    def growing(self, directory: Path, total: int) -> Iterator[None]:
        """Tell how much of a directory is written while the block runs."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.3):
                with contextlib.suppress(OSError):
                    self.go_on(sum(file.stat().st_size for file in directory.iterdir()) / max(1, total))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def main(arguments: list[str]) -> int:
    """Do the job written in a file; returns 0 when it is done, 1 for an error that was told, 3 when it was stopped."""
    output = os.dup(1)
    os.dup2(2, 1)
    teller = Teller(output)
    try:
        job = Job.from_record(json.loads(Path(arguments[0]).read_text("utf-8")))
        _watch_for_stop()
        with contextlib.suppress(OSError):
            os.nice(5)
        teller.tell({"made": run(job, teller)})
    except XiyouError as error:
        teller.tell({"error": error.as_record()})
        return 1
    except Exception as error:
        traceback.print_exc()
        teller.tell({"error": _explain(error).as_record()})
        return 1
    return 0


def run(job: Job, teller: Teller) -> dict[str, Any]:
    """Do a job; returns what was made: {path, bytes, seconds, measured, notes}. Leaves nothing when it raises."""
    started = time.monotonic()
    with drafting(job.target) as draft:
        _DRAFTS.append(draft)
        work = {"fuse": _fuse, "quantise": _quantise, "export": _export}[job.kind]
        found = work(job, draft, teller)
        if job.kind != "export":
            marker = {**job.marker, "made": time.time(), "measured": found.get("measured", {})}
            write_json(draft / MARKER, marker)
    size = sum(file.stat().st_size for file in job.target.rglob("*") if file.is_file())
    return {"path": str(job.target), "bytes": size, "seconds": round(time.monotonic() - started, 2), "measured": {}, "notes": [], **found}


def _fuse(job: Job, draft: Path, teller: Teller) -> dict[str, Any]:
    from xiyou_tui.models import reshaping
    from xiyou_tui.models.measuring import compare, divergence, read_model

    assert job.adapter is not None
    teller.steps = 3 + 2 * job.measure_before + job.measure_after
    plain = with_adapter = None
    if job.measure_before:
        teller.begin("量底座")
        model, tokenizer = reshaping.open_for_reading(job.source)
        plain = read_model(model, tokenizer, job.probe, teller.go_on)
        teller.begin("量适配器")
        reshaping.put_adapter(model, job.adapter)
        with_adapter = read_model(model, tokenizer, job.probe, teller.go_on)
        del model
        reshaping.let_go()
    teller.begin("打开底座")
    model, _, config = reshaping.open_model(job.source)
    reshaping.put_adapter(model, job.adapter)
    teller.begin("合并")
    config = reshaping.fuse(model, config, dequantise=job.dequantise)
    teller.begin("写入磁盘")
    with teller.growing(draft, inspect_model(job.source).bytes):
        reshaping.save(draft, job.source, model, config)
    del model
    reshaping.let_go()
    measured: dict[str, Any] = {"size_before": inspect_model(job.source).bytes, "size_after": inspect_model(draft).bytes}
    if job.measure_after and with_adapter is not None and plain is not None:
        teller.begin("量合并后的模型")
        model, tokenizer = reshaping.open_for_reading(draft)
        fused = read_model(model, tokenizer, job.probe, teller.go_on)
        measured |= compare(with_adapter, fused) | _perplexities(job, with_adapter, fused)
        measured["adapter_kl"] = divergence(with_adapter, plain)
    return {"measured": measured}


def _quantise(job: Job, draft: Path, teller: Teller) -> dict[str, Any]:
    from xiyou_tui.models import reshaping
    from xiyou_tui.models.measuring import compare, read_model

    teller.steps = 3 + job.measure_before + job.measure_after
    before = None
    if job.measure_before:
        teller.begin("量原来的模型")
        model, tokenizer = reshaping.open_for_reading(job.source)
        before = read_model(model, tokenizer, job.probe, teller.go_on)
        del model
        reshaping.let_go()
    teller.begin("打开模型")
    model, _, config = reshaping.open_model(job.source)
    teller.begin("量化")
    source = inspect_model(job.source)
    config = reshaping.quantise(model, config, bits=job.bits, group=job.group)
    teller.begin("写入磁盘")
    with teller.growing(draft, source.bytes * job.bits // source.bits):
        reshaping.save(draft, job.source, model, config)
    del model
    reshaping.let_go()
    measured: dict[str, Any] = {"size_before": source.bytes, "size_after": inspect_model(draft).bytes}
    if job.measure_after:
        teller.begin("量量化后的模型")
        model, tokenizer = reshaping.open_for_reading(draft)
        after = read_model(model, tokenizer, job.probe, teller.go_on)
        measured |= _perplexities(job, before, after)
        if before is not None:
            measured |= compare(before, after)
    return {"measured": measured}


def _export(job: Job, draft: Path, teller: Teller) -> dict[str, Any]:
    from xiyou_tui.models.gguf_rules import gguf_possible

    card = inspect_model(job.source)
    notes: list[str] = []
    template = card.has_chat_template
    if job.adapter is not None:
        teller.begin("拷贝适配器")
        _export_adapter(job, draft)
    elif job.form == "gguf" or (job.form == "ollama" and gguf_possible(card)):
        from xiyou_tui.models import reshaping
        from xiyou_tui.models.gguf import write_gguf

        teller.begin("写 GGUF")
        # A vocabulary on its own is what the converter reads it from.
        vocabulary = draft / "vocabulary"
        vocabulary.mkdir()
        shutil.copyfile(job.source / "config.json", vocabulary / "config.json")
        reshaping.copy_companions(job.source, vocabulary)
        with teller.growing(draft, 2 * card.parameters):
            count = write_gguf(vocabulary, draft / "model-f16.gguf", job.source, str(job.marker.get("name", "model")))
        shutil.rmtree(vocabulary)
        reshaping.copy_licence(job.source, draft)
        notes.append(f"GGUF 里有 {count} 个张量，写完读回来数过。")
    else:
        teller.begin("拷贝模型")
        _copy_model(job.source, draft, teller)
    if job.form == "ollama":
        notes.append(_write_modelfile(job, draft))
    public = {key: value for key, value in job.marker.items() if key not in ("made", "edition")}
    write_text(draft / "README.md", write_readme(public, form=job.form, adapter=job.adapter is not None, has_template=template))
    if job.form == "mlx" and job.adapter is None:
        write_json(draft / MARKER, {**public, "made": time.time()})
    for file in draft.iterdir():
        # Folders that are given away are read by other programs too.
        file.chmod(0o644)
    draft.chmod(0o755)
    return {"notes": notes}


def _copy_model(source: Path, draft: Path, teller: Teller) -> None:
    from xiyou_tui.models.reshaping import copy_companions

    files = [source / "config.json", *sorted(source.glob("model*.safetensors")), *source.glob("model*.safetensors.index.json")]
    total, done = sum(file.stat().st_size for file in files), 0
    for file in files:
        with file.open("rb") as reading, (draft / file.name).open("wb") as writing:
            while piece := reading.read(COPIED_AT_A_TIME):
                writing.write(piece)
                done += len(piece)
                teller.go_on(done / max(1, total))
    copy_companions(source, draft)


def _export_adapter(job: Job, draft: Path) -> None:
    from xiyou_tui.models.reshaping import copy_licence

    assert job.adapter is not None
    shutil.copyfile(job.adapter / "adapters.safetensors", draft / "adapters.safetensors")
    config = json.loads((job.adapter / "adapter_config.json").read_text("utf-8"))
    # Paths and runs of this machine mean nothing elsewhere.
    config.pop("xiyou", None)
    config["model"] = str((job.marker.get("base") or {}).get("name", ""))
    write_json(draft / "adapter_config.json", config)
    copy_licence(job.source, draft)


def _write_modelfile(job: Job, draft: Path) -> str:
    """Write the Modelfile; returns what to know about it."""
    from mlx_lm.utils import load_config, load_tokenizer

    from xiyou_tui.models.modelfile import find_family, write_modelfile

    assert job.speech is not None
    card, config = inspect_model(job.source), load_config(job.source)
    tokenizer = load_tokenizer(job.source, eos_token_ids=config.get("eos_token_id"))
    family = None
    if card.has_chat_template:

        def render(messages: Any) -> str:
            return str(tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False, enable_thinking=False))

        family = find_family(render, str(tokenizer.bos_token or ""))
    ends = [str(token) for token in tokenizer.convert_ids_to_tokens(sorted(tokenizer.eos_token_ids))]
    licence = dict(job.marker.get("licence") or {})
    text = write_modelfile(
        "./model-f16.gguf" if (draft / "model-f16.gguf").exists() else ".", job.speech, family=family, ends=ends, context=card.context,
        licence=f"{licence['id']}（见 {licence['from']}）" if licence.get("id") else "",
        notes=[f"xiyou 里的提问是这样写给模型的：{job.speech.example}".replace("\n", " ⏎ ")] if job.speech.example else (),
    )  # fmt: skip
    write_text(draft / "Modelfile", text)
    if family is None:
        return "它的对话模板不是认得的几种：Modelfile 里没有写 TEMPLATE，用之前先问一句看看。"
    return f"对话模板：{family.name}，和模型自带的逐字相同。"


def _perplexities(job: Job, before: Any, after: Any) -> dict[str, Any]:
    if not after.tokens:
        return {}
    found = {
        "perplexity_after": after.perplexity, "tokens": after.tokens, "passages": len(job.probe.passages), "title": job.probe.title,
    }  # fmt: skip
    return found if before is None else {"perplexity_before": before.perplexity, **found}


_DRAFTS: list[Path] = []


def _watch_for_stop() -> None:
    """End this process when stdin closes. What is being written then is removed here; what a race leaves, the next sweep takes."""

    def watch() -> None:
        # Not through sys.stdin: its lock, held here for good, would break the interpreter's own ending.
        while os.read(0, 4096):
            pass
        for draft in _DRAFTS:
            shutil.rmtree(draft, ignore_errors=True)
        os._exit(CANCELLED)

    threading.Thread(target=watch, daemon=True).start()


def _explain(error: Exception) -> ModelError:
    text = str(error)
    kept, code = "原来的模型和适配器都没有动；做到一半的已经清掉。", "conversion"
    if isinstance(error, MemoryError) or "Unable to allocate" in text or "Attempting to allocate" in text or "Insufficient Memory" in text:
        return ModelError("内存不够，做到一半停下了。", kept=kept, next_step="关掉别的程序再试；或选 4 位的底座。", code="memory")
    return ModelError(
        f"没有做成：{type(error).__name__}: {text[:300]}。", kept=kept, next_step="用 xiyou doctor 检查 MLX 能不能用，再试一次。", code=code
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
