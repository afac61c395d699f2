"""What several pictures share while they are worked on: memory, and the turn to be predicted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

# How often whoever waits looks whether it is still wanted; what it waits for wakes it at once.
_LOOK_SECONDS = 0.05


class Share:
    """An amount of which threads take parts, in the order in which they ask.

    Args:
        whole: all there is. More than that is given to who has it alone.

    >>> memory = Share(100)
    >>> part = memory.take(60)
    >>> part.become(90)
    >>> memory.taken
    90
    >>> part.give_back()
    >>> memory.taken
    0
    """

    def __init__(self, whole: int) -> None:
        self.whole = whole
        self.taken = 0
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self, amount: int, check_wanted: Callable[[], None] = lambda: None) -> Part:
        """Wait for a part, and return it.

        Args:
            amount: how much.
            check_wanted: called now and then; what it raises ends the waiting.
        """
        part = Part(self)
        part.become(amount, check_wanted)
        return part

    def move(self, before: int, after: int, check_wanted: Callable[[], None]) -> None:
        """Make a part another size, as `Part.become`."""
        ticket = object()
        with self._changed:
            if after > before:
                self._waiting.append(ticket)
                try:
                    while self._waiting[0] is not ticket or not self._fits(before, after):
                        self._changed.wait(_LOOK_SECONDS)
                        check_wanted()
                finally:
                    self._waiting.remove(ticket)
                    self._changed.notify_all()
            self.taken += after - before
            self._changed.notify_all()

    def _fits(self, before: int, after: int) -> bool:
        others = self.taken - before
        return others == 0 or others + after <= self.whole


class Part:
    """What one has of a share.

    Args:
        share: of what.
    """

    def __init__(self, share: Share) -> None:
        self._share = share
        self._amount = 0

    def become(self, amount: int, check_wanted: Callable[[], None] = lambda: None) -> None:
        """Wait until this part may be so large. Of those that hold some, one at a time may ask for more.

        Args:
            amount: of all of it.
            check_wanted: as in `Share.take`.
        """
        self._share.move(self._amount, amount, check_wanted)
        self._amount = amount

    def give_back(self) -> None:
        """Let others have it; a second time this does nothing."""
        self.become(0)
