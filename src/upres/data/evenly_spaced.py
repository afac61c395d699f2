"""A few of many, from the first to the last."""

from __future__ import annotations

import numpy as np


def evenly_spaced(count: int, most: int | None) -> list[int]:
    """Return at most `most` of the places 0 to `count` − 1 (`None`: all), evenly spaced, both ends among them.

    >>> evenly_spaced(10, 4), evenly_spaced(3, 5), evenly_spaced(0, 5), evenly_spaced(7, 1)
    ([0, 3, 6, 9], [0, 1, 2], [], [0])
    """
    if most is None or most >= count:
        return list(range(count))
    places: list[int] = np.linspace(0, count - 1, most).astype(int).tolist()
    return places
