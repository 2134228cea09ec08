"""The figures as a picture: how far each is from what it must reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from bench.results import Figure

WIDTH, ROW, TEXT, MIDDLE = 960, 34, 470, 620  # pixels; MIDDLE is where a figure just reaches its limit
PER_DOUBLING = 60


def svg(figures: Sequence[Figure]) -> str:
    """A bar for each figure that has a limit: to the right where it is better, each 60 pixels twice as much."""
    limited = [figure for figure in figures if figure.limit]
    height = ROW * len(limited) + 40
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
            'font-size="12">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{MIDDLE}" y="16" text-anchor="middle" fill="#555">what must be reached</text>',
        f'<line x1="{MIDDLE}" x2="{MIDDLE}" y1="22" y2="{height - 10}" stroke="#555"/>',
    ]
    for number, figure in enumerate(limited):
        y = 28 + ROW * number
        ends = sorted(_place(figure, value) for value in (figure.median, min(figure.values), max(figure.values)))
        place = _place(figure, figure.median)
        colour = "#2a7f4f" if figure.passed else "#b03030"
        parts += [
            f'<text x="8" y="{y + 12}">{escape(figure.what)}</text>',
            f'<text x="8" y="{y + 26}" fill="#777">{escape(figure.reference)}</text>',
            (
                f'<rect x="{min(place, MIDDLE):.0f}" y="{y + 4}" width="{abs(place - MIDDLE):.0f}" height="16" '
                f'fill="{colour}"/>'
            ),
            f'<line x1="{ends[0]:.0f}" x2="{ends[-1]:.0f}" y1="{y + 12}" y2="{y + 12}" stroke="#000"/>',
            (
                f'<text x="{WIDTH - 8}" y="{y + 16}" text-anchor="end">{figure.median:.3g} ({figure.bound} '
                f"{figure.limit:g})</text>"
            ),
        ]
    return "\n".join([*parts, "</svg>", ""])


def _place(figure: Figure, value: float) -> float:
    assert figure.limit
    better = value / figure.limit if figure.bound == "at least" else figure.limit / max(value, 1e-9)
    return min(max(MIDDLE + PER_DOUBLING * math.log2(better), TEXT), WIDTH - 140)
