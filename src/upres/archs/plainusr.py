"""PlainUSR: plain convolutions at ever fewer channels and back, what is left out waiting beside, and a cheap attention.

Wang et al., "PlainUSR: Chasing Faster ConvNet for Efficient Super-Resolution", ACCV 2024, section 3; the defaults are
its largest model. Its training-time branches are folded into one 3×3 convolution each, as its published files are.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.padding import to_least
from upres.archs.network import Network
from upres.config import config

_SLOPE = 0.05
# What the attention's pooling looks at.
_WINDOW = 7


@config
class PlainUSRConfig:
    """Attributes:

    widths: channels of the blocks, level by level, from the outer to the innermost; not ascending.
    attention: channels of the importance map of every block; 0 for none, and a convolution in its place in the
        innermost block alone, as in the paper's two smallest models.
    """

    widths: tuple[int, ...] = (64, 48, 32)
    attention: int = 16

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1 or self.attention < 0:
            raise ValueError(f"widths = {self.widths}, attention = {self.attention}: should be at least 1 and 0")
        if list(self.widths) != sorted(self.widths, reverse=True):
            raise ValueError(f"widths = {self.widths}: should not ascend, each level works on a part of the one before")


class _Importance(nn.Module):
    """Local importance: a coarse map, enlarged to the picture."""

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(width, narrow, 1)
        self.halve = nn.Conv2d(narrow, narrow, 3, stride=2, padding=1)
        self.widen = nn.Conv2d(narrow, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`n c h w` → the same, in (0, 1)."""
        narrow = self.narrow(x)
        # Soft pooling (equation 5): the mean of a window, each pixel weighed by its own exponential.
        weight = narrow.exp()
        pooled = F.avg_pool2d(narrow * weight, _WINDOW, stride=3) / F.avg_pool2d(weight, _WINDOW, stride=3)
        coarse = torch.sigmoid(self.widen(self.halve(pooled)))
        return F.interpolate(coarse, size=x.shape[2:], mode="bilinear", align_corners=False)


class _Convolution(nn.Module):
    """What the smallest models have in place of the importance: as large a map, of one convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`n c h w` → the same, in (0, 1)."""
        return torch.sigmoid(self.layer(x))


class _Block(nn.Module):
    def __init__(self, width: int, attention: nn.Module | None) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(F.leaky_relu(self.first(x), _SLOPE))
        if self.attention is None:
            return y
        gate = torch.sigmoid(y[:, :1])
        result: Tensor = y * self.attention(y) * gate
        return result


class PlainUSR(Network):
    """Head, a block a level inward, the innermost, a block a level outward, tail and pixel shuffle.

    With the importance map there is no radius: it is stretched from a size that is rounded down to that of the
    picture, so it lies a little differently in a picture of another size, and tiles are not exact.
    """

    config_type = PlainUSRConfig

    def __init__(self, config: PlainUSRConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        outer, inner = config.widths[:-1], config.widths[-1]
        narrow = config.attention

        def block(width: int) -> _Block:
            return _Block(width, _Importance(width, narrow) if narrow else None)

        # As many channels as the picture has go straight from the head to the tail.
        self.head = nn.Conv2d(channels, config.widths[0] + channels, 3, padding=1)
        self.inward = nn.ModuleList(block(width) for width in outer)
        self.innermost = block(inner) if narrow else _Block(inner, _Convolution(inner))
        self.outward = nn.ModuleList(block(width) for width in reversed(outer))
        self.tail = nn.Conv2d(config.widths[0] + channels, channels * scale**2, 3, padding=1)
        self._config = config

    @property
    def radius(self) -> int | None:
        """One pixel a convolution; without the importance map."""
        blocks = 2 * len(self._config.widths) - 1
        return None if self._config.attention else 2 + 2 * blocks + 1

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`; with the importance map, pictures below 7 pixels are continued by their edge."""
        if not self._config.attention:
            return self._enlarge(lr)
        sr = self._enlarge(to_least(lr, _WINDOW))
        return sr[:, :, : lr.shape[2] * self.scale, : lr.shape[3] * self.scale]

    def _enlarge(self, lr: Tensor) -> Tensor:
        widths = self._config.widths
        waiting: list[Tensor] = []

        def part(x: Tensor, width: int) -> Tensor:
            waiting.append(x[:, width:])
            return x[:, :width]

        x = part(self.head(lr), widths[0])
        for block, width in zip(self.inward, widths[1:], strict=True):
            x = part(block(x), width)
        x = self.innermost(x)
        for block in self.outward:
            x = block(torch.cat((x, waiting.pop()), dim=1))
        return F.pixel_shuffle(self.tail(torch.cat((x, waiting.pop()), dim=1)), self.scale)
