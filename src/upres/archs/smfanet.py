"""SMFANet: attention from pooled features and their variance over the whole picture, beside local convolutions.

Zheng, Sun, Dong, Pan, "SMFANet: A Lightweight Self-Modulation Feature Aggregation Network for Efficient Image
Super-Resolution", ECCV 2024, section 3; the defaults are its smaller model.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.blocks import Blocks
from upres.archs.layers.padding import to_least
from upres.archs.layers.window_maxima import spread, window_maxima
from upres.archs.network import Network
from upres.config import config

# Side of the windows whose maxima make the coarse features.
_WINDOW = 8


@config
class SMFANetConfig:
    """Attributes:

    width: channels of the body.
    blocks: of an attention and a convolution part each.
    expansion: channels between the convolution part's 1×1 layers ÷ width; a quarter of them sees its surroundings.
    """

    width: int = 36
    blocks: int = 8
    expansion: float = 2.0

    def __post_init__(self) -> None:
        if self.width < 1 or self.blocks < 0 or self.width * self.expansion < 4:
            raise ValueError(
                f"width = {self.width}, blocks = {self.blocks}, expansion = {self.expansion}: "
                "should be at least 1 and 0, and width times expansion at least 4"
            )


class _Local(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, 2 * width, 3, padding=1, groups=width)
        self.mix = nn.Conv2d(2 * width, 2 * width, 1)
        self.narrow = nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.narrow(F.gelu(self.mix(self.depthwise(x))))
        return result


class _Attention(nn.Module):
    """Equations 2 to 6 of the paper."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.split = nn.Conv2d(width, 2 * width, 1)
        self.coarse = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.alpha = nn.Parameter(torch.ones(1, width, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.modulate = nn.Conv2d(width, width, 1)
        self.local = _Local(width)
        self.join = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        near, far = self.split(x).chunk(2, dim=1)
        coarse = self.coarse(window_maxima(far, _WINDOW))
        variance = far.var(dim=(2, 3), keepdim=True)
        weight = F.gelu(self.modulate(coarse * self.alpha + variance * self.beta))
        result: Tensor = self.join(far * spread(weight, *x.shape[2:]) + self.local(near))
        return result


class _Convolutions(nn.Module):
    """A 3×3 convolution over a quarter of the channels between two 1×1 (the paper's PCFN)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(width, hidden, 1)
        self.partial = nn.Conv2d(hidden // 4, hidden // 4, 3, padding=1)
        self.narrow = nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.widen(x))
        seen = self.partial.out_channels
        x = torch.cat((F.gelu(self.partial(x[:, :seen])), x[:, seen:]), dim=1)
        result: Tensor = self.narrow(x)
        return result


class _Block(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.attention = _Attention(width)
        self.convolutions = _Convolutions(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(F.normalize(x)) + x
        result: Tensor = self.convolutions(F.normalize(x)) + x
        return result


class SMFANet(Network):
    """Head, blocks under a long skip, tail and pixel shuffle.

    The variance is that of the whole picture, so there is no radius.
    """

    config_type = SMFANetConfig

    def __init__(self, config: SMFANetConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        width = config.width
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.body = Blocks(*(_Block(width, int(width * config.expansion)) for _ in range(config.blocks)))
        self.tail = nn.Conv2d(width, channels * scale**2, 3, padding=1)

    @property
    def radius(self) -> None:
        """None: see above."""
        return None

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`; pictures smaller than 8 pixels are continued by their edge."""
        x = self.head(to_least(lr, _WINDOW))
        sr = F.pixel_shuffle(self.tail(self.body(x) + x), self.scale)
        return sr[:, :, : lr.shape[2] * self.scale, : lr.shape[3] * self.scale]
