"""Resizing as two matrix products, which at the sizes of training patches is faster than any sampling."""

from __future__ import annotations

import math
from dataclasses import field
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from upres.config import config
from upres.degrade.steps.draws import Draws
from upres.degrade.steps.step import Range, Step, check_probability, check_range
from upres.errors import nearest
from upres.image.resize import cubic

FILTERS = ("area", "bilinear", "bicubic")


@config
class ResizeConfig:
    """The factor, and with it the size, is one for a whole batch; filters are drawn for each picture.

    Attributes:
        factor: limits of output side ÷ the side that `of` names.
        of: `lr`, the side that the chain ends with, or `current`, the side at this step.
        filters: weights of the filters, each widened by the reduction so that nothing is aliased.
        probability: that the batch is resized; where it is not, its size stays.
    """

    factor: Range = (1.0, 1.0)
    of: Literal["lr", "current"] = "lr"
    filters: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FILTERS, 1.0))
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 0.05, 8)
        check_probability("probability", self.probability)
        for name, weight in self.filters.items():
            if name not in FILTERS:
                raise ValueError(f"filters.{name} is unknown: {nearest(name, FILTERS)}")
            if weight < 0:
                raise ValueError(f"filters.{name} = {weight}: should not be negative")
        if not sum(self.filters.values()):
            raise ValueError(f"filters = {self.filters}: should give at least one filter a weight")


class Resize(Step):
    """A program or a camera that changed the size."""

    config_type = ResizeConfig

    def __init__(self, config: ResizeConfig) -> None:
        self._config = config

    def __call__(self, x: Tensor, draws: Draws, *, lr: tuple[int, int]) -> Tensor:
        """Resize the batch to one size."""
        config = self._config
        happens = draws.shared.random() < config.probability
        # A factor and its inverse are equally likely.
        factor = math.exp(draws.shared.uniform(*np.log(config.factor)))
        names = list(config.filters)
        chosen = draws.one_of(list(config.filters.values()))
        if not happens:
            return x
        height, width = (max(1, round(side * factor)) for side in (lr if config.of == "lr" else x.shape[-2:]))
        return resized(x, (height, width), [names[index] for index in chosen])


def resized(x: Tensor, size: tuple[int, int], filters: list[str]) -> Tensor:
    """Resize each picture of `n c h w` by its own filter; `bicubic` is MATLAB's imresize, without its rounding.

    Args:
        x: the batch.
        size: height and width of the output.
        filters: one a picture of `FILTERS`.
    """
    rows, columns = (
        torch.stack([_weights(old, new, name) for name in FILTERS]).to(x.device)
        for old, new in zip(x.shape[-2:], size, strict=True)
    )
    chosen = torch.tensor([FILTERS.index(name) for name in filters], device=x.device)
    # The vertical pass first: what it leaves of the rows is less to turn around for the horizontal one.
    return torch.matmul(torch.matmul(rows[chosen, None], x), columns[chosen, None].mT)


@lru_cache(maxsize=1024)
def _weights(old: int, new: int, name: str) -> Tensor:
    """Return the matrix `new old` of one axis; edges are mirrored with the edge pixel repeated."""
    scale = new / old
    stretch = min(scale, 1.0)
    index = np.arange(-_taps(stretch), old + _taps(stretch))
    if name == "area":
        first = np.arange(new)[:, None] / scale
        weight = np.clip(np.minimum(first + 1 / scale, index + 1) - np.maximum(first, index), 0, None)
    else:
        centre = (np.arange(new)[:, None] + 0.5) / scale - 0.5
        distance = np.abs(centre - index) * stretch
        weight = np.clip(1 - distance, 0, None) if name == "bilinear" else cubic(distance)
    mirrored = np.mod(index, 2 * old)
    mirrored = np.where(mirrored < old, mirrored, 2 * old - 1 - mirrored)
    matrix = np.zeros((new, old))
    np.add.at(matrix.T, mirrored, weight.T)
    return torch.from_numpy((matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32))


def _taps(stretch: float) -> int:
    return math.ceil(2 / stretch) + 1
