"""Blur: lens, focus, motion, another program's sharpening; Gaussian-like kernels and ringing ones."""

from __future__ import annotations

import math
from dataclasses import field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from upres.config import config
from upres.degrade.steps.draws import Draws
from upres.degrade.steps.kernels import bell_kernels, sinc_kernels
from upres.degrade.steps.step import Range, Step, check_probability, check_range
from upres.errors import nearest

# What Real-ESRGAN draws, its sinc filter's tenth among them.
KINDS = {
    "isotropic": 0.405,
    "anisotropic": 0.225,
    "generalised-isotropic": 0.108,
    "generalised-anisotropic": 0.027,
    "plateau-isotropic": 0.108,
    "plateau-anisotropic": 0.027,
    "sinc": 0.1,
}


@config
class BlurConfig:
    """Lengths are pixels of the size that the picture has at this step.

    Attributes:
        side: of the kernels, odd.
        kinds: weights of the kinds of kernels.
        sigma: standard deviations; an anisotropic kernel draws two.
        generalised: powers of the generalised Gaussians; below 1 peaked, above 1 flat.
        plateau: powers of the plateaus.
        cutoff: sinc's cutoff, as a share of the highest frequency there is.
        probability: that a picture is blurred.
    """

    side: int = 21
    kinds: dict[str, float] = field(default_factory=lambda: dict(KINDS))
    sigma: Range = (0.2, 3.0)
    generalised: Range = (0.5, 4.0)
    plateau: Range = (1.0, 2.0)
    cutoff: Range = (0.2, 1.0)
    probability: float = 1.0

    def __post_init__(self) -> None:
        if self.side < 1 or self.side % 2 == 0:
            raise ValueError(f"side = {self.side}: should be odd")
        for kind, weight in self.kinds.items():
            if kind not in KINDS:
                raise ValueError(f"kinds.{kind} is unknown: {nearest(kind, KINDS)}")
            if weight < 0:
                raise ValueError(f"kinds.{kind} = {weight}: should not be negative")
        if not sum(self.kinds.values()):
            raise ValueError(f"kinds = {self.kinds}: should give at least one kind a weight")
        check_range("sigma", self.sigma, 0.05, 100)
        check_range("generalised", self.generalised, 0.1, 10)
        check_range("plateau", self.plateau, 0.1, 10)
        check_range("cutoff", self.cutoff, 0.01, 1)
        check_probability("probability", self.probability)


class Blur(Step):
    """Each picture with a kernel of its own."""

    config_type = BlurConfig

    def __init__(self, config: BlurConfig) -> None:
        self._config = config

    def __call__(self, x: Tensor, draws: Draws, *, lr: tuple[int, int]) -> Tensor:
        """Filter each picture; its border is repeated outwards."""
        kernels, happens = self.kernels(draws), draws.happens(self._config.probability)
        if not happens.any():
            return x
        chosen = torch.from_numpy(happens.nonzero()[0])
        index = chosen.to(x.device)
        return x.index_copy(0, index, filtered(x[index], kernels[chosen].to(x.device)))

    def kernels(self, draws: Draws) -> Tensor:
        """Draw `n side side` kernels."""
        config = self._config
        names = np.array(list(config.kinds))[draws.one_of(list(config.kinds.values()))]
        sigma = np.stack([draws.between(config.sigma), draws.between(config.sigma)], axis=1)
        angle = draws.between((0, math.pi))
        generalised, plateau = draws.between(config.generalised), draws.between(config.plateau)
        cutoff = draws.between(config.cutoff) * math.pi

        isotropic = ~np.char.endswith(names, "anisotropic")
        sigma[isotropic, 1] = sigma[isotropic, 0]
        flat = np.char.startswith(names, "plateau")
        power = np.where(flat, plateau, np.where(np.char.startswith(names, "generalised"), generalised, 1.0))
        bells = bell_kernels(config.side, _tensor(sigma), _tensor(angle), _tensor(power), torch.from_numpy(flat))
        ringing = torch.from_numpy(names == "sinc")
        return torch.where(ringing.view(-1, 1, 1), sinc_kernels(config.side, _tensor(cutoff)), bells)


def filtered(x: Tensor, kernels: Tensor) -> Tensor:
    """Filter each picture of a batch `n c h w` by its own kernel of `n k k`."""
    n, c, h, w = x.shape
    radius = kernels.shape[-1] // 2
    wide = F.pad(x, (radius,) * 4, mode="replicate").view(1, n * c, h + 2 * radius, w + 2 * radius)
    each = kernels[:, None].expand(-1, c, -1, -1).reshape(n * c, 1, *kernels.shape[1:])
    return F.conv2d(wide, each, groups=n * c).view(n, c, h, w)


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
