"""RealPLKSR: blocks in which a few channels pass a very large kernel, with a gate of each element.

Lee, Yoo, Ro, Hyun, "Partial Large Kernel CNNs for Efficient Super-Resolution", arXiv:2404.11848, section 3, as its
community develops it: Mish for GELU, group normalisation behind each block, the pixels themselves under the skip. The
defaults are that network; `norm: 0` leaves the normalisation out, and then tiles are exact.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.blocks import Blocks
from upres.archs.network import Network
from upres.config import config


@config
class RealPLKSRConfig:
    """Attributes:

    width: channels of the body, a multiple of `norm`.
    blocks: how many.
    kernel: side of the large kernel; an odd number.
    share: of the channels that pass it.
    gate: a convolution says how much of each element passes on.
    norm: groups of channels that are normalised over the picture; 0 for none.
    """

    width: int = 64
    blocks: int = 28
    kernel: int = 17
    share: float = 0.25
    gate: bool = True
    norm: int = 4

    def __post_init__(self) -> None:
        if self.width < 1 or self.blocks < 0 or not 1 <= int(self.width * self.share) <= self.width:
            raise ValueError(
                f"width = {self.width}, blocks = {self.blocks}, share = {self.share}: width should be at least 1, "
                "blocks at least 0, width times share from 1 to width"
            )
        if self.kernel < 1 or self.kernel % 2 == 0 or self.norm < 0 or (self.norm and self.width % self.norm):
            raise ValueError(
                f"kernel = {self.kernel}, norm = {self.norm}: kernel should be odd, norm 0 or a divisor of width"
            )


class _Block(nn.Module):
    def __init__(self, config: RealPLKSRConfig) -> None:
        super().__init__()
        width, self._wide = config.width, int(config.width * config.share)
        self.widen = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.narrow = nn.Conv2d(2 * width, width, 3, padding=1)
        self.large = nn.Conv2d(self._wide, self._wide, config.kernel, padding=config.kernel // 2)
        self.gate = nn.Conv2d(width, width, 3, padding=1) if config.gate else None
        self.refine = nn.Conv2d(width, width, 1)
        self.norm = nn.GroupNorm(config.norm, width) if config.norm else None
        for layer in (self.widen, self.narrow, self.large, self.refine, *([self.gate] if self.gate else [])):
            nn.init.trunc_normal_(layer.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        y = self.narrow(F.mish(self.widen(x)))
        wide, rest = y[:, : self._wide], y[:, self._wide :]
        y = torch.cat((self.large(wide), rest), dim=1)
        if self.gate is not None:
            y = y * torch.sigmoid(self.gate(y))
        y = self.refine(y)
        result: Tensor = x + (y if self.norm is None else self.norm(y))
        return result


class RealPLKSR(Network):
    """Head, blocks, tail and pixel shuffle; each pixel is added to what it becomes."""

    config_type = RealPLKSRConfig

    def __init__(self, config: RealPLKSRConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        self.head = nn.Conv2d(channels, config.width, 3, padding=1)
        self.body = Blocks(*(_Block(config) for _ in range(config.blocks)))
        self.tail = nn.Conv2d(config.width, channels * scale**2, 3, padding=1)
        self._config = config

    @property
    def radius(self) -> int | None:
        """One pixel a 3×3 convolution and half the large kernel; `None` with the norm, which looks at the picture."""
        config = self._config
        if config.norm and config.blocks:
            return None
        return 2 + config.blocks * (2 + config.kernel // 2 + config.gate)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        grown = self.tail(self.body(self.head(lr))) + lr.repeat_interleave(self.scale**2, dim=1)
        return F.pixel_shuffle(grown, self.scale)
