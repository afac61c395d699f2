"""A chain of random steps, drawn anew for every patch of every training step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upres.config import build, checked_part, config
from upres.degrade.degradation import PerStep
from upres.degrade.presets import PRESETS
from upres.degrade.steps.draws import Draws
from upres.degrade.steps.resize import resized
from upres.degrade.steps.shuffle import Shuffle
from upres.degrade.steps.step import Step
from upres.degrade.steps.table import STEPS
from upres.errors import nearest

Steps = tuple[dict[str, Any], ...]


@config
class ChainConfig:
    """Attributes:

    preset: a name of `PRESETS`, whose steps are taken when there are none here.
    steps: each a mapping with a name of `STEPS`; what does not end at the size of lr is reduced by bicubic.
    margin: lr pixels by which patches are larger until the chain has ended.
    """

    preset: str | None = None
    steps: tuple[dict[str, Any], ...] = ()
    margin: int = 4

    def __post_init__(self) -> None:
        if self.margin < 0:
            raise ValueError(f"margin = {self.margin}: should not be negative")
        if self.preset is not None and self.preset not in PRESETS:
            raise ValueError(f"preset = {self.preset!r} is unknown: {nearest(self.preset, PRESETS)}")
        if self.preset is None and not self.steps:
            raise ValueError(f"steps is empty: give steps, or a preset: {', '.join(PRESETS)}")
        # Checked here, so that a recipe is refused before it runs; and every default is written out.
        steps = self.steps or PRESETS[self.preset or ""]
        object.__setattr__(self, "steps", _written_out(steps))


class Chain(PerStep):
    """Degrades a batch step by step; a picture's random numbers do not depend on the rest of the batch."""

    config_type = ChainConfig

    def __init__(self, config: ChainConfig) -> None:
        self.margin = config.margin
        self._steps = _built(config.steps)

    def batch(self, hr: Tensor, *, scale: int, draws: Draws) -> Tensor:
        """Return lr `n c h w` in 8-bit levels of hr `n c s·h s·w`, both in [0, 1]."""
        lr = (hr.shape[-2] // scale, hr.shape[-1] // scale)
        x = hr
        for step in self._steps:
            x = step(x, draws, lr=lr)
        if (x.shape[-2], x.shape[-1]) != lr:
            x = resized(x, lr, ["bicubic"] * len(x))
        return x.clamp(0, 1).mul(255).add(0.5).floor() / 255

    def __call__(self, hr: NDArray[np.uint8], *, scale: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Degrade one whole picture."""
        batch = torch.from_numpy(hr).permute(2, 0, 1)[None].contiguous().float() / 255
        lr = self.batch(batch, scale=scale, draws=Draws(rng, rng.spawn(1)))
        return (lr[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def _written_out(steps: Sequence[Any], key: str = "steps", *, shuffled: bool = False) -> Steps:
    """Check a list of steps and return it with every default written out.

    Raises:
        ValueError: a name or a key in it is wrong, or a shuffle holds a shuffle.
    """
    written = []
    for number, step in enumerate(steps):
        place = f"{key}.{number}"
        values = checked_part(STEPS, step, key=place).dump()
        if STEPS[values["name"]] is Shuffle:
            if shuffled:
                raise ValueError(f"{place}.name = {values['name']!r}: a shuffle holds no other; give its steps here")
            values["steps"] = list(_written_out(values["steps"], f"{place}.steps", shuffled=True))
        written.append(values)
    return tuple(written)


def _built(steps: Sequence[Any]) -> list[Step]:
    """Build the steps of a list that has been checked."""
    built = []
    for step in steps:
        part = checked_part(STEPS, step, key="steps")
        inner = {"steps": _built(part.config.steps)} if STEPS[part.name] is Shuffle else {}
        built.append(build(STEPS, part, **inner))
    return built
