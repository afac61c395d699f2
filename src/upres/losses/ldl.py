"""What is wrong where the error varies from pixel to pixel: artefacts weigh more than blur."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.errors import DataError
from upres.losses.loss import Loss

# Of the variance of a whole picture: 1 over the a of the paper.
_POWER = 0.2
# The root has no gradient at zero.
_LEAST = 1e-12


@config
class LDLConfig:
    """Attributes:

    compare: of a pixel's weighted error its value, `l1` as published, or its square.
    window: the side of the neighbourhood of which an error's variance is taken; odd.
    averaged: leave out the pixels that lie nearer to hr than those of the averaged weights, as published; takes
        `train.ema`, and the time of one more prediction a step.
    """

    compare: Literal["l1", "mse"] = "l1"
    window: int = 7
    averaged: bool = True

    def __post_init__(self) -> None:
        if self.window < 3 or self.window % 2 == 0:
            raise ValueError(f"window = {self.window}: should be an odd number of at least 3")


class LDL(Loss):
    """Mean of ∣M · (sr − hr)∣: the weights M are large where the error varies, which is where a GAN invents artefacts.

    Liang, Zeng, Zhang, "Details or Artifacts: A Locally Discriminative Learning Approach to Realistic Image
    Super-Resolution", CVPR 2022, section 3. With R = Σ ∣hr − sr∣ over channels, M is the variance of R within a window,
    times the fifth root of its variance over the picture; and zero where R is smaller than that of the averaged
    weights (`averaged`), which their authors take for detail. As in their code the gradient passes through M too.
    Where there is no third picture, as in a validation, which measures the averaged weights themselves, nothing is
    left out.
    """

    config_type = LDLConfig

    def __init__(self, config: LDLConfig) -> None:
        super().__init__()
        self._config = config
        self.uses_averaged = config.averaged

    def forward(self, sr: Tensor, hr: Tensor, averaged: Tensor | None = None) -> Tensor:
        """Mean over all values of the batch; `averaged` is what the averaged weights make of the same lr.

        Raises:
            DataError: the pictures are no larger than half a window.
        """
        height, width = sr.shape[2:]
        margin = self._config.window // 2
        if min(height, width) <= margin:
            raise DataError(
                f"ldl: pictures of {width}×{height} are too small for its window of {self._config.window}; raise "
                "data.patch, or lower its window"
            )
        # Variances are small differences of large numbers: bfloat16 would leave nothing of them.
        with torch.autocast(sr.device.type, enabled=False):
            sr, hr = (x if x.dtype == torch.float64 else x.float() for x in (sr, hr))
            weights = self._artefacts(sr, hr)
            if averaged is not None and self.uses_averaged:
                better = _error(sr, hr) < _error(averaged.to(hr.dtype), hr)
                weights = weights.masked_fill(better, 0)
            difference = weights * (sr - hr)
            return difference.abs().mean() if self._config.compare == "l1" else difference.square().mean()

    def _artefacts(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return M of all pixels, `n 1 h w`."""
        window, margin = self._config.window, self._config.window // 2
        error = _error(sr, hr)
        whole = error.var(dim=(1, 2, 3), keepdim=True).clamp_min(_LEAST) ** _POWER
        # A constant taken off changes no variance, and leaves smaller squares.
        padded = F.pad(error - error.detach().mean((1, 2, 3), keepdim=True), (margin,) * 4, mode="reflect")
        mean, square = (F.avg_pool2d(values, window, stride=1) for values in (padded, padded * padded))
        return whole * (square - mean * mean).clamp_min(0) * (window**2 / (window**2 - 1))


def _error(x: Tensor, hr: Tensor) -> Tensor:
    return (hr - x).abs().sum(dim=1, keepdim=True)
