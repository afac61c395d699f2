"""Fixed (untrained) upsampling inside a network, made of operations that every runtime executes fast."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.image.resize import cubic

Upsampling = Literal["nearest", "bicubic"]
FixedSkip = Literal["none", "nearest", "bicubic"]


class Nearest(nn.Module):
    """Repeat each lr pixel `s × s` times. As channels before a pixel shuffle it costs one addition."""

    radius = 0

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c·s² h w`, to be added before the pixel shuffle."""
        return lr.repeat_interleave(self.scale**2, dim=1)


class Bicubic(nn.Module):
    """MATLAB's bicubic enlargement (a = −0.5) as one grouped 5×5 convolution before a pixel shuffle.

    The edge is the repeated edge pixel; MATLAB mirrors instead, which differs in the outermost two pixels.
    """

    radius = 2

    def __init__(self, scale: int, channels: int) -> None:
        super().__init__()
        self.scale = scale
        self.channels = channels
        taps = torch.zeros(scale, 5)
        for phase in range(scale):
            centre = (phase + 0.5) / scale - 0.5
            for tap in range(5):
                taps[phase, tap] = float(cubic(np.array(centre - (tap - 2))))
        kernel = torch.einsum("ay,bx->abyx", taps, taps).reshape(scale * scale, 1, 5, 5)
        self.register_buffer("kernel", kernel.repeat(channels, 1, 1, 1), persistent=False)
        self.kernel: Tensor

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c·s² h w`, to be added before the pixel shuffle."""
        padded = F.pad(lr, (2, 2, 2, 2), mode="replicate")
        return F.conv2d(padded, self.kernel.to(lr.dtype), groups=self.channels)


class NoSkip(nn.Module):
    """The output as it is."""

    radius = 0

    def forward(self, sr: Tensor, lr: Tensor) -> Tensor:
        """Return sr."""
        return sr


class Skip(nn.Module):
    """The output plus the enlarged lr picture, so that a network learns only what is missing from that.

    Kim, Lee, Lee, "Accurate Image Super-Resolution Using Very Deep Convolutional Networks" (VDSR), CVPR 2016,
    section 3.1.
    """

    def __init__(self, name: Upsampling, *, scale: int, channels: int) -> None:
        super().__init__()
        self.upsampling = fixed_upsampling(name, scale=scale, channels=channels)
        self.radius = self.upsampling.radius

    def forward(self, sr: Tensor, lr: Tensor) -> Tensor:
        """`n c s·h s·w` and `n c h w` → `n c s·h s·w`."""
        return sr + F.pixel_shuffle(self.upsampling(lr), self.upsampling.scale)


def fixed_skip(name: FixedSkip, *, scale: int, channels: int) -> NoSkip | Skip:
    """Build the skip of that name."""
    return NoSkip() if name == "none" else Skip(name, scale=scale, channels=channels)


def fixed_upsampling(name: Upsampling, *, scale: int, channels: int) -> Nearest | Bicubic:
    """Build the fixed upsampling of that name."""
    return Nearest(scale) if name == "nearest" else Bicubic(scale, channels)


def lr_radius(hr_radius: int, scale: int) -> int:
    """Return how many lr pixels away those lie that are `hr_radius` pixels around an hr pixel."""
    return math.ceil(hr_radius / scale)
