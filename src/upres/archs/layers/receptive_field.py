"""Which lr pixels an sr pixel looks at, worked out backwards, layer by layer, on one axis.

Each function takes the first and last pixel of a layer's output that are looked at, and returns the first and
last of its input. A network's radius is the largest distance of those from any kind of sr pixel.
"""

from __future__ import annotations

from collections.abc import Callable

Interval = tuple[int, int]
"""The first and the last pixel."""


def conv(seen: Interval, kernel: int) -> Interval:
    """A convolution that keeps the size."""
    return seen[0] - kernel // 2, seen[1] + kernel // 2


def repeated(seen: Interval, factor: int) -> Interval:
    """A pixel shuffle, or each pixel `factor` times."""
    return seen[0] // factor, seen[1] // factor


def bilinear(seen: Interval, factor: int) -> Interval:
    """Bilinear enlargement: between the two pixels whose centres lie around this one's."""
    first, last = (((2 * pixel + 1) - factor) // (2 * factor) for pixel in seen)
    return first, last + 1


def transposed(seen: Interval, factor: int, kernel: int, padding: int) -> Interval:
    """A transposed convolution: input `i` adds to the outputs `i · factor - padding` and `kernel - 1` after it."""
    return -((kernel - 1 - padding - seen[0]) // factor), (seen[1] + padding) // factor


def pooled(seen: Interval, factor: int) -> Interval:
    """The maximum or mean of `factor` pixels."""
    return seen[0] * factor, seen[1] * factor + factor - 1


def radius(lr_field: Callable[[Interval], Interval], scale: int, multiple: int = 1) -> int:
    """Return the radius of the network whose sr pixels look at the lr pixels that `lr_field` says.

    Sr pixels that lie a whole number of `scale * multiple` apart are alike, so one of each is asked.
    """
    farthest = 0
    for pixel in range(scale * multiple):
        first, last = lr_field((pixel, pixel))
        farthest = max(farthest, pixel // scale - first, last - pixel // scale)
    return farthest
