"""The arithmetic of one training step, as functions: named terms, their sum, and what is not finite among them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from upres.losses import Loss

Terms = dict[str, Tensor]


def loss_terms(losses: Mapping[str, Loss], sr: Tensor, hr: Tensor, averaged: Tensor | None = None) -> Terms:
    """Return each term's value, by name: sr and hr are `n c h w` in [0, 1], and so is what averaged weights make."""
    return {
        name: loss(sr, hr, averaged) if loss.uses_averaged and averaged is not None else loss(sr, hr)
        for name, loss in losses.items()
    }


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Return the loss that is minimised."""
    return torch.stack([weights[name] * value for name, value in terms.items()]).sum()


def non_finite(terms: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the terms that are NaN or infinite, with their values."""
    values = torch.stack([value.detach().float() for value in terms.values()])
    if torch.isfinite(values).all():  # one wait for the device, not one a term
        return {}
    return {name: value for name, value in zip(terms, values.tolist(), strict=True) if not math.isfinite(value)}


def accumulation(batch: int, batches: int, accumulate: int) -> tuple[int, bool]:
    """Return how many batches share this one's optimiser step, and whether it is the last of them.

    What is left at the end of an epoch makes a step too, of fewer batches.

    >>> [accumulation(batch, 5, 2) for batch in range(5)]
    [(2, False), (2, True), (2, False), (2, True), (1, True)]
    """
    first = batch - batch % accumulate
    size = min(accumulate, batches - first)
    return size, batch == first + size - 1
