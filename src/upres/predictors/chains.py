"""Chains of models: what reaches a scale in the fewest steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from pathlib import Path

from upres.config.limits import MAX_SCALE
from upres.errors import ConfigError, ModelError
from upres.models.corners import ORIGIN, Position
from upres.models.shipped import DEFAULT, scales
from upres.predictors.base import Predictor
from upres.predictors.opening import corners_for, is_bicubic, is_path, open_predictor

Step = tuple[int | None, Position]
"""A step of a chain: its scale, or `None` for the model's own, and its place between the model's corners."""

OpenStep = Callable[[str | Path, int | None, Position], Predictor]


def _opened_plainly(model: str | Path, scale: int | None, position: Position) -> Predictor:
    return open_predictor(model, scale, position=position)


def open_chain(
    model: str | Path = DEFAULT,
    scale: float | None = None,
    *,
    open_step: OpenStep = _opened_plainly,
    opened: dict[Step, Predictor] | None = None,
    position: Position = ORIGIN,
) -> list[Predictor]:
    """Open what reaches a scale, one after the other: the fewest steps, then the smallest product.

    Args:
        model: as in `open_predictor`.
        scale: any number above 1, up to 32; `None` is one step of the model's own scale.
        open_step: opens one step, given the model, its scale, and its place between the model's corners.
        opened: steps that were opened before, by scale and position; they are used again, and those opened now are
            added.
        position: for the first step; those after it do not meet the picture as it was compressed, so only its detail
            is theirs, where the model has that at their scale.

    Returns:
        One predictor or more, in the order in which they are applied; a step that repeats is opened once.

    Raises:
        ConfigError: the scale is out of range.
        ModelError, ConfigError, MissingExtraError: as `open_step`.
    """
    steps: dict[Step, Predictor] = {} if opened is None else opened

    def step(its_scale: int | None = None, place: Position = position) -> Predictor:
        if (its_scale, place) not in steps:
            steps[its_scale, place] = open_step(model, its_scale, place)
        return steps[its_scale, place]

    def later(its_scale: int | None) -> Position:
        return Position(detail=position.detail if corners_for(model, its_scale).detailed else 0.0)

    if scale is None:
        return [step()]
    _check_scale(scale)
    if is_bicubic(model):
        return [step(math.ceil(scale))]
    if is_path(model):
        if step().facts.scale == 1:
            raise ModelError(f"{model}: gives pictures of the size it takes (×1), and ×{scale:g} was asked for")
        rest = shortest_chain([step().facts.scale], scale)[1:]
        return [step(), *(step(place=later(None)) for _ in rest)]
    first, *rest = shortest_chain(scales(str(model)), scale)
    return [step(first), *(step(its_scale, later(its_scale)) for its_scale in rest)]


def first_scale(model: str, scale: float | None) -> int:
    """Return the scale of the first step with a shipped model.

    Raises:
        ConfigError: the scale is out of range.
        ModelError: no shipped model has that name.
    """
    own = scales(model)
    if scale is None:
        return own[-1]
    _check_scale(scale)
    return shortest_chain(own, scale)[0]


def _check_scale(scale: float) -> None:
    """Refuse a scale that no chain is made for, among them those that are no number."""
    if not 1 < scale <= MAX_SCALE:
        raise ConfigError(f"scale = {scale:g}: should be more than 1 and at most {MAX_SCALE}")


def shortest_chain(scales: Sequence[int], wanted: float) -> list[int]:
    """Return the fewest of `scales` (each above 1) whose product reaches `wanted` (finite); if several, the smallest.

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
