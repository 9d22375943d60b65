"""One sample as it reads: the talk, the passages it rests on, and what the checks say. Shown beside the table and in review."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from xiyou_tui.samples.checks import Finding
from xiyou_tui.samples.citations import CitedPassage
from xiyou_tui.samples.model import KINDS, SPLITS, STATUSES, Sample

STATUS_STYLES = {"draft": "$foreground 70%", "review": "bold $accent", "approved": "bold $success", "returned": "bold $error"}
FINDING_STYLES = {"error": "$error", "warning": "$warning", "hint": "$foreground 60%"}
FINDING_LABELS = {"error": "错", "warning": "疑", "hint": "注"}
STATE_NOTES = {"moved": "（已在当前底本找到）", "elsewhere": "（出自另一个底本）", "broken": "（对不上任何底本）"}


class SampleCard(VerticalScroll):
    """A sample, scrollable; `show` replaces what is shown."""

    DEFAULT_CSS = """
    SampleCard { padding: 0 1; background: $background; }
    SampleCard Static { width: 1fr; height: auto; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, can_focus=False)
        self._static = Static()

    def compose(self) -> ComposeResult:
        yield self._static

    def show(
        self, sample: Sample | None, passages: Sequence[CitedPassage] = (), findings: Sequence[Finding] = (), hint: str = ""
    ) -> None:
        """Show a sample; without one the hint."""
        self._static.update(Content.styled(hint, "$foreground 60%") if sample is None else card(sample, passages, findings))
        self.scroll_home(animate=False)


def card(
    sample: Sample, passages: Sequence[CitedPassage], findings: Sequence[Finding], *, passages_first: bool = False
) -> Content:
    """The whole sample as styled text."""
    blocks = [_heading(sample), _talk(sample)]
    if sample.refusal:
        blocks.append(Content.assemble(("拒答 ", "bold $primary"), sample.reason or Content.styled("还没有写理由", "$error")))
    if passages:
        blocks.append(passages_content(passages))
    if findings:
        blocks.append(findings_content(findings))
    if sample.note:
        blocks.append(Content.assemble(("备注 ", "$foreground 60%"), sample.note))
    return Content("\n\n").join(blocks)


def _heading(sample: Sample) -> Content:
    parts: list[Content | tuple[str, str] | str] = [
        (STATUSES.get(sample.status, sample.status), STATUS_STYLES.get(sample.status, "")),
        "　",
        (KINDS.get(sample.kind, sample.kind), "bold"),
    ]
    if sample.split != "train":
        parts.append((f"　{SPLITS.get(sample.split, sample.split)}集", "$foreground 60%"))
    if sample.tags:
        parts.append(("　" + " ".join(f"#{tag}" for tag in sample.tags), "$foreground 60%"))
    return Content.assemble(*parts)


def _talk(sample: Sample) -> Content:
    lines = []
    for question, answer in sample.exchanges:
        lines.append(Content.assemble(("问 ", "bold $accent"), (question or "（空）", "bold")))
        lines.append(Content.assemble(("答 ", "bold $accent"), answer or Content.styled("（空）", "$error")))
    return Content("\n").join(lines)


def passages_content(passages: Sequence[CitedPassage]) -> Content:
    """The cited passages, one below the other: mark, what is wrong with it if anything, and the text."""
    lines = []
    for passage in passages:
        note = STATE_NOTES.get(passage.state, "")
        style = "$error" if passage.state == "broken" else "$warning"
        lines.append(Content.assemble((passage.mark, "$secondary"), (note, style), " ", (passage.text, "$secondary")))
    return Content("\n").join(lines)


def findings_content(findings: Sequence[Finding]) -> Content:
    """The findings, one a line, gravest first."""
    return Content("\n").join(
        Content.assemble(
            (FINDING_LABELS[finding.severity], f"bold {FINDING_STYLES[finding.severity]}"),
            " ",
            (finding.message, FINDING_STYLES[finding.severity]),
        )
        for finding in findings
    )
