"""The curves of runs as one SVG picture, to keep or to send: losses on top, learning rate, speed and memory beneath."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from xiyou_tui.training.axes import choose_ticks, fold, label_ticks, widen
from xiyou_tui.training.curves import NAMES, Curve, Curves

WIDTH, MARGIN = 960, 64
PALETTE = ("#a8431f", "#3f6f4f", "#2f5f8f", "#8a5a00", "#8f3f6f", "#4f4f4f")
INK, FAINT, PAPER = "#2a2620", "#c8bda4", "#fbf7ec"
PANELS = (("loss", 320), ("lr", 130), ("tokens_per_second", 130), ("memory", 130))


def to_svg(runs: Sequence[tuple[str, Curves]]) -> str:
    """An SVG document with the curves of named runs over each other; every column of a curve keeps its lowest and highest value."""
    parts: list[str] = []
    top = 40
    for name, height in PANELS:
        lines = _lines(name, runs)
        if any(curve for _, curve, _, _ in lines):
            parts.append(_panel(NAMES[name] if name != "loss" else "损失", lines, top, height))
            top += height + 56
    title = escape("、".join(name for name, _ in runs))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
        'font-family="PingFang SC, Noto Sans CJK SC, Noto Sans SC, sans-serif" font-size="13">'
    )
    ground = f'<rect width="{WIDTH}" height="{top}" fill="{PAPER}"/><title>{title}</title>'
    return "\n".join([head, ground, *parts, "</svg>"]) + "\n"


def _lines(name: str, runs: Sequence[tuple[str, Curves]]) -> list[tuple[str, Curve, str, bool]]:
    """Label, curve, colour and whether it recedes, of everything in one panel."""
    found = []
    for index, (run, curves) in enumerate(runs):
        colour = PALETTE[index % len(PALETTE)]
        if name != "loss":
            found.append((run, curves.series[name], colour, False))
            continue
        alone = len(runs) == 1
        found.append(("训练" if alone else f"{run} 训练", curves.series["loss"], colour, True))
        found.append(("验证" if alone else f"{run} 验证", curves.series["validation"], PALETTE[1] if alone else colour, False))
    return found


def _panel(title: str, lines: Sequence[tuple[str, Curve, str, bool]], top: int, height: int) -> str:
    drawn = [line for line in lines if line[1]]
    left, right = widen(min(curve[0][0] for _, curve, _, _ in drawn), max(curve[-1][0] for _, curve, _, _ in drawn))
    values = [value for _, curve, _, _ in drawn for _, value in curve]
    low, high = widen(min(values), max(values))
    inner = WIDTH - MARGIN - 24

    def across(step: float) -> float:
        return MARGIN + (step - left) / (right - left) * inner

    def down(value: float) -> float:
        return top + (high - value) / (high - low) * height

    parts = [f'<text x="{MARGIN}" y="{top - 12}" fill="{INK}" font-weight="bold">{escape(title)}</text>']
    ticks = choose_ticks(low, high, 6)
    for tick, label in zip(ticks, label_ticks(ticks), strict=True):
        parts.append(f'<line x1="{MARGIN}" x2="{MARGIN + inner}" y1="{down(tick):.1f}" y2="{down(tick):.1f}" stroke="{FAINT}" stroke-width="0.5"/>')
        parts.append(f'<text x="{MARGIN - 8}" y="{down(tick) + 4:.1f}" fill="{INK}" text-anchor="end">{label}</text>')
    for step in choose_ticks(left, right, 10):
        if step == int(step):
            parts.append(f'<text x="{across(step):.1f}" y="{top + height + 18}" fill="{INK}" text-anchor="middle">{step:,.0f}</text>')
    beside = MARGIN + 16 * (len(title) + 1)
    for label, curve, colour, faint in drawn:
        points = []
        for column in fold([step for step, _ in curve], [value for _, value in curve], left, right, inner):
            x = MARGIN + column.number / max(1, inner - 1) * inner
            points += [f"{x:.1f},{down(value):.1f}" for value in dict.fromkeys((column.first, column.lowest, column.highest, column.last))]
        look = 'stroke-width="1" stroke-opacity="0.45"' if faint else 'stroke-width="1.8"'
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" {look}/>')
        parts.append(f'<text x="{beside}" y="{top - 12}" fill="{colour}">— {escape(label)}</text>')
        beside += 14 * (len(label) + 3)
    return "\n".join(parts)
