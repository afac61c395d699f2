"""Charbonnier loss."""

from __future__ import annotations

import torch
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss


@config
class CharbonnierConfig:
    """`epsilon` is where the loss turns from squared to absolute, in units of the pixel range."""

    epsilon: float = 1e-3


class Charbonnier(Loss):
    """Mean of √((sr − hr)² + ε²), a smooth L1 (Lai et al., LapSRN, CVPR 2017, equation 3)."""

    config_type = CharbonnierConfig

    def __init__(self, config: CharbonnierConfig) -> None:
        super().__init__()
        self._epsilon = config.epsilon

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over all values of the batch."""
        return torch.sqrt((sr - hr) ** 2 + self._epsilon**2).mean()
