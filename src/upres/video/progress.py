"""How far a film is, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Advance:
    """How far a film is.

    Attributes:
        done: pictures that are coded, those of an earlier run too.
        total: how many there are, where that can be reckoned.
        resumed: how many of `done` an earlier run had made.
        seconds: since this run began.
        bytes: of the segments that are done.
    """

    done: int
    total: int | None
    resumed: int
    seconds: float
    bytes: int

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return (self.done - self.resumed) / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that are left, where that can be reckoned."""
        if self.total is None or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate


@dataclass(frozen=True)
class FilmSummary:
    """What became of a film; sizes are height and width.

    Attributes:
        input, output: the sizes.
        pictures: how many were written.
        resumed: how many of them an earlier run had made.
        codec: what codes them.
        kept: the streams that went over as they are.
        notes: what is assumed or left behind, in words.
        faults: what was wrong with the film's data, in words; then what could be read is there.
        seconds: how long it took.
        repeated: which part of the tiles was the same as a moment before.
    """

    input: tuple[int, int]
    output: tuple[int, int]
    pictures: int
    resumed: int
    codec: str
    kept: tuple[str, ...]
    notes: tuple[str, ...]
    faults: tuple[str, ...]
    seconds: float
    repeated: float


FilmProgress = Callable[[Advance], object]
"""Called after every picture that is coded; what it raises stops the work and passes through."""
