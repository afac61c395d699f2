"""Distance between reduced pictures: what an enlargement invents must vanish when it is made small again."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss


@config
class ReductionConfig:
    """`factor`: how many times smaller the pictures are made; a network's scale."""

    factor: int = 4

    def __post_init__(self) -> None:
        if self.factor < 2:
            raise ValueError(f"factor = {self.factor}: should be at least 2")


class Reduction(Loss):
    """L1 between sr and hr after both are made small by antialiased bicubic interpolation.

    Beside perceptual and adversarial terms it keeps colour and the coarse shape of the low resolution: whatever is
    invented has to average out. Back-projection as a loss: Irani and Peleg, "Improving Resolution by Image
    Registration", CVGIP 1991.
    """

    config_type = ReductionConfig

    def __init__(self, config: ReductionConfig) -> None:
        super().__init__()
        self._factor = config.factor

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over all pixels of the reduced batch; sides of at least `factor`."""
        return F.l1_loss(self._reduced(sr), self._reduced(hr))

    def _reduced(self, pixels: Tensor) -> Tensor:
        size = [side // self._factor for side in pixels.shape[2:]]
        # bfloat16 has 8 bits of mantissa: the mean of 64 pixels would lose what is looked for.
        return F.interpolate(pixels.float(), size=size, mode="bicubic", antialias=True)
