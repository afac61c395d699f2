"""All training pictures in the memory of the device that trains: batches are cut there, and nothing is sent to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upres.data import Cache, Patches
from upres.degrade.redrawn import redrawn_on_device
from upres.errors import ConfigError

_PIECE = 2**24  # pixels


class ResidentPatches:
    """The batches of `Patches`, the same to the last bit, as tensors on a device.

    The processor draws a few numbers a pair; crops, flips and turns are one look-up for all of them.

    Args:
        patches: which batches; their cache's pixels are copied, hr and lr, each as one tensor of uint8.
        device: where to.

    Raises:
        ConfigError: they do not fit there; says how large they are.
    """

    def __init__(self, patches: Patches, device: torch.device) -> None:
        cache = patches.cache
        assert isinstance(cache, Cache)  # `Components` refuses shards, which come and go
        self._patches, self._device, self._scale = patches, device, cache.scale
        hr, lr = cache.pixels
        try:
            self._hr, self._lr = (_sent(pixels, device) for pixels in (hr, lr))
        except RuntimeError as error:  # of a GPU, and of the processor's own memory
            if "memory" not in str(error):
                raise
            size = f"{(hr.nbytes + lr.nbytes) / 1e9:.3g} GB"
            raise ConfigError(
                f"train.resident: the training pictures take {size}, more than {device} has free; leave it out, and "
                "batches are sent"
            ) from error
        entries = cache.entries
        self._lr_first = np.array([entry.lr_offset for entry in entries]) // cache.channels
        self._hr_first = np.array([entry.hr_offset for entry in entries]) // cache.channels
        self._widths = np.array([entry.width for entry in entries])

    def at(self, step: int, share: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """Return batch number `step` as `Patches.at` does: lr `n h w c` and hr `n s·h s·w c`, uint8, on the device."""
        patches, scale = self._patches, self._scale
        pairs = range(patches.batch)[share]
        index, top, left, turn = (np.array(column) for column in zip(*patches.places(step, share), strict=True))
        widths = self._widths[index]
        hr_places = _Places(self._hr_first[index], scale * top, scale * left, scale * widths, turn)
        hr = self._cut(self._hr, hr_places, scale * patches.side)
        degradation = patches.degradation
        if degradation is not None:
            return redrawn_on_device(degradation, hr, scale=scale, seed=patches.seed, step=step, pairs=pairs)
        return self._cut(self._lr, _Places(self._lr_first[index], top, left, widths, turn), patches.side), hr

    def _cut(self, pixels: Tensor, places: _Places, side: int) -> Tensor:
        first, top, left, width, turn = places.on(self._device)
        row = torch.arange(side, device=self._device).view(1, side, 1)
        column = row.view(1, 1, side)
        # As `Patches` turns: columns flipped, rows flipped, then both exchanged.
        y = torch.where(turn & 4 > 0, column, row)
        x = torch.where(turn & 4 > 0, row, column)
        y = torch.where(turn & 2 > 0, side - 1 - y, y)
        x = torch.where(turn & 1 > 0, side - 1 - x, x)
        return pixels[first + (top + y) * width + left + x]


def _sent(pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Copy memory-mapped pixels a piece at a time, so that the computer never holds all of them."""
    there = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(pixels), _PIECE):
        there[start : start + _PIECE] = torch.from_numpy(pixels[start : start + _PIECE].copy())
    return there


@dataclass(frozen=True)
class _Places:
    """Where crops begin, one number a pair: the picture's first pixel, top, left, its width, and how it is turned."""

    first: np.ndarray[tuple[int], np.dtype[np.int64]]
    top: np.ndarray[tuple[int], np.dtype[np.int64]]
    left: np.ndarray[tuple[int], np.dtype[np.int64]]
    width: np.ndarray[tuple[int], np.dtype[np.int64]]
    turn: np.ndarray[tuple[int], np.dtype[np.int64]]

    def on(self, device: torch.device) -> Tensor:
        """Return all of them, sent at once, each `n 1 1`."""
        numbers = torch.from_numpy(np.stack([self.first, self.top, self.left, self.width, self.turn]).astype(np.int64))
        return numbers.to(device, non_blocking=True)[..., None, None]
