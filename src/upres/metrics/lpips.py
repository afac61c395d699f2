"""LPIPS: how far apart two pictures are to a network that names what is in pictures, weighted as people judge."""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import NDArray

from upres.config import config
from upres.errors import extra
from upres.metrics.metric import Metric
from upres.metrics.pair import unit_batches


def lpips(
    sr: NDArray[Any], hr: NDArray[Any], *, network: Literal["alex", "vgg"] = "alex", backbone: str | None = None
) -> float:
    """Return LPIPS 0.1 of two pictures; 0 is equal.

    Args:
        sr, hr: `h w` or `h w c`, c = 1 or 3, of the same shape; uint8, uint16, or floats in [0, 1].
        network: AlexNet's or VGG16's features.
        backbone: where the network's published weights are, as `LpipsConfig` says.

    Raises:
        DataError: the pictures cannot be compared, or are too small.
        ModelError: the backbone is not there, or is another file.
        MissingExtraError: PyTorch is not installed.
    """
    return Lpips(LpipsConfig(network=network, backbone=backbone))(sr, hr)


@config
class LpipsConfig:
    """Which network looks at the pictures.

    Attributes:
        network: `alex`, as papers report it, or `vgg`.
        backbone: `alexnet` or `vgg16`, which is downloaded once; the path of that file; or nothing, for what is in the
            cache folder already.
    """

    network: Literal["alex", "vgg"] = "alex"
    backbone: str | None = None


class Lpips(Metric):
    """As a row of the table; PyTorch is loaded when it is built."""

    config_type = LpipsConfig
    title = "LPIPS"
    better = "less"
    by_protocol = False
    only_by_name = True

    def __init__(self, config: LpipsConfig) -> None:
        super().__init__(config)
        with extra("train", "the metric lpips"):
            from upres.models.backbones import of_arrays
            from upres.models.lpips import load_lpips
        network = load_lpips(config.network, config.backbone)
        self._distance = of_arrays(network)
        self.words = f"LPIPS 0.1 on {network.backbone.network.title}, RGB, whole picture"

    def __call__(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """Of whole pictures."""
        return self._distance(*unit_batches(sr, hr))
