"""The model card of an exported folder: what it is, what it was trained on, what was measured, whose licence. Light, plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xiyou_tui.models.adapters import KINDS

# The licence of a practice model: nobody else's weights are in it.
OWN = "none"
LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "NOTICE", "NOTICE.txt", "USE_POLICY.md")


@dataclass(frozen=True, slots=True)
class Licence:
    """A model's licence as its directory states it: the identifier, and what states it. Both empty when nothing does."""

    id: str = ""
    source: str = ""


def find_licence(path: Path) -> Licence:
    """The licence of the model at `path`: from its own record, the head of its README, or a licence file. Never guessed."""
    try:
        marker = json.loads((path / "xiyou-model.json").read_text("utf-8"))
        if marker.get("kind") == "practice":
            return Licence(OWN, "xiyou")
        told = marker.get("licence") or {}
        if told.get("id"):
            return Licence(str(told["id"]), str(told.get("from", "")))
    except (OSError, ValueError, AttributeError):
        pass
    try:
        head = (path / "README.md").read_text("utf-8", "replace")[:8000]
    except OSError:
        head = ""
    front = re.match(r"---\s*\n(.*?)\n---", head, re.DOTALL)
    if front and (found := re.search(r"^license(?:_name)?:\s*[\"']?([\w.+-]+)", front.group(1), re.MULTILINE)):
        named = re.search(r"^license_name:\s*[\"']?([\w.+-]+)", front.group(1), re.MULTILINE)
        return Licence((named or found).group(1), "README.md")
    for name in LICENCE_FILES:
        if (path / name).is_file():
            first = next((line.strip() for line in (path / name).read_text("utf-8", "replace").splitlines() if line.strip()), "")
            return Licence(first[:80] or name, name)
    return Licence()


def write_readme(marker: Mapping[str, Any], *, form: str, adapter: bool = False, has_template: bool = True) -> str:
    """The text of README.md for an exported folder; `marker` is the record of the model. Holds no path of this machine."""
    licence = dict(marker.get("licence") or {})
    base = str((marker.get("base") or {}).get("name", ""))
    practice = marker.get("kind") == "practice"
    name = str(marker.get("name", "model"))
    identifier = str(licence.get("id", ""))
    spdx = identifier if identifier != OWN and re.fullmatch(r"[a-z0-9.+-]+", identifier) else "other"
    lines = [
        "---", "language: zh", f"library_name: {'mlx' if form == 'mlx' else 'gguf' if form == 'gguf' else 'ollama'}", f"license: {spdx}",
        *([f"base_model: {json.dumps(base, ensure_ascii=False)}"] if base and not practice else []),
        "tags:", f"- {'mlx' if form == 'mlx' else form}", "- xiyouji", "---", "", f"# {name}", "",
        "由 xiyou 在一台个人电脑上做成，只为回答《西游记》里的问题。" + ("这里只有适配器，要和底座一起用。" if adapter else ""), "",
    ]  # fmt: skip
    lines += ["## 怎么来的", ""]
    if practice:
        lines.append(f"练手模型：几十万参数，词表从「{marker.get('title', '')}」学来，权重是随机的起点，只为看清流程。")
    elif base:
        lines.append(f"底座：{base}。")
    if shape := marker.get("adapter"):
        lines.append(f"适配器：{KINDS.get(str(shape.get('kind')), 'LoRA')}，秩 {shape.get('rank')}。")
    if shape and not adapter:
        lines.append("适配器已经合并进权重" + ("，并还原成 16 位。" if marker.get("dequantised") else "。"))
    if marker.get("bits"):
        lines.append(f"量化：{marker['bits']} 位，每组 {marker.get('group')} 个。")
    lines += ["", "## 在什么上训练", ""]
    trainings = list(marker.get("trained_on") or ())
    for training in trainings:
        lines.append(f"- {training['stage']}：{training['source']}，{training['rows']:,} 行，{training['steps']:,} 步（{training['name']}）")
    if not trainings:
        lines.append("没有在 xiyou 里训练过。")
    if measured := marker.get("measured"):
        lines += ["", "## 量到的", "", *(f"- {label}：{text}" for label, text in tell_measured(measured))]
    lines += ["", "## 许可", ""]
    if identifier == OWN:
        lines.append("练手模型由 xiyou 在本机做成，不含别人的权重；怎么用都行。")
    elif identifier:
        lines.append(f"底座的许可：{identifier}（见 {licence.get('from') or '底座'}）。合并、量化、导出都不改变它；再分发要守它的条款。")
    else:
        lines.append("底座的目录里没有写许可。给别人以前，请到底座的主页核对，并写在这里。")
    lines += ["小说本身（16 世纪）属于公有领域。", "", "## 怎么用", "", *_usage(form, adapter)]
    if not has_template:
        lines += ["", "它没有对话模板，只会续写。"]
    return "\n".join(lines) + "\n"


def tell_measured(measured: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of what a conversion was measured to do, for the screen, the command line and the card."""
    rows = []
    if "size_before" in measured:
        ratio = measured["size_after"] / max(1, measured["size_before"])
        rows.append(("大小", f"{_size(measured['size_before'])} → {_size(measured['size_after'])}（{ratio:.0%}）"))
    if "perplexity_before" in measured:
        before, after = measured["perplexity_before"], measured["perplexity_after"]
        about = f"{measured['title']} {measured['passages']} 段，{measured['tokens']:,} 词元"
        rows.append(("困惑度", f"{before:,.2f} → {after:,.2f}（{_change(before, after)}；{about}）"))
    elif "perplexity_after" in measured:
        rows.append(("困惑度", f"做后 {measured['perplexity_after']:,.2f}（{measured['title']} {measured['passages']} 段）"))
    if "logit_mean" in measured:
        rows.append(("输出差", f"平均 {measured['logit_mean']:.2g}，最大 {measured['logit_max']:.2g}；首选词一致 {measured['agreement']:.1%}（{measured['positions']} 处）"))
        if measured.get("adapter_kl"):
            lost = measured["kl"] / measured["adapter_kl"]
            told = "几乎没有丢" if lost < 0.01 else f"走样约为适配器全部改动的 {lost:.0%}"
            rows.append(("适配器", f"{told}（KL {measured['kl']:.2g}，适配器本身 {measured['adapter_kl']:.2g}）"))
        else:
            rows.append(("分布差", f"KL {measured['kl']:.2g}"))
    return rows


def _change(before: float, after: float) -> str:
    change = after / before - 1
    return "不变" if abs(change) < 5e-5 else f"{change:+.2%}"


def _usage(form: str, adapter: bool) -> list[str]:
    if form == "ollama":
        return ["在这个目录里：", "", "```", "ollama create xiyou -f Modelfile", "ollama run xiyou 孙悟空的师父是谁？", "```"]
    if form == "gguf":
        return ["```", "llama-cli -m model-f16.gguf -p 孙悟空的师父是谁？", "```", "", "要更小：`llama-quantize model-f16.gguf model-q4.gguf Q4_K_M`。"]
    extra = " --adapter-path ." if adapter else ""
    model = "底座" if adapter else "."
    return ["```", f"mlx_lm.generate --model {model}{extra} --prompt 孙悟空的师父是谁？ --temp 0.2 --top-p 0.8", "```"]


def _size(size: float) -> str:
    return f"{size / 2**30:.2f} GB" if size >= 2**30 else f"{size / 2**20:.1f} MB"
