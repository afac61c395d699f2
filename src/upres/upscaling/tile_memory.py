"""Tiles that repeat from one picture to the next are enlarged once: those whose pixels are the same, byte by byte, with
all that the model sees around them."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Where so many pictures in a row repeated nothing, only two in so many are looked at: a camera's noise never repeats.
_PATIENCE = 24
_GLANCE = 24


@dataclass
class _Kept:
    last: int  # the number of the latest picture that has it
    levels: Future[NDArray[Any] | None] = field(default_factory=Future)


class TileMemory:
    """What became of the tiles of this picture and of the one before, in the numbers in which they are written.

    Inputs are known by a digest of 128 bits (BLAKE2b). Several pictures may be enlarged at once, each by a thread: what
    one of them is at work on, the others wait for.

    Args:
        max_bytes: of what is kept; beyond it nothing is, and with 0 nothing is looked for.
        at_once: how many pictures are enlarged at once.

    Attributes:
        reused, made: how many tiles were known, and how many were not.
    """

    def __init__(self, max_bytes: int, *, at_once: int = 1) -> None:
        self.reused = self.made = 0
        self._max_bytes = max_bytes
        self._at_once = at_once
        self._lock = threading.Lock()
        self._kept: dict[bytes, _Kept] = {}
        self._bytes = 0
        self._number = self._missed = 0

    def next_picture(self) -> PictureTiles:
        """Return what knows the tiles of the next picture, and forget those that no picture under way has had."""
        with self._lock:
            self._number += 1
            self._missed += 1
            oldest = self._number - self._at_once
            for key in [key for key, kept in self._kept.items() if kept.last < oldest and kept.levels.done()]:
                levels = self._kept.pop(key).levels.result()
                self._bytes -= 0 if levels is None else levels.nbytes
            looks = self._max_bytes > 0 and (self._missed <= _PATIENCE or self._number % _GLANCE < 2)
            return PictureTiles(self, self._number, looks=looks)

    def _known(self, key: bytes | None, number: int) -> tuple[NDArray[Any] | None, bool]:
        """Return what became of a tile, and whether it is the caller who makes it now."""
        with self._lock:
            kept = None if key is None else self._kept.get(key)
            if kept is None or key is None:
                self.made += 1
                if key is not None:
                    self._kept[key] = _Kept(number)
                return None, key is not None
            kept.last = max(kept.last, number)
        levels = kept.levels.result()
        with self._lock:
            if levels is None:  # whoever was at work on it failed
                self.made += 1
            else:
                self.reused += 1
                self._missed = 0
        return levels, False

    def _keep(self, key: bytes, levels: NDArray[Any] | None) -> None:
        with self._lock:
            kept = self._kept[key]
            if levels is None or self._bytes + levels.nbytes > self._max_bytes:
                del self._kept[key]
            else:
                self._bytes += levels.nbytes
        if levels is not None:
            levels.flags.writeable = False
        kept.levels.set_result(levels)


class PictureTiles:
    """The tiles of one picture; to be used as a context, at the end of which nobody waits for it any more."""

    def __init__(self, memory: TileMemory, number: int, *, looks: bool) -> None:
        self._memory = memory
        self._number = number
        self._looks = looks
        self._mine: set[bytes] = set()

    def __enter__(self) -> PictureTiles:
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._mine):
            self.keep(key, None)

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
        """Return what became of a tile, not to be written to, or `None`; then it is made, and given to `keep`."""
        levels, mine = self._memory._known(key, self._number)
        if mine and key is not None:
            self._mine.add(key)
        return levels

    def keep(self, key: bytes | None, levels: NDArray[Any] | None) -> None:
        """Remember what became of a tile, where there is room; `None` of one that failed."""
        if key is not None and key in self._mine:
            self._mine.discard(key)
            self._memory._keep(key, levels)
