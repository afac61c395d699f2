"""Optimisers. A new one is a function here and one line in `table.py`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from torch.nn import Parameter
from torch.optim import AdamW, Optimizer

from upres.config import config


@config
class OptimizerConfig:
    """Attributes:

    name: one of `OPTIMIZERS`: `adam`, or `soap`, which learns more from a step.
    rate: the full learning rate; `soap` bears about five times Adam's.
    betas: decays of the gradients' mean and of their squares' mean; left out, 0.9 and 0.999 for `adam`, 0.95 and
        0.99 for `soap`.
    epsilon: added to the root of the squares' mean.
    weight_decay: part of the weights, in learning rates, that every step takes off.
    """

    name: str = "adam"
    rate: float = 1e-3
    betas: tuple[float, float] | None = None
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rate", "epsilon"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)}: should be above 0")
        if not all(0 <= beta < 1 for beta in self.betas or ()):
            raise ValueError(f"betas = {list(self.betas or ())}: each should be in [0, 1)")
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay = {self.weight_decay}: should be 0 or more")


def adam(parameters: Iterable[Parameter], config: OptimizerConfig, *, fused: bool = False) -> Optimizer:
    """Adam (Kingma and Ba, ICLR 2015) with decoupled weight decay (Loshchilov and Hutter, ICLR 2019)."""
    return AdamW(
        parameters,
        lr=config.rate,
        betas=config.betas or (0.9, 0.999),
        eps=config.epsilon,
        weight_decay=config.weight_decay,
        fused=fused,
    )


def soap(parameters: Iterable[Parameter], config: OptimizerConfig, *, fused: bool = False) -> Optimizer:
    """Adam in the eigenbasis of the gradients' covariances (Vyas et al., "SOAP", ICLR 2025, algorithm 3).

    A kernel `o i h w` counts as the matrix `o × ihw`: which outputs err together, and which inputs.
    `fused` changes nothing: there is no such version of it.
    """
    # Not `import pytorch_optimizer`: that imports a hundred optimisers, which takes seconds.
    from pytorch_optimizer.optimizer.soap import SOAP

    # The library joins neighbouring dimensions up to a size of its group's, which so decides how a kernel is seen. It
    # fails where all of them join into one, as a vector's do.
    sizes: dict[int, list[Parameter]] = defaultdict(list)
    for parameter in parameters:
        sizes[_larger_side(parameter.shape)].append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": members, "merge_dims": size > 0, "max_precondition_dim": size or 1}
        for size, members in sorted(sizes.items())
    ]
    made: Optimizer = SOAP(
        groups,
        lr=config.rate,
        betas=config.betas or (0.95, 0.99),
        eps=config.epsilon,
        weight_decay=config.weight_decay,
    )
    return made


def _larger_side(shape: Sequence[int]) -> int:
    """The larger side of a parameter seen as a matrix of its first dimension by all others; 0 for a vector."""
    outputs, inputs = math.prod(shape[:1]), math.prod(shape[1:])
    return max(outputs, inputs) if min(outputs, inputs) > 1 else 0
