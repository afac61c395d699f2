"""Random numbers for a batch, of which every picture has its own: it gets the same ones in any share of the batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Numbers taken from a picture's generator at a time: asking each of them for each number costs more than the number.
_AHEAD = 64


class Draws:
    """What a chain's steps draw from.

    A step asks for the same numbers whatever came before, so that a batch is a function of its generators.

    Args:
        shared: for what the pictures of a batch have in common: sizes and the order of steps.
        each: one generator a picture.
    """

    def __init__(self, shared: np.random.Generator, each: Sequence[np.random.Generator]) -> None:
        self.shared = shared
        self._each = each
        self._numbers = np.empty((len(each), 0))
        self._fields: dict[torch.device, list[torch.Generator]] = {}
        self._seeds = [int(rng.integers(2**63)) for rng in each]

    def __len__(self) -> int:
        return len(self._each)

    def unit(self) -> NDArray[np.float64]:
        """Return a number in [0, 1) for each picture."""
        if not self._numbers.shape[1]:
            self._numbers = np.stack([rng.random(_AHEAD) for rng in self._each])
        first, self._numbers = self._numbers[:, 0], self._numbers[:, 1:]
        return first

    def between(self, limits: tuple[float, float]) -> NDArray[np.float64]:
        """Return a number between the limits for each picture, all equally likely."""
        return limits[0] + (limits[1] - limits[0]) * self.unit()

    def happens(self, probability: float) -> NDArray[np.bool_]:
        """Return for each picture whether a thing of this probability happens to it."""
        return self.unit() < probability

    def one_of(self, weights: Sequence[float]) -> NDArray[np.intp]:
        """Return for each picture the index of one of the weights, chosen in proportion to them."""
        rising = np.cumsum(weights) / np.sum(weights)
        return np.minimum(np.searchsorted(rising, self.unit(), side="right"), len(rising) - 1)

    def normal(self, *shape: int, device: torch.device) -> Tensor:
        """Return standard normal noise, `n` × shape."""
        if device not in self._fields:
            self._fields[device] = [torch.Generator(device).manual_seed(seed) for seed in self._seeds]
        noise = torch.empty(len(self), *shape, device=device)
        for field, generator in zip(noise, self._fields[device], strict=True):
            field.normal_(generator=generator)
        return noise


def draws_of_step(seed: int, step: int, pairs: Sequence[int]) -> Draws:
    """Return the draws of training step `step`, for these pairs of its batch."""
    # The third numbers differ from those of the patches' own generators, (seed, 0, step) and (seed, 1, epoch).
    return Draws(np.random.default_rng((seed, 2, step)), [np.random.default_rng((seed, 3, step, k)) for k in pairs])
