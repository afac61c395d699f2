"""U-Net: an encoder–decoder with skip connections at low resolution, then upsampling layers.

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
figure 1, with batch normalisation and padded convolutions, continued to the output's size by trained
upsampling and a 1×1 convolution, as a published face enlarger (32×32 → 128×128) does.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers import receptive_field
from upres.archs.layers.fixed_upsampling import FixedSkip, fixed_skip
from upres.archs.layers.receptive_field import Interval
from upres.archs.layers.trained_upsampling import UpsamplerName, trained_upsampler
from upres.archs.network import Network
from upres.config import config


@config
class UNetConfig:
    """Attributes:

    width: channels at full size; each halving of the size doubles them.
    depth: how often the size is halved; input sides are made multiples of 2 to this power.
    batch_norm: as published; without it the result does not depend on what else is in a training batch.
    norm_momentum: how much of a batch goes into the running mean and variance; Keras' 0.99 is 0.01 here.
    norm_epsilon: added to the variance; Keras has 1e-3.
    upsampler: `transposed` as published, `pixel-shuffle`, `nearest` or `bilinear`.
    upsampling: the fixed enlargement of the lr picture that is added to the output: `none` as published,
        `nearest` or `bicubic`.
    """

    width: int = 32
    depth: int = 3
    batch_norm: bool = True
    norm_momentum: float = 0.1
    norm_epsilon: float = 1e-5
    upsampler: UpsamplerName = "transposed"
    upsampling: FixedSkip = "none"

    def __post_init__(self) -> None:
        if self.width < 1 or self.depth < 0:
            raise ValueError(f"width = {self.width}, depth = {self.depth}: should be at least 1 and 0")
        if not 0 < self.norm_momentum <= 1:
            raise ValueError(f"norm_momentum = {self.norm_momentum}: should be above 0 and at most 1")
        if not 0 < self.norm_epsilon < 1:
            raise ValueError(f"norm_epsilon = {self.norm_epsilon}: should be above 0 and below 1")


class _Pair(nn.Sequential):
    """Convolution, batch normalisation, ReLU; twice."""

    def __init__(self, before: int, width: int, config: UNetConfig) -> None:
        layers: list[nn.Module] = []
        for channels in (before, width):
            # A bias before a batch normalisation does nothing: the mean is taken off again.
            layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=not config.batch_norm))
            if config.batch_norm:
                layers.append(nn.BatchNorm2d(width, eps=config.norm_epsilon, momentum=config.norm_momentum))
            layers.append(nn.ReLU())
        super().__init__(*layers)


class UNet(Network):
    """Two convolutions a level, maximum of 2×2 downward, transposed convolutions of 2×2 upward.

    In use, batch normalisation multiplies and adds constants, so an output pixel sees a bounded part of the
    input, and tiles that begin on a multiple of 2^depth, where the maxima's grid lies as in the whole picture,
    are exact. Pictures of other sizes are continued at the right and the bottom by their edge pixels, which
    is what upres does to whole pictures too.
    """

    config_type = UNetConfig

    def __init__(self, config: UNetConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        widths = [config.width << level for level in range(config.depth + 1)]
        self.encoder = nn.ModuleList(
            _Pair(before, width, config) for before, width in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in widths[:-1])
        self.decoder = nn.ModuleList(_Pair(2 * width, width, config) for width in widths[:-1])
        self.upsampler = trained_upsampler(config.upsampler, scale=scale, width=config.width, activation=nn.ReLU)
        self.tail = nn.Conv2d(config.width, channels, 1)
        self.skip = fixed_skip(config.upsampling, scale=scale, channels=channels)
        self.multiple = 2**config.depth
        self._depth = config.depth

    @property
    def radius(self) -> int:
        """The deepest path: up through the upsampler, down through the decoder, and back through the encoder."""
        return max(receptive_field.radius(self._lr_field, self.scale, self.multiple), self.skip.radius)

    def _lr_field(self, hr: Interval) -> Interval:
        seen = self.upsampler.receptive_field(hr)
        ends = []
        for level in range(self._depth):
            seen = receptive_field.conv(seen, 5)
            ends.append(self._encoder_field(seen, level))
            seen = receptive_field.repeated(seen, 2)
        ends.append(self._encoder_field(seen, self._depth))
        return min(first for first, _ in ends), max(last for _, last in ends)

    @staticmethod
    def _encoder_field(seen: Interval, level: int) -> Interval:
        for _ in range(level):
            seen = receptive_field.pooled(receptive_field.conv(seen, 5), 2)
        return receptive_field.conv(seen, 5)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`, of any size."""
        height, width = lr.shape[2:]
        right, below = -width % self.multiple, -height % self.multiple
        if right or below:  # a question of its own, so that an exported graph holds no padding
            padded = F.pad(lr, (0, right, 0, below), mode="replicate")
            return self._enlarge(padded)[:, :, : height * self.scale, : width * self.scale]
        return self._enlarge(lr)

    def _enlarge(self, lr: Tensor) -> Tensor:
        kept: list[Tensor] = []
        x = lr
        for level, pair in enumerate(self.encoder):
            x = pair(x if level == 0 else F.max_pool2d(x, 2))
            kept.append(x)
        for level in reversed(range(self._depth)):
            x = self.decoder[level](torch.cat((kept[level], self.up[level](x)), dim=1))
        result: Tensor = self.skip(self.tail(self.upsampler(x)), lr)
        return result
