"""SAFMN: features pooled to four sizes say how much of each pixel passes on, then a convolution mixes channels.

Sun, Dong, Tang, Pan, "Spatially-Adaptive Feature Modulation for Efficient Image Super-Resolution", ICCV 2023,
section 3; the defaults are its published model.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers import receptive_field
from upres.archs.layers.blocks import Blocks
from upres.archs.layers.padding import to_multiple
from upres.archs.layers.receptive_field import Interval
from upres.archs.network import Network
from upres.config import config

# Level n works on the maxima of windows of 2^n pixels.
_LEVELS = 4
_EPSILON = 1e-6


@config
class SAFMNConfig:
    """Attributes:

    width: channels of the body, a multiple of 4.
    blocks: of a modulation and a convolution part each.
    expansion: channels between the convolution part's layers ÷ width.
    """

    width: int = 36
    blocks: int = 8
    expansion: float = 2.0

    def __post_init__(self) -> None:
        if self.width < 1 or self.width % _LEVELS or self.blocks < 0 or self.width * self.expansion < 1:
            raise ValueError(
                f"width = {self.width}, blocks = {self.blocks}, expansion = {self.expansion}: "
                f"width should be a multiple of {_LEVELS}, blocks at least 0, width times expansion at least 1"
            )


class _Norm(nn.Module):
    """Layer normalisation over the channels of each pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        x = x - x.mean(dim=1, keepdim=True)
        x = x / (x.square().mean(dim=1, keepdim=True) + _EPSILON).sqrt()
        return x * self.weight[:, None, None] + self.bias[:, None, None]


class _Modulation(nn.Module):
    """Equations 2 to 5 of the paper."""

    def __init__(self, width: int) -> None:
        super().__init__()
        part = width // _LEVELS
        self.levels = nn.ModuleList(nn.Conv2d(part, part, 3, padding=1, groups=part) for _ in range(_LEVELS))
        self.join = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = []
        for level, (layer, part) in enumerate(zip(self.levels, x.chunk(_LEVELS, dim=1), strict=True)):
            if level == 0:
                parts.append(layer(part))
            else:
                coarse = layer(F.max_pool2d(part, 2**level))
                parts.append(F.interpolate(coarse, scale_factor=float(2**level), mode="nearest"))
        return F.gelu(self.join(torch.cat(parts, dim=1))) * x


class _Block(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(_Norm(width) for _ in range(2))
        self.modulation = _Modulation(width)
        self.widen = nn.Conv2d(width, hidden, 3, padding=1)
        self.narrow = nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.modulation(self.norms[0](x)) + x
        result: Tensor = self.narrow(F.gelu(self.widen(self.norms[1](x)))) + x
        return result


class SAFMN(Network):
    """Head, blocks under a long skip, tail and pixel shuffle.

    Published code pools windows of uneven sides where 8 does not divide the picture's, so that each pixel depends on
    the picture's size. Here the picture is continued by its edge to where 8 does, as upres does to whole pictures:
    the same network elsewhere, and exact in tiles.
    """

    config_type = SAFMNConfig
    multiple = 2 ** (_LEVELS - 1)

    def __init__(self, config: SAFMNConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width = config.width
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.body = Blocks(*(_Block(width, int(width * config.expansion)) for _ in range(config.blocks)))
        self.tail = nn.Conv2d(width, channels * scale**2, 3, padding=1)
        self._blocks = config.blocks

    @property
    def radius(self) -> int:
        """The coarsest level looks farthest: a window on either side of the pixel's own, a block."""

        def lr_field(hr: Interval) -> Interval:
            seen = receptive_field.conv(receptive_field.repeated(hr, self.scale), 3)
            for _ in range(self._blocks):
                coarse = receptive_field.conv(receptive_field.repeated(receptive_field.conv(seen, 3), self.multiple), 3)
                seen = receptive_field.pooled(coarse, self.multiple)
            return receptive_field.conv(seen, 3)

        return receptive_field.radius(lr_field, self.scale, self.multiple)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`, of any size."""
        padded = to_multiple(lr, self.multiple)
        x = self.head(padded)
        sr = F.pixel_shuffle(self.tail(self.body(x) + x), self.scale)
        if padded is lr:
            return sr
        return sr[:, :, : lr.shape[2] * self.scale, : lr.shape[3] * self.scale]
