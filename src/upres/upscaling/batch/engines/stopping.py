"""Work that is stopped while pictures are on their way: what was written by then is told all the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, wait

from upres.image.prefetch import LONGEST_WAIT
from upres.upscaling.batch.jobs import Outcome


def first_ended(pending: deque[Future[Outcome]]) -> Outcome:
    """Wait for the first of several and take it out; a signal is heard meanwhile, and leaves it there."""
    while not pending[0].done():
        wait([pending[0]], LONGEST_WAIT)
    outcome = pending[0].result()
    pending.popleft()  # only now: whoever is interrupted while waiting asks for it again
    return outcome


def rest(outcomes: Generator[Outcome, None, None], interrupt: KeyboardInterrupt) -> Iterator[Outcome]:
    """Stop the work, and yield what had been written by then."""
    try:
        yield outcomes.throw(interrupt)
        yield from outcomes
    except (KeyboardInterrupt, StopIteration):
        return
