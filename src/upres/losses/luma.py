"""Error of brightness alone."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss


@config
class LumaConfig:
    """`compare`: `l1`, or `mse`, which is what the papers' PSNR measures."""

    compare: Literal["l1", "mse"] = "mse"


class Luma(Loss):
    """Mean error of luma; beside a term on all channels it says where capacity goes first.

    The papers' figures are of luma alone, and so is most of what the eye sees of sharpness.
    """

    config_type = LumaConfig

    def __init__(self, config: LumaConfig) -> None:
        super().__init__()
        self._distance = F.l1_loss if config.compare == "l1" else F.mse_loss

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over all pixels of the batch."""
        return self._distance(brightness(sr), brightness(hr))


def brightness(pixels: Tensor) -> Tensor:
    """`n c h w` → `n h w`: BT.601's luma of R, G and B (section 2.5.1; its weights sum to 1), or the one channel."""
    if pixels.shape[1] == 1:
        return pixels[:, 0]
    red, green, blue = pixels.unbind(1)
    return 0.299 * red + 0.587 * green + 0.114 * blue
