"""Line charts, and how they become SVG text: no script, no request, colours by the document's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 560, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 10, 34
# A logarithmic axis where the values span more than this.
_DECADES = 8.0


@dataclass(frozen=True)
class Line:
    """One line of a chart: its name, its class in the style sheet, and its points; what is not finite is a gap."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """What a chart shows, whatever draws it.

    Attributes:
        title: what is shown.
        unit: of the values.
        lines: drawn in this order.
        level: a name and a value that a dashed line marks.
        over: what the lines run over.
        dots: points that are marked, each of its line's number: where a stage begins.
    """

    title: str
    unit: str
    lines: Sequence[Line]
    level: tuple[str, float] | None = None
    over: str = "epoch"
    dots: Sequence[tuple[int, float, float]] = ()

    @property
    def values(self) -> list[float]:
        """All finite values, the level's among them."""
        finite = [y for line in self.lines for _, y in line.points if math.isfinite(y)]
        return finite if self.level is None else [*finite, self.level[1]]

    @property
    def logarithmic(self) -> bool:
        """Whether the values span so much that their logarithms are drawn."""
        values = self.values
        return bool(values) and min(values) > 0 and max(values) > _DECADES * min(values)


def svg(chart: Chart) -> str:
    """Return a figure with axes, a legend and the lines; empty text for a chart without values."""
    title, unit, lines, level = chart.title, chart.unit, chart.lines, chart.level
    values, logarithmic = chart.values, chart.logarithmic
    epochs = [x for line in lines for x, _ in line.points]
    if not values:
        return ""
    marks = _decades(min(values), max(values)) if logarithmic else ticks(min(values), max(values))
    low, high = min(marks[0], *values), max(marks[-1], *values)
    first, last = min(epochs), max(*epochs, min(epochs) + 1)

    def across(epoch: float) -> float:
        return _LEFT + (epoch - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def down(value: float) -> float:
        at, bottom, top = (math.log(v) if logarithmic else v for v in (value, low, high))
        return _HEIGHT - _BOTTOM - (at - bottom) / ((top - bottom) or 1) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    for mark in marks:
        y = down(mark)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="mark" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{mark:.6g}</text>')
    for mark in ticks(first, last):
        if mark == int(mark) and first <= mark <= last:
            x, y = across(mark), _HEIGHT - _BOTTOM + 18
            parts.append(f'<text class="mark" x="{x:.1f}" y="{y}" text-anchor="middle">{mark:.0f}</text>')
    x, y, over = _WIDTH - _RIGHT, _HEIGHT - 2, escape(chart.over)
    parts.append(f'<text class="mark" x="{x}" y="{y}" text-anchor="end">{over}</text>')
    if level is not None:
        parts.append(f'<path class="line level" d="M{_LEFT} {down(level[1]):.1f}H{_WIDTH - _RIGHT}"/>')
    for line in lines:
        drawn = [(across(x), down(y)) for x, y in line.points if math.isfinite(y)]
        if len(drawn) == 1:
            parts.append(f'<circle class="dot {line.style}" cx="{drawn[0][0]:.1f}" cy="{drawn[0][1]:.1f}" r="3"/>')
        elif drawn:
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in drawn)
            parts.append(f'<path class="line {line.style}" d="M{path}"/>')
    for number, x, y in chart.dots:
        style = lines[number].style
        parts.append(f'<circle class="dot {style}" cx="{across(x):.1f}" cy="{down(y):.1f}" r="3"/>')
    parts.append("</svg>")
    names = [(line.name, line.style, _last(line)) for line in lines]
    names += [] if level is None else [(level[0], "level", level[1])]
    legend = "".join(
        f'<li class="{style}"><span>{escape(name)}</span> {value:.5g}</li>' for name, style, value in names
    )
    caption = f"<figcaption><h3>{escape(title)}</h3> <small>{escape(unit)}</small><ul>{legend}</ul></figcaption>"
    return f'<figure class="chart">{caption}{"".join(parts)}</figure>'


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round numbers that span the values.

    >>> ticks(0.0, 9.0)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    >>> ticks(27.31, 27.42)
    [27.3, 27.35, 27.4, 27.45]
    """
    span = high - low or abs(high) or 1.0
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return [round(number * step, digits) for number in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    return [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def _last(line: Line) -> float:
    return next((y for _, y in reversed(line.points) if math.isfinite(y)), math.nan)
