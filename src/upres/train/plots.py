"""The plots of a run: its curves, and panels of validation pictures."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from upres.archs import Network
from upres.data import Cache
from upres.data.evenly_spaced import evenly_spaced
from upres.html.charts import Chart
from upres.image import imresize
from upres.metrics import Protocol, measure
from upres.train.validation import as_bytes, unit_batch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Original = Callable[[int], NDArray[np.uint8]]
"""Gives a validation picture as it lay there before it became hr, `h w c`."""

# Side, in lr pixels, of what a panel shows of a large picture.
_CROP = 64
# In inches: a picture of a panel with the gap behind it, and the room for words above it and before a row. All stand in
# one system of axes: with one for each picture, and a layout that matplotlib finds, drawing takes four times as long.
_ACROSS, _GAP, _ABOVE, _BEFORE = 2.7, 0.1, 0.2, 0.25
_HEADINGS = {"lr": "low resolution", "bicubic": "bicubic", "sr": "ours", "hr": "original", "original": "original"}
# Of the lines of a chart, in their order; a single one has the second, as in a report.
_COLOURS = ("#3b6fb6", "#d1603d", "#15803d")


def charts_png(charts: Sequence[Chart], *, width: float = 5) -> bytes:
    """Draw charts side by side, each of this width in inches; return a PNG."""
    from matplotlib.figure import Figure

    across, height = width * len(charts), 4
    figure = Figure(figsize=(across, height), dpi=110)
    figure.subplots_adjust(1 / across, 0.5 / height, 1 - 0.1 / across, 1 - 0.1 / height, wspace=1.1 / (width - 1.1))
    for axes, chart in zip(figure.subplots(1, len(charts), squeeze=False)[0], charts, strict=True):
        for number, line in enumerate(chart.lines):
            colour = _COLOURS[number % len(_COLOURS)] if len(chart.lines) > 1 else _COLOURS[1]
            few = len(line.points) < 40
            axes.plot(*zip(*line.points, strict=True), label=line.name, color=colour, marker="." if few else "")
            dots = [(x, y) for of, x, y in chart.dots if of == number]
            if dots:
                axes.plot(*zip(*dots, strict=True), "o", color=colour, markersize=5)
        if chart.level is not None:
            name, value = chart.level
            axes.axhline(value, label=f"{name} {value:.2f}", color="#777777", linestyle="--")
        axes.set(
            xlabel=chart.over,
            ylabel=f"{chart.title} ({chart.unit})",
            yscale="log" if chart.logarithmic else "linear",
        )
        # Clear of a level below, and of curves that rise to the top.
        axes.legend(frameon=False, loc="best" if chart.level is None else "center right")
        axes.grid(alpha=0.25, which="both")
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return png_of(figure)


@dataclass(frozen=True)
class Crop:
    """What a panel shows of a picture: the middle of lr and hr, and the whole of the original where it is asked for."""

    name: str
    lr: NDArray[np.uint8]
    hr: NDArray[np.uint8]
    original: NDArray[np.uint8] | None = None


def sample_crops(cache: Cache, count: int, original: Original | None = None) -> list[Crop]:
    """Choose pictures evenly spaced in a set."""
    crops = []
    for index in evenly_spaced(len(cache), count):
        lr, hr, scale = cache.lr(index), cache.hr(index), cache.scale
        height, width = min(_CROP, lr.shape[0]), min(_CROP, lr.shape[1])
        top, left = (lr.shape[0] - height) // 2, (lr.shape[1] - width) // 2
        crops.append(
            Crop(
                cache.entries[index].name,
                lr[top : top + height, left : left + width],
                hr[top * scale : (top + height) * scale, left * scale : (left + width) * scale],
                None if original is None else original(index),
            )
        )
    return crops


def panel_png(
    crops: Sequence[Crop],
    network: Network,
    device: torch.device,
    protocol: Protocol,
    columns: Sequence[str],
    *,
    title: str,
) -> bytes:
    """Draw one row a picture, in columns out of `_HEADINGS`, with PSNR; return a PNG."""
    from matplotlib.figure import Figure

    width, height = len(columns) * _ACROSS + _BEFORE, len(crops) * (_ACROSS + _ABOVE) + _ABOVE
    figure = Figure(figsize=(width, height), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height), autoscale_on=False)
    axes.set_axis_off()
    bottom = height - _ABOVE
    axes.text(width / 2, bottom + 0.05, f"{title}    PSNR: {protocol.describe()}", fontsize=9, ha="center")
    for crop in crops:
        lr, hr = crop.lr, crop.hr
        pair = (torch.from_numpy(lr[None].copy()), torch.from_numpy(hr[None].copy()))
        with torch.inference_mode():
            sr = network(unit_batch(pair)[0].to(device))
        pictures = {
            "lr": lr,
            "bicubic": imresize(lr, size=(hr.shape[0], hr.shape[1])),
            "sr": as_bytes(sr.float())[0],
            "hr": hr,
            "original": hr if crop.original is None else crop.original,
        }
        bottom -= _ACROSS + _ABOVE
        axes.text(0.05, bottom + _ACROSS / 2, crop.name[:28], fontsize=7, va="center", rotation=90)
        for number, column in enumerate(columns):
            picture, label = pictures[column], _HEADINGS[column]
            if label == "original" and "original" in columns and "hr" in columns:
                label = "original" if column == "original" else "ground truth"
            if column in ("bicubic", "sr"):
                label += f"  {measure(picture, hr, protocol, metrics=('psnr',))['psnr']:.2f} dB"
            left, side = _BEFORE + number * _ACROSS, _ACROSS - _GAP
            axes.text(left + side / 2, bottom + _ACROSS + 0.04, label, fontsize=9, ha="center")
            show(axes, picture, left, bottom + _GAP, side)
    return png_of(figure)


def show(axes: Axes, picture: NDArray[np.uint8], left: float, bottom: float, side: float) -> None:
    """Show pixels as they are, without smoothing, in the middle of a square."""
    height, width = (side * length / max(picture.shape[:2]) for length in picture.shape[:2])
    left, bottom = left + (side - width) / 2, bottom + (side - height) / 2
    gray = picture.shape[2] == 1
    axes.imshow(
        picture[..., 0] if gray else picture,
        cmap="gray" if gray else None,
        vmin=0,
        vmax=255,
        interpolation="nearest",
        aspect="auto",
        extent=(left, left + width, bottom, bottom + height),
    )


def png_of(figure: Figure) -> bytes:
    """Render a plot without a window system."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
