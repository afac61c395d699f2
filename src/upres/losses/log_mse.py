"""What the mean of pictures' PSNR measures."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss
from upres.losses.luma import luma


@config
class LogMseConfig:
    """Attributes:

    space: `luma`, as the papers measure, or `rgb`, all channels.
    floor: the squared error, of a range of 1, below which a picture counts little: 1e-5 is 50 dB.
    """

    space: Literal["luma", "rgb"] = "luma"
    floor: float = 1e-5

    def __post_init__(self) -> None:
        if not self.floor > 0:
            raise ValueError(f"floor = {self.floor}: should be above 0")


class LogMse(Loss):
    """Mean over crops of 10 · log10(1 + MSE ÷ floor): dB above the floor.

    Benchmarks report the mean of pictures' PSNR, where a smooth picture counts as much as a busy one, whose error is
    a hundred times larger; L1 and MSE see little but the busy ones. NAFNet (Chen et al., "Simple Baselines for Image
    Restoration", ECCV 2022) trains on PSNR too.
    """

    config_type = LogMseConfig

    def __init__(self, config: LogMseConfig) -> None:
        super().__init__()
        self._luma, self._floor = config.space == "luma", config.floor

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """dB, 0 where nothing differs."""
        error = luma(sr) - luma(hr) if self._luma else sr - hr
        mse = error.square().flatten(1).mean(1)
        return torch.log1p(mse / self._floor).mean() * (10 / math.log(10))
