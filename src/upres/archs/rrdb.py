"""RRDBNet: the generator of ESRGAN, residual-in-residual dense blocks.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCVW 2018, section 3.1 and
figure 4; the defaults are its ×4 model of 16.7 million parameters.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers import receptive_field
from upres.archs.layers.blocks import Blocks
from upres.archs.layers.fixed_upsampling import FixedSkip, fixed_skip
from upres.archs.layers.receptive_field import Interval
from upres.archs.layers.trained_upsampling import UpsamplerName, trained_upsampler
from upres.archs.network import Network
from upres.config import config

_SLOPE = 0.2


@config
class RRDBConfig:
    """Attributes:

    width: channels between blocks.
    growth: channels that each convolution of a dense block adds.
    blocks: residual-in-residual blocks, of three dense blocks of five convolutions each.
    residual_scale: what each block's result is multiplied by.
    upsampler: `nearest` as published, `pixel-shuffle`, `bilinear` or `transposed`.
    upsampling: the fixed enlargement of the lr picture that is added to the output: `none` as published,
        `nearest` or `bicubic`.
    unshuffle: pixels of a side that are folded into channels first, as in Real-ESRGAN's ×2 (2) and ×1 (4) models,
        whose bodies then work on a smaller picture; 1 for none.
    """

    width: int = 64
    growth: int = 32
    blocks: int = 23
    residual_scale: float = 0.2
    upsampler: UpsamplerName = "nearest"
    upsampling: FixedSkip = "none"
    unshuffle: int = 1

    def __post_init__(self) -> None:
        if self.width < 1 or self.growth < 1 or self.blocks < 0:
            raise ValueError(
                f"width = {self.width}, growth = {self.growth}, blocks = {self.blocks}: should be at least 1, 1 and 0"
            )
        if self.unshuffle < 1:
            raise ValueError(f"unshuffle = {self.unshuffle}: should be at least 1")


class _Dense(nn.Module):
    """Five convolutions; each sees the input and what all before it gave."""

    def __init__(self, width: int, growth: int, residual_scale: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(width + number * growth, growth if number < 4 else width, 3, padding=1) for number in range(5)
        )
        for layer in self.layers:
            # Small weights at first (section 3.1): the sums of a deep stack stay finite.
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
            layer.weight.data.mul_(0.1)
            nn.init.zeros_(layer.bias)
        self._residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for layer in self.layers:
            result: Tensor = layer(torch.cat(seen, dim=1))
            seen.append(F.leaky_relu(result, _SLOPE))
        return x + result * self._residual_scale


class _Block(nn.Module):
    def __init__(self, width: int, growth: int, residual_scale: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(_Dense(width, growth, residual_scale) for _ in range(3)))
        self._residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x) * self._residual_scale
        return result


class RRDB(Network):
    """Head, blocks and a convolution under a long skip, upsampler, two convolutions at the output size."""

    config_type = RRDBConfig

    def __init__(self, config: RRDBConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width = config.width
        self.multiple = config.unshuffle
        self.head = nn.Conv2d(channels * config.unshuffle**2, width, 3, padding=1)
        self.body = Blocks(
            *(_Block(width, config.growth, config.residual_scale) for _ in range(config.blocks)),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.upsampler = trained_upsampler(
            config.upsampler, scale=scale * config.unshuffle, width=width, activation=lambda: nn.LeakyReLU(_SLOPE)
        )
        self.refine = nn.Conv2d(width, width, 3, padding=1)
        self.tail = nn.Conv2d(width, channels, 3, padding=1)
        self.skip = fixed_skip(config.upsampling, scale=scale, channels=channels)
        self._blocks = config.blocks

    @property
    def radius(self) -> int:
        """Two convolutions at hr, the upsampler, and before it fifteen convolutions a block and two more."""

        def lr_field(hr: Interval) -> Interval:
            seen = receptive_field.conv(
                self.upsampler.receptive_field(receptive_field.conv(hr, 5)), 2 * (2 + 15 * self._blocks) + 1
            )
            return receptive_field.pooled(seen, self.multiple)

        return max(receptive_field.radius(lr_field, self.scale, self.multiple), self.skip.radius)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        x = self.head(lr if self.multiple == 1 else F.pixel_unshuffle(lr, self.multiple))
        x = self.upsampler(x + self.body(x))
        result: Tensor = self.skip(self.tail(F.leaky_relu(self.refine(x), _SLOPE)), lr)
        return result
