"""Optimisers. A new one is a function here, one line in `OPTIMIZERS`, and its name in `OptimizerConfig`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch.nn import Parameter
from torch.optim import AdamW, Optimizer

from upres.train.options import OptimizerConfig


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


OPTIMIZERS: Mapping[str, Callable[..., Optimizer]] = {"adam": adam, "soap": soap}


def _larger_side(shape: Sequence[int]) -> int:
    """The larger side of a parameter seen as a matrix of its first dimension by all others; 0 for a vector."""
    outputs, inputs = math.prod(shape[:1]), math.prod(shape[1:])
    return max(outputs, inputs) if min(outputs, inputs) > 1 else 0
