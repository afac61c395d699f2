"""Distance between VGG19 features."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from upres.config import config
from upres.losses.feature_loss import ComparedConfig, ComparedLoss


@config
class PerceptualConfig(ComparedConfig):
    """Attributes:

    layers: VGG19's layers, `conv1_1` to `conv5_4`, and the weight of each.
    activated: compare after the ReLU, as SRGAN does; else before it, as ESRGAN does.
    compare: `l1` or `mse`.
    normalised: features have unit length at each place, as LPIPS has them: then texture counts in dark and flat parts,
        too. A layer of n channels adds 4/n at most with `mse`.
    features: `vgg19`, torchvision's published file, or the path of a local one; see `losses.features`.
    convention: what the file's network saw: `auto`, `torchvision` or `caffe`.
    shift: how far the crops' beginning moves at random, less one; see `FeatureConfig`.
    """

    layers: dict[str, float] = field(default_factory=lambda: {"conv5_4": 1.0})
    activated: bool = False
    compare: Literal["l1", "mse"] = "l1"
    normalised: bool = False


class Perceptual(ComparedLoss):
    """Weighted sum over layers of the mean distance between the features of sr and of hr.

    Johnson, Alahi, Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016,
    equation 2 (MSE); Ledig et al., SRGAN, CVPR 2017, equation 5 (MSE, after the activation); Wang et al., ESRGAN,
    ECCVW 2018, section 3.3 (L1, conv5_4 before the activation); Zhang et al., "The Unreasonable Effectiveness of Deep
    Features as a Perceptual Metric", CVPR 2018, equation 1 (normalised, MSE, after the activation).

    Features of the Caffe convention are some hundred times larger than torchvision's: weight accordingly.
    """

    config_type = PerceptualConfig

    key = "perceptual"

    def __init__(self, config: PerceptualConfig) -> None:
        super().__init__(config)
        self._normalised = config.normalised

    def represent(self, features: Tensor) -> Tensor:
        """Return a layer's features `n c h w`, of unit length at each place if so configured."""
        # Where nothing is to be seen features have no length: without a floor their gradient would have no bound.
        return F.normalize(features, dim=1, eps=1e-3) if self._normalised else features
