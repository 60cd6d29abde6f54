"""Figures as a picture: a bar for each ratio, its spread, and a mark where it is wanted. SVG by hand."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.measure import Figure

_WIDTH, _LEFT, _ROW, _TOP = 900, 470, 28, 40
_GOOD, _MISSED, _INK, _LINE = "#4c8c6b", "#c7683f", "#333", "#bbb"


def plot(figures: Sequence[Figure]) -> str:
    """An SVG; bars are as long as the ratio is of what is wanted, so one mark fits all."""
    reach = max(1.3, *(max(figure.ratios) / figure.target for figure in figures)) * 1.05
    scale = (_WIDTH - _LEFT - 90) / reach
    height = _TOP + _ROW * len(figures) + 16
    wanted = _LEFT + scale
    bottom = height - 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12" fill="{_INK}">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{wanted:.0f}" y="18" text-anchor="middle">what is wanted at most</text>',
        *(_bar(figure, _TOP + _ROW * index, scale) for index, figure in enumerate(figures)),
        f'<line x1="{wanted:.1f}" x2="{wanted:.1f}" y1="24" y2="{bottom}" stroke="{_INK}" stroke-dasharray="4 3"/>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bar(figure: Figure, top: int, scale: float) -> str:
    long, low, high = (
        value / figure.target * scale for value in (figure.ratio, min(figure.ratios), max(figure.ratios))
    )
    colour = _GOOD if figure.ratio <= figure.target else _MISSED
    middle = top + 9
    start, end = _LEFT + low, _LEFT + high
    title = escape(figure.title.replace("`", ""))
    return (
        f'<text x="{_LEFT - 8}" y="{top + 13}" text-anchor="end">{title}</text>'
        f'<rect x="{_LEFT}" y="{top}" width="{long:.1f}" height="18" fill="{colour}"/>'
        f'<path d="M{start:.1f} {middle}H{end:.1f}" stroke="{_LINE}" stroke-width="3"/>'
        f'<text x="{_LEFT + max(long, high) + 6:.1f}" y="{top + 13}">{figure.ratio:.2f} of {figure.target:g}</text>'
    )
