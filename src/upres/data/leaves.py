"""Pictures drawn by chance that have edges and detail at every size, as photographs have: dead leaves.

Lee, Mumford and Huang, "Occlusion Models for Natural Images: A Statistical Study of a Scale-Invariant Dead Leaves
Model", IJCV 2001: discs fall onto each other, as many of a radius r as 1 ÷ r³ says, so that a reduced picture has the
statistics of the whole one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from upres.image import imresize

# Drawn so many times as large and reduced: edges then lie between pixels, as a lens leaves them.
_FINER = 2
_SMALLEST = 6.0
# So many times the picture's surface falls in discs: next to nothing of the first colour is left.
_LAYERS = 4.0


def leaves(height: int, width: int, *, seed: int) -> NDArray[np.uint8]:
    """Return a picture `h w 3`, the same for a seed."""
    rng = np.random.default_rng(seed)
    tall, wide = height * _FINER, width * _FINER
    largest = max(tall, wide) / 3
    canvas = np.empty((tall, wide, 3), dtype=np.float32)
    canvas[...] = _colour(rng)
    # The mean surface of a disc of that law, between its bounds.
    surface = 2 * math.pi * math.log(largest / _SMALLEST) / (_SMALLEST**-2 - largest**-2)
    count = int(_LAYERS * (tall + largest) * (wide + largest) / surface)
    radii = (_SMALLEST**-2 - rng.random(count) * (_SMALLEST**-2 - largest**-2)) ** -0.5
    centres = rng.random((count, 2)) * (tall + largest, wide + largest) - largest / 2
    for radius, (y, x) in zip(radii.tolist(), centres.tolist(), strict=True):
        top, left = max(0, math.ceil(y - radius)), max(0, math.ceil(x - radius))
        bottom, right = min(tall, int(y + radius) + 1), min(wide, int(x + radius) + 1)
        if top >= bottom or left >= right:
            continue
        down = np.arange(top, bottom, dtype=np.float32)[:, None] - y
        across = np.arange(left, right, dtype=np.float32)[None] - x
        # Lit from one side, as what is round is.
        slope, turn = rng.normal(0, 0.1), rng.random() * 2 * math.pi
        light = 1 + slope * (down * math.sin(turn) + across * math.cos(turn)) / radius
        inside = down**2 + across**2 <= radius**2
        canvas[top:bottom, left:right][inside] = light[inside][:, None] * _colour(rng)
    canvas *= 1 + rng.normal(0, 0.04, (tall, wide, 1)).astype(np.float32)  # the grain of surfaces
    large = canvas.clip(0, 255).astype(np.uint8)
    return imresize(large, size=(height, width))


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return R, G, B: any brightness, and mostly little colour."""
    colour: NDArray[np.float32] = (rng.uniform(20, 235) + rng.normal(0, 25, 3)).astype(np.float32)
    return colour
