"""DISTS: how far apart two pictures are in structure and in texture to a network."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from upres.config import config
from upres.errors import extra
from upres.metrics.metric import Metric
from upres.metrics.pair import unit_batches


def dists(sr: NDArray[Any], hr: NDArray[Any], *, backbone: str | None = None) -> float:
    """Return DISTS of two pictures; 0 is equal.

    Args:
        sr, hr: `h w` or `h w c`, c = 1 or 3, of the same shape; uint8, uint16, or floats in [0, 1].
        backbone: where VGG16's published weights are, as `DistsConfig` says.

    Raises:
        DataError: the pictures cannot be compared, or are too small.
        ModelError: the backbone is not there, or is another file.
        MissingExtraError: PyTorch is not installed.
    """
    return Dists(DistsConfig(backbone=backbone))(sr, hr)


@config
class DistsConfig:
    """Where VGG16 is.

    Attributes:
        backbone: `vgg16`, which is downloaded once; the path of that file; or nothing, for what is in the cache folder
            already.
    """

    backbone: str | None = None


class Dists(Metric):
    """As a row of the table; PyTorch is loaded when it is built."""

    config_type = DistsConfig
    title = "DISTS"
    better = "less"
    words = "DISTS on VGG16, RGB, whole picture, not resized"
    by_protocol = False
    only_by_name = True

    def __init__(self, config: DistsConfig) -> None:
        super().__init__(config)
        with extra("train", "the metric dists"):
            from upres.models.backbones import of_arrays
            from upres.models.dists import load_dists
        self._distance = of_arrays(load_dists(config.backbone))

    def __call__(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """Of whole pictures."""
        return self._distance(*unit_batches(sr, hr))
