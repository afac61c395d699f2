"""LPIPS as a loss."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss
from upres.models.lpips import load_lpips


@config
class LPIPSConfig:
    """Attributes:

    network: `vgg`, whose gradients are those of small filters at every pixel, or `alex`.
    backbone: `vgg16` or `alexnet`, which is downloaded once; the path of that file; or nothing, for what is in the
        cache folder already.
    """

    network: Literal["vgg", "alex"] = "vgg"
    backbone: str | None = None


class LPIPS(Loss):
    """LPIPS 0.1 of sr and hr, mean over the batch (Zhang et al., CVPR 2018), as the metric `lpips` measures it.

    Raises:
        ModelError: the backbone is not there, or is another file.
    """

    config_type = LPIPSConfig

    def __init__(self, config: LPIPSConfig) -> None:
        super().__init__()
        self.distance = load_lpips(config.network, config.backbone)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over the batch."""
        distances: Tensor = self.distance(sr, hr)
        return distances.mean()
