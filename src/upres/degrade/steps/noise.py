"""Noise of a sensor: of the electronics (Gaussian) and of the light itself (Poisson), coloured or gray."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from upres.config import config
from upres.degrade.steps.draws import Draws
from upres.degrade.steps.step import Range, Step, check_probability, check_range, on


@config
class NoiseConfig:
    """Standard deviations are 8-bit levels.

    Attributes:
        gaussian: limits of the deviation of Gaussian noise, the same in dark and light.
        poisson: limits of the deviation of Poisson noise in white; it falls with the root of the light.
        poisson_share: probability that a picture's noise is Poisson's.
        gray_share: probability that the channels of a picture have the same noise.
        probability: that a picture is noisy.
    """

    gaussian: Range = (1.0, 30.0)
    poisson: Range = (1.0, 30.0)
    poisson_share: float = 0.5
    gray_share: float = 0.4
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_range("gaussian", self.gaussian, 0, 128)
        check_range("poisson", self.poisson, 0, 128)
        for name in ("poisson_share", "gray_share", "probability"):
            check_probability(name, getattr(self, name))


class Noise(Step):
    """Each picture with a noise of its own kind and strength."""

    config_type = NoiseConfig

    def __init__(self, config: NoiseConfig) -> None:
        self._config = config

    def __call__(self, x: Tensor, draws: Draws, *, lr: tuple[int, int]) -> Tensor:
        """Add noise and clip to [0, 1]."""
        config = self._config
        poisson = draws.happens(config.poisson_share)
        deviation = np.where(poisson, draws.between(config.poisson), draws.between(config.gaussian)) / 255
        deviation = np.where(draws.happens(config.probability), deviation, 0.0)
        gray = draws.happens(config.gray_share)
        field = draws.normal(*x.shape[1:], device=x.device)
        field = torch.where(on(x, gray), field[:, :1], field)
        return noisy(x, field, on(x, deviation), on(x, poisson))


def noisy(x: Tensor, field: Tensor, deviation: Tensor, poisson: Tensor) -> Tensor:
    """Add standard normal noise `field`, scaled by `deviation` and, where `poisson`, by the root of the light.

    At the tens of photons and more that a picture worth enlarging has, Poisson's distribution is a normal one
    whose variance is its mean (Foi et al., "Practical Poissonian-Gaussian noise modeling", TIP 2008, section II).
    """
    light = torch.where(poisson, x.clamp(0, 1).sqrt(), torch.ones_like(x))
    return (x + field * light * deviation).clamp(0, 1)
