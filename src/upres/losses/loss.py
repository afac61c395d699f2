"""The interface of every loss term."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn


class Loss(nn.Module, ABC):
    """A term of the training loss: sr and hr `n c h w` in [0, 1] → a scalar.

    A leaf declares its configuration class and is built as `Leaf(config)`. It has nothing to train and nothing to
    save: what it needs besides (the filters of a network) are buffers that are not persistent. It is computed inside
    autocast; where bfloat16 would spoil it, it turns autocast off. Less is better.

    Attributes:
        config_type: the frozen configuration class (`upres.config.config`), declared right above the loss.
        uses_averaged: `forward` takes what the averaged weights (`train.ema`) make of the same lr as a third picture;
            training then gives it, validation does not.
    """

    config_type: ClassVar[type[Any]]
    uses_averaged: bool = False

    @abstractmethod
    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
