"""How well each feature of hr is met by one of sr, wherever that is."""

from __future__ import annotations

from dataclasses import field

import torch
import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.feature_loss import FeatureConfig, FeatureLoss

# Of the smallest distance, so that what is met exactly divides by something.
_EPSILON = 1e-5


@config
class ContextualConfig(FeatureConfig):
    """Attributes:

    layers: VGG19's layers, `conv1_1` to `conv5_4`, and the weight of each. Every place is held against every other:
        of crops of 128² `conv3_4` has 1,024 places, and `conv2_2` 4,096.
    activated: compare after the ReLU, as published; else before it.
    features: `vgg19`, torchvision's published file, or the path of a local one; see `losses.features`.
    convention: what the file's network saw: `auto`, `torchvision` or `caffe`.
    shift: how far the crops' beginning moves at random, less one; see `FeatureConfig`.
    bandwidth: how much farther than the nearest a feature may be and still count.
    """

    layers: dict[str, float] = field(default_factory=lambda: {"conv3_4": 1.0})
    activated: bool = True
    bandwidth: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.bandwidth > 0:
            raise ValueError(f"bandwidth = {self.bandwidth}: should be above 0")


class Contextual(FeatureLoss):
    """−log of the contextual similarity of the features of sr and of hr, weighted sum over layers.

    Mechrez, Talmi, Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned Data", ECCV 2018,
    equations 1 to 5 (bandwidth 0.5); in super-resolution: Mechrez, Talmi, Shama, Zelnik-Manor, "Maintaining Natural
    Image Statistics with the Contextual Loss", ACCV 2018 (conv3_4, bandwidth 0.1). It compares which features there
    are, not where: use it beside a term on pixels.
    """

    config_type = ContextualConfig

    key = "contextual"

    def __init__(self, config: ContextualConfig) -> None:
        super().__init__(config)
        self._bandwidth = config.bandwidth

    def distance(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """Mean over the batch of −log CX."""
        # Ratios of small distances: bfloat16 would tell few of them apart.
        with torch.autocast(ours.device.type, enabled=False):
            return -contextual_similarity(ours.float(), theirs.float(), self._bandwidth).log().mean()


def contextual_similarity(ours: Tensor, theirs: Tensor, bandwidth: float) -> Tensor:
    """Return CX of features `n c h w`, which may differ in height and width, in (0, 1]: `n`."""
    x, y = (features.flatten(2) for features in (ours, theirs))
    centre = y.mean(dim=2, keepdim=True)
    x, y = (F.normalize(features - centre, dim=1) for features in (x, y))
    apart = (1 - x.transpose(1, 2) @ y).clamp_min(0)
    relative = apart / (apart.amin(dim=2, keepdim=True) + _EPSILON)
    shares = ((1 - relative) / bandwidth).softmax(dim=2)
    return shares.amax(dim=1).mean(dim=1)
