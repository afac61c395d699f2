"""Steps in an order that is drawn for every batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from upres.config import config
from upres.degrade.steps.draws import Draws
from upres.degrade.steps.step import Step


@config
class ShuffleConfig:
    """`steps` as in a chain, each a mapping with a name; not `shuffle` again. The chain that holds it checks them."""

    steps: tuple[dict[str, Any], ...]


class Shuffle(Step):
    """BSRGAN's idea (Zhang et al., ICCV 2021, section 3.4): what happens first is chance too.

    Args:
        config: as the recipe says it.
        steps: those of the configuration, built.
    """

    config_type = ShuffleConfig

    def __init__(self, config: ShuffleConfig, *, steps: Sequence[Step]) -> None:
        self._steps = steps

    def __call__(self, x: Tensor, draws: Draws, *, lr: tuple[int, int]) -> Tensor:
        """Take each step once."""
        for index in draws.shared.permutation(len(self._steps)):
            x = self._steps[index](x, draws, lr=lr)
        return x
