"""Lines to sections: which lines make which chapter, by headings, or by contents list and closing formulas."""

from __future__ import annotations

from xiyou_tui.corpus.importer.headings import Heading, contents_runs, find_headings
from xiyou_tui.corpus.importer.records import Findings, Section

FRONT = "正文之前"
CONTENTS = "目录"


def split_sections(lines: list[str], findings: Findings) -> list[Section]:
    """The chapters and appendices in the order of the source; what belongs to none goes to `findings.left_out`."""
    headings = find_headings(lines)
    listed = {index for run in contents_runs(headings, lines) for index in run}
    for index in sorted(listed):
        findings.leave_out(CONTENTS, lines[headings[index].line].strip())
    real = [heading for index, heading in enumerate(headings) if index not in listed]
    contents_lines = {headings[index].line for index in listed}
    return _by_headings(lines, real, contents_lines, findings)


def _by_headings(lines: list[str], headings: list[Heading], contents_lines: set[int], findings: Findings) -> list[Section]:
    sections: list[Section] = []
    bounds = [heading.line for heading in headings] + [len(lines)]
    front = [line for index, line in enumerate(lines[: bounds[0]]) if index not in contents_lines]
    findings.leave_out(FRONT, "\n".join(line.strip() for line in front if line.strip()))
    for heading, start, stop in zip(headings, bounds, bounds[1:], strict=False):
        if heading.before and sections:
            sections[-1].lines.append(heading.before)
        body = [lines[index] for index in range(start + 1, stop) if index not in contents_lines]
        sections.append(Section(heading.number, heading.kind, heading.title, body))
    return sections
