"""Compact: Real-ESRGAN's small network for video, a plain chain of convolutions added to the enlarged picture.

Wang, Xie, Dong, Shan, "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", ICCVW
2021, published with it as SRVGGNetCompact; the defaults are its model for animated video.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.blocks import Blocks
from upres.archs.layers.fixed_upsampling import Nearest
from upres.archs.network import Network
from upres.config import config


@config
class CompactConfig:
    """Attributes:

    width: channels between convolutions.
    convs: convolutions between the first and the last.
    """

    width: int = 64
    convs: int = 16

    def __post_init__(self) -> None:
        if self.width < 1 or self.convs < 0:
            raise ValueError(f"width = {self.width}, convs = {self.convs}: should be at least 1 and 0")


class Compact(Network):
    """Convolutions with a PReLU behind each; the last gives scale² values a channel, added to nearest enlargement."""

    config_type = CompactConfig

    def __init__(self, config: CompactConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width = config.width
        layers: list[nn.Module] = []
        for before in (channels, *[width] * config.convs):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.PReLU(width)]
        self.body = Blocks(*layers)
        self.tail = nn.Conv2d(width, channels * scale**2, 3, padding=1)
        self.upsampling = Nearest(scale)
        self._convs = config.convs

    @property
    def radius(self) -> int:
        """One pixel a convolution."""
        return self._convs + 2

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        return F.pixel_shuffle(self.tail(self.body(lr)) + self.upsampling(lr), self.scale)
