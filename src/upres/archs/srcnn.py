"""SRCNN: three convolutions on the bicubic enlargement.

Dong, Loy, He, Tang, "Image Super-Resolution Using Deep Convolutional Networks", TPAMI 2016, section 3.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from upres.archs.layers.fixed_upsampling import Bicubic, lr_radius
from upres.archs.network import Network
from upres.config import config


@config
class SRCNNConfig:
    """`kernels` are the paper's f1-f2-f3 (9-1-5, 9-3-5, 9-5-5); `widths` its n1 and n2."""

    kernels: tuple[int, int, int] = (9, 1, 5)
    widths: tuple[int, int] = (64, 32)

    def __post_init__(self) -> None:
        if any(kernel % 2 == 0 or kernel < 1 for kernel in self.kernels):
            raise ValueError(f"kernels = {list(self.kernels)}: should be odd, so that sizes are kept")


class SRCNN(Network):
    """The network works at the output size, so it costs scale² times what ESPCN does per layer."""

    config_type = SRCNNConfig

    def __init__(self, config: SRCNNConfig, *, scale: int, channels: int) -> None:
        super().__init__(scale=scale, channels=channels)
        self.upsampling = Bicubic(scale, channels)
        first, second, third = config.kernels
        self.extract = nn.Conv2d(channels, config.widths[0], first, padding=first // 2)
        self.map = nn.Conv2d(config.widths[0], config.widths[1], second, padding=second // 2)
        self.reconstruct = nn.Conv2d(config.widths[1], channels, third, padding=third // 2)
        self._hr_radius = sum(kernel // 2 for kernel in config.kernels)

    @property
    def radius(self) -> int:
        """The three kernels at hr, then the bicubic's two lr pixels."""
        return lr_radius(self._hr_radius, self.scale) + self.upsampling.radius

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`."""
        x = F.pixel_shuffle(self.upsampling(lr), self.scale)
        x = F.relu(self.extract(x))
        x = F.relu(self.map(x))
        result: Tensor = self.reconstruct(x)
        return result
