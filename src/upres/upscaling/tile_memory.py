"""Tiles that repeat from one picture to the next are enlarged once: those whose pixels are the same, byte by byte, with
all that the model sees around them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Where so many pictures in a row repeated nothing, only two in so many are looked at: a camera's noise never repeats.
_PATIENCE = 24
_GLANCE = 24


class TileMemory:
    """What became of the tiles of this picture and of the one before, in the numbers in which they are written.

    Inputs are known by a digest of 128 bits (BLAKE2b).

    Args:
        max_bytes: of what is kept; beyond it nothing is, and with 0 nothing is looked for.

    Attributes:
        reused, made: how many tiles were known, and how many were not.
    """

    def __init__(self, max_bytes: int) -> None:
        self.reused = self.made = 0
        self._max_bytes = max_bytes
        self._before: dict[bytes, NDArray[Any]] = {}
        self._now: dict[bytes, NDArray[Any]] = {}
        self._bytes = 0
        self._number = self._missed = 0
        self._looks = max_bytes > 0

    def next_picture(self) -> None:
        """Forget what was made two pictures ago."""
        self._before, self._now, self._bytes = self._now, {}, 0
        self._number += 1
        self._missed += 1
        self._looks = self._max_bytes > 0 and (self._missed <= _PATIENCE or self._number % _GLANCE < 2)

    def key(self, box: NDArray[Any], *others: object) -> bytes | None:
        """Return what tells a tile from others, or `None` where nothing is looked for.

        Args:
            box: `h w c`, what the model sees.
            others: what else decides what becomes of it.
        """
        if not self._looks:
            return None
        digest = hashlib.blake2b(np.ascontiguousarray(box).data, digest_size=16)
        digest.update(repr((box.shape, str(box.dtype), others)).encode())
        return digest.digest()

    def known(self, key: bytes | None) -> NDArray[Any] | None:
        """Return what became of a tile, not to be written to, or `None`."""
        found = None if key is None else self._now.get(key, self._before.get(key))
        if found is None or key is None:
            self.made += 1
            return None
        self.reused += 1
        self._missed = 0
        self.keep(key, found)
        return found

    def keep(self, key: bytes | None, levels: NDArray[Any]) -> None:
        """Remember what became of a tile, where there is room."""
        if key is None or key in self._now or self._bytes + levels.nbytes > self._max_bytes // 2:
            return
        levels.flags.writeable = False
        self._now[key] = levels
        self._bytes += levels.nbytes
