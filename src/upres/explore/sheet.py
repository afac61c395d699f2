"""The pairs of an exploration as one picture: low resolution at the left of its original."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from upres.explore.survey import Exploration, Shown

# Pixels: between the two of a pair, and around each pair.
_GAP, _MARGIN = 4, 16
# Smaller originals are drawn with so many times their pixels that a side is at least this long.
_SIDE = 192
_ACROSS = 2


def pairs_sheet(found: Exploration) -> NDArray[np.uint8] | None:
    """Return the pairs, two in a row, from the softest to the sharpest, on white: `h w 3`; `None` without any.

    Pixels are repeated, not smoothed, so that what low resolution lacks is seen as it is.
    """
    pairs = [_pair(shown, found.scale) for shown in found.sheet]
    if not pairs:
        return None
    height, width = (max(pair.shape[axis] for pair in pairs) + _MARGIN for axis in (0, 1))
    across = min(_ACROSS, len(pairs))
    sheet = np.full((math.ceil(len(pairs) / across) * height + _MARGIN, across * width + _MARGIN, 3), 255, np.uint8)
    for number, pair in enumerate(pairs):
        top, left = _MARGIN + number // across * height, _MARGIN + number % across * width
        sheet[top : top + pair.shape[0], left : left + pair.shape[1]] = pair
    return sheet


def _pair(shown: Shown, scale: int) -> NDArray[np.uint8]:
    times = math.ceil(_SIDE / max(shown.hr.shape[:2]))
    lr, hr = _repeated(shown.lr, scale * times), _repeated(shown.hr, times)
    lr = lr[: hr.shape[0], : hr.shape[1]]
    pair = np.full((hr.shape[0], 2 * hr.shape[1] + _GAP, 3), 255, np.uint8)
    pair[: lr.shape[0], : lr.shape[1]] = lr
    pair[:, hr.shape[1] + _GAP :] = hr
    return pair


def _repeated(pixels: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    return pixels.repeat(times, axis=0).repeat(times, axis=1)
