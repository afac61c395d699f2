"""L1 between Fourier transforms."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss


@config
class FrequencyConfig:
    """Attributes:

    compare: `complex` compares real and imaginary parts, `magnitude` only how strong a frequency is.
    norm: `backward` adds up a patch's pixels, as the papers do, so larger patches count more; `ortho` divides by
        √(h·w), which makes a weight mean the same for every patch.
    """

    compare: Literal["complex", "magnitude"] = "complex"
    norm: Literal["backward", "ortho"] = "backward"


class Frequency(Loss):
    """Mean absolute difference of the two-dimensional Fourier transforms F of sr and hr.

    `complex`: mean over frequencies of (|Re ΔF| + |Im ΔF|) / 2, ΔF = F(sr) − F(hr), as in Sun, Dong, Tang, Pan,
    "Spatially-Adaptive Feature Modulation for Efficient Image Super-Resolution" (SAFMN), ICCV 2023, and Zheng
    et al., "SMFANet", ECCV 2024, both with weight 0.05 beside L1.
    `magnitude`: mean over frequencies of ||F(sr)| − |F(hr)||, which forgives a small shift.

    Only the frequencies of the half plane that a real picture needs are taken.
    """

    config_type = FrequencyConfig

    def __init__(self, config: FrequencyConfig) -> None:
        super().__init__()
        self._config = config

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over the batch, the channels and the frequencies."""
        ours, theirs = (torch.fft.rfft2(x.float(), norm=self._config.norm) for x in (sr, hr))
        if self._config.compare == "magnitude":
            difference: Tensor = ours.abs() - theirs.abs()
        else:
            difference = torch.view_as_real(ours - theirs)
        return difference.abs().mean()
