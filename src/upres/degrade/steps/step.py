"""The interface of every step of a chain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upres.degrade.steps.draws import Draws

Range = tuple[float, float]


class Step(ABC):
    """Takes a batch `n c h w` in [0, 1] and returns it a little worse.

    A leaf declares its configuration class and is built as `Leaf(config)`. It asks `draws` for the same numbers
    whatever the batch holds, so that a picture's do not depend on the rest of the batch.

    Attributes:
        config_type: the frozen configuration class (`upres.config.config`), declared right above the step.
    """

    config_type: ClassVar[type[Any]]

    @abstractmethod
    def __call__(self, x: Tensor, draws: Draws, *, lr: tuple[int, int]) -> Tensor:
        """Degrade a batch; `lr` is the height and width that the chain will end with."""


def on(x: Tensor, values: NDArray[Any]) -> Tensor:
    """Return one number a picture as `n 1 1 1` beside the batch."""
    kept = values if values.dtype == np.bool_ else values.astype(np.float32)
    return torch.from_numpy(kept).to(x.device).view(-1, 1, 1, 1)


def check_range(name: str, limits: Range, low: float, high: float) -> None:
    """Refuse limits that are no range, or leave [low, high].

    Raises:
        ValueError: says which; `config.parse` adds where.
    """
    if not low <= limits[0] <= limits[1] <= high:
        raise ValueError(f"{name} = {list(limits)}: should be two rising numbers from {low:g} to {high:g}")


def check_probability(name: str, value: float) -> None:
    """Refuse what is no probability.

    Raises:
        ValueError: says which.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} = {value}: should be from 0 to 1")
