"""Which lr pixels an sr pixel looks at, worked out backwards, layer by layer, on one axis.

Each function takes the first and last pixel of a layer's output that are looked at, and returns the first and
last of its input. A network's radius is the largest distance that this reaches from any kind of sr pixel.
"""

from __future__ import annotations

from collections.abc import Callable

Reach = tuple[int, int]


def conv(reach: Reach, kernel: int) -> Reach:
    """A convolution that keeps the size."""
    return reach[0] - kernel // 2, reach[1] + kernel // 2


def repeated(reach: Reach, factor: int) -> Reach:
    """A pixel shuffle, or each pixel `factor` times."""
    return reach[0] // factor, reach[1] // factor


def bilinear(reach: Reach, factor: int) -> Reach:
    """Bilinear enlargement: between the two pixels whose centres lie around this one's."""
    first, last = (((2 * pixel + 1) - factor) // (2 * factor) for pixel in reach)
    return first, last + 1


def transposed(reach: Reach, factor: int, kernel: int, padding: int) -> Reach:
    """A transposed convolution: input `i` adds to the outputs `i · factor - padding` and `kernel - 1` after it."""
    return -((kernel - 1 - padding - reach[0]) // factor), (reach[1] + padding) // factor


def pooled(reach: Reach, factor: int) -> Reach:
    """The maximum or mean of `factor` pixels."""
    return reach[0] * factor, reach[1] * factor + factor - 1


def radius(lr_reach: Callable[[Reach], Reach], scale: int, multiple: int = 1) -> int:
    """Return the radius of the network whose sr pixels reach the lr pixels that `lr_reach` says.

    Sr pixels that lie a whole number of `scale * multiple` apart are alike, so one of each is asked.
    """
    farthest = 0
    for pixel in range(scale * multiple):
        first, last = lr_reach((pixel, pixel))
        farthest = max(farthest, pixel // scale - first, last - pixel // scale)
    return farthest
