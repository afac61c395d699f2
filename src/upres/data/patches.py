"""Training batches as a pure function of (seed, step), and validation batches of whole pictures.

Because batch `n` depends on nothing but the seed and `n`, a run that is resumed at step `n` sees exactly what
it would have seen, and several processes can each take their share of the same batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from upres.data.cache import Cache
from upres.data.shards import Shards, Windows
from upres.errors import DataError

if TYPE_CHECKING:  # PyTorch, which evaluation does without
    import torch

    from upres.degrade import PerStep

# Validation pictures of equal size are stacked up to this many lr pixels a batch.
_VALIDATION_PIXELS = 128 * 128

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class Patches:
    """Aligned random crops with flips and quarter turns.

    Args:
        cache: where pictures come from; a picture is drawn in proportion to its pixels.
        windows: of shards, which of them are at hand at which step; needs `steps`.
        patch: side of the lr crop.
        batch: pairs a batch.
        seed: decides every batch.
        steps: batches an epoch; `None` visits each picture once an epoch, in a new order.
        augment: flip and turn at random.
        candidates: crops drawn for each that is taken: the one whose lr has most detail. Photographs are largely sky
            and blur, from which little is learned.
        degradation: makes lr anew of each crop; `None` takes the cache's.

    Attributes:
        side: of the crops that are drawn, in lr pixels: the patch and the margin that its degradation needs.

    Raises:
        DataError: a picture is smaller than the patch.
    """

    def __init__(
        self,
        cache: Cache | Shards,
        *,
        patch: int,
        batch: int,
        seed: int,
        steps: int | None = None,
        augment: bool = True,
        candidates: int = 1,
        degradation: PerStep | None = None,
        windows: Windows | None = None,
    ) -> None:
        margin = 0 if degradation is None else degradation.margin
        self.side = patch + margin
        sizes = [(entry.height, entry.width) for entry in cache.entries]
        small = [
            f"{entry.name} ({entry.width}×{entry.height})"
            for entry in cache.entries
            if min(entry.height, entry.width) < self.side
        ]
        if small or not sizes:
            raise DataError(
                f"{len(small)} of {len(sizes)} pictures are smaller at low resolution than the patch of {patch}"
                f"{f' and the margin of {margin} that its degradation needs' if margin else ''}: "
                f"{', '.join(small[:5])}{' …' if len(small) > 5 else ''}; remove them or lower data.patch"
            )
        self.cache, self.degradation, self._windows = cache, degradation, windows
        self.patch, self.batch, self.seed, self.augment = patch, batch, seed, augment
        self.candidates = candidates
        self.steps = steps or max(1, len(sizes) // batch)
        self._in_turn = steps is None
        self._order: tuple[int, NDArray[np.int64]] | None = None
        self._sizes = np.array(sizes)
        pixels = self._sizes.prod(axis=1, dtype=np.float64)
        self._cumulative = np.cumsum(pixels / pixels.sum())

    def __len__(self) -> int:
        return self.steps

    def at(self, step: int, share: slice = slice(None), *, device: torch.device | None = None) -> Batch:
        """Return batch number `step` (counted through all epochs): lr `n h w c` and hr `n s·h s·w c`, uint8.

        `share` picks some of its pairs, e.g. every second for one of two processes. A degradation that is drawn anew is
        computed on `device`, by default the CPU.
        """
        picked = range(self.batch)[share]
        cache, side, scale, channels = self.cache, self.side, self.cache.scale, self.cache.channels
        lr = np.empty((len(picked), side, side, channels), dtype=np.uint8)
        hr = np.empty((len(picked), side * scale, side * scale, channels), dtype=np.uint8)
        for slot, (index, top, left, turn) in enumerate(self.places(step, share)):
            small = cache.lr(index)[top : top + side, left : left + side]
            large = cache.hr(index)[top * scale : (top + side) * scale, left * scale : (left + side) * scale]
            _copy(lr[slot], _turned(small, turn))
            _copy(hr[slot], _turned(large, turn))
        if self.degradation is None:
            return lr, hr
        from upres.degrade.redrawn import redrawn

        return redrawn(self.degradation, hr, scale=scale, seed=self.seed, step=step, pairs=picked, device=device)

    def places(self, step: int, share: slice = slice(None)) -> list[tuple[int, int, int, int]]:
        """Return where the pairs of a batch lie: picture, top and left in lr pixels, and which of the eight turns."""
        rng = np.random.default_rng((self.seed, 0, step))
        drawn = [self._draw(rng, step)]
        turns = rng.integers(0, 8, self.batch).tolist() if self.augment else [0] * self.batch
        drawn += [self._draw(rng, step) for _ in range(self.candidates - 1)]
        return [
            (*(drawn[0][number] if len(drawn) == 1 else max((each[number] for each in drawn), key=self._detail)), turn)
            for number, turn in list(enumerate(turns))[share]
        ]

    def _draw(self, rng: np.random.Generator, step: int) -> list[tuple[int, int, int]]:
        """Return a place for each pair of a batch: its picture, and the top and left of the crop in lr pixels."""
        if self._in_turn:
            epoch, place = divmod(step, self.steps)
            order = self._order_of(epoch)
            chosen = np.resize(order, max(len(order), self.batch))[place * self.batch :][: self.batch]
        else:
            drawn = None if self._windows is None else self._windows.at(step)
            cumulative = self._cumulative if drawn is None else drawn.cumulative
            chosen = np.searchsorted(cumulative, rng.random(self.batch), side="right")
            chosen = np.minimum(chosen, len(cumulative) - 1)
            chosen = chosen if drawn is None else drawn.pictures[chosen]
        corners = (rng.random((self.batch, 2)) * (self._sizes[chosen] - self.side + 1)).astype(int)
        return [(index, top, left) for index, (top, left) in zip(chosen.tolist(), corners.tolist(), strict=True)]

    def _order_of(self, epoch: int) -> NDArray[np.int64]:
        """Return the order in which an epoch visits the pictures; the last is kept, since every step asks for it."""
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, np.random.default_rng((self.seed, 1, epoch)).permutation(len(self.cache))
        return self._order[1]

    def _detail(self, place: tuple[int, int, int]) -> float:
        """Return how much neighbours differ in the lr crop (in its second channel of three, green)."""
        index, top, left = place
        crop = self.cache.lr(index)[top : top + self.side, left : left + self.side, self.cache.channels // 2]
        levels = crop.astype(np.int16)
        return float(np.abs(np.diff(levels, axis=0)).mean() + np.abs(np.diff(levels, axis=1)).mean())


def whole_pictures(cache: Cache) -> Iterator[Batch]:
    """Yield every picture whole, equal sizes stacked; lr `n h w c` and hr `n s·h s·w c`, uint8."""
    start = 0
    while start < len(cache):
        first = cache.entries[start]
        most = max(1, _VALIDATION_PIXELS // (first.height * first.width))
        stop = start + 1
        while (
            stop < min(len(cache), start + most)
            and cache.entries[stop].height == first.height
            and cache.entries[stop].width == first.width
        ):
            stop += 1
        yield (
            np.stack([cache.lr(index) for index in range(start, stop)]),
            np.stack([cache.hr(index) for index in range(start, stop)]),
        )
        start = stop


def _copy(target: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> None:
    """Copy pixels that may be turned; a turned picture is copied three times as fast by channels as by pixels."""
    if pixels.strides[1] == pixels.shape[2]:  # its rows still lie as they did
        target[...] = pixels
        return
    for channel in range(pixels.shape[2]):
        target[..., channel] = pixels[..., channel]


def _turned(pixels: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """Return one of the eight flips and quarter turns of a square `h w c`."""
    if turn & 1:
        pixels = pixels[:, ::-1]
    if turn & 2:
        pixels = pixels[::-1]
    return pixels.swapaxes(0, 1) if turn & 4 else pixels
