"""HAT: attention within windows beside a gate of channels, and windows that look a little beyond themselves.

Chen, Wang, Zhou, Qiao, Dong, "Activating More Pixels in Image Super-Resolution Transformer", CVPR 2023, section 3. The
defaults are its small model, HAT-S; `width: 180, compression: 3, squeeze: 30` is HAT.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.blocks import Blocks
from upres.archs.layers.mean_shift import DIV2K, Mean, mean_shift
from upres.archs.layers.padding import to_multiple
from upres.archs.layers.trained_upsampling import trained_upsampler
from upres.archs.layers.windows import PixelNorm, WindowAttention, attend, cut, join, places
from upres.archs.network import Network
from upres.config import config

# Channels in front of the upsampler.
_NARROW = 64
# Of the gate of channels, beside the attention.
_CONV_SHARE = 0.01


@config
class HATConfig:
    """Attributes:

    width: channels of the body, a multiple of `heads`.
    depths: attention layers in each group.
    heads: of an attention.
    window: side of the windows, a multiple of 4: half of one more is looked at by the last attention of a group.
    compression: width ÷ the channels between the two convolutions beside an attention.
    squeeze: width ÷ the channels within their gate.
    expansion: channels between the two layers behind an attention ÷ width.
    mean: the colour taken off the input and added to the output, one number a channel in [0, 1]; DIV2K's as published,
        empty for none.
    """

    width: int = 144
    depths: tuple[int, ...] = (6, 6, 6, 6, 6, 6)
    heads: int = 6
    window: int = 16
    compression: int = 24
    squeeze: int = 24
    expansion: float = 2.0
    mean: Mean = DIV2K

    def __post_init__(self) -> None:
        if self.heads < 1 or self.width < 1 or self.width % self.heads or self.width * self.expansion < 1:
            raise ValueError(
                f"width = {self.width}, heads = {self.heads}, expansion = {self.expansion}: width should be a multiple "
                "of heads, width times expansion at least 1"
            )
        if not (1 <= self.compression <= self.width and 1 <= self.squeeze <= self.width):
            raise ValueError(
                f"compression = {self.compression}, squeeze = {self.squeeze}: should be from 1 to width = {self.width}"
            )
        if self.window < 4 or self.window % 4 or not self.depths or min(self.depths) < 0:
            raise ValueError(
                f"window = {self.window}, depths = {self.depths}: window should be a multiple of 4, depths one number "
                "a group"
            )


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(width, hidden, 1)
        self.narrow = nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.narrow(F.gelu(self.widen(x)))
        return result


class _Gated(nn.Module):
    """Two convolutions, and what the whole picture says of how much of each channel passes on."""

    def __init__(self, config: HATConfig) -> None:
        super().__init__()
        width, narrow, least = config.width, config.width // config.compression, config.width // config.squeeze
        self.first = nn.Conv2d(width, narrow, 3, padding=1)
        self.second = nn.Conv2d(narrow, width, 3, padding=1)
        self.squeeze = nn.Conv2d(width, least, 1)
        self.excite = nn.Conv2d(least, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(F.gelu(self.first(x)))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(y.mean((2, 3), keepdim=True)))))
        return y * gate


class _Layer(nn.Module):
    def __init__(self, config: HATConfig, shift: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(PixelNorm(config.width) for _ in range(2))
        self.attention = WindowAttention(config.width, config.window, config.heads, shift)
        self.gated = _Gated(config)
        self.mlp = _Mlp(config.width, int(config.width * config.expansion))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norms[0](x)
        x = x + self.attention(y) + _CONV_SHARE * self.gated(y)
        result: Tensor = x + self.mlp(self.norms[1](x))
        return result


class _Overlapping(nn.Module):
    """Each window looks at one of one and a half of its side, with the same middle."""

    def __init__(self, config: HATConfig) -> None:
        super().__init__()
        self._heads = config.heads
        self._window, self._around = ((side, side) for side in (config.window, config.window * 3 // 2))
        self.norms = nn.ModuleList(PixelNorm(config.width) for _ in range(2))
        self.ask = nn.Conv2d(config.width, 3 * config.width, 1)
        self.bias = nn.Parameter(torch.zeros((self._window[0] + self._around[0] - 1) ** 2, config.heads))
        self.out = nn.Conv2d(config.width, config.width, 1)
        self.mlp = _Mlp(config.width, int(config.width * config.expansion))
        nn.init.trunc_normal_(self.bias, std=0.02)
        self.register_buffer("places", places(self._window, self._around).reshape(-1), persistent=False)
        self.places: Tensor

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.ask(self.norms[0](x)).chunk(3, dim=1)
        query = cut(query, self._window)
        bias = self.bias[self.places].reshape(query.shape[1], -1, self._heads)
        mixed = attend(query, self._wide(key), self._wide(value), self._heads, bias)
        x = x + self.out(join(mixed, x, self._window))
        result: Tensor = x + self.mlp(self.norms[1](x))
        return result

    def _wide(self, x: Tensor) -> Tensor:
        """`n c h w` → the pixels of the larger windows; beyond the picture they are zeros."""
        window, around = self._window[0], self._around[0]
        margin = (around - window) // 2
        x = F.pad(x, (margin,) * 4)
        for axis in (2, 3):
            starts = torch.arange((x.shape[axis] - 2 * margin) // window, device=x.device) * window
            x = x.index_select(axis, (starts[:, None] + torch.arange(around, device=x.device)).reshape(-1))
        return cut(x, self._around)


class _Group(nn.Module):
    """Attention layers, one over overlapping windows and a convolution, under a skip."""

    def __init__(self, config: HATConfig, depth: int) -> None:
        super().__init__()
        half = config.window // 2
        self.layers = Blocks(*(_Layer(config, half if number % 2 else 0) for number in range(depth)))
        self.overlapping = _Overlapping(config)
        self.conv = nn.Conv2d(config.width, config.width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(self.overlapping(self.layers(x))) + x
        return result


class HAT(Network):
    """Head, groups and a convolution under a long skip, upsampler.

    Published code continues a picture to whole windows by its mirror image; here it is continued by its edge, as upres
    does to whole pictures.
    """

    config_type = HATConfig

    def __init__(self, config: HATConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width, self.multiple = config.width, config.window
        self.mean_shift = mean_shift(config.mean if channels == 3 else (), channels)
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.first_norm = PixelNorm(width)
        self.groups = nn.Sequential(*(_Group(config, depth) for depth in config.depths))
        self.last_norm = PixelNorm(width)
        self.join = nn.Conv2d(width, width, 3, padding=1)
        self.narrow = nn.Conv2d(width, _NARROW, 3, padding=1)
        self.upsampler = trained_upsampler("pixel-shuffle", scale=scale, width=_NARROW)
        self.tail = nn.Conv2d(_NARROW, channels, 3, padding=1)

    @property
    def radius(self) -> None:
        """There is none: the gates look at the whole picture."""
        return None

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`, of any size."""
        padded = to_multiple(lr, self.multiple)
        x = self.head(self.mean_shift.subtract(padded))
        x = self.join(self.last_norm(self.groups(self.first_norm(x)))) + x
        sr = self.mean_shift.add(self.tail(self.upsampler(F.leaky_relu(self.narrow(x), 0.01))))
        return sr if padded is lr else sr[:, :, : lr.shape[2] * self.scale, : lr.shape[3] * self.scale]
