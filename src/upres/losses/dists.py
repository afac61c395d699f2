"""DISTS as a loss."""

from __future__ import annotations

from torch import Tensor

from upres.config import config
from upres.losses.loss import Loss
from upres.models.dists import load_dists


@config
class DISTSConfig:
    """Attributes:

    backbone: `vgg16`, which is downloaded once; the path of that file; or nothing, for what is in the cache folder
        already.
    """

    backbone: str | None = None


class DISTS(Loss):
    """DISTS of sr and hr, mean over the batch (Ding et al., TPAMI 2022), as the metric `dists` measures it.

    Raises:
        ModelError: the backbone is not there, or is another file.
    """

    config_type = DISTSConfig

    def __init__(self, config: DISTSConfig) -> None:
        super().__init__()
        self.distance = load_dists(config.backbone)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over the batch."""
        distances: Tensor = self.distance(sr, hr)
        return distances.mean()
