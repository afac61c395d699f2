"""Error of luma alone."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.image.colour import LUMA_WEIGHTS
from upres.losses.loss import Loss


@config
class LumaConfig:
    """`compare`: `l1`, or `mse`, which is what the papers' PSNR measures."""

    compare: Literal["l1", "mse"] = "mse"


class Luma(Loss):
    """Mean error of luma; beside a term on all channels it says where capacity goes first.

    The papers' numbers are of luma alone, and so is most of what the eye sees of sharpness.
    """

    config_type = LumaConfig

    def __init__(self, config: LumaConfig) -> None:
        super().__init__()
        self._distance = F.l1_loss if config.compare == "l1" else F.mse_loss

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over all pixels of the batch."""
        return self._distance(luma(sr), luma(hr))


def luma(pixels: Tensor) -> Tensor:
    """`n c h w` → `n h w`: BT.601's luma of R, G and B, on their scale, or the one channel."""
    if pixels.shape[1] == 1:
        return pixels[:, 0]
    red, green, blue = pixels.unbind(1)
    return LUMA_WEIGHTS[0] * red + LUMA_WEIGHTS[1] * green + LUMA_WEIGHTS[2] * blue
