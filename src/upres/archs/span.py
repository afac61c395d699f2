"""SPAN: convolutions whose own result says how much of it passes on, with no parameters for the attention.

Wan et al., "Swift Parameter-free Attention Network for Efficient Super-Resolution", CVPRW 2024, section 3; the
defaults are its model of 48 channels. Its three-branch convolutions are folded into one each here, as the paper does
after training.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.mean_shift import Mean, mean_shift
from upres.archs.network import Network
from upres.config import config


@config
class SPANConfig:
    """Attributes:

    width: channels of the body.
    blocks: attention blocks.
    mean: colours taken off the input, three or none; the published models use DIV2K's.
    """

    width: int = 48
    blocks: int = 6
    mean: Mean = ()

    def __post_init__(self) -> None:
        if self.width < 1 or self.blocks < 1:
            raise ValueError(f"width = {self.width}, blocks = {self.blocks}: should be at least 1")


class _Block(nn.Module):
    """Three convolutions; returns the block's result and what its first convolution gave."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = F.silu(self.layers[0](x))
        last = self.layers[2](F.silu(self.layers[1](first)))
        return (last + x) * (torch.sigmoid(last) - 0.5), first


class SPAN(Network):
    """Head, blocks, a convolution; four of the stages side by side, a 1×1 convolution, tail and pixel shuffle."""

    config_type = SPANConfig

    def __init__(self, config: SPANConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width = config.width
        self.mean_shift = mean_shift(config.mean, channels)
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.body = nn.ModuleList(_Block(width) for _ in range(config.blocks))
        self.after = nn.Conv2d(width, width, 3, padding=1)
        self.join = nn.Conv2d(4 * width, width, 1)
        self.tail = nn.Conv2d(width, channels * scale**2, 3, padding=1)
        self._blocks = config.blocks

    @property
    def radius(self) -> int:
        """One pixel a 3×3 convolution."""
        return 3 + 3 * self._blocks

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        head = x = self.head(self.mean_shift.subtract(lr))
        results = []
        for block in self.body:
            x, first = block(x)
            results.append(x)
        # `first`, of the last block: two convolutions short of the end, as published.
        joined = self.join(torch.cat((head, self.after(x), results[0], first), dim=1))
        return F.pixel_shuffle(self.tail(joined), self.scale)
