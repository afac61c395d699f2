"""DAT: attention within oblong windows and attention between channels take turns, each beside a convolution.

Chen, Zhang, Gu, Kong, Yang, Yu, "Dual Aggregation Transformer for Image Super-Resolution", ICCV 2023, section 3. The
defaults are its light model; `width: 180, depths: [6, 6, 6, 6, 6, 6], convs: 1, upsampler: pixel-shuffle` is DAT-2,
with `window: [8, 16]` DAT-S, and with `expansion: 4` DAT.
"""

from __future__ import annotations

from math import lcm
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.blocks import Blocks
from upres.archs.layers.mean_shift import DIV2K, Mean, mean_shift
from upres.archs.layers.padding import to_multiple
from upres.archs.layers.trained_upsampling import trained_upsampler
from upres.archs.layers.windows import PixelNorm, Window, apart_when_moved, attend, cut, join, places
from upres.archs.network import Network
from upres.config import config
from upres.errors import ConfigError

# Channels in front of the larger models' upsampler.
_NARROW = 64
# How many times fewer channels a gate has inside, of channels and of places, and the network of offsets.
_CHANNEL_GATE, _PLACE_GATE, _OFFSETS = 8, 16, 32


@config
class DATConfig:
    """Attributes:

    width: channels of the body, a multiple of `heads` and at least 32.
    depths: layers in each group; attention within windows and between channels take turns.
    heads: of an attention, an even number: half of them look at windows that lie, half at such that stand.
    window: height and width of the windows; the other half has them the other way round. Even numbers.
    expansion: channels between the two layers behind an attention ÷ width.
    convs: convolutions at the end of a group and of the body: 1, or 3 of which two are narrow.
    upsampler: `direct`, one convolution and a pixel shuffle, or `pixel-shuffle` in steps with convolutions around.
    mean: the colour taken off the input and added to the output, one number a channel in [0, 1]; DIV2K's as published,
        empty for none.
    """

    width: int = 60
    depths: tuple[int, ...] = (18,)
    heads: int = 6
    window: tuple[int, int] = (8, 32)
    expansion: float = 2.0
    convs: Literal[1, 3] = 3
    upsampler: Literal["direct", "pixel-shuffle"] = "direct"
    mean: Mean = DIV2K

    def __post_init__(self) -> None:
        if self.heads < 2 or self.heads % 2 or self.width < _OFFSETS or self.width % self.heads:
            raise ValueError(
                f"width = {self.width}, heads = {self.heads}: heads should be even, width a multiple of them and at "
                f"least {_OFFSETS}"
            )
        if int(self.width * self.expansion) < 2 or int(self.width * self.expansion) % 2:
            raise ValueError(
                f"width = {self.width}, expansion = {self.expansion}: their product should be an even number, as half "
                "of its channels weigh the other half"
            )
        if any(side < 2 or side % 2 for side in self.window) or not self.depths or min(self.depths) < 0:
            raise ValueError(
                f"window = {self.window}, depths = {self.depths}: window should be two even numbers, depths one number "
                "a group"
            )


class _OffsetBias(nn.Module):
    """What is added to the likeness of two pixels of a window, as a small network of their offset."""

    def __init__(self, width: int, heads: int, window: Window) -> None:
        super().__init__()
        narrow = width // _OFFSETS
        self.first = _linear(2, narrow)
        self.norms = nn.ModuleList(nn.LayerNorm(narrow) for _ in range(3))
        self.layers = nn.ModuleList(_linear(narrow, after) for after in (narrow, narrow, heads))
        axes = (torch.arange(1 - side, side, dtype=torch.float32) for side in window)
        self.register_buffer("offsets", torch.cartesian_prod(*axes), persistent=False)
        self.register_buffer("places", places(window, window).reshape(-1), persistent=False)
        self.offsets: Tensor
        self.places: Tensor

    def forward(self) -> Tensor:
        """Return the bias of each pair of pixels and each head, `pixels pixels heads`."""
        x: Tensor = self.first(self.offsets)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = layer(F.relu(norm(x)))
        pixels = int(len(self.places) ** 0.5)
        return x[self.places].reshape(pixels, pixels, -1)


class _Beside(nn.Module):
    """A convolution beside an attention, and the gates by which each of the two weighs the other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, groups=width), nn.BatchNorm2d(width), nn.GELU())
        self.channels = _gate(width, width // _CHANNEL_GATE, width)
        self.places = _gate(width, width // _PLACE_GATE, 1)

    def of_channels(self, x: Tensor) -> Tensor:
        """Return what the whole picture says of each channel's worth, `n c 1 1` in [0, 1].

        Raises:
            ConfigError: it is trained on one picture, over which nothing can be normalised.
        """
        if self.training and x.shape[0] == 1:
            raise ConfigError(
                "dat: normalises over the pictures of a batch; train.batch should be at least 2 a process"
            )
        return torch.sigmoid(self.channels(x.mean((2, 3), keepdim=True)))

    def of_places(self, x: Tensor) -> Tensor:
        """Return what the channels say of each place's worth, `n 1 h w` in [0, 1]."""
        return torch.sigmoid(self.places(x))


class _WindowAttention(nn.Module):
    """Half of the channels look about in windows that lie, half in such that stand; all of them moved, or none."""

    def __init__(self, config: DATConfig, *, moved: bool) -> None:
        super().__init__()
        height, width = config.window
        self._heads, self._moved = config.heads // 2, moved
        self._windows = (height, width), (width, height)
        self.ask = _pointwise(config.width, 3 * config.width)
        self.out = _pointwise(config.width, config.width)
        self.biases = nn.ModuleList(_OffsetBias(config.width, self._heads, window) for window in self._windows)
        self.beside = _Beside(config.width)

    def forward(self, x: Tensor) -> Tensor:
        asked = self.ask(x)
        query, key, value = asked.chunk(3, dim=1)
        halves = zip(*(part.chunk(2, dim=1) for part in (query, key, value)), strict=True)
        looked = zip(halves, self._windows, self.biases, strict=True)
        seen = torch.cat([self._within(half, window, bias()) for half, window, bias in looked], dim=1)
        local = self.beside.conv(value)
        result: Tensor = self.out(seen * self.beside.of_channels(local) + local * self.beside.of_places(seen))
        return result

    def _within(self, parts: tuple[Tensor, ...], window: Window, bias: Tensor) -> Tensor:
        """Let the pixels of each window look at each other, `n c h w` → the same."""
        like = parts[0]
        apart = None
        shift = window[0] // 2, window[1] // 2
        if self._moved:
            parts = tuple(torch.roll(part, (-shift[0], -shift[1]), (2, 3)) for part in parts)
            apart = apart_when_moved(like, window, shift)
        query, key, value = (cut(part, window) for part in parts)
        seen = join(attend(query, key, value, self._heads, bias, apart), like, window)
        return torch.roll(seen, shift, (2, 3)) if self._moved else seen


class _ChannelAttention(nn.Module):
    """Each channel looks at those of its head, likened over the whole picture."""

    def __init__(self, config: DATConfig) -> None:
        super().__init__()
        self._heads = config.heads
        self.temperature = nn.Parameter(torch.ones(config.heads, 1, 1))
        self.ask = _pointwise(config.width, 3 * config.width)
        self.out = _pointwise(config.width, config.width)
        self.beside = _Beside(config.width)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        query, key, value = self.ask(x).chunk(3, dim=1)
        local = self.beside.conv(value)
        q, k, v = (part.reshape(n, self._heads, c // self._heads, -1) for part in (query, key, value))
        likeness = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(2, 3) * self.temperature
        seen = (likeness.softmax(dim=-1) @ v).reshape(n, c, h, w)
        result: Tensor = self.out(seen * self.beside.of_places(local) + local * self.beside.of_channels(seen))
        return result


class _Mlp(nn.Module):
    """Two layers over the channels of a pixel; between them one half weighs the other, after a look around."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.widen = _pointwise(width, hidden)
        self.norm = PixelNorm(hidden // 2)
        self.around = nn.Conv2d(hidden // 2, hidden // 2, 3, padding=1, groups=hidden // 2)
        self.narrow = _pointwise(hidden // 2, width)

    def forward(self, x: Tensor) -> Tensor:
        kept, weights = F.gelu(self.widen(x)).chunk(2, dim=1)
        result: Tensor = self.narrow(kept * self.around(self.norm(weights)))
        return result


class _Layer(nn.Module):
    def __init__(self, config: DATConfig, group: int, number: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(PixelNorm(config.width) for _ in range(2))
        # Every other attention within windows is moved: in even groups the second and fourth, in odd ones the others.
        moved = number % 4 == (2 if group % 2 == 0 else 0)
        self.attention = _ChannelAttention(config) if number % 2 else _WindowAttention(config, moved=moved)
        self.mlp = _Mlp(config.width, int(config.width * config.expansion))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norms[0](x))
        result: Tensor = x + self.mlp(self.norms[1](x))
        return result


class _Group(nn.Module):
    """Layers and a convolution, under a skip."""

    def __init__(self, config: DATConfig, group: int, depth: int) -> None:
        super().__init__()
        self.layers = Blocks(*(_Layer(config, group, number) for number in range(depth)))
        self.conv = _convs(config.width, config.convs)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(self.layers(x)) + x
        return result


class DAT(Network):
    """Head, groups and a convolution under a long skip, upsampler.

    Published code fills up windows at the right and at the bottom with zeros; here a picture is continued by its edge,
    as upres does to whole pictures. Its authors drop some layers while they train; here all take part.
    """

    config_type = DATConfig

    def __init__(self, config: DATConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width, self.multiple = config.width, lcm(*config.window)
        self.mean_shift = mean_shift(config.mean if channels == 3 else (), channels)
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.first_norm = PixelNorm(width)
        self.groups = nn.Sequential(*(_Group(config, group, depth) for group, depth in enumerate(config.depths)))
        self.last_norm = PixelNorm(width)
        self.join = _convs(width, config.convs)
        self._direct = config.upsampler == "direct"
        if self._direct:
            self.tail = nn.Conv2d(width, channels * scale**2, 3, padding=1)
        else:
            self.narrow = nn.Conv2d(width, _NARROW, 3, padding=1)
            self.upsampler = trained_upsampler("pixel-shuffle", scale=scale, width=_NARROW)
            self.tail = nn.Conv2d(_NARROW, channels, 3, padding=1)

    @property
    def radius(self) -> None:
        """There is none: channels are likened over the whole picture."""
        return None

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


def _linear(before: int, after: int) -> nn.Linear:
    layer = nn.Linear(before, after)
    nn.init.trunc_normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


def _pointwise(before: int, after: int) -> nn.Conv2d:
    """Return a layer over the channels of each pixel, which begins as small as attention's usually do."""
    layer = nn.Conv2d(before, after, 1)
    nn.init.trunc_normal_(layer.weight, std=0.02)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _gate(before: int, inside: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, inside, 1), nn.BatchNorm2d(inside), nn.GELU(), nn.Conv2d(inside, after, 1))


def _convs(width: int, count: int) -> nn.Module:
    if count == 1:
        return nn.Conv2d(width, width, 3, padding=1)
    narrow = width // 4
    return nn.Sequential(
        nn.Conv2d(width, narrow, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(narrow, narrow, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(narrow, width, 3, padding=1),
    )
