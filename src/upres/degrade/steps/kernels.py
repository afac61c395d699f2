"""Blur kernels, one a picture: `n` parameters in, `n side side` out, each summing to 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def bell_kernels(side: int, sigma: Tensor, angle: Tensor, power: Tensor, plateau: Tensor) -> Tensor:
    """Return Gaussian-like kernels.

    With q the squared distance from the middle in standard deviations: exp(−q^power / 2), a Gaussian for power 1,
    or where `plateau` 1 / (1 + q^power). Wang et al., "Real-ESRGAN", ICCVW 2021, section 3.1.

    Args:
        side: of a kernel, odd.
        sigma: `n 2`, standard deviations along and across the kernel's own axis, in pixels.
        angle: `n`, of that axis, in radians.
        power: `n`.
        plateau: `n` bool.
    """
    y, x = _grid(side)
    cosine, sine = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    along = (x * cosine + y * sine) / sigma[:, 0].view(-1, 1, 1)
    across = (y * cosine - x * sine) / sigma[:, 1].view(-1, 1, 1)
    q = (along.square() + across.square()).pow(power.view(-1, 1, 1))
    return _normalised(torch.where(plateau.view(-1, 1, 1), 1 / (1 + q), torch.exp(-q / 2)))


def sinc_kernels(side: int, cutoff: Tensor) -> Tensor:
    """Return ideal low-pass kernels, which ring: circular, cut off at `n` radians a pixel.

    Wang et al., "Real-ESRGAN", ICCVW 2021, equation 6.
    """
    y, x = _grid(side)
    distance = (x.square() + y.square()).sqrt()
    cutoff = cutoff.view(-1, 1, 1)
    # J1(z) / z → 1/2 in the middle.
    middle = distance == 0
    away = torch.where(middle, torch.ones_like(distance), distance)
    values = cutoff * torch.special.bessel_j1(cutoff * away) / (2 * math.pi * away)
    return _normalised(torch.where(middle, cutoff.square() / (4 * math.pi), values))


def _grid(side: int) -> tuple[Tensor, Tensor]:
    axis = torch.arange(side, dtype=torch.float32) - side // 2
    return axis.view(1, -1, 1), axis.view(1, 1, -1)


def _normalised(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum(dim=(1, 2), keepdim=True)
