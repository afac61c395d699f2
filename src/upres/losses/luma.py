"""Error of brightness alone."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss

# BT.601's weights of red, green and blue (section 2.5.1); they sum to 1.
_WEIGHTS = (0.299, 0.587, 0.114)


@config
class LumaConfig:
    """`compare`: `l1`, or `mse`, which is what the papers' PSNR measures."""

    compare: Literal["l1", "mse"] = "mse"


class Luma(Loss):
    """Mean error of luma, 0.299 R + 0.587 G + 0.114 B; beside a term on all channels it says where capacity goes first.

    The papers' figures are of luma alone, and so is most of what the eye sees of sharpness.
    """

    config_type = LumaConfig
    weights: Tensor

    def __init__(self, config: LumaConfig) -> None:
        super().__init__()
        self._distance = F.l1_loss if config.compare == "l1" else F.mse_loss
        self.register_buffer("weights", torch.tensor(_WEIGHTS).view(1, 3, 1, 1), persistent=False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over all pixels of the batch; one channel is its own luma."""
        if sr.shape[1] == 1:
            return self._distance(sr, hr)
        return self._distance((sr * self.weights).sum(1), (hr * self.weights).sum(1))
