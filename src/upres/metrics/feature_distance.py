"""How far apart two pictures are to a network that names what is in pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from upres.config import config
from upres.errors import extra
from upres.image.picture import to_unit
from upres.metrics.metric import Metric

if TYPE_CHECKING:
    from upres.models.vgg import Features

# LPIPS's layers of VGG: the last convolution of each block, behind its ReLU.
_TAPS = ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")


def feature_distance(features: Features) -> tuple[Callable[[NDArray[Any], NDArray[Any]], float], str]:
    """Return a metric `(sr, hr) -> distance` of two pictures `h w c`, and what it is in words. Less is better.

    Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"
    (LPIPS), CVPR 2018, equation 1, without its learned channel weights: the features of each layer are made unit
    length at each place, and their squared distances averaged over places and added over layers. So 0 is equal, and
    a layer adds 4 at most. Figures can be compared only where the features' file holds the same layers.
    """
    import torch  # not before it is asked for: metrics are part of the light install

    taps = [layer for layer in _TAPS if layer in features.layers] or [features.layers[-1]]

    @torch.inference_mode()
    def distance(sr: NDArray[Any], hr: NDArray[Any]) -> float:
        total = 0.0
        device = next(features.buffers()).device  # where a loss that shares them has moved them
        batches = (torch.from_numpy(to_unit(pixels).transpose(2, 0, 1)[None].copy()).to(device) for pixels in (sr, hr))
        with torch.autocast(device.type, enabled=False):  # training may measure inside it
            ours, theirs = (features(batch, taps, activated=True) for batch in batches)
        for tap in taps:
            a, b = (torch.nn.functional.normalize(found[tap].double(), dim=1, eps=1e-10) for found in (ours, theirs))
            total += float((a - b).square().sum(dim=1).mean())
        return total

    return (
        distance,
        f"VGG distance: unit-length VGG19 features behind the ReLU of {', '.join(taps)}, RGB, whole picture",
    )


@config
class FeatureDistanceConfig:
    """Which network looks at the pictures.

    Attributes:
        features: `vgg19`, which is downloaded once, or a file that holds its first layers or all.
    """

    features: str


class FeatureDistance(Metric):
    """As a row of the table; PyTorch is loaded when it is built."""

    config_type = FeatureDistanceConfig
    title = "VGG distance"
    better = "less"
    by_protocol = False

    def __init__(self, config: FeatureDistanceConfig) -> None:
        super().__init__(config)
        with extra("train", "the metric vgg"):
            from upres.models.vgg import load_features
        self._distance, self.words = feature_distance(load_features(config.features))

    def __call__(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """Of whole pictures `h w c`."""
        return self._distance(sr, hr)
