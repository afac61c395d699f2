"""repres: plainres whose convolutions are trained as sums of several, and exported as the one that equals them.

ECBSR (Zhang et al., "Edge-oriented Convolution Block for Real-time Super Resolution on Mobile Devices", ACM MM 2021,
section 3.2) and PlainUSR train such branches side by side. All of them are linear, so here their kernels are added,
not their outputs: a training step costs one convolution a layer, and so does the exported network.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from upres.archs.layers.blocks import Blocks
from upres.archs.layers.fixed_upsampling import Upsampling, fixed_upsampling
from upres.archs.network import Network
from upres.config import config


@config
class RepResConfig:
    """Attributes:

    width: channels of the body.
    blocks: residual blocks of two convolutions.
    kernel: side of the convolutions, odd.
    expansion: channels of the branch that widens by 1×1 before its full kernel, in widths.
    upsampling: how the lr picture enters the output.
    """

    width: int = 48
    blocks: int = 6
    kernel: int = 3
    expansion: int = 2
    upsampling: Upsampling = "nearest"

    def __post_init__(self) -> None:
        for name, least in (("width", 1), ("blocks", 0), ("expansion", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} = {getattr(self, name)}: should be at least {least}")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"kernel = {self.kernel}: should be odd")


class _Branches(nn.Module):
    """Adds to a kernel those of a 1×1 convolution, and of a 1×1 that widens with a full one behind it."""

    def __init__(self, width: int, side: int, expansion: int) -> None:
        super().__init__()
        wide = expansion * width
        self.point = nn.Parameter(torch.randn(width, width) * 0.1 * width**-0.5)
        self.widen = nn.Parameter(torch.randn(wide, width) * width**-0.5)
        self.narrow = nn.Parameter(torch.randn(width, wide, side, side) * 0.1 * (side**2 * wide) ** -0.5)

    def forward(self, kernel: Tensor) -> Tensor:
        """`width width side side` → the same."""
        edge = kernel.shape[-1] // 2
        through = torch.einsum("omhw,mi->oihw", self.narrow, self.widen)
        return kernel + through + F.pad(self.point[:, :, None, None], (edge, edge, edge, edge))


class _Block(nn.Module):
    def __init__(self, width: int, side: int, expansion: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, side, padding=side // 2)
        self.second = nn.Conv2d(width, width, side, padding=side // 2)
        nn.init.kaiming_normal_(self.first.weight)
        nn.init.kaiming_normal_(self.second.weight)
        self.second.weight.data.mul_(0.1)  # a block begins close to the identity, as plainres's do
        for convolution in (self.first, self.second):
            assert convolution.bias is not None
            nn.init.zeros_(convolution.bias)
            parametrize.register_parametrization(convolution, "weight", _Branches(width, side, expansion))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.second(F.relu(self.first(x)))
        return result


class RepRes(Network):
    """Head, blocks, tail; the tail gives scale² values a channel, added to the fixed upsampling."""

    config_type = RepResConfig

    def __init__(self, config: RepResConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        self.upsampling = fixed_upsampling(config.upsampling, scale=scale, channels=channels)
        self.head = nn.Conv2d(channels, config.width, 3, padding=1)
        self.body = Blocks(*(_Block(config.width, config.kernel, config.expansion) for _ in range(config.blocks)))
        self.tail = nn.Conv2d(config.width, channels * scale**2, 3, padding=1)
        self._body_radius = 2 * config.blocks * (config.kernel // 2)

    @property
    def radius(self) -> int:
        """Half a kernel a convolution, and at least what the fixed upsampling looks at."""
        return max(2 + self._body_radius, self.upsampling.radius)

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        x = self.tail(self.body(self.head(lr)))
        return F.pixel_shuffle(x + self.upsampling(lr), self.scale)
