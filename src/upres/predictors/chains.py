"""Chains of models: what reaches a scale in the fewest steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from pathlib import Path

from upres.config.limits import MAX_SCALE
from upres.errors import ConfigError, ModelError
from upres.models.shipped import DEFAULT, scales
from upres.predictors.base import Predictor
from upres.predictors.opening import is_bicubic, is_path, open_predictor

Step = tuple[int | None, float]
"""A step of a chain: its scale, or `None` for the model's own, and its position between the model's corners."""

OpenStep = Callable[[str | Path, int | None, float], Predictor]


def _opened_plainly(model: str | Path, scale: int | None, denoise: float) -> Predictor:
    return open_predictor(model, scale, denoise=denoise)


def open_chain(
    model: str | Path = DEFAULT,
    scale: float | None = None,
    *,
    open_step: OpenStep = _opened_plainly,
    opened: dict[Step, Predictor] | None = None,
    denoise: float = 0.0,
) -> list[Predictor]:
    """Open what reaches a scale, one after the other: the fewest steps, then the smallest product.

    Args:
        model: as in `open_predictor`.
        scale: any number above 1, up to 32; `None` is one step of the model's own scale.
        open_step: opens one step, given the model, its scale, and its position between the model's corners.
        opened: steps that were opened before, by scale and position; they are used again, and those opened now are
            added.
        denoise: the position for the first step, which alone meets the picture as it was compressed.

    Returns:
        One predictor or more, in the order in which they are applied; a step that repeats is opened once.

    Raises:
        ConfigError: the scale is out of range.
        ModelError, ConfigError, MissingExtraError: as `open_step`.
    """
    steps: dict[Step, Predictor] = {} if opened is None else opened

    def step(its_scale: int | None = None, position: float = denoise) -> Predictor:
        if (its_scale, position) not in steps:
            steps[its_scale, position] = open_step(model, its_scale, position)
        return steps[its_scale, position]

    if scale is None:
        return [step()]
    if not 1 < scale <= MAX_SCALE:
        raise ConfigError(f"scale = {scale:g}: should be more than 1 and at most {MAX_SCALE}")
    if is_bicubic(model):
        return [step(math.ceil(scale))]
    if is_path(model):
        if step().facts.scale == 1:
            raise ModelError(f"{model}: gives pictures of the size it takes (×1), and ×{scale:g} was asked for")
        rest = shortest_chain([step().facts.scale], scale)[1:]
        return [step(), *(step(position=0.0) for _ in rest)]
    first, *rest = shortest_chain(scales(str(model)), scale)
    return [step(first), *(step(its_scale, 0.0) for its_scale in rest)]


def shortest_chain(scales: Sequence[int], wanted: float) -> list[int]:
    """Return the fewest of `scales` (each above 1) whose product reaches `wanted`; if several, the smallest.

    The largest step comes first: it is the one that meets the picture as it was taken.

    >>> shortest_chain([2, 4], 8)
    [4, 2]
    """
    count = 1
    while max(scales) ** count < wanted:
        count += 1
    reaching = (
        chain
        for chain in combinations_with_replacement(sorted(scales, reverse=True), count)
        if math.prod(chain) >= wanted
    )
    return list(min(reaching, key=math.prod))
