"""Multi-scale structural similarity as a loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss
from upres.losses.structure import structure
from upres.metrics.ssim import WINDOW

# Wang, Simoncelli, Bovik 2003, section 4: from the finest scale to the coarsest.
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# A power of a mean below zero is no number; such means occur where sr is far from hr.
_LOWEST = 1e-4


@config
class MSSSIMConfig:
    """`scales` at most, each half as large as the one before; a small patch has fewer."""

    scales: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.scales <= len(_WEIGHTS):
            raise ValueError(f"scales = {self.scales}: should be 1 to {len(_WEIGHTS)}, which have published weights")


class MSSSIM(Loss):
    """1 − MS-SSIM, in [0, 1].

    Wang, Simoncelli, Bovik, "Multi-scale Structural Similarity for Image Quality Assessment", Asilomar 2003,
    equation 7: the product over scales of the mean contrast-structure to the scale's weight, times the mean
    SSIM of the coarsest scale to its weight. Between scales 2×2 pixels are averaged.

    The five scales need a side of 176 (11 · 2⁴), which training patches seldom have. A smaller patch is
    measured at as many scales as its 11×11 window fits in, with those scales' weights made to sum to one: 4
    from 88, 3 from 44, 2 from 22, and 1, which is SSIM, from 11.
    """

    config_type = MSSSIMConfig

    def __init__(self, config: MSSSIMConfig) -> None:
        super().__init__()
        self._scales = config.scales

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over the batch and the channels, each with its own product over scales; sides of at least 11."""
        weights = _weights(min(sr.shape[2:]), self._scales)
        similarity = torch.ones((), device=sr.device)
        for number, weight in enumerate(weights):
            luminance, contrast = structure(sr, hr)
            last = number == len(weights) - 1
            mean = (luminance * contrast if last else contrast).mean(dim=(2, 3))
            similarity = similarity * (mean if len(weights) == 1 else mean.clamp(min=_LOWEST) ** weight)
            if not last:
                sr, hr = F.avg_pool2d(sr, 2), F.avg_pool2d(hr, 2)
        return 1 - similarity.mean()


def _weights(side: int, scales: int) -> list[float]:
    """Return the weights of the scales that a picture of that shorter side has, summing to one."""
    fitting = max(1, sum(side >> number >= WINDOW for number in range(scales)))
    kept = _WEIGHTS[:fitting]
    return [weight / sum(kept) for weight in kept]
