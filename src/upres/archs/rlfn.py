"""RLFN: blocks of three convolutions, each followed by a spatial attention.

Kong et al., "Residual Local Feature Network for Efficient Super-Resolution", CVPRW 2022, section 3; the defaults are
RLFN-S.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.blocks import Blocks
from upres.archs.layers.padding import to_least
from upres.archs.layers.spatial_attention import LEAST_SIDE, SpatialAttention
from upres.archs.network import Network
from upres.config import config

_SLOPE = 0.05


@config
class RLFNConfig:
    """Attributes:

    width: channels of the body.
    attention: channels of the attention.
    blocks: residual blocks; the paper's larger model has 6 of width 52.
    """

    width: int = 48
    attention: int = 16
    blocks: int = 6

    def __post_init__(self) -> None:
        if self.width < 1 or self.attention < 1 or self.blocks < 0:
            raise ValueError(
                f"width = {self.width}, attention = {self.attention}, blocks = {self.blocks}: "
                "should be at least 1, 1 and 0"
            )


class _Block(nn.Module):
    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.last = nn.Conv2d(width, width, 1)
        self.attention = SpatialAttention(width, narrow)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self.layers:
            y = F.leaky_relu(layer(y), _SLOPE)
        result: Tensor = self.attention(self.last(y + x))
        return result


class RLFN(Network):
    """Head, blocks and a convolution under a long skip, tail and pixel shuffle.

    The attention's map is stretched from a size that is rounded down to that of the picture, so it lies a little
    differently in a picture of another size, and tiles are not exact: there is no radius.
    """

    config_type = RLFNConfig

    def __init__(self, config: RLFNConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width = config.width
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.body = Blocks(
            *(_Block(width, config.attention) for _ in range(config.blocks)),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.tail = nn.Conv2d(width, channels * scale**2, 3, padding=1)

    @property
    def radius(self) -> None:
        """None: see above."""
        return None

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`; pictures smaller than 15 pixels are continued by their edge."""
        x = self.head(to_least(lr, LEAST_SIDE))
        x = F.pixel_shuffle(self.tail(x + self.body(x)), self.scale)
        return x[:, :, : lr.shape[2] * self.scale, : lr.shape[3] * self.scale]
