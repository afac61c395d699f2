"""Small charts as SVG text; colours come from the document, so that they follow its light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

WIDTH, HEIGHT = 480, 200
_LEFT, _BOTTOM, _TOP = 8, 24, 10


def areas(series: Sequence[tuple[str, ArrayLike]], ticks: Sequence[tuple[float, str]], *, label: str) -> str:
    """Draw curves over 0 to 1, filled down to the axis, all to the height of the highest.

    Args:
        series: the class that gives the colour, and the values.
        ticks: where along the axis, from 0 to 1, and the text.
        label: for those who do not see it.
    """
    drawn = [(name, np.asarray(values, np.float64)) for name, values in series]
    highest = max((float(values.max()) for _, values in drawn), default=0.0) or 1.0
    shapes = []
    for name, values in drawn:
        xs = _LEFT + (WIDTH - 2 * _LEFT) * np.linspace(0, 1, len(values))
        ys = _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - values / highest)
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        base = HEIGHT - _BOTTOM
        shapes.append(
            f'<polygon class="{name} fill" points="{xs[0]:.1f},{base} {line} {xs[-1]:.1f},{base}"/>'
            f'<polyline class="{name} line" points="{line}"/>'
        )
    return _svg("".join(shapes), ticks, label)


def bars(values: ArrayLike, ticks: Sequence[tuple[float, str]], *, label: str, marked: int | None = None) -> str:
    """Draw a bar a value; those from `marked` on are in the accent colour."""
    heights = np.asarray(values, np.float64)
    highest = float(heights.max()) or 1.0
    step = (WIDTH - 2 * _LEFT) / len(heights)
    shapes = []
    for place, value in enumerate(heights):
        tall = (HEIGHT - _TOP - _BOTTOM) * value / highest
        kind = "bar marked" if marked is not None and place >= marked else "bar"
        shapes.append(
            f'<rect class="{kind}" x="{_LEFT + place * step + 0.5:.1f}" y="{HEIGHT - _BOTTOM - tall:.1f}" '
            f'width="{max(step - 1, 0.5):.1f}" height="{tall:.1f}"/>'
        )
    return _svg("".join(shapes), ticks, label)


def histogram(values: NDArray[np.float64], unit: str, *, digits: int, label: str, bins: int = 24) -> str:
    """Draw how often values fall where, with the lowest, the middle and the highest on the axis."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ""
    low, high = float(finite.min()), float(finite.max())
    if high - low < 10**-digits:
        low, high = low - 0.5, high + 0.5
    counts, _ = np.histogram(finite, bins=bins, range=(low, high))
    ticks = [(share, f"{low + share * (high - low):.{digits}f}{unit}") for share in (0.0, 0.5, 1.0)]
    return bars(counts, ticks, label=label)


def _svg(shapes: str, ticks: Sequence[tuple[float, str]], label: str) -> str:
    base = HEIGHT - _BOTTOM
    marks = []
    for share, text in ticks:
        x = _LEFT + (WIDTH - 2 * _LEFT) * share
        anchor = "start" if share < 0.05 else "end" if share > 0.95 else "middle"
        marks.append(
            f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 4}"/>'
            f'<text x="{x:.1f}" y="{HEIGHT - 4}" text-anchor="{anchor}">{escape(text)}</text>'
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">{shapes}'
        f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _LEFT}" y1="{base}" y2="{base}"/>{"".join(marks)}</svg>'
    )
