"""Mean absolute error."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss


@config
class L1Config:
    """Nothing to set."""


class L1(Loss):
    """Mean of |sr − hr|; gives sharper pictures than MSE at equal PSNR (Zhao et al., TCI 2017, section V)."""

    config_type = L1Config

    def __init__(self, config: L1Config) -> None:
        super().__init__()

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over all values of the batch."""
        return F.l1_loss(sr, hr)
