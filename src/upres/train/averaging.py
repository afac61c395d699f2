"""Averaged weights (EMA): what a run validates and ships when `train.ema` is set."""

from __future__ import annotations

import torch
from torch import nn


def decay_after(steps: int, most: float) -> float:
    """Return the decay after so many steps: it rises to `most`, or early averages would remember the random start."""
    return min(most, (1 + steps) / (10 + steps))


@torch.no_grad()
def move_towards(averaged: nn.Module, trained: nn.Module, decay: float) -> None:
    """Keep `decay` of the averaged weights and take the rest from the trained ones; buffers are copied."""
    torch._foreach_lerp_(list(averaged.parameters()), list(trained.parameters()), 1 - decay)
    for kept, new in zip(averaged.buffers(), trained.buffers(), strict=True):
        kept.copy_(new)
