"""What is due after which step of a run: validation, checkpoints, panels, each at an interval of its own."""

from __future__ import annotations

import time
from collections.abc import Collection

from upres.train.options import TrainConfig, interval

VALIDATION, CHECKPOINT, WEIGHTS, SAMPLES = "validation", "checkpoint", "weights", "samples"


class Agenda:
    """Intervals in epochs and steps are a function of the step, those in minutes of the clock.

    Args:
        options: with the intervals.
        epoch_steps: optimiser steps an epoch.
        last: the run's last step.
    """

    def __init__(self, options: TrainConfig, *, epoch_steps: int, last: int) -> None:
        asked = {
            VALIDATION: options.validate_every,
            CHECKPOINT: options.checkpoint_every,
            WEIGHTS: options.keep_every,
            SAMPLES: options.samples_every if options.samples else None,
        }
        self._last = last
        self._at_last = {VALIDATION, *([SAMPLES] if options.samples else [])}
        self._steps: dict[str, int] = {}
        self._seconds: dict[str, float] = {}
        for name, given in asked.items():
            if given is None:
                continue
            every = interval(given)
            if every.minutes is not None:
                self._seconds[name] = 60 * every.minutes
            else:
                self._steps[name] = every.steps or (every.epochs or 1) * epoch_steps
        self._done = dict.fromkeys(self._seconds, time.monotonic())

    def due(self, step: int) -> set[str]:
        """Return what a step asks for, whatever the clock says."""
        found = {name for name, every in self._steps.items() if step % every == 0}
        return found | self._at_last if step >= self._last else found

    def overdue(self) -> set[str]:
        """Return what the clock asks for."""
        if not self._seconds:
            return set()
        now = time.monotonic()
        return {name for name, seconds in self._seconds.items() if now - self._done[name] >= seconds}

    def done(self, names: Collection[str]) -> None:
        """Start the clocks anew of what has been done."""
        now = time.monotonic()
        self._done |= {name: now for name in names if name in self._seconds}
