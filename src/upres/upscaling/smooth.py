"""Where a picture is smooth, bicubic decides and not the network: flat stays flat, and a slope stays a slope.

Networks learn from 8-bit pictures. What changes by less than a level they have never seen, and they add a pattern of
their own to it: up to 3 levels on a flat patch of saturated colour, 20 where such a patch meets the picture's edge,
37 of 65,535 on a gray slope of 16 bits (base ×4). Among equal neighbours there is nothing to be found, and
bicubic leaves them as they are.

Measured on Set5 in 16 bits, lr at 1/64 of its contrast: base 26.69 → 26.81 dB, fast 25.38 → 26.18; at full contrast
nothing changes. Of 8 bits only what is flat, or a slope of whole levels, changes, and no score on Set5, Set14 or
BSD100 by more than 0.00001 dB.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image.resize import cubic
from upres.models.facts import Facts

RADIUS = 4
"""How far the rule looks, in lr pixels: a curvature's neighbour, the window of the largest, and the fade."""

BICUBIC_RADIUS = 2
"""How far bicubic looks. A model that looks no farther is left alone, whatever it does."""

# Below half an 8-bit level of curvature it is all bicubic, from one level all network: whole levels are never between.
_BICUBIC, _NETWORK = 0.5 / 255, 0.99 / 255
_WINDOW, _FADE = 2, 1
# Of lr, made at once by bicubic.
_ROWS = 32


def applies(facts: Facts) -> bool:
    """Return whether the rule is for this model: one that looks at the whole picture may change levels on purpose."""
    return facts.radius is not None and facts.radius > BICUBIC_RADIUS


def network_share(lr: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much of each pixel `h w` of `h w c` in [0, 1] is the network's to decide: 0 (smooth) to 1.

    It depends on the largest second difference of any channel within `RADIUS`, so that ramps are smooth too. The edge
    is repeated, so a tile that is filled up to a multiple gets the same.
    """
    height, width = lr.shape[:2]
    planes = np.pad(lr.transpose(2, 0, 1), _EDGES, mode="edge")
    curvature: NDArray[np.float32] = np.zeros((height + 2 * (RADIUS - 1), width + 2 * (RADIUS - 1)), np.float32)
    for plane in planes:
        down, right = plane[1:] - plane[:-1], plane[:, 1:] - plane[:, :-1]
        twist = down[:-1, 1:-1] - down[:-1, :-2]
        for second in (down[1:, 1:-1] - down[:-1, 1:-1], right[1:-1, 1:] - right[1:-1, :-1], twist):
            np.maximum(curvature, np.abs(second, out=second), out=curvature)
    if _coarsest(curvature) >= _NETWORK:
        return np.ones((height, width), np.float32)
    largest = _over_window(np.maximum, curvature, _WINDOW)
    share = np.clip((largest - np.float32(_BICUBIC)) / np.float32(_NETWORK - _BICUBIC), 0, 1)
    return _over_window(np.add, share, _FADE) / np.float32((2 * _FADE + 1) ** 2)


def enlarge_smooth(lr: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Enlarge `h w c` by bicubic, the edge repeated: `s·h s·w c`, each pixel the same in every tile that has it."""
    return _by_bicubic(np.pad(lr, _MARGIN, mode="edge"), scale)


def mend_smooth(
    sr: NDArray[np.float32], lr: NDArray[np.float32], share: NDArray[np.float32], scale: int
) -> NDArray[np.float32]:
    """Return `sr` with the smooth parts of `lr` enlarged by bicubic, by `network_share`; a copy where there are any."""
    if share.min() == 1:
        return sr
    mended = np.array(sr, order="C")
    around = np.pad(lr, _MARGIN, mode="edge")
    for top in range(0, len(lr), _ROWS):
        rows = share[top : top + _ROWS]
        columns = np.flatnonzero(rows.min(axis=0) < 1)
        if not len(columns):
            continue
        left, right = int(columns[0]), int(columns[-1]) + 1
        source = around[top : top + len(rows) + 2 * BICUBIC_RADIUS, left : right + 2 * BICUBIC_RADIUS]
        weight = rows[:, left:right].repeat(scale, axis=0).repeat(scale, axis=1)[..., None]
        part = mended[top * scale : (top + len(rows)) * scale, left * scale : right * scale]
        smooth = _by_bicubic(source, scale)
        # What is all the network's keeps its very bits.
        np.copyto(part, smooth + weight * (part - smooth), where=weight < 1)
    return mended


_EDGES = ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS))
_MARGIN = ((BICUBIC_RADIUS, BICUBIC_RADIUS), (BICUBIC_RADIUS, BICUBIC_RADIUS), (0, 0))


def _by_bicubic(around: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Enlarge what lies within a margin of `BICUBIC_RADIUS`: in float32 and in the same order for every pixel."""
    height, width = (side - 2 * BICUBIC_RADIUS for side in around.shape[:2])
    taps = _taps(scale)
    wide = np.empty((around.shape[0], width * scale, around.shape[2]), np.float32)
    for phase in range(scale):
        wide[:, phase::scale] = _weighted([around[:, at : at + width] for at in range(len(taps[0]))], taps[phase])
    result = np.empty((height * scale, width * scale, around.shape[2]), np.float32)
    for phase in range(scale):
        result[phase::scale] = _weighted([wide[at : at + height] for at in range(len(taps[0]))], taps[phase])
    return result


def _taps(scale: int) -> NDArray[np.float32]:
    """Return what each of the pixels around counts, by the place of an sr pixel within its lr pixel."""
    centres = (np.arange(scale) + 0.5) / scale - 0.5
    taps: NDArray[np.float32] = cubic(centres[:, None] - np.arange(-BICUBIC_RADIUS, BICUBIC_RADIUS + 1)).astype(
        np.float32
    )
    return taps


def _weighted(sources: list[NDArray[np.float32]], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    total: NDArray[np.float32] = sources[0] * weights[0]
    for source, weight in zip(sources[1:], weights[1:], strict=True):
        if weight:
            total += source * weight
    return total


def _coarsest(curvature: NDArray[np.float32]) -> float:
    """Return the least of every fifth in both directions: no window is without one of them."""
    step = 2 * _WINDOW + 1
    return float(curvature[::step, ::step].min())


def _over_window(of: np.ufunc, values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Combine the values `h w` of each window, rows first; the result is `radius` smaller on each side."""
    tall, wide = values.shape[0] - 2 * radius, values.shape[1] - 2 * radius
    rows: NDArray[Any] = values[:tall].copy()
    for at in range(1, 2 * radius + 1):
        of(rows, values[at : at + tall], out=rows)
    result: NDArray[Any] = rows[:, :wide].copy()
    for at in range(1, 2 * radius + 1):
        of(result, rows[:, at : at + wide], out=result)
    return result
