"""plainres: residual blocks of plain 3×3 convolutions at low resolution, pixel shuffle, a fixed skip.

EDSR's block (Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017,
section 3) without its long skip and heavy upsampler: on an ordinary processor plain 3×3 convolutions run at
the machine's speed, while depth-wise ones, pooling and attention do not.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.blocks import Blocks
from upres.archs.layers.fixed_upsampling import Upsampling, fixed_upsampling
from upres.archs.network import Network
from upres.config import config


@config
class PlainResConfig:
    """Attributes:

    width: channels of the body.
    blocks: residual blocks, each with weights of its own.
    repeats: how often the blocks are passed through, with the same weights (as in DRRN: Tai, Yang and Liu, "Image
        Super-Resolution via Deep Recursive Residual Network", CVPR 2017): a deeper network of the same size.
    upsampling: how the lr picture enters the output: nearest costs nothing, bicubic starts nearer.
    """

    width: int = 48
    blocks: int = 6
    repeats: int = 1
    upsampling: Upsampling = "nearest"

    def __post_init__(self) -> None:
        for name, least in (("width", 1), ("blocks", 0), ("repeats", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} = {getattr(self, name)}: should be at least {least}")


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        # A block begins close to the identity, so that a deep stack trains at a high learning rate.
        nn.init.kaiming_normal_(self.first.weight)
        nn.init.kaiming_normal_(self.second.weight)
        self.second.weight.data.mul_(0.1)
        for bias in (self.first.bias, self.second.bias):
            assert bias is not None
            nn.init.zeros_(bias)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.second(F.relu(self.first(x)))
        return result


class PlainRes(Network):
    """Head, blocks, tail; the tail gives scale² values a channel, added to the fixed upsampling."""

    config_type = PlainResConfig

    def __init__(self, config: PlainResConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        self.upsampling = fixed_upsampling(config.upsampling, scale=scale, channels=channels)
        self.head = nn.Conv2d(channels, config.width, 3, padding=1)
        self.body = Blocks(*(_Block(config.width) for _ in range(config.blocks)))
        self.tail = nn.Conv2d(config.width, channels * scale**2, 3, padding=1)
        self._blocks, self._repeats = config.blocks, config.repeats

    @property
    def radius(self) -> int:
        """One pixel a convolution, and at least what the fixed upsampling looks at."""
        return max(2 + 2 * self._blocks * self._repeats, self.upsampling.radius)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        x = self.head(lr)
        for _ in range(self._repeats):
            x = self.body(x)
        return F.pixel_shuffle(self.tail(x) + self.upsampling(lr), self.scale)
