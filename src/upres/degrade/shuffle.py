"""Steps in an order that is drawn for every batch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from upres.config import config
from upres.degrade.draws import Draws
from upres.degrade.step import Step
from upres.degrade.steps import SINGLE, built, written_out


@config
class ShuffleConfig:
    """`steps` as in a chain, each a mapping with a name; not `shuffle` again."""

    steps: tuple[dict[str, Any], ...]

    def __post_init__(self) -> None:
        # Checked here, so that a recipe is refused before it runs, and every default is written out.
        object.__setattr__(self, "steps", written_out(SINGLE, self.steps))


class Shuffle(Step):
    """BSRGAN's idea (Zhang et al., ICCV 2021, section 3.4): what happens first is chance too."""

    config_type = ShuffleConfig

    def __init__(self, config: ShuffleConfig) -> None:
        self._steps = built(SINGLE, config.steps)

    def __call__(self, x: Tensor, draws: Draws, *, lr: tuple[int, int]) -> Tensor:
        """Take each step once."""
        for index in draws.shared.permutation(len(self._steps)):
            x = self._steps[index](x, draws, lr=lr)
        return x
