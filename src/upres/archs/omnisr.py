"""OmniSR: attention between pixels and between channels take turns, first within windows, then over grids.

Wang, Chen, Ni, Liu, Liu, "Omni Aggregation Networks for Lightweight Image Super-Resolution", CVPR 2023, section 3; the
defaults are its published model.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.blocks import Blocks
from upres.archs.layers.mean_shift import Mean, mean_shift
from upres.archs.layers.padding import to_least, to_multiple
from upres.archs.layers.spatial_attention import LEAST_SIDE, SpatialAttention
from upres.archs.layers.windows import PixelNorm, attend, cut, join, places
from upres.archs.network import Network
from upres.config import config

# Of every attention.
_HEADS = 4
# Of the normalisations whose published code is not PyTorch's.
_EPSILON = 1e-6


@config
class OmniSRConfig:
    """Attributes:

    width: channels of the body, a multiple of 4.
    groups: of blocks, each under a skip and with a map of what matters in the picture.
    blocks: in each group: attention between pixels and channels of windows, then of grids.
    window: side of the windows, and of the grids.
    mean: the colour taken off the input and added to the output, one number a channel in [0, 1]; empty for none.
    """

    width: int = 64
    groups: int = 5
    blocks: int = 1
    window: int = 8
    mean: Mean = ()

    def __post_init__(self) -> None:
        if self.width < _HEADS or self.width % _HEADS or self.window < 2 or min(self.groups, self.blocks) < 0:
            raise ValueError(
                f"width = {self.width}, window = {self.window}, groups = {self.groups}, blocks = {self.blocks}: width "
                f"should be a multiple of {_HEADS}, window at least 2, the others at least 0"
            )


class _Local(nn.Module):
    """Convolutions of one pixel around one a channel, whose channels pass on as the whole picture says."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 1)
        self.around = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.squeeze = nn.Linear(width, width // 4, bias=False)
        self.excite = nn.Linear(width // 4, width, bias=False)
        self.last = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.around(F.gelu(self.first(x))))
        gate = torch.sigmoid(self.excite(F.silu(self.squeeze(y.mean((2, 3))))))
        result: Tensor = x + self.last(y * gate[:, :, None, None])
        return result


class _PixelAttention(nn.Module):
    """Each pixel looks at those of its window, or of its grid: one of each of `window²` parts of the picture."""

    def __init__(self, width: int, window: int, *, grid: bool) -> None:
        super().__init__()
        self.norm = PixelNorm(width)
        self.ask = nn.Linear(width, 3 * width, bias=False)
        self.bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, _HEADS))
        self.out = nn.Linear(width, width, bias=False)
        nn.init.trunc_normal_(self.bias, std=0.02)
        self._window, self._grid = (window, window), grid
        self.register_buffer("places", places(self._window, self._window).reshape(-1), persistent=False)
        self.places: Tensor

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        n, c, h, w = x.shape
        side = self._window[0]
        if self._grid:  # its pixels are brought together
            y = y.reshape(n, c, side, h // side, side, w // side).transpose(2, 3).transpose(4, 5).reshape(n, c, h, w)
        query, key, value = self.ask(cut(y, self._window)).chunk(3, dim=-1)
        bias = self.bias[self.places].reshape(side**2, side**2, _HEADS)
        y = join(self.out(attend(query, key, value, _HEADS, bias)), x, self._window)
        if self._grid:
            y = y.reshape(n, c, h // side, side, w // side, side).transpose(2, 3).transpose(4, 5).reshape(n, c, h, w)
        return x + y


class _ChannelAttention(nn.Module):
    """Each channel looks at those of its head, likened over a window, or over one place of all windows."""

    def __init__(self, width: int, window: int, *, grid: bool) -> None:
        super().__init__()
        self.norm = PixelNorm(width, eps=_EPSILON)
        self.temperature = nn.Parameter(torch.ones(_HEADS, 1, 1))
        self.ask = nn.Conv2d(width, 3 * width, 1, bias=False)
        self.around = nn.Conv2d(3 * width, 3 * width, 3, padding=1, groups=3 * width, bias=False)
        self.out = nn.Conv2d(width, width, 1, bias=False)
        self._window, self._grid = window, grid

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        side = self._window
        asked = self.around(self.ask(self.norm(x)))
        asked = asked.reshape(n, 3, _HEADS, c // _HEADS, h // side, side, w // side, side)
        # What is likened comes last; before the heads stand the windows, or the places in them.
        order, back = (1, 0, 4, 6, 2, 3, 5, 7), (0, 3, 4, 1, 5, 2, 6)
        if self._grid:
            order, back = (1, 0, 5, 7, 2, 3, 4, 6), (0, 3, 4, 5, 1, 6, 2)
        query, key, value = asked.permute(order)
        q, k, v = (part.flatten(5) for part in (query, key, value))
        likeness = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * self.temperature
        seen = (likeness.softmax(dim=-1) @ v).reshape(value.shape).permute(back).reshape(n, c, h, w)
        result: Tensor = x + self.out(seen)
        return result


class _Mlp(nn.Module):
    """Two layers over the channels of a pixel; between them one half weighs the other, after a look around."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = PixelNorm(width, eps=_EPSILON)
        self.widen = nn.Conv2d(width, 2 * width, 1, bias=False)
        self.around = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width, bias=False)
        self.narrow = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weights, kept = self.around(self.widen(self.norm(x))).chunk(2, dim=1)
        result: Tensor = x + self.narrow(F.gelu(weights) * kept)
        return result


class _Block(nn.Sequential):
    def __init__(self, width: int, window: int) -> None:
        layers: list[nn.Module] = [_Local(width)]
        for grid in (False, True):
            layers += [_PixelAttention(width, window, grid=grid), _Mlp(width)]
            layers += [_ChannelAttention(width, window, grid=grid), _Mlp(width)]
        super().__init__(*layers)


class _Group(nn.Module):
    """Blocks and a convolution under a skip, and a map of what matters."""

    def __init__(self, config: OmniSRConfig) -> None:
        super().__init__()
        width = config.width
        self.blocks = nn.Sequential(*(_Block(width, config.window) for _ in range(config.blocks)))
        self.mix = nn.Conv2d(width, width, 1)
        self.attention = SpatialAttention(width, max(width // 4, 16))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.attention(self.mix(self.blocks(x)) + x)
        return result


class OmniSR(Network):
    """Head, groups and a convolution under a long skip, tail and pixel shuffle.

    Published code fills a picture up to whole windows with zeros; here it is continued by its edge, as upres does to
    whole pictures.
    """

    config_type = OmniSRConfig

    def __init__(self, config: OmniSRConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width, self.multiple = config.width, config.window
        self.mean_shift = mean_shift(config.mean, channels)
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.groups = Blocks(*(_Group(config) for _ in range(config.groups)))
        self.join = nn.Conv2d(width, width, 3, padding=1)
        self.tail = nn.Conv2d(width, channels * scale**2, 3, padding=1)
        self._least = LEAST_SIDE + -LEAST_SIDE % config.window

    @property
    def radius(self) -> None:
        """There is none: grids and gates look at the whole picture."""
        return None

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`, of any size."""
        x = self.head(self.mean_shift.subtract(to_multiple(to_least(lr, self._least), self.multiple)))
        sr = F.pixel_shuffle(self.tail(self.join(self.groups(x)) + x), self.scale)
        return self.mean_shift.add(sr)[:, :, : lr.shape[2] * self.scale, : lr.shape[3] * self.scale]
