"""Learning-rate schedules. A new one is a class here and one line in `table.py`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from upres.config import config

# Factors of the step's number, where PyTorch has CosineAnnealingLR, MultiStepLR and OneCycleLR: those keep the run's
# length in last.ckpt (10 steps resumed for 20 climb back to the full rate, or stop with an error), and make each rate
# from the one before, so that of 10,000 rates half and more have other last bits than those that older runs began with.


class Schedule(ABC):
    """Makes PyTorch's scheduler for a run of known length.

    Attributes:
        config_type: the frozen configuration class, declared right above the schedule.
    """

    config_type: ClassVar[type[Any]]

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
    """Attributes:

    factor: what the rate is multiplied by when validation loss has not fallen for more than `patience` epochs.
    patience: as PyTorch counts; Keras multiplies one epoch earlier, so its 2 is 1 here.
    minimum: the least rate.
    threshold: a fall of less than this counts as none.
    threshold_mode: `rel`, a share of the lowest loss yet, as in PyTorch; `abs`, of the loss itself, as in Keras.
        There its 1e-4 is a twentieth of an MSE of 0.002, and the rate is soon halved.
    """

    factor: float = 0.5
    patience: int = 2
    minimum: float = 1e-6
    threshold: float = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"


class Plateau(Schedule):
    """Reduce on plateau, watching the validation loss."""

    config_type = PlateauConfig

    def __init__(self, config: PlateauConfig) -> None:
        self._config = config

    def scheduler(self, optimizer: Optimizer, steps: int) -> ReduceLROnPlateau:
        """PyTorch's own."""
        return ReduceLROnPlateau(
            optimizer,
            factor=self._config.factor,
            patience=self._config.patience,
            min_lr=self._config.minimum,
            threshold=self._config.threshold,
            threshold_mode=self._config.threshold_mode,
        )


@config
class MultiStepConfig:
    """Multiply the rate by `factor` at each of `milestones`, in optimiser steps; `warmup` steps rise linearly."""

    milestones: tuple[int, ...]
    factor: float = 0.5
    warmup: int = 0

    def __post_init__(self) -> None:
        if not self.milestones or list(self.milestones) != sorted(set(self.milestones)) or self.milestones[0] < 1:
            raise ValueError(f"milestones = {list(self.milestones)}: should be rising step numbers, from 1 on")


class MultiStep(Schedule):
    """Step decay; EDSR (Lim et al., CVPRW 2017, section 4.2) and ESRGAN halve the rate at fixed steps."""

    config_type = MultiStepConfig

    def __init__(self, config: MultiStepConfig) -> None:
        self._config = config

    def scheduler(self, optimizer: Optimizer, steps: int) -> LRScheduler:
        """The rate falls for the step whose number, from 0, is the milestone; later ones than `steps` never come."""
        milestones, falls = self._config.milestones, self._config.factor
        return LambdaLR(optimizer, _warmed(self._config.warmup, lambda step: falls ** bisect_right(milestones, step)))


@config
class OneCycleConfig:
    """Attributes:

    rising: share of the run in which the rate rises to the full one.
    start: where it begins, as a factor of the full rate.
    end: where it ends, as a factor of the full rate.
    """

    rising: float = 0.3
    start: float = 0.04
    end: float = 4e-6

    def __post_init__(self) -> None:
        if not 0 < self.rising < 1:
            raise ValueError(f"rising = {self.rising}: should lie between 0 and 1")


class OneCycle(Schedule):
    """One rise and one long fall, both half a cosine.

    Smith and Topin, "Super-Convergence", 2018, in the form and with the defaults of PyTorch's OneCycleLR, whose
    rates these are; Adam's betas stay as they are.
    """

    config_type = OneCycleConfig

    def __init__(self, config: OneCycleConfig) -> None:
        self._config = config

    def scheduler(self, optimizer: Optimizer, steps: int) -> LRScheduler:
        """The cycle ends at the run's last step."""
        start, end = self._config.start, self._config.end
        top, last = self._config.rising * steps - 1, steps - 1

        def factor(step: int) -> float:
            if step <= top:
                return _half_cosine(start, 1.0, step / top if top > 0 else 1.0)
            return _half_cosine(1.0, end, min(1.0, (step - top) / max(1e-9, last - top)))

        return LambdaLR(optimizer, factor)


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def _warmed(warmup: int, factor: Callable[[int], float]) -> Callable[[int], float]:
    def warmed(step: int) -> float:
        return (step + 1) / (warmup + 1) if step < warmup else factor(step)

    return warmed
