"""Blocks, one behind the other, that may forget what they computed until the gradient asks for it.

Chen, Xu, Zhang, Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016 (gradient checkpointing).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


class Blocks(nn.Sequential):
    """A sequence like PyTorch's, with the same names of weights.

    Attributes:
        recomputed: where gradients are asked for, keep only what each block is given, and compute what is in it once
            more for its gradient: less memory, and the time of one more forward pass.
    """

    recomputed: bool = False

    def forward(self, x: Any) -> Any:
        """Return what the last block makes of it."""
        if not (self.recomputed and torch.is_grad_enabled()):
            return super().forward(x)  # type: ignore[no-untyped-call]
        for block in self:
            norms = batch_norms(block)
            if norms:
                x = checkpoint(block, x, use_reentrant=False, context_fn=partial(_twice, norms))
            else:  # PyTorch's compiler knows this form alone
                x = checkpoint(block, x, use_reentrant=False)
        return x


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """Return the batch normalisations in a module, whose statistics a second computation would move again."""
    return [part for part in module.modules() if isinstance(part, _BatchNorm)]


def _twice(norms: list[_BatchNorm]) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Return what surrounds the first computation of a block, and the second."""
    return nullcontext(), _unmoved(norms)


@contextmanager
def _unmoved(norms: list[_BatchNorm]) -> Iterator[None]:
    """Leave running statistics alone: they have seen this batch once."""
    before = [(norm.momentum, None if (seen := norm.num_batches_tracked) is None else seen.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, seen) in zip(norms, before, strict=True):
            norm.momentum = momentum
            if seen is not None and norm.num_batches_tracked is not None:
                norm.num_batches_tracked.copy_(seen)
