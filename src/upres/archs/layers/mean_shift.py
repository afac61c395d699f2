"""A mean colour that a network was trained without: taken off its input, and by some added to their output.

It cannot be folded into the convolutions beside it: they pad with zeros, which are the mean, not black, behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upres.errors import ConfigError

Mean = tuple[float, ...]

DIV2K: Mean = (0.4488, 0.4371, 0.4040)
"""The mean colour of DIV2K's training pictures, R, G, B in [0, 1], that many published networks use."""


class MeanShift(nn.Module):
    """Made by `mean_shift`. The mean is configuration, so it is built, not stored among the weights."""

    def __init__(self, mean: Mean) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1), persistent=False)
        self.mean: Tensor

    def subtract(self, pixels: Tensor) -> Tensor:
        """Return `n c h w` without the mean."""
        return pixels - self.mean.to(pixels.dtype)

    def add(self, pixels: Tensor) -> Tensor:
        """Return `n c h w` with the mean again."""
        return pixels + self.mean.to(pixels.dtype)


class NoMeanShift(nn.Module):
    """Pixels as they are."""

    def subtract(self, pixels: Tensor) -> Tensor:
        """Return them."""
        return pixels

    def add(self, pixels: Tensor) -> Tensor:
        """Return them."""
        return pixels


def mean_shift(mean: Mean, channels: int) -> MeanShift | NoMeanShift:
    """Build what subtracts `mean` and adds it again; an empty one is none.

    Raises:
        ConfigError: there are other than `channels` numbers.
    """
    if not mean:
        return NoMeanShift()
    if len(mean) != channels:
        raise ConfigError(f"arch.mean = {mean}: should be {channels} numbers, one a channel, or empty")
    return MeanShift(mean)
