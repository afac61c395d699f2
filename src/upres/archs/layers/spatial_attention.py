"""ESA: a coarse map of what matters, enlarged to the picture, times the features.

Liu, Zhang, Tang, Wu, "Residual Feature Aggregation Network for Image Super-Resolution", CVPR 2020, section 3.3, as
RLFN reduces it (Kong et al., CVPRW 2022, section 3).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_SIDE = 15
"""The smallest side of which a 3×3 convolution of stride 2 leaves the seven pixels that the pooling needs."""


class SpatialAttention(nn.Module):
    """The map is stretched from a size that is rounded down to that of the features: what it says of a pixel depends on
    the picture's size.

    Args:
        width: channels.
        narrow: channels of the map's making.
    """

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(width, narrow, 1)
        self.side = nn.Conv2d(narrow, narrow, 1)
        self.halve = nn.Conv2d(narrow, narrow, 3, stride=2)
        self.coarse = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.widen = nn.Conv2d(narrow, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`n c h w` → the same; sides of at least `LEAST_SIDE`."""
        narrow = self.narrow(x)
        coarse = self.coarse(F.max_pool2d(self.halve(narrow), 7, stride=3))
        fine = F.interpolate(coarse, size=x.shape[2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.widen(fine + self.side(narrow)))
