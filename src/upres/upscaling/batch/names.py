"""Millions of names in little memory."""

from __future__ import annotations

from array import array

from upres.storage.digests import name_key

_SMALLEST = 1 << 10
_FULL = 0.7


class NameTable:
    """Says which number a name has, where it has one. A name takes 14 to 30 bytes, however long it is.

    Names are told apart by 64 bits of their BLAKE2b: of ten million, two are taken for one in 3 cases of a million.
    """

    def __init__(self) -> None:
        self._keys = array("Q", bytes(8 * _SMALLEST))
        self._values = array("H", bytes(2 * _SMALLEST))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, name: str) -> int | None:
        """Return the number of a name, or `None`."""
        place = self._place(_key(name))
        return self._values[place] if self._keys[place] else None

    def put(self, name: str, value: int = 0) -> bool:
        """Give a name a number, from 0 to 65,535, and return whether it had none before."""
        key = _key(name)
        place = self._place(key)
        new = not self._keys[place]
        self._keys[place], self._values[place] = key, value
        self._count += new
        if self._count > _FULL * len(self._keys):
            self._grow()
        return new

    def _place(self, key: int) -> int:
        """Return where a key is, or where it would be put."""
        keys, mask = self._keys, len(self._keys) - 1
        place = key & mask
        while keys[place] and keys[place] != key:
            place = (place + 1) & mask
        return place

    def _grow(self) -> None:
        keys, values = self._keys, self._values
        self._keys, self._values = array("Q", bytes(16 * len(keys))), array("H", bytes(4 * len(keys)))
        for key, value in zip(keys, values, strict=True):
            if key:
                place = self._place(key)
                self._keys[place], self._values[place] = key, value


def _key(name: str) -> int:
    """Return 64 bits of a name; 0 is kept for places that are free."""
    return name_key(name) or 1
