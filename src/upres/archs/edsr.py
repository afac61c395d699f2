"""EDSR: residual blocks without batch normalisation, a long skip, and an upsampler behind them.

Lim, Son, Kim, Nah, Lee, "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017,
sections 3.1 to 3.3; the defaults are its baseline. The paper takes DIV2K's mean colour off its input and
adds it to its output; here that is an option.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers import receptive_field
from upres.archs.layers.blocks import Blocks
from upres.archs.layers.fixed_upsampling import FixedSkip, fixed_skip
from upres.archs.layers.mean_shift import Mean, mean_shift
from upres.archs.layers.receptive_field import Interval
from upres.archs.layers.trained_upsampling import UpsamplerName, trained_upsampler
from upres.archs.network import Network
from upres.config import config


@config
class EDSRConfig:
    """Attributes:

    width: channels of the body.
    blocks: residual blocks; the paper's large model has 32 of width 256.
    residual_scale: what a block's result is multiplied by; the paper's large model needs 0.1 to train.
    upsampler: `pixel-shuffle` as published, `nearest`, `bilinear` or `transposed`.
    upsampling: the fixed enlargement of the lr picture that is added to the output: `none` as published,
        `nearest` or `bicubic`.
    mean: the colour taken off the input and added to the output, one number a channel in [0, 1]; none by default.
    """

    width: int = 64
    blocks: int = 16
    residual_scale: float = 1.0
    upsampler: UpsamplerName = "pixel-shuffle"
    upsampling: FixedSkip = "none"
    mean: Mean = ()

    def __post_init__(self) -> None:
        if self.width < 1 or self.blocks < 0:
            raise ValueError(f"width = {self.width}, blocks = {self.blocks}: should be at least 1 and 0")


class _Block(nn.Module):
    def __init__(self, width: int, residual_scale: float) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self._residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.second(F.relu(self.first(x))) * self._residual_scale
        return result


class EDSR(Network):
    """Head, blocks and a convolution under a long skip, upsampler, tail at the output size."""

    config_type = EDSRConfig

    def __init__(self, config: EDSRConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width = config.width
        self.mean_shift = mean_shift(config.mean, channels)
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.body = Blocks(
            *(_Block(width, config.residual_scale) for _ in range(config.blocks)),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.upsampler = trained_upsampler(config.upsampler, scale=scale, width=width)
        self.tail = nn.Conv2d(width, channels, 3, padding=1)
        self.skip = fixed_skip(config.upsampling, scale=scale, channels=channels)
        self._blocks = config.blocks

    @property
    def radius(self) -> int:
        """The tail, the upsampler, and one pixel a convolution before it."""

        def lr_field(hr: Interval) -> Interval:
            return receptive_field.conv(
                self.upsampler.receptive_field(receptive_field.conv(hr, 3)), 2 * (2 + 2 * self._blocks) + 1
            )

        return max(receptive_field.radius(lr_field, self.scale), self.skip.radius)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        x = self.head(self.mean_shift.subtract(lr))
        x = x + self.body(x)
        result: Tensor = self.skip(self.mean_shift.add(self.tail(self.upsampler(x))), lr)
        return result
