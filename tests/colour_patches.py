"""Patches and slopes of known colours, and how far what was made of them is from what they were.

Flat patches, and slopes away from borders, are within 1 level at 8 bits and 4 at 16, whatever model enlarges them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 14  # of a patch: what a network sees of its neighbours ends before its middle
INNER = 5


def patches(channels: int, dtype: str) -> NDArray[Any]:
    """Flat patches in two rows: the corners of the cube first, then any."""
    generator = np.random.default_rng(channels)
    top = np.iinfo(dtype).max
    colours = [[top * (corner >> index & 1) for index in range(channels)] for corner in (0, 1, 2, 5, 7)]
    colours += generator.integers(0, top, (7, channels), endpoint=True).tolist()
    grid = np.array(colours).reshape(2, 6, channels).astype(dtype)
    return grid.repeat(SIDE, axis=0).repeat(SIDE, axis=1)


def slopes(channels: int, dtype: str) -> NDArray[Any]:
    """Slopes to the right, below each other: of all levels, dark, dark and not of whole levels, and bright."""
    top = np.iinfo(dtype).max
    ends = ((0, 1), (0, 0.03), (0.05, 0.13), (0.9, 0.8))
    shares = np.linspace(1, 0.6, channels)  # no gray
    lines = [np.linspace(low, high, 52)[:, None] * shares * top for low, high in ends]
    return np.floor(np.array(lines) + 0.5).astype(dtype).repeat(SIDE, axis=0)


def middles(samples: NDArray[Any], scale: int) -> NDArray[np.int64]:
    """The middles of patches, as rows and columns of squares: `rows columns y x c`."""
    side, inner = SIDE * scale, INNER * scale
    rows, columns, channels = samples.shape[0] // side, samples.shape[1] // side, samples.shape[2]
    squares = samples.reshape(rows, side, columns, side, channels).swapaxes(1, 2)
    return squares[:, :, inner:-inner, inner:-inner].astype(np.int64)


def worst_patch(lr: NDArray[Any], sr: NDArray[Any], scale: int) -> int:
    """How far any sample of a patch's middle is from the patch."""
    return int(np.abs(middles(sr, scale) - middles(lr, 1)[:, :, :1, :1]).max())


def worst_slope(lr: NDArray[Any], sr: NDArray[Any], scale: int) -> float:
    """How far the middles of slopes are from the line between lr's samples."""
    width = lr.shape[1]
    places = (np.arange(width * scale) + 0.5) / scale - 0.5
    worst = 0.0
    for row in range(SIDE // 2, len(lr), SIDE):
        for channel in range(lr.shape[2]):
            line = np.floor(np.interp(places, np.arange(width), lr[row, :, channel].astype(np.float64)) + 0.5)
            part = sr[(row - 1) * scale : (row + 2) * scale, 8 * scale : -8 * scale, channel]
            worst = max(worst, float(np.abs(part - line[8 * scale : -8 * scale]).max()))
    return worst
