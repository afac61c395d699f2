"""Network interpolation: weights between those of two networks of one shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from upres.models.facts import Facts


def mixed(first: Mapping[str, Tensor], second: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """Return every tensor between the two; counters, which are no floats, are the second's."""
    return {
        name: torch.lerp(tensor, second[name], alpha) if tensor.is_floating_point() else second[name]
        for name, tensor in first.items()
    }


def mixed_facts(first: Facts, second: Facts, alpha: float) -> Facts:
    """Return the facts of the mixture: those of the first, named after the second, without scores."""
    names = [first.name, second.name] if first.name != second.name else [f"{first.name} 1", f"{second.name} 2"]
    return replace(
        first,
        name=f"{second.name}-{alpha:g}",
        degradation=second.degradation,
        blend={names[0]: round(1 - alpha, 6), names[1]: alpha},
        trained_on=_both(first.trained_on, second.trained_on),
        licence=_both(first.licence, second.licence),
        scores={},  # they were the others'
    )


def _both(first: str, second: str) -> str:
    return " and ".join(dict.fromkeys(filter(None, (first, second))))
