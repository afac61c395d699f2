"""ESPCN: convolutions at low resolution, then one pixel shuffle.

Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
Neural Network", CVPR 2016, section 3 and equation 4.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.network import Network
from upres.config import config


@config
class ESPCNConfig:
    """Attributes:

    widths: channels of the convolutions before the one that gives the pixels: the paper's n1 and n2, or more of them,
        each with a kernel of 3.
    activation: the paper found tanh a little better than relu.
    """

    widths: tuple[int, ...] = (64, 32)
    activation: Literal["tanh", "relu"] = "tanh"

    def __post_init__(self) -> None:
        if len(self.widths) < 2:
            raise ValueError(f"widths = {list(self.widths)}: should be two or more")


class ESPCN(Network):
    """Kernels 5-3-…-3; the last gives scale² values a channel, which the shuffle lays out as pixels."""

    config_type = ESPCNConfig

    def __init__(self, config: ESPCNConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        self.first = nn.Conv2d(channels, config.widths[0], 5, padding=2)
        self.second = nn.Conv2d(config.widths[0], config.widths[1], 3, padding=1)
        self.further = nn.ModuleList(
            nn.Conv2d(before, width, 3, padding=1) for before, width in pairwise(config.widths[1:])
        )
        self.last = nn.Conv2d(config.widths[-1], channels * scale**2, 3, padding=1)
        self._activation = torch.tanh if config.activation == "tanh" else torch.relu

    @property
    def radius(self) -> int:
        """5×5, 3×3 and so on at low resolution."""
        return 4 + len(self.further)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        x = self._activation(self.first(lr))
        x = self._activation(self.second(x))
        for convolution in self.further:
            x = self._activation(convolution(x))
        return F.pixel_shuffle(self.last(x), self.scale)
