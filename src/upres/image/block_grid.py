"""Whether a picture was a JPEG once, whatever its file is now: JPEG leaves its grid and its steps in the pixels.

Each 8×8 block of a JPEG has cosine coefficients that are multiples of a step, which is a table's and the quality's.
Decoding rounds to whole levels, which moves a coefficient by a third of a level: far less than a step. So with the grid
in its place the coefficients lie near multiples; with another grid, or in a picture that never was a JPEG, anywhere.
Fan and de Queiroz, "Identification of Bitmap Compression History", IEEE Transactions on Image Processing 12(2), 2003.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image.codecs.jpeg import ZIGZAG, quantisation

_SIDE = 8
# The low frequencies, but for the mean: they are seldom nothing.
_FREQUENCIES = ZIGZAG[1:22]
# Places of the grid, in each direction, that are tried.
_TRIED = 3
# Qualities that are told apart.
_QUALITIES = np.arange(30, 97, 2)
# Blocks that say anything: below that many coefficients beyond half a step, nothing is concluded.
# Nor where they have few sizes, as in what was drawn by a program: a few are multiples of something by chance.
_LEAST, _LEAST_SIZES = 150, 60
# Mean cosine of a coefficient's place between two multiples of its step, from which on they are multiples: 1 is right
# on them, 0 anywhere. Steps below three levels are hidden by the rounding of pixels.
_MULTIPLES = 0.45
_SMALLEST_STEP = 3
# Blocks that are multiplied at a time: NumPy's OpenBLAS shares larger products among its threads, which spin and wait
# for each other. Beside other work, that took 26 to 90 ms of two processors for what one does in 3.
_BLOCKS = 192
# Coefficients are counted in bins of a quarter level; larger ones than 128 are left out.
_BINS_A_LEVEL, _BINS = 4, 513


def jpeg_quality(luma: NDArray[Any]) -> float | None:
    """Return libjpeg's quality with which a picture was saved before it came here, or `None` if nothing shows it.

    Args:
        luma: `h w`, 0 to 255. A part of the picture does; its first pixel need not be a block's.
    """
    if min(luma.shape) < 4 * _SIDE:
        return None
    pixels = luma.astype(np.float32)
    grids = sorted({(0, 0), *product(_likely(pixels.T), _likely(pixels))})
    found = _qualities(np.stack([_histogram(pixels[down:, across:]) for down, across in grids], axis=1))
    return min((quality for quality in found if quality is not None), default=None)


def _likely(pixels: NDArray[np.float32]) -> list[int]:
    """Return how many columns may stand before the first whole block: where steps between pixels are largest."""
    steps = np.abs(np.diff(pixels, axis=1))
    # A step is odd where it is larger than those beside it; edges of the picture itself are, wherever blocks begin.
    odd = np.minimum(steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2, 16).mean(axis=0)
    count = len(odd) // _SIDE * _SIDE
    by_column = odd[:count].reshape(-1, _SIDE).mean(axis=0)
    # The step between columns n + 1 and n + 2 is number n here.
    return [(int(column) + 2) % _SIDE for column in by_column.argsort()[-_TRIED:]]


def _histogram(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how often the blocks' coefficients have each size, by frequency: the `bins` of the tables."""
    sizes = np.minimum((np.abs(_coefficients(pixels)) * _BINS_A_LEVEL).astype(np.intp), _BINS - 1)
    frequencies = np.arange(sizes.shape[1]) * _BINS
    found = np.bincount((sizes + frequencies).ravel(), minlength=sizes.shape[1] * _BINS)
    return found.astype(np.float64)


def _qualities(histograms: NDArray[np.float64]) -> list[float | None]:
    """Return of each histogram, `bins n`, the lowest quality of whose steps the coefficients are multiples.

    All together: the tables, of 3 MB each, are read once.
    """
    counting, places = _tables()
    # A product for each frequency, for the same reason.
    by_frequency = histograms.reshape(len(_FREQUENCIES), _BINS, -1)
    there = (by_frequency > 0).astype(np.float64)
    pairs = ((counting, by_frequency), (places, by_frequency), (counting, there))
    counted, cosines, kinds = ((table @ each).sum(axis=0) for table, each in pairs)
    enough = (counted >= _LEAST) & (kinds >= _LEAST_SIZES)
    multiples = enough & (cosines > _MULTIPLES * np.where(enough, counted, 1))
    return [float(_QUALITIES[each.argmax()]) if each.any() else None for each in multiples.T]


@cache
def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return which bins of the histogram count for each quality, and their cosines: `frequencies qualities bins`.

    They are doubles, as what is multiplied by counts: else each product would first make such a copy.
    """
    steps = quantisation(_QUALITIES)[0][:, _FREQUENCIES, None].astype(np.float32)
    sizes = (np.arange(_BINS, dtype=np.float32) + 0.5) / _BINS_A_LEVEL
    counted = (sizes > steps / 2) & (steps >= _SMALLEST_STEP) & (sizes < (_BINS - 1) / _BINS_A_LEVEL)
    cosines = np.where(counted, np.cos(2 * np.pi * sizes / steps), 0)
    single = cosines.astype(np.float32)
    return counted.swapaxes(0, 1).astype(np.float64), single.swapaxes(0, 1).astype(np.float64)


def _coefficients(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the low-frequency cosine coefficients of the blocks, `blocks frequencies`."""
    rows, columns = (side // _SIDE for side in pixels.shape)
    blocks = pixels[: rows * _SIDE, : columns * _SIDE].reshape(rows, _SIDE, columns, _SIDE)
    lines = blocks.swapaxes(1, 2).reshape(-1, _SIDE * _SIDE)
    found = np.empty((len(lines), len(_FREQUENCIES)), np.float32)
    for first in range(0, len(lines), _BLOCKS):
        some = slice(first, first + _BLOCKS)
        np.matmul(lines[some], _basis(), out=found[some])
    return found


@cache
def _basis() -> NDArray[np.float32]:
    """Return the orthonormal cosine functions of the frequencies, `64 frequencies`."""
    k = np.arange(_SIDE)
    cosines = np.cos((2 * k[None] + 1) * k[:, None] * np.pi / (2 * _SIDE)) * np.where(k == 0, 0.5**0.5, 1)[:, None] / 2
    return np.stack([np.outer(cosines[f // 8], cosines[f % 8]).ravel() for f in _FREQUENCIES], 1).astype(np.float32)
