"""The few rows of a picture that are needed at once, cut from bands that arrive from the top."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image.mapped import mapped


class Window:
    """Rows of a picture of which no more is kept than has been asked for and not been passed.

    Args:
        bands: arrays `rows w …` that follow each other from the top; each is taken when its rows are needed.
    """

    def __init__(self, bands: Iterable[NDArray[Any]]) -> None:
        self._bands = iter(bands)
        self._held: list[tuple[int, NDArray[Any]]] = []  # first row and band
        self._end = 0

    def cut(self, start: int, stop: int) -> NDArray[Any]:
        """Return the rows `[start, stop)` and forget those above; `start` never goes back.

        Raises:
            EOFError: the bands end before `stop`.
        """
        self._held = [(top, band) for top, band in self._held if top + len(band) > start]
        while self._end < stop:
            band = next(self._bands, None)
            if band is None:
                raise EOFError(f"rows {start}-{stop - 1} were asked for, and the bands end at {self._end}")
            top, self._end = self._end, self._end + len(band)
            if self._end > start:
                self._held.append((top, band))
        parts = [band[max(start - top, 0) : stop - top] for top, band in self._held if top < stop]
        if len(parts) == 1:
            return parts[0]
        rows = mapped((sum(map(len, parts)), *parts[0].shape[1:]), parts[0].dtype)
        return np.concatenate(parts, out=rows)
