"""Targets with sharpened edges: what a network learns from is crisper than what it is validated on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from upres.config import config

# The published filter: 51 pixels, whose deviation OpenCV takes from their number.
_RADIUS = 25
_DEVIATION = 8.0


@config
class SharpenConfig:
    """Attributes:

    weight: how much of what a wide blur takes away is added once more.
    threshold: what differs from the blur by less, in levels of 255, is left as it is: noise and flat ground.
    """

    weight: float = 0.5
    threshold: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 10:
            raise ValueError(f"weight = {self.weight}: should be above 0, at most 10; or leave sharpen out")
        if not 0 <= self.threshold <= 255:
            raise ValueError(f"threshold = {self.threshold}: should be in [0, 255]")


def sharpened(hr: Tensor, options: SharpenConfig) -> Tensor:
    """Return pictures `n c h w` in [0, 1] with unsharp masking where edges are, faded in around them.

    Wang, Xie, Dong, Shan, "Real-ESRGAN", ICCVW 2021, section 3.3: ground truth of L1 and perceptual losses is
    sharpened, that of the discriminator is not.
    """
    with torch.autocast(hr.device.type, enabled=False):
        hr = hr.float()
        difference = hr - _blurred(hr)
        edges = _blurred((difference.abs() * 255 > options.threshold).float())
        return torch.lerp(hr, (hr + options.weight * difference).clamp(0, 1), edges)


def _blurred(x: Tensor) -> Tensor:
    """Return `n c h w` under a Gaussian; beyond its edge a picture is continued by it."""
    places = torch.arange(-_RADIUS, _RADIUS + 1, device=x.device, dtype=x.dtype)
    weights = torch.exp(-(places**2) / (2 * _DEVIATION**2))
    weights = weights / weights.sum()
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n * c, 1, h, w), (_RADIUS,) * 4, mode="replicate")
    x = F.conv2d(F.conv2d(x, weights.reshape(1, 1, 1, -1)), weights.reshape(1, 1, -1, 1))
    return x.reshape(n, c, h, w)
