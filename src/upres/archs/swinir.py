"""SwinIR: groups of attention layers within windows, which are shifted in every other one.

Liang, Cao, Sun, Zhang, Van Gool, Timofte, "SwinIR: Image Restoration Using Swin Transformer", ICCVW 2021, section 3.
The defaults are its lightweight model; `width: 180, depths: [6, 6, 6, 6, 6, 6], upsampler: pixel-shuffle` is the
classical one.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers import receptive_field
from upres.archs.layers.blocks import Blocks
from upres.archs.layers.mean_shift import DIV2K, Mean, mean_shift
from upres.archs.layers.padding import to_multiple
from upres.archs.layers.receptive_field import Interval
from upres.archs.layers.trained_upsampling import trained_upsampler
from upres.archs.layers.windows import PixelNorm, WindowAttention
from upres.archs.network import Network
from upres.config import config

# Channels in front of the classical model's upsampler.
_NARROW = 64


@config
class SwinIRConfig:
    """Attributes:

    width: channels of the body, a multiple of `heads`.
    depths: attention layers in each group.
    heads: of an attention.
    window: side of the windows; an even number.
    expansion: channels between the two layers behind an attention ÷ width.
    upsampler: `direct`, one convolution and a pixel shuffle, or `pixel-shuffle` in steps with convolutions around.
    mean: the colour taken off the input and added to the output, one number a channel in [0, 1]; DIV2K's as published,
        empty for none.
    """

    width: int = 60
    depths: tuple[int, ...] = (6, 6, 6, 6)
    heads: int = 6
    window: int = 8
    expansion: float = 2.0
    upsampler: Literal["direct", "pixel-shuffle"] = "direct"
    mean: Mean = DIV2K

    def __post_init__(self) -> None:
        if self.heads < 1 or self.width < 1 or self.width % self.heads or self.width * self.expansion < 1:
            raise ValueError(
                f"width = {self.width}, heads = {self.heads}, expansion = {self.expansion}: width should be a multiple "
                "of heads, width times expansion at least 1"
            )
        if self.window < 2 or self.window % 2 or not self.depths or min(self.depths) < 0:
            raise ValueError(
                f"window = {self.window}, depths = {self.depths}: window should be even, depths one number a group"
            )


class _Layer(nn.Module):
    def __init__(self, config: SwinIRConfig, shift: int) -> None:
        super().__init__()
        width, hidden = config.width, int(config.width * config.expansion)
        self.norms = nn.ModuleList(PixelNorm(width) for _ in range(2))
        self.attention = WindowAttention(width, config.window, config.heads, shift)
        self.widen = nn.Conv2d(width, hidden, 1)
        self.narrow = nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norms[0](x))
        result: Tensor = x + self.narrow(F.gelu(self.widen(self.norms[1](x))))
        return result


class _Group(nn.Module):
    """Attention layers and a convolution, under a skip."""

    def __init__(self, config: SwinIRConfig, depth: int) -> None:
        super().__init__()
        half = config.window // 2
        self.layers = Blocks(*(_Layer(config, half if number % 2 else 0) for number in range(depth)))
        self.conv = nn.Conv2d(config.width, config.width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(self.layers(x)) + x
        return result

    def receptive_field(self, seen: Interval) -> Interval:
        """Return what the pixels look at."""
        seen = receptive_field.conv(seen, 3)
        for layer in reversed(self.layers):
            assert isinstance(layer, _Layer)
            seen = layer.attention.receptive_field(seen)
        return seen


class SwinIR(Network):
    """Head, groups and a convolution under a long skip, upsampler.

    Published code continues a picture to whole windows by its mirror image; here it is continued by its edge, as upres
    does to whole pictures.
    """

    config_type = SwinIRConfig

    def __init__(self, config: SwinIRConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width, self.multiple = config.width, config.window
        self.mean_shift = mean_shift(config.mean if channels == 3 else (), channels)
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.first_norm = PixelNorm(width)
        self.groups = nn.Sequential(*(_Group(config, depth) for depth in config.depths))
        self.last_norm = PixelNorm(width)
        self.join = nn.Conv2d(width, width, 3, padding=1)
        self._direct = config.upsampler == "direct"
        if self._direct:
            self.tail = nn.Conv2d(width, channels * scale**2, 3, padding=1)
        else:
            self.narrow = nn.Conv2d(width, _NARROW, 3, padding=1)
            self.upsampler = trained_upsampler("pixel-shuffle", scale=scale, width=_NARROW)
            self.tail = nn.Conv2d(_NARROW, channels, 3, padding=1)

    @property
    def radius(self) -> int:
        """Whole windows a layer, half a window farther in every other one."""

        def lr_field(hr: Interval) -> Interval:
            if self._direct:
                seen = receptive_field.conv(receptive_field.repeated(hr, self.scale), 3)
            else:
                seen = receptive_field.conv(self.upsampler.receptive_field(receptive_field.conv(hr, 3)), 3)
            seen = receptive_field.conv(seen, 3)
            for group in reversed(self.groups):
                assert isinstance(group, _Group)
                seen = group.receptive_field(seen)
            return receptive_field.conv(seen, 3)

        return receptive_field.radius(lr_field, self.scale, self.multiple)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`, of any size."""
        padded = to_multiple(lr, self.multiple)
        x = self.head(self.mean_shift.subtract(padded))
        x = self.join(self.last_norm(self.groups(self.first_norm(x)))) + x
        if self._direct:
            sr = F.pixel_shuffle(self.tail(x), self.scale)
        else:
            sr = self.tail(self.upsampler(F.leaky_relu(self.narrow(x), 0.01)))
        sr = self.mean_shift.add(sr)
        return sr if padded is lr else sr[:, :, : lr.shape[2] * self.scale, : lr.shape[3] * self.scale]
