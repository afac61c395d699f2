"""Whose turn it is: clients take turns, and each client's requests keep their order."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """A queue in which one client's hundred requests do not keep another's one waiting.

    >>> queue = FairQueue[str]()
    >>> for client, item in (("a", "a1"), ("a", "a2"), ("b", "b1")):
    ...     queue.add(client, item)
    >>> [queue.take() for _ in range(3)]
    ['a1', 'b1', 'a2']
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[T]] = {}

    def __len__(self) -> int:
        return sum(len(items) for items in self._waiting.values())

    def add(self, client: str, item: T, *, first: bool = False) -> None:
        """Add an item of a client, behind its others or before them."""
        items = self._waiting.setdefault(client, deque())
        if first:
            items.appendleft(item)
        else:
            items.append(item)

    def peek(self) -> T:
        """Return the item whose turn it is.

        Raises:
            StopIteration: there is none.
        """
        return next(iter(self._waiting.values()))[0]

    def take(self) -> T:
        """Remove and return the item whose turn it is; its client is the last in the round now.

        Raises:
            StopIteration: there is none.
        """
        client = next(iter(self._waiting))
        items = self._waiting.pop(client)
        item = items.popleft()
        if items:
            self._waiting[client] = items
        return item

    def remove(self, client: str, item: T) -> bool:
        """Remove an item that waits, and return whether it did."""
        items = self._waiting.get(client, deque())
        if item not in items:
            return False
        items.remove(item)
        if not items:
            del self._waiting[client]
        return True
