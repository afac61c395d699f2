"""The interface of every loss term."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn


class Loss(nn.Module, ABC):
    """A term of the training loss: sr and hr `n c h w` in [0, 1] → a scalar."""

    config_type: ClassVar[type[Any]]

    @abstractmethod
    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
