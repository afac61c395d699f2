"""Structural similarity as a loss."""

from __future__ import annotations

from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss
from upres.losses.structure import structure


@config
class SSIMConfig:
    """Nothing to set."""


class SSIM(Loss):
    """1 − SSIM, in [0, 2]; the SSIM of Wang et al. 2004 that `upres.metrics.ssim` measures, differentiable.

    As a training loss: Zhao, Gallo, Frosio, Kautz, "Loss Functions for Image Restoration with Neural
    Networks", TCI 2017, section III-B. It hardly sees pictures that are lighter or of another hue as a whole: add L1.
    """

    config_type = SSIMConfig

    def __init__(self, config: SSIMConfig) -> None:
        super().__init__()

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over the batch, the channels and the positions where the window fits; sides of at least 11."""
        luminance, contrast = structure(sr, hr)
        return 1 - (luminance * contrast).mean()
