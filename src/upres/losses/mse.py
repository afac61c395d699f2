"""Mean squared error."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss


@config
class MSEConfig:
    """Nothing to set."""


class MSE(Loss):
    """Mean of (sr − hr)²: what PSNR measures."""

    config_type = MSEConfig

    def __init__(self, config: MSEConfig) -> None:
        super().__init__()

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over all values of the batch."""
        return F.mse_loss(sr, hr)
