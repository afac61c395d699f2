"""How many names a task gets: enough for some seconds, and fewer towards the end, so that all workers end together."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator

from upres.upscaling.batch.items import Item

# Names in the first tasks; then as many as take about so many seconds. A lost worker costs no more.
_FIRST = 2
_SECONDS = 10.0
_MOST = 500
# Towards the end a task takes no less than this: what a task costs besides is some hundredths of it.
_LEAST_SECONDS = 0.5
# Names that are looked at ahead, to know whether the end is near.
_AHEAD = 20_000


class Portions:
    """Takes items apart into tasks.

    A task that takes ten seconds would let the other workers wait up to ten seconds for the last one. So a task gets
    at most its share of what is left, once it is known how much that is (guided self-scheduling: Polychronopoulos and
    Kuck, 1987).

    Args:
        items: which; a few more are taken than are asked for.
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._left: deque[Item] = deque()
        self._length = _FIRST
        self._least = 1

    def took(self, seconds: float, count: int) -> None:
        """Learn how long a task of so many items took."""
        rate = max(seconds, 1e-3) / count
        self._length = max(1, min(_MOST, 2 * self._length, int(_SECONDS / rate)))
        self._least = max(1, min(self._length, int(_LEAST_SECONDS / rate)))

    def next(self, tasks: int) -> list[Item]:
        """Return the items of a task, none at the end.

        Args:
            tasks: how many are under way at a time, this one included.
        """
        # A task is lent before those that are under way have ended, so what they hold is another share.
        ahead = max(self._length, min(_AHEAD, self._length * tasks))
        self._left.extend(itertools.islice(self._items, max(0, ahead - len(self._left))))
        length = self._length
        if len(self._left) < ahead:
            length = min(length, max(self._least, -(-len(self._left) // tasks)))
        return [self._left.popleft() for _ in range(min(length, len(self._left)))]
