"""Learning-rate schedules. A new one is a class here and one line in `SCHEDULES`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from upres.config import config


class Schedule(ABC):
    """Makes PyTorch's scheduler for a run of known length."""

    config_type: ClassVar[type[Any]]
    # Lightning steps a schedule after every `interval`, with the validation loss where it reads that.
    interval: ClassVar[str] = "step"

    @abstractmethod
    def scheduler(self, optimizer: Optimizer, steps: int) -> LRScheduler | ReduceLROnPlateau:
        """Return the scheduler of a run of `steps` optimiser steps."""


@config
class ConstantConfig:
    """`warmup` steps rise linearly to the full rate."""

    warmup: int = 0


class Constant(Schedule):
    """The same learning rate throughout."""

    config_type = ConstantConfig

    def __init__(self, config: ConstantConfig) -> None:
        self._config = config

    def scheduler(self, optimizer: Optimizer, steps: int) -> LRScheduler:
        """A factor of 1 after the warm-up."""
        return LambdaLR(optimizer, _warmed(self._config.warmup, lambda _: 1.0))


@config
class CosineConfig:
    """`warmup` steps rise linearly; then half a cosine falls to `floor` times the full rate."""

    warmup: int = 0
    floor: float = 0.0


class Cosine(Schedule):
    """Cosine annealing without restarts (Loshchilov and Hutter, ICLR 2017, equation 5)."""

    config_type = CosineConfig

    def __init__(self, config: CosineConfig) -> None:
        self._config = config

    def scheduler(self, optimizer: Optimizer, steps: int) -> LRScheduler:
        """The cosine ends at the run's last step."""
        warmup, floor = self._config.warmup, self._config.floor

        def factor(step: int) -> float:
            done = min(1.0, (step - warmup) / max(1, steps - warmup))
            return floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2

        return LambdaLR(optimizer, _warmed(warmup, factor))


@config
class PlateauConfig:
    """Multiply the rate by `factor` when validation loss has not fallen for `patience` epochs."""

    factor: float = 0.5
    patience: int = 2
    minimum: float = 1e-6


class Plateau(Schedule):
    """Reduce on plateau, watching the validation loss."""

    config_type = PlateauConfig
    interval = "epoch"

    def __init__(self, config: PlateauConfig) -> None:
        self._config = config

    def scheduler(self, optimizer: Optimizer, steps: int) -> ReduceLROnPlateau:
        """PyTorch's own, with a relative threshold of 1e-4 below which a fall counts as none."""
        return ReduceLROnPlateau(
            optimizer, factor=self._config.factor, patience=self._config.patience, min_lr=self._config.minimum
        )


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "cosine": Cosine,
    "plateau": Plateau,
}


def _warmed(warmup: int, factor: Callable[[int], float]) -> Callable[[int], float]:
    def warmed(step: int) -> float:
        return (step + 1) / (warmup + 1) if step < warmup else factor(step)

    return warmed
