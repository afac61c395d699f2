"""How those who wait are told how far a work is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], object]
"""Called with the tiles that are done and their number; what it raises stops the work and passes through."""


class Counter:
    """Tells `progress` about each tile that is done.

    Args:
        total: how many tiles there are.
        progress: whom to tell, if anyone.
    """

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done = 0
        self._total = total
        self._progress = progress

    def __call__(self) -> None:
        """Count a tile."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
