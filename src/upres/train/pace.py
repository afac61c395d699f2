"""How long the rest of a run takes: one figure, for the progress bar and for the line of an epoch."""

from __future__ import annotations

import time

from upres.config.amounts import time_in_words


class Pace:
    """Steps by the clock since the run began or went on; validation, panels and checkpoints are in it."""

    def __init__(self) -> None:
        self._began, self._first = 0.0, 0

    def start(self, done: int) -> None:
        """Start the clock.

        Args:
            done: steps that lie behind: a resumed run's pace is that of its own.
        """
        self._began, self._first = time.monotonic(), done

    def rate(self, done: int) -> float:
        """Return steps a second so far; 0 before the first."""
        return (done - self._first) / max(time.monotonic() - self._began, 1e-9)

    def left(self, done: int, total: int) -> str:
        """Return the time that the steps from `done` to `total` take, in words."""
        rate = self.rate(done)
        return f"{time_in_words((total - done) / rate)} left" if rate > 0 else "? left"
